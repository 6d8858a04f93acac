/**
 * Phase 2 of one ballot, at its proposer: slots that are proposed and not yet chosen. First what phase 1
 * binds, then what waits in the queue, within a window of open slots. It begins when a quorum has promised
 * and ends, for good, when a higher promise is met.
 *
 * Accepts leave while this node's own acceptance is still being flushed: its promise of the ballot is durable,
 * so a restarted node never leads under it again.
 *
 * @source Paxos Made Simple 2.2, phase 2, and 3 (a leader runs phase 1 once for infinitely many instances)
 */

import { sameBytes } from '../bytes/bytes.ts';
import type { Acceptor } from './acceptor.ts';
import { type Ballot, NO_BALLOT, type NodeId, sameBallot } from './ballot.ts';
import { ELAPSED_MS_MAX, SLOT_MAX } from './bounds.ts';
import type { Campaign, Phase1 } from './campaign.ts';
import { type MembersChange, membersFault } from './change.ts';
import type { Context } from './config.ts';
import type { Contest } from './contest.ts';
import type { ChangeRefusal } from './effects.ts';
import type { ChangeId, ProposalId } from './event.ts';
import type { Learner } from './learner.ts';
import type { LogEntry, SlotLog } from './log.ts';
import type { Accept, Confirm, Forward, Leading, Slot } from './message.ts';
import { Queue, type Queued, type QueueState } from './queue.ts';
import { hasVoted, isQuorum, NO_VOTERS, quorumSize, type Voters, votersOf, withVote } from './quorum.ts';
import { elapsedMsOf, isMembersChange, joinBatches, membersValue, NOOP, type Value } from './value.ts';

interface OpenSlot {
	readonly value: Value;
	/** Those whose votes count for the slot. */
	readonly electorate: readonly NodeId[];
	/** The milliseconds that this leader wrote into the value; 0 for a value that it did not make. */
	readonly elapsedMs: number;
	voters: Voters;
}

interface WaitingChange {
	readonly id: ChangeId;
	readonly change: MembersChange;
}

export interface LeadershipState {
	/** What phase 1 has obliged to so far. It grows while the leadership is not settled. */
	phase1: Phase1;
	/**
	 * A quorum of each set of members that is known has promised, and everything that those who promised have reported is
	 * known to be chosen. Then no slot that these members govern was or will be chosen under an earlier ballot beyond that.
	 * It holds until other members are known.
	 */
	isSettled: boolean;
	/** As of `Leading`. It is not told otherwise once it was told. */
	recoveredThrough: Slot;
	readonly open: Map<Slot, OpenSlot>;
	readonly queue: QueueState;
	/** The next slot that no value is proposed for yet. */
	nextSlot: Slot;
	/** What the monotonic clock showed when this leader last made a value of proposals; null before the first. */
	measuredMs: number | null;
	/** The sum of `elapsedMs` over all open slots. */
	openMs: number;
	/** A change of members that waits for a slot; null for none. */
	change: WaitingChange | null;
	/** A slot that one proposal contests, and that phase 1 left free. Late promises may report a value for it. */
	reserved: (Queued & { readonly slot: Slot }) | null;
	/** The nodes that answered since the last look: a leader that reaches no quorum is none. */
	answered: Set<NodeId>;
	/** By follower: how far it was when it last confirmed. */
	readonly confirmedThrough: Map<NodeId, Slot>;
	/** The followers that have confirmed last that they take no values, or have left one out. */
	readonly full: Set<NodeId>;
	/** How far this node knew the slots to be chosen at the last look; -1 before the first one. */
	chosenAtLook: Slot;
	/** The slot that this leadership contests. */
	contest: Contest | null;
}

/** What a leadership acts on. */
export interface LeadershipRooms {
	readonly context: Context;
	readonly log: SlotLog;
	readonly acceptor: Acceptor;
	readonly learner: Learner;
}

export class Leadership {
	readonly state: LeadershipState;
	readonly #context: Context;
	readonly #log: SlotLog;
	readonly #acceptor: Acceptor;
	readonly #learner: Learner;
	readonly #campaign: Campaign;
	readonly #queue: Queue;

