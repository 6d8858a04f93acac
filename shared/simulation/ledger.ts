/**
 * What truly happened, kept outside the nodes: each durable promise and acceptance, and from them what is
 * chosen. It believes only the disk: a vote counts when the node's log says that it is durable, and never
 * because a message says so. Everything is kept for the whole run, whatever a node forgets.
 *
 * A rule that does not hold is a `Violation`, thrown at the very step that broke it.
 *
 * @source Lamport, Paxos.tla: OneVote, OneValuePerBallot, VotesSafe, SafeAt, WontVoteIn, ChosenAt
 */
import { type Ballot, ballotToText, compareBallots, NO_BALLOT, sameBallot } from '../paxos/ballot.ts';
import type { MembersChange } from '../paxos/change.ts';
import type { MembersState } from '../paxos/members.ts';
import type { Slot } from '../paxos/message.ts';
import type { Voters } from '../paxos/quorum.ts';
import type { DurableRecord } from '../paxos/record.ts';
import { changeOf, isMembersChange, type Value } from '../paxos/value.ts';
import { AskedChanges } from './asked-changes.ts';
import type { Counters } from './counters.ts';
import { type Electorate, type Electorates, isQuorumFor } from './electorates.ts';
import { endOf, type Kept, KeptRecords, type RecoveredLog } from './kept.ts';
import { type ValueId, ValueIds } from './values.ts';

export class Violation extends Error {
	override readonly name = 'Violation';
	readonly rule: string;

	constructor(rule: string, detail: string) {
		super(`${rule}: ${detail}`);
		this.rule = rule;
	}
}

/** What happened to one slot at one ballot. */
interface Vote {
	readonly ballot: Ballot;
	readonly value: ValueId;
	/** Nodes that durably accepted; bit i stands for node i. */
	voters: Voters;
}

interface Chosen {
	readonly value: ValueId;
	readonly ballot: Ballot;
}

export class Ledger {
	/** Every slot up to here is chosen. */
	chosenThrough: Slot = 0;
	readonly electorates: Electorates;
	readonly #askedChanges = new AskedChanges();
	readonly #acceptors: KeptRecords[];
	readonly #votes = new Map<Slot, Vote[]>();
	readonly #chosen = new Map<Slot, Chosen>();
	/** The slots that hold a change of members. */
	readonly #changes = new Map<Slot, Value>();
	readonly #values = new ValueIds();
	readonly #counters: Counters;

	constructor(electorates: Electorates, counters: Counters) {
		this.#counters = counters;
		this.electorates = electorates;
		this.#acceptors = Array.from({ length: electorates.nodesCount }, () => new KeptRecords());
	}

	/** A record went into a node's log. */
	appended(node: number, record: DurableRecord): void {
		const acceptor = this.#acceptor(node);
		const kept = { record, value: 'value' in record ? this.#values.of(record.value) : 0 };
		acceptor.waiting.push(kept);
		this.#append(node, acceptor, kept);
	}

	/** The next `count` records of those appended are durable. */
	durable(node: number, count: number): void {
		const acceptor = this.#acceptor(node);
		for (const kept of acceptor.waiting.splice(0, count)) this.#settle(node, acceptor, kept);
	}

	/** Everything that the log gave back is durable. */
	sureOfReadBack(node: number): void {
		const acceptor = this.#acceptor(node);
		const count = acceptor.readBack;
		acceptor.readBack = 0;
		this.durable(node, count);
	}

	/**
	 * A node starts again with what its log gave back: everything durable, in order, and perhaps some of what
	 * was appended after it, from the first of those on.
	 *
	 * @param log.trimmed records at the beginning may be missing, whose slots the snapshot holds
	 * @param log.snapshotThrough the last slot of the snapshot; 0 for none
	 */
	recovered(node: number, records: readonly DurableRecord[], log: RecoveredLog): void {
		const acceptor = this.#acceptor(node);
		const known = acceptor.durable.concat(acceptor.waiting);
		const through = endOf(acceptor, known, records, log);
		if (through === null) {
			throw new Violation(
				'DurableStaysDurable',
				`node ${node} had ${acceptor.durable.length} durable records of ${known.length}, and found other ${records.length}`,
			);
		}
		this.#counters.recordsLost += known.length - through;
		this.#counters.recordsKeptUnflushed += through - acceptor.durable.length;
		acceptor.waiting.length = 0;
		acceptor.readBack = through - acceptor.durable.length;
		acceptor.appended.clear();
		acceptor.promisedAppended = NO_BALLOT;
		for (const kept of acceptor.durable) this.#append(node, acceptor, kept);
		for (const kept of known.slice(acceptor.durable.length, through)) {
			this.#append(node, acceptor, kept);
			acceptor.waiting.push(kept);
		}
		if (log.mayBeOlder) acceptor.forgetSnapshot();
		this.snapshot(node, log.snapshotThrough);
	}

	/** A snapshot of the node is durable, and holds every slot up to here. */
	snapshot(node: number, through: Slot): void {
		const acceptor = this.#acceptor(node);
		if (through < acceptor.snapshotThrough) {
			throw new Violation('SnapshotsNeverGoBack', `node ${node} has one through ${through} after a later one`);
		}
		this.mustBeChosenThrough(node, through, 'a snapshot');
		acceptor.snapshotThrough = through;
		acceptor.chosenDurably = Math.max(acceptor.chosenDurably, through);
	}

	/** @throws Violation unless a snapshot that holds every slot up to `through` is durable at `node` */
	mustHaveSnapshot(node: number, through: Slot): void {
		const { snapshotThrough } = this.#acceptor(node);
		if (through <= snapshotThrough) return;
		const detail = `node ${node} goes on from one through ${through}, durable: ${snapshotThrough}`;
		throw new Violation('SnapshotIsDurable', detail);
	}

	/** `node` goes on from a snapshot that holds every slot up to `through`, with these members. */
	snapshotMembers(node: number, through: Slot, { sets }: MembersState): void {
		const textOf = (all: readonly Pick<Electorate, 'chosenAt' | 'from'>[]): string =>
			all.map(({ chosenAt, from }) => `those of slot ${chosenAt}, from slot ${from} on`).join(' and ');
		const [held, chosen] = [textOf(sets), textOf(this.electorates.above(through))];
		if (held === chosen) return;
		const detail = `node ${node} goes on from one through ${through} with ${held}, not ${chosen}`;
		throw new Violation('SnapshotsHoldTheirMembers', detail);
	}

	/** Phase 2a leaves the proposer. */
	proposed(ballot: Ballot, slot: Slot, value: Value): void {
		const id = this.#values.of(value);
		const vote = this.#voteAt(slot, ballot) ?? this.#newVote(ballot, slot, id);
		onlyValue(vote, slot, id);
	}

	/** @throws Violation unless `node` has durably accepted at `ballot` */
	mustHaveAccepted(node: number, ballot: Ballot, slot: Slot): void {
		const vote = this.#voteAt(slot, ballot);
		if (vote && (vote.voters & (1 << node)) !== 0) return;
		throw new Violation('AcceptedIsDurable', `node ${node} says accepted ${describe(slot, ballot)}, not durable`);
	}

	/** @throws Violation unless `node` has durably promised `ballot` or a higher one */
	mustHavePromised(node: number, ballot: Ballot): void {
		if (compareBallots(this.#acceptor(node).promised, ballot) >= 0) return;
		throw new Violation('PromiseIsDurable', `node ${node} says promised ${ballotToText(ballot)}, not durable`);
	}

	/** @throws Violation unless `value` is what was chosen for `slot` */
	mustBeChosen(node: number, slot: Slot, value: Value, where: string): void {
		this.#mustBeChosen(node, slot, this.#values.of(value, this.#chosen.get(slot)?.value), where);
	}

	#mustBeChosen(node: number, slot: Slot, value: ValueId, where: string): void {
		const chosen = this.#chosen.get(slot);
		if (!chosen) throw new Violation('OnlyChosenIsLearned', `node ${node} takes slot ${slot} for chosen (${where})`);
		if (value === chosen.value) return;
		throw new Violation('Agreement', `node ${node} has another value for slot ${slot} than was chosen (${where})`);
	}

	/** @throws Violation unless every slot up to `through` is chosen */
	mustBeChosenThrough(node: number, through: Slot, where: string): void {
		if (through <= this.chosenThrough) return;
		const detail = `node ${node} says chosen through ${through}, true is ${this.chosenThrough} (${where})`;
		throw new Violation('ChosenThroughIsTrue', detail);
	}

	/** @throws Violation unless `node`, started again, would know every slot up to `through` to be chosen */
	mustKnowDurably(node: number, through: Slot): void {
		const { chosenDurably } = this.#acceptor(node);
		if (through <= chosenDurably) return;
		throw new Violation(
			'PromiseIsDurable',
			`node ${node} promises chosen through ${through}, durable: ${chosenDurably}`,
		);
	}

	/**
	 * @param chosenThrough how far the leader knows the slots to be chosen
	 * @throws Violation unless a quorum of those that decide the next slots has durably promised `ballot`, or a higher one
	 */
	mustLead(node: number, ballot: Ballot, chosenThrough: Slot): void {
		const promisers = this.#promised(ballot, 0);
		if (this.electorates.above(chosenThrough).every((each) => isQuorumFor(each, promisers))) return;
		throw new Violation(
			'LeadersHaveAQuorum',
			`node ${node} leads under ${ballotToText(ballot)}, not promised by a quorum`,
		);
	}

	/** @throws Violation where a slot above `through` was chosen under an earlier ballot than `ballot` */
	mustBeRecovered(node: number, ballot: Ballot, through: Slot): void {
		for (const [slot, chosen] of this.#chosen) {
			if (slot <= through || compareBallots(chosen.ballot, ballot) >= 0) continue;
			throw new Violation(
				'RecoveredThroughIsTrue',
				`node ${node} says ${through}, but ${describe(slot, chosen.ballot)}`,
			);
		}
	}

	/** @throws Violation unless `value` was proposed for `slot` at `ballot` */
	mustBeProposed(node: number, ballot: Ballot, slot: Slot, value: Value, where: string): void {
		const vote = this.#voteAt(slot, ballot);
		if (vote && vote.value === this.#values.of(value, vote.value)) return;
		throw new Violation('OnlyProposedIsTold', `node ${node} tells of ${describe(slot, ballot)} (${where})`);
	}

	/** A node was asked to propose this change of members. */
	changeAsked(change: MembersChange): void {
		this.#askedChanges.asked(change);
	}

	/** @throws Violation where the change that `node` has refused was chosen, and nobody asked for it who was not refused */
	changeRefused(node: number, change: MembersChange): void {
		if (!this.#askedChanges.refused(change)) return;
		throw new Violation('RefusedChangesAreNotChosen', `node ${node} has refused a change that is chosen`);
	}

	/** How many records of `node` are written and not durable. */
	waitingCount(node: number): number {
		return this.#acceptor(node).waiting.length;
	}

	promisedBy(node: number): Ballot {
		return this.#acceptor(node).promised;
	}

	/** Calls back for each slot above `above` for which `node` has an acceptance in its log, as it believes. */
	eachAcceptance(node: number, above: Slot, visit: (slot: Slot, ballot: Ballot, value: ValueId) => void): void {
		const { appended, highestSlot } = this.#acceptor(node);
		for (let slot = above + 1; slot <= highestSlot; slot++) {
			const vote = appended.get(slot);
			if (vote) visit(slot, vote.ballot, vote.value);
		}
	}

	idOf(value: Value): ValueId {
		return this.#values.of(value);
	}

	#append(node: number, acceptor: KeptRecords, { record, value }: Kept): void {
		switch (record.kind) {
			case 'promised':
				if (compareBallots(record.ballot, acceptor.promisedAppended) < 0) {
					throw new Violation(
						'PromisesNeverGoBack',
						`node ${node} promises ${ballotToText(record.ballot)} after a higher one`,
					);
				}
				acceptor.promisedAppended = record.ballot;
				return;
			case 'accepted': {
				if (compareBallots(record.ballot, acceptor.promisedAppended) < 0) {
					const promised = ballotToText(acceptor.promisedAppended);
					throw new Violation(
						'NoVoteBelowPromise',
						`node ${node}: ${describe(record.slot, record.ballot)} below ${promised}`,
					);
				}
				acceptor.promisedAppended = record.ballot;
				acceptor.remember(record.slot, record.ballot, value);
				return;
			}
			case 'learned':
				this.#mustBeChosen(node, record.slot, value, 'a record');
				acceptor.remember(record.slot, record.ballot, value);
				return;
			case 'chosen':
				return this.mustBeChosenThrough(node, record.through, 'a record');
		}
	}

	/** It is durable. */
	#settle(node: number, acceptor: KeptRecords, kept: Kept): void {
		const { record, value } = kept;
		acceptor.settle(kept);
		if (record.kind === 'promised') acceptor.promised = record.ballot;
		if (record.kind !== 'accepted') return;
		if (compareBallots(record.ballot, acceptor.promised) > 0) acceptor.promised = record.ballot;
		const { slot, ballot } = record;
		const vote = this.#voteAt(slot, ballot) ?? this.#newVote(ballot, slot, value);
		onlyValue(vote, slot, value);
		vote.voters |= 1 << node;
		if (isQuorumFor(this.electorates.of(slot), vote.voters)) this.#choose(slot, vote, record.value);
	}

	/** Whether it is a member of the last set that was chosen. */
	isMember(node: number): boolean {
		return (this.electorates.last.members & (1 << node)) !== 0;
	}

	/** @throws Violation where the node may not go: it is a member, or those that are do not know all it knows */
	mustBeRemoved(node: number): void {
		const { electorates, chosenThrough } = this;
		const isMember = electorates.above(chosenThrough).some(({ members }) => (members & (1 << node)) !== 0);
		if (isMember) throw new Violation('OnlyRemovedLeave', `node ${node} is a member and leaves`);
		if (electorates.without(node, chosenThrough).some((each) => this.#isInformed(each))) return;
		throw new Violation('LeaversAreNotNeeded', `node ${node} leaves, and too few know what it knows`);
	}

	#choose(slot: Slot, { ballot, value }: Vote, bytes: Value): void {
		const before = this.#chosen.get(slot);
		if (before) {
			if (before.value === value) return;
			throw new Violation('Agreement', `slot ${slot} has a second value chosen, at ${ballotToText(ballot)}`);
		}
		this.#chosen.set(slot, { value, ballot });
		if (isMembersChange(bytes)) this.#changes.set(slot, bytes);
		while (this.#chosen.has(this.chosenThrough + 1)) this.#advance();
	}

	#advance(): void {
		const slot = ++this.chosenThrough;
		const change = this.#changes.get(slot);
		if (!change) return;
		if (!this.electorates.chosen(slot, change)) return;
		this.#counters.membersChanged++;
		if (!this.#askedChanges.chosen(changeOf(change))) return;
		throw new Violation('RefusedChangesAreNotChosen', `the change that is chosen in slot ${slot} was refused`);
	}

	/** VotesSafe: the first time that anything is proposed or accepted for `slot` at `ballot`. */
	#newVote(ballot: Ballot, slot: Slot, value: ValueId): Vote {
		const electorate = this.#electorateOf(slot, ballot);
		// A contested slot that is chosen may be accepted again by others than those that have decided it.
		const isChosen = this.#chosen.get(slot)?.value === value;
		if (!isChosen && !isQuorumFor(electorate, this.#promised(ballot, 0))) {
			throw new Violation('VotesSafe', `no quorum has promised before ${describe(slot, ballot)}`);
		}
		let votes = this.#votes.get(slot);
		if (!votes) {
			votes = [];
			this.#votes.set(slot, votes);
		}
		if (value === 0) this.#counters.noopsProposed++;
		for (const earlier of votes) {
			if (earlier.value === value) this.#counters.reportedValuesProposed++;
			else this.#counters.rivalValuesInOneSlot++;
			if (earlier.value === value || compareBallots(earlier.ballot, ballot) > 0) continue;
			const wontVote = this.#promised(earlier.ballot, 1) & ~earlier.voters;
			if (isQuorumFor(electorate, wontVote)) continue;
			const rival = ballotToText(earlier.ballot);
			throw new Violation('VotesSafe', `${describe(slot, ballot)}: another value may be chosen at ${rival}`);
		}
		const vote = { ballot, value, voters: 0 };
		votes.push(vote);
		return vote;
	}

	/** Nobody proposes for a slot before it is known who decides it. */
	#electorateOf(slot: Slot, ballot: Ballot): Electorate {
		if (slot <= this.chosenThrough + this.electorates.alpha) return this.electorates.of(slot);
		throw new Violation('MembersAreKnown', `${describe(slot, ballot)}, though only ${this.chosenThrough} are chosen`);
	}

	/** Who has durably promised at least `ballot`; with `above` 1, only those that promised a higher one. */
	#promised(ballot: Ballot, above: 0 | 1): Voters {
		let voters = 0;
		for (let node = 0; node < this.#acceptors.length; node++) {
			if (Math.sign(compareBallots(this.#acceptor(node).promised, ballot)) >= above) voters |= 1 << node;
		}
		return voters;
	}

	/** Whether a quorum of those that decide the slots from some slot on durably knows all slots before. */
	#isInformed(electorate: Electorate): boolean {
		let informed = 0;
		for (const [index, { chosenDurably }] of this.#acceptors.entries()) {
			if (chosenDurably >= electorate.from - 1) informed |= 1 << index;
		}
		return isQuorumFor(electorate, informed);
	}

	#voteAt(slot: Slot, ballot: Ballot): Vote | undefined {
		const votes = this.#votes.get(slot);
		if (!votes) return undefined;
		for (let i = votes.length - 1; i >= 0; i--) {
			const vote = votes[i] as Vote;
			if (sameBallot(vote.ballot, ballot)) return vote;
		}
		return undefined;
	}

	#acceptor(node: number): KeptRecords {
		const acceptor = this.#acceptors[node];
		if (!acceptor) throw new RangeError(`there is no node ${node}`);
		return acceptor;
	}
}

/** OneValuePerBallot. */
function onlyValue({ ballot, value }: Vote, slot: Slot, other: ValueId): void {
	if (value !== other) throw new Violation('OneValuePerBallot', `two values for ${describe(slot, ballot)}`);
}

function describe(slot: Slot, ballot: Ballot): string {
	return `slot ${slot} at ${ballotToText(ballot)}`;
}