	/** @param campaign the one that was won; it goes on */
	constructor({ context, log, acceptor, learner }: LeadershipRooms, campaign: Campaign, state: LeadershipState) {
		this.#context = context;
		this.#log = log;
		this.#acceptor = acceptor;
		this.#learner = learner;
		this.#campaign = campaign;
		this.#queue = new Queue(context, state.queue);
		this.state = state;
	}

	static begin(rooms: LeadershipRooms, campaign: Campaign, phase1: Phase1): Leadership {
		const { log } = rooms;
		return new Leadership(rooms, campaign, {
			phase1,
			isSettled: false,
			recoveredThrough: SLOT_MAX,
			open: new Map(),
			queue: { waiting: [], head: 0, bytes: 0, forwards: { known: new Map() } },
			nextSlot: Math.max(phase1.chosenThrough, log.chosenThrough) + 1,
			measuredMs: null,
			openMs: 0,
			change: null,
			reserved: null,
			answered: new Set(phase1.promises.map(({ from }) => from)),
			confirmedThrough: new Map(phase1.promises.map(({ from, chosenThrough }) => [from, chosenThrough])),
			full: new Set(),
			chosenAtLook: -1,
			contest: null,
		});
	}

	get phase1(): Phase1 {
		return this.state.phase1;
	}

	/** The next slot that no value is proposed for yet. */
	get nextSlot(): Slot {
		return this.state.nextSlot;
	}

	get openCount(): number {
		return this.state.open.size;
	}

	get queuedCount(): number {
		return this.#queue.length;
	}

	/** How far this node's own acceptor would accept: what lies further ahead cannot have its vote yet. */
	get acceptableThrough(): Slot {
		return this.#log.chosenThrough + this.#context.config.slotsAheadMax;
	}

	/** What the slot holds, where this node knows it to be chosen and keeps it. */
	known(slot: Slot): LogEntry | undefined {
		return slot <= this.#log.chosenThrough ? this.#log.entry(slot) : undefined;
	}

	/** What rides on everything a leader sends. */
	get stamp(): Leading {
		return {
			ballot: this.phase1.ballot,
			chosenThrough: this.#log.chosenThrough,
			recoveredThrough: this.state.recoveredThrough,
		};
	}

	/** Whether a read may be answered from what is chosen and recovered, once a quorum has confirmed this leader. */
	get mayRead(): boolean {
		return this.state.isSettled && !this.#changesMembers;
	}

	/** A change of members was proposed here and is not known to be chosen: soon others may decide than this node knows. */
	get #changesMembers(): boolean {
		for (const [slot, { value }] of this.state.open) {
			// A contested slot may be open though it is known to be chosen.
			if (slot > this.#log.chosenThrough && isMembersChange(value)) return true;
		}
		return false;
	}

	/** @returns false, and takes nothing, when the queue is full, or too few logs have room */
	enqueue(value: Value, id: ProposalId): boolean {
		return this.#hasRoom && this.#queue.add(value, id);
	}

	/** @returns false, and takes nothing, when there is no room; true for one that was taken before */
	takeForward(forward: Forward): boolean {
		return this.#queue.takeForward(forward, this.#hasRoom);
	}

	/** Whether this node's log and those of a quorum take values. Otherwise a value would only wait, and might be chosen later. */
	get #hasRoom(): boolean {
		const { room, members } = this.#context;
		const { full } = this.state;
		if (room !== 'everything') return false;
		return full.size === 0 || members.isQuorum(new Set(members.ids.filter((id) => !full.has(id))));
	}

	/** The slot, which phase 1 left free and which is to be proposed soon, is for this value alone. */
	reserve(slot: Slot, value: Value, id: ProposalId): void {
		this.state.reserved = { slot, value, id };
	}

	/**
	 * Other members are known. A leader of an earlier ballot may have learned of them, too, and they may have decided slots
	 * for it before they have promised this one anything.
	 */
	unsettle(): void {
		this.state.isSettled = false;
	}

	/**
	 * Until the leadership is settled, what acceptors report that have promised late obliges it as what the first quorum
	 * reported.
	 *
	 * @returns true when the leadership has just been settled for the first time
	 */
	settle(): boolean {
		if (this.state.isSettled) return false;
		if (this.phase1.promises.length < this.#campaign.promisesCount) this.#takeReports();
		this.state.isSettled = this.#campaign.coversAll && this.#log.chosenThrough >= this.phase1.recoveredThrough;
		if (!this.state.isSettled || this.state.recoveredThrough < SLOT_MAX) return false;
		// It may have learned slots since it has promised itself what it knew.
		this.state.recoveredThrough = this.#log.chosenThrough;
		return true;
	}

	#takeReports(): void {
		const phase1 = this.#campaign.result();
		this.state.phase1 = phase1;
		if (phase1.chosenThrough > this.#log.chosenThrough) this.#learner.fetchFrom(phase1.source, phase1.chosenThrough);
	}

	/** Takes a change of members, to be proposed soon. @returns why not; null where it is taken */
	change(id: ChangeId, change: MembersChange): ChangeRefusal | null {
		const { last, sets } = this.#context.members;
		if (sets.length > 1 || this.state.change || this.#changesMembers) return 'underWay';
		if (!this.state.isSettled) return 'notSettled';
		if (change.follows !== last.chosenAt) return 'outdated';
		const fault = membersFault(change.members);
		if (fault === null) this.state.change = { id, change };
		return fault;
	}

	/** A change of members that was not proposed is not taken over by the next leader. */
	ended(): void {
		const { change } = this.state;
		if (change) this.#context.out.outcomes.push({ kind: 'changeRefused', id: change.id, why: 'notLeader' });
	}

	/**
	 * This node accepts what its log had no room for before, once there is room. It does so after the event of the step, which
	 * may be a snapshot that stands for some of it: the state machine has those slots already.
	 */
	acceptAgain(): void {
		if (!this.#acceptor.takesAgain()) return;
		const { id } = this.#context.config;
		for (const [slot, { value, voters, electorate }] of this.state.open) {
			if (!hasVoted(voters, id, electorate)) this.#acceptor.accept(id, this.#accept(slot, value));
		}
		// The others may have chosen some of it meanwhile.
		this.#advance();
	}

	/** Proposes as much as the window of open slots allows, to the members that have promised. */
	place(): void {
		const { recoveredThrough, bound, chosenThrough } = this.phase1;
		// What was fetched meanwhile, or is to be fetched, is chosen, though perhaps not by this leader.
		this.state.nextSlot = Math.max(this.state.nextSlot, chosenThrough + 1, this.#log.chosenThrough + 1);
		const windowEnd = this.#windowEnd;
		while (this.state.nextSlot <= windowEnd) {
			const { nextSlot, reserved } = this.state;
			const acceptance = nextSlot <= recoveredThrough ? bound.get(nextSlot) : undefined;
			if (acceptance) {
				this.propose(nextSlot, acceptance.value, 'reported', [], acceptance.ballot);
			} else if (nextSlot === reserved?.slot) {
				this.propose(nextSlot, this.#made([reserved.value]), 'own', [reserved.id]);
			} else if (nextSlot <= recoveredThrough) {
				this.propose(nextSlot, NOOP, 'noop', []);
			} else if (this.state.change) {
				this.#proposeChange(this.state.change);
			} else if (this.#queue.length > 0 && this.#hasRoom) {
				const { values, ids } = this.#queue.takeBatch();
				this.propose(nextSlot, this.#made(values), 'own', ids);
			} else if (nextSlot < this.#context.members.last.from) {
				// A change of members is in force as soon as all slots before it are chosen.
				this.propose(nextSlot, NOOP, 'noop', []);
			} else {
				return;
			}
		}
	}

	#proposeChange({ id, change }: WaitingChange): void {
		const slot = this.state.nextSlot;
		this.state.change = null;
		this.#context.out.outcomes.push({ kind: 'changePlaced', id, slot });
		this.propose(slot, membersValue(change), 'own', []);
	}

	/**
	 * Which acceptors decide the slots above is known so far, and how far their quorums have promised.
	 *
	 * @source Paxos Made Simple 3: "it can propose commands i + 1 through i + α after commands 1 through i are chosen"
	 */
	get #windowEnd(): Slot {
		const { config, members } = this.#context;
		const end = this.#log.chosenThrough + config.openSlotsMax;
		const [inForce, next] = members.sets;
		if (!this.#campaign.covers(inForce)) return this.#log.chosenThrough;
		return next && !this.#campaign.covers(next) ? Math.min(end, next.from - 1) : end;
	}

	/** Phase 2a, for one slot: the window's next, or a contested one. */
	propose(
		slot: Slot,
		value: Value,
		origin: 'own' | 'reported' | 'noop',
		ids: readonly ProposalId[],
		reportedAt = NO_BALLOT,
	): void {
		const { out, members } = this.#context;
		const { ballot } = this.phase1;
		const electorate = members.governing(slot).voters;
		const elapsedMs = origin === 'own' ? elapsedMsOf(value) : 0;
		this.#setOpen(slot, { value, electorate, voters: NO_VOTERS, elapsedMs });
		if (slot >= this.state.nextSlot) this.state.nextSlot = slot + 1;
		if (ids.length > 0) out.outcomes.push({ kind: 'placed', proposals: ids, slot, ballot });
		if (out.watched) out.fact({ kind: 'proposed', ballot, slot, value, origin, reportedAt });
		const accept = this.#accept(slot, value);
		for (const voter of electorate) if (voter !== this.#context.config.id) out.now(voter, accept);
		// While two sets of members are known, some voters may be in the other one.
		if (electorate.length === members.voters.length) out.votersToldThrough = accept.chosenThrough;
		this.#acceptor.accept(this.#context.config.id, accept);
	}

	/**
	 * Counts one accepted.
	 *
	 * @returns true when it made the quorum
	 */
	count(from: NodeId, slot: Slot): boolean {
		this.state.answered.add(from);
		const open = this.state.open.get(slot);
		if (!open) return false;
		const { electorate } = open;
		const before = open.voters;
		open.voters = withVote(before, from, electorate);
		if (open.voters === before) return false;
		const { out } = this.#context;
		if (out.watched) {
			out.fact({
				kind: 'voteCounted',
				ballot: this.phase1.ballot,
				slot,
				from,
				voters: votersOf(open.voters, electorate),
				needed: quorumSize(electorate),
			});
		}
		return !isQuorum(before, electorate) && isQuorum(open.voters, electorate);
	}

	/** A quorum has just accepted this ballot's value for the slot. */
	chosen(slot: Slot): void {
		if (slot <= this.#log.chosenThrough) this.#close(slot);
		this.#advance();
	}

	/**
	 * These slots were fetched: they are chosen, so that this leader need not propose them, or count votes for them, any
	 * more.
	 *
	 * @returns null; or the ballot under which its teller holds the slot, where one of them shows that this node leads no more
	 */
	learned(slots: readonly Slot[]): Ballot | null {
		for (const slot of slots) {
			const { ballot, value } = this.#log.entry(slot) as LogEntry;
			const proposed = this.proposed(slot);
			const mayBeEarlier = !this.state.isSettled || slot <= this.phase1.recoveredThrough;
			if (proposed ? !sameBytes(proposed, value) : !mayBeEarlier) return ballot;
			// A contested slot is accepted again for all to see.
			if (slot !== this.state.contest?.slot) this.#close(slot);
			else if (!this.#isAskedOfVoters(slot)) this.propose(slot, value, 'reported', [], ballot);
		}
		this.#advance();
		return null;
	}

	/** A contested slot may have been proposed before this leader knew who the voters are. */
	#isAskedOfVoters(slot: Slot): boolean {
		const asked = this.state.open.get(slot)?.electorate;
		const { voters } = this.#context.members.governing(slot);
		return asked?.length === voters.length && voters.every((voter) => asked.includes(voter));
	}

	/**
	 * This node has taken over a snapshot, which tells no value of a slot. What this leader has proposed in one of those
	 * slots was perhaps not chosen. It must not say that the slot is, because its followers would take it for that value.
	 *
	 * @returns false where it has proposed in such a slot, and no quorum has accepted that
	 */
	installed(): boolean {
		const { chosenThrough } = this.#log;
		for (const [slot, { voters, electorate }] of this.state.open) {
			if (slot > chosenThrough) continue;
			if (!isQuorum(voters, electorate)) return false;
			this.#close(slot);
		}
		this.#advance();
		return true;
	}

	/** The value that is proposed for the slot and waits for its quorum. */
	proposed(slot: Slot): Value | undefined {
		return this.state.open.get(slot)?.value;
	}

	/**
	 * A follower confirms, and says how far it is. What was too far ahead for it before, and is no more, it has ignored.
	 * A value that its log had no room for it has ignored too. A follower that is further than this leader may keep the next
	 * slots no more, and votes for none of them then. So this leader asks it for them.
	 */
	confirmed(from: NodeId, { chosenThrough, takesValues }: Confirm): void {
		this.heardFrom(from);
		this.#learner.fetchFrom(from, chosenThrough);
		const { full } = this.state;
		if (!takesValues) full.add(from);
		else if (full.delete(from)) this.#resendTo(from, 0);
		const { slotsAheadMax } = this.#context.config;
		const before = this.state.confirmedThrough.get(from) ?? 0;
		this.state.confirmedThrough.set(from, chosenThrough);
		if (this.state.nextSlot <= before + slotsAheadMax) return;
		this.#resendTo(from, before + slotsAheadMax);
	}

	heardFrom(peer: NodeId): void {
		this.state.answered.add(peer);
	}

	/** Whether a quorum of each set of members, this node included, answered since it was last asked. */
	takeHasQuorum(): boolean {
		const { config, members } = this.#context;
		const { answered } = this.state;
		this.state.answered = new Set();
		return members.isQuorum(answered.add(config.id));
	}

	/**
	 * Whether this node still lacks slots that its quorum knows to be chosen, and knows no more than when it was last asked.
	 * Then the nodes that know them are gone, and only the promises of another quorum can help.
	 */
	takeIsStuck(): boolean {
		const { chosenThrough } = this.#log;
		const isStuck = chosenThrough < this.phase1.chosenThrough && chosenThrough === this.state.chosenAtLook;
		this.state.chosenAtLook = chosenThrough;
		return isStuck;
	}

	/** Tells the other members what is chosen. Voters that were told as much in this step, with something else, know it. */
	tell(): void {
		const { out, config, members, nowMs: timeMs } = this.#context;
		const told = out.votersToldThrough < this.#log.chosenThrough ? members.ids : members.learners;
		if (told.length === 0) return;
		const heartbeat = { kind: 'heartbeat', ...this.stamp, round: 0, timeMs } as const;
		for (const member of told) if (member !== config.id) out.now(member, heartbeat);
	}

	/** The link to `peer` was made anew: what it has not voted for may be lost. */
	resendTo(peer: NodeId): void {
		// It may have been started anew, and then be less far than it was.
		this.state.confirmedThrough.delete(peer);
		this.state.full.delete(peer);
		this.#resendTo(peer, 0);
	}

	/**
	 * A quorum has accepted this ballot's value for the slot, and this node holds it. A log without room left it out: then it
	 * holds nothing there, or what it accepted under an older ballot.
	 */
	#isChosen(slot: Slot): boolean {
		const open = this.state.open.get(slot);
		if (open === undefined || !isQuorum(open.voters, open.electorate)) return false;
		const held = this.#log.entry(slot);
		return held !== undefined && sameBallot(held.ballot, this.phase1.ballot);
	}

	/** Marks, in order, every slot that a quorum has accepted. */
	#advance(): void {
		for (let slot = this.#log.chosenThrough + 1; this.#isChosen(slot); slot++) {
			this.#learner.markChosen(slot, 'counted');
			this.#close(slot);
		}
	}

	#resendTo(peer: NodeId, above: Slot): void {
		for (const [slot, { value, voters, electorate }] of this.state.open) {
			if (slot <= above || !electorate.includes(peer) || hasVoted(voters, peer, electorate)) continue;
			this.#context.out.now(peer, this.#accept(slot, value));
		}
	}

	#accept(slot: Slot, value: Value): Accept {
		return { kind: 'accept', ...this.stamp, slot, value };
	}

	/**
	 * One value of proposals. It moves the state machine's time by what has passed since this leader last made one, and
	 * the first by nothing. What is above the bound is not made up for later.
	 */
	#made(values: readonly Value[]): Value {
		const { steadyMs } = this.#context;
		const passedMs = steadyMs - (this.state.measuredMs ?? steadyMs);
		this.state.measuredMs = steadyMs;
		return joinBatches(values, Math.max(0, Math.min(passedMs, ELAPSED_MS_MAX - this.state.openMs)));
	}

	/** A contested slot may be open already. */
	#setOpen(slot: Slot, open: OpenSlot): void {
		this.#close(slot);
		this.state.open.set(slot, open);
		this.state.openMs += open.elapsedMs;
	}

	#close(slot: Slot): void {
		this.state.openMs -= this.state.open.get(slot)?.elapsedMs ?? 0;
		this.state.open.delete(slot);
	}
}
