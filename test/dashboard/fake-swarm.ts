/**
 * Tells facts as a swarm does, with the types of `shared/fact.ts`: elections, decisions, a contested slot, a duel with
 * a nack, a dead node, a change of members. It is a script and no agent, so that the page and its model are tested with
 * known facts, one by one. It uses no socket.
 */
import type { BallotText, Fact, FactBody } from '../../shared/fact.ts';
import { membersText } from '../../shared/fact.ts';
import type {
	Attempt,
	Member,
	MembersView,
	NodeSnapshot,
	ProposeAnswer,
	ProposeRequest,
	SlotView,
	SwarmMember,
} from '../../shared/feed.ts';
import { isFault, type LinkFault, type LinkFaultFrom } from '../../shared/lab.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Role } from '../../shared/paxos/fact.ts';
import type { Acceptance, Message, Slot } from '../../shared/paxos/message.ts';
import type { ValueSummary } from '../../shared/store/describe.ts';

type JsonMessage = Message<BallotText, ValueSummary>;
type Reported = Acceptance<BallotText, ValueSummary>;

const STEP_MS = 0.09;
/** A change that is chosen in slot i governs the slots from i and so many on. */
export const ALPHA = 4;

export class FakeSwarm {
	readonly nodes: FakeNode[];
	/** All sets of members so far, in the order of their slots. */
	readonly sets: MembersView[];
	readonly #tell: (fact: Fact) => void;
	#nowMs: number;
	#messages = 0;
	#round = 0;

	constructor(members: readonly Member[], startMs: number, tell: (fact: Fact) => void) {
		this.sets = [
			{ chosenAt: 0, from: 1, members: members.map((member) => ({ ...member, isVoter: true, replaces: null })) },
		];
		this.nodes = members.map(({ id }) => new FakeNode(id, this.sets));
		for (const node of this.nodes) for (const { id } of members) if (id !== node.id) node.linked.add(id);
		this.#nowMs = startMs;
		this.#tell = tell;
	}

	get leader(): FakeNode | undefined {
		return this.nodes.find((node) => node.alive && node.role === 'leader');
	}

	node(id: NodeId): FakeNode {
		const node = this.nodes.find((candidate) => candidate.id === id);
		if (!node) throw new Error(`no node ${id}`);
		return node;
	}

	/** Moves the clock forward. */
	at(ms: number): void {
		this.#nowMs = Math.max(this.#nowMs, ms);
	}

	snapshot(id: NodeId): NodeSnapshot {
		return this.node(id).snapshot(this.#nowMs);
	}

	/** Runs both phases of one campaign as far as it gets. @returns the ballot, and the promise that halted it */
	campaign(id: NodeId, why: 'noLeader' | 'proposal' | 'contest', contest: Slot = 0): Attempt {
		const node = this.node(id);
		const ballot = this.#begin(node, why, contest);
		for (const acceptor of this.#votersOf(node.sets)) {
			const haltedBy = this.#prepare(node, acceptor, ballot, contest);
			if (haltedBy !== '') return { ballot, haltedBy, givenUp: false };
		}
		const promised = node.phase1?.promises.map(({ from }) => from) ?? [];
		if (!node.sets.every((set) => isCovered(set, promised))) {
			this.#fact(node, { kind: 'givenUp', ballot, why: 'noQuorum' });
			this.#role(node, 'follower', ballot, '', 'lostQuorum', []);
			return { ballot, haltedBy: '', givenUp: true };
		}
		this.#lead(node, ballot);
		return { ballot, haltedBy: '', givenUp: false };
	}

	/** The leader changes the members. They govern the slots from the one that is returned on. */
	change(members: readonly SwarmMember[]): Slot {
		const leader = this.leader;
		if (!leader) throw new Error('no leader');
		const slot = this.nextSlot();
		this.sets.push({ chosenAt: slot, from: slot + ALPHA, members });
		const text = `members ${membersText(members)}`;
		this.decide(leader, leader.leader, slot, { digest: text, bytes: text.length, commands: 0, text }, 'own', '');
		return slot + ALPHA;
	}

	/** The leader fills up with no-ops until the last change is in force. */
	fill(): void {
		for (;;) {
			const leader = this.leader;
			const slot = this.nextSlot();
			if (!leader || slot >= (this.sets.at(-1)?.from ?? 0)) return;
			this.decide(leader, leader.leader, slot, { digest: '', bytes: 0, commands: 0, text: 'no-op' }, 'noop', '');
		}
	}

	/** The process of a new member starts, and knows nothing. Its links are there. */
	join(id: NodeId): FakeNode {
		const node = new FakeNode(id, this.sets);
		this.nodes.push(node);
		for (const other of this.#alive()) {
			if (other === node) continue;
			node.linked.add(other.id);
			other.linked.add(id);
			this.#fact(other, { kind: 'linkUp', peer: id });
		}
		return node;
	}

	/** As a change names the members of now. */
	get members(): readonly SwarmMember[] {
		return this.sets.at(-1)?.members ?? [];
	}

	/** Two proposers at once: the lower ballot gets `lowerPromises` promises and is then refused. */
	duel(lower: NodeId, higher: NodeId, value: string, lowerPromises = 2): { lost: Attempt; slot: Slot } {
		const loser = this.node(lower);
		const winner = this.node(higher);
		const low = this.#begin(loser, 'proposal', 0);
		const first = [loser, ...this.#alive().filter((node) => node !== loser && node !== winner)].slice(0, lowerPromises);
		for (const acceptor of first) this.#prepare(loser, acceptor, low, 0);
		const high = this.#begin(winner, 'proposal', 0);
		for (const acceptor of this.#alive().filter((node) => node !== loser)) this.#prepare(winner, acceptor, high, 0);
		this.#lead(winner, high);
		const last = this.#alive().find((node) => node !== winner && !first.includes(node)) ?? winner;
		const haltedBy = this.#prepare(loser, last, low, 0);
		this.#prepare(winner, loser, high, 0);
		const slot = this.nextSlot();
		this.decide(winner, high, slot, summary(`put duel = ${value}`), 'own', '');
		return { lost: { ballot: low, haltedBy, givenUp: false }, slot };
	}

	/** Runs phase 2 of one slot. */
	decide(
		node: FakeNode,
		ballot: BallotText,
		slot: Slot,
		value: ValueSummary,
		origin: 'own' | 'reported' | 'noop',
		reportedAt: BallotText,
	): void {
		this.#fact(node, { kind: 'proposed', ballot, slot, value, origin, reportedAt });
		const { chosenThrough } = node;
		const message: JsonMessage = {
			kind: 'accept',
			ballot,
			chosenThrough,
			recoveredThrough: chosenThrough,
			slot,
			value,
		};
		const set = this.#governing(slot);
		const { voters, needed } = electorate(set);
		const ids = this.#votersOf([set]).map((acceptor) => [acceptor, this.#send(node, acceptor, message)] as const);
		const answers = ids.map(([acceptor, id]) => {
			this.#receive(acceptor, node, id, message);
			acceptor.slots.set(slot, {
				slot,
				acceptedBallot: ballot,
				value,
				chosen: acceptor.slots.get(slot)?.chosen ?? false,
			});
			this.#fact(acceptor, { kind: 'accepted', ballot, slot, value });
			const answer: JsonMessage = { kind: 'accepted', ballot, slot };
			return [acceptor, this.#send(acceptor, node, answer), answer] as const;
		});
		const counted: NodeId[] = [];
		for (const [acceptor, id, answer] of answers) {
			this.#receive(node, acceptor, id, answer);
			counted.push(acceptor.id);
			this.#fact(node, {
				kind: 'voteCounted',
				ballot,
				slot,
				from: acceptor.id,
				voters: voters.filter((voter) => counted.includes(voter)),
				needed,
			});
			if (counted.length === needed) this.#choose(node, ballot, slot, value, 'counted');
		}
		this.heartbeat();
	}

	heartbeat(): void {
		const leader = this.leader;
		if (!leader) return;
		const { leader: ballot, chosenThrough } = leader;
		const round = ++this.#round;
		const message: JsonMessage = {
			kind: 'heartbeat',
			ballot,
			chosenThrough,
			recoveredThrough: chosenThrough,
			round,
			timeMs: 0,
		};
		for (const follower of this.#alive().filter((node) => node !== leader)) {
			this.#receive(follower, leader, this.#send(leader, follower, message), message);
			for (const view of leader.slots.values()) {
				if (view.chosen && view.value && view.slot > follower.chosenThrough)
					this.#choose(
						follower,
						view.acceptedBallot,
						view.slot,
						view.value,
						follower.slots.has(view.slot) ? 'told' : 'fetched',
					);
			}
			const reply: JsonMessage = {
				kind: 'confirm',
				ballot,
				round,
				chosenThrough: follower.chosenThrough,
				stillMs: 0,
				takesValues: true,
				timeMs: 0,
			};
			this.#receive(leader, follower, this.#send(follower, leader, reply), reply);
		}
	}

	propose(id: NodeId, request: ProposeRequest): ProposeAnswer {
		const value = summary(request.value === null ? `del ${request.key}` : `put ${request.key} = ${request.value}`);
		const attempts: Attempt[] = [];
		let node = this.leader;
		if (request.route === 'self' || !node) {
			node = this.node(id);
			const contested = request.contest > 0 ? node.slots.get(request.contest) : undefined;
			attempts.push(this.campaign(id, request.contest > 0 ? 'contest' : 'proposal', request.contest));
			if (contested?.value) {
				this.decide(node, node.leader, request.contest, contested.value, 'reported', contested.acceptedBallot);
				return { outcome: 'kept', slot: request.contest, ballot: node.leader, value: contested.value, attempts };
			}
		}
		const slot = this.nextSlot();
		for (const other of this.#alive()) other.entries.set(request.key, request.value ?? '');
		this.decide(node, node.leader, slot, value, 'own', '');
		return {
			outcome: 'chosen',
			ok: true,
			slot,
			ballot: node.leader,
			chosenAt: node.leader,
			revision: node.revision,
			attempts,
		};
	}

	/** A campaign of `from` ends the leadership of a node. */
	halt(id: NodeId, from: NodeId): void {
		const node = this.node(id);
		const by = this.#begin(this.node(from), 'noLeader', 0);
		this.#fact(node, { kind: 'halted', ballot: node.leader, by, from });
		this.#role(node, 'follower', '', '', 'higherBallot', [from]);
	}

	kill(id: NodeId): void {
		this.node(id).alive = false;
		for (const other of this.#alive()) {
			other.linked.delete(id);
			this.#fact(other, { kind: 'linkDown', peer: id, why: 'closed' });
		}
	}

	/** The node has a snapshot, and keeps no slot up to `through` any more. */
	trim(id: NodeId, through: Slot): void {
		const node = this.node(id);
		node.trim(through);
		this.#fact(node, { kind: 'snapshot', what: 'trimmed', through, detail: 'keeps fewer slots' });
	}

	/** In a lab people change what becomes of the messages of `from`. */
	fault(id: NodeId, from: NodeId, fault: LinkFault): void {
		const node = this.node(id);
		const others = node.faults.filter((each) => each.from !== from);
		node.faults = isFault(fault) ? [...others, { from, ...fault }] : others;
		this.#fact(node, { kind: 'linkFault', from, ...fault });
	}

	/** The node tells a fact that changes nothing of what it has. */
	tell(id: NodeId, body: FactBody): void {
		this.#fact(this.node(id), body);
	}

	/** The node has taken over the snapshot of another one. */
	install(id: NodeId, through: Slot): void {
		const node = this.node(id);
		node.trim(through);
		node.chosenThrough = Math.max(node.chosenThrough, through);
		this.#fact(node, { kind: 'installed', through });
	}

	/** Starts a node again, with its durable state and a new epoch. */
	revive(id: NodeId): void {
		const node = this.node(id);
		node.alive = true;
		node.restart();
		for (const other of this.#alive()) {
			if (other === node) continue;
			other.linked.add(id);
			this.#fact(other, { kind: 'linkUp', peer: id });
		}
	}

	nextSlot(): Slot {
		return Math.max(0, ...this.nodes.flatMap((node) => [...node.slots.keys()])) + 1;
	}

	#begin(node: FakeNode, why: 'noLeader' | 'proposal' | 'contest', contest: Slot): BallotText {
		const ballot = `${Math.floor(this.#nowMs)}${String(Math.floor((this.#nowMs % 1) * 1e6)).padStart(6, '0')}@${node.id}`;
		this.#fact(node, { kind: 'campaign', ballot, why, contest, chosenThrough: node.chosenThrough });
		this.#role(node, 'candidate', ballot, '', 'campaign', []);
		node.phase1 = { ballot, chosenThrough: node.chosenThrough, recoveredThrough: node.chosenThrough, promises: [] };
		return ballot;
	}

	/** Asks one acceptor. @returns the promise that halted the campaign; '' for none */
	#prepare(node: FakeNode, acceptor: FakeNode, ballot: BallotText, contest: Slot): BallotText {
		const message: JsonMessage = { kind: 'prepare', ballot, contest, chosenThrough: 0 };
		this.#receive(acceptor, node, this.#send(node, acceptor, message), message);
		const promised = acceptor.promised;
		if (promised > ballot) {
			this.#fact(acceptor, { kind: 'refused', refused: 'prepare', slot: 0, ballot, promised });
			const nack: JsonMessage = { kind: 'nack', refused: 'prepare', ballot, promised, acceptance: null };
			this.#receive(node, acceptor, this.#send(acceptor, node, nack), nack);
			this.#fact(node, { kind: 'halted', ballot, by: promised, from: acceptor.id });
			this.#role(node, 'follower', ballot, '', 'higherBallot', [acceptor.id]);
			return promised;
		}
		acceptor.promised = ballot;
		const accepted = [...acceptor.slots.values()].flatMap((view): Reported[] =>
			view.value && (!view.chosen || view.slot === contest)
				? [{ slot: view.slot, ballot: view.acceptedBallot, value: view.value }]
				: [],
		);
		this.#fact(acceptor, { kind: 'promised', ballot, previous: promised, reported: accepted.length });
		const { chosenThrough } = acceptor;
		const promise: JsonMessage = { kind: 'promise', ballot, part: 0, parts: 1, chosenThrough, accepted };
		this.#receive(node, acceptor, this.#send(acceptor, node, promise), promise);
		const promises = [...(node.phase1?.promises ?? []), { from: acceptor.id, chosenThrough, reported: accepted }];
		const through = [chosenThrough, ...accepted.map((acceptance) => acceptance.slot)];
		if (node.phase1) {
			const recoveredThrough = Math.max(node.phase1.recoveredThrough, ...through);
			node.phase1 = { ...node.phase1, recoveredThrough, promises };
		}
		const promisers = promises.map((known) => known.from);
		const set = node.sets.find((one) => !isCovered(one, promisers)) ?? node.sets.at(-1);
		const { voters, needed } = electorate(set ?? this.#governing(1));
		this.#fact(node, {
			kind: 'promiseCounted',
			ballot,
			from: acceptor.id,
			chosenThrough,
			reported: accepted,
			voters: voters.filter((voter) => promisers.includes(voter)),
			needed,
		});
		return '';
	}

	#lead(node: FakeNode, ballot: BallotText): void {
		const by = node.phase1?.promises.map((promise) => promise.from) ?? [];
		this.#role(node, 'leader', ballot, ballot, 'promisedByQuorum', by);
		for (const other of this.#alive())
			if (other !== node) this.#role(other, 'follower', ballot, ballot, 'heardLeader', [node.id]);
	}

	#role(
		node: FakeNode,
		role: Role,
		ballot: BallotText,
		leader: BallotText,
		why: (FactBody & { kind: 'role' })['why'],
		by: NodeId[],
	): void {
		node.role = role;
		node.leader = leader;
		if (role === 'follower') node.phase1 = null;
		this.#fact(node, { kind: 'role', role, ballot, leader, why, by, silentMs: 0 });
	}

	#choose(
		node: FakeNode,
		ballot: BallotText,
		slot: Slot,
		value: ValueSummary,
		how: 'counted' | 'told' | 'fetched',
	): void {
		const known = node.slots.get(slot);
		if (known?.chosen) return;
		const acceptedBallot = known?.value?.digest === value.digest ? known.acceptedBallot : '';
		node.slots.set(slot, { slot, acceptedBallot, value, chosen: true });
		this.#fact(node, { kind: 'chosen', ballot, slot, value, how });
		while (node.slots.get(node.chosenThrough + 1)?.chosen) node.chosenThrough++;
		for (const { chosenAt, from, members } of this.sets)
			if (chosenAt === slot) this.#fact(node, { kind: 'members', chosenAt, from, members });
		node.revision++;
		this.#fact(node, { kind: 'applied', through: node.chosenThrough, revision: node.revision });
	}

	#send(from: FakeNode, to: FakeNode, message: JsonMessage): string {
		const messageId = `${from.id}:${++this.#messages}`;
		this.#fact(from, { kind: 'sent', to: to.id, messageId, message });
		return messageId;
	}

	#receive(at: FakeNode, from: FakeNode, messageId: string, message: JsonMessage): void {
		this.#fact(at, { kind: 'received', from: from.id, messageId, message });
	}

	#alive(): FakeNode[] {
		return this.nodes.filter((node) => node.alive);
	}

	#governing(slot: Slot): MembersView {
		const set = this.sets.findLast(({ from }) => from <= slot);
		if (!set) throw new Error(`no members for slot ${slot}`);
		return set;
	}

	#votersOf(sets: readonly MembersView[]): FakeNode[] {
		const voters = sets.flatMap((set) => electorate(set).voters);
		return this.#alive().filter(({ id }) => voters.includes(id));
	}

	#fact(node: FakeNode, body: FactBody): void {
		this.#nowMs += STEP_MS;
		this.#tell({ node: node.id, epoch: node.epoch, seq: ++node.seq, time: this.#nowMs, ...body });
	}
}

export class FakeNode {
	readonly id: NodeId;
	readonly #allSets: readonly MembersView[];
	alive = true;
	lives = 1;
	seq = 0;
	role: Role = 'follower';
	promised: BallotText = '';
	leader: BallotText = '';
	chosenThrough: Slot = 0;
	trimmedThrough: Slot = 0;
	revision = 0;
	phase1: NodeSnapshot['phase1'] = null;
	faults: readonly LinkFaultFrom[] = [];
	readonly slots = new Map<Slot, SlotView>();
	readonly entries = new Map<string, string>();
	readonly linked = new Set<NodeId>();

	/** @param allSets the sets of the swarm, of which the node knows those that it knows to be chosen */
	constructor(id: NodeId, allSets: readonly MembersView[]) {
		this.id = id;
		this.#allSets = allSets;
	}

	/** The set in force at this node, and the one that follows. */
	get sets(): MembersView[] {
		const known = this.#allSets.filter(({ chosenAt }) => chosenAt <= this.chosenThrough);
		return known.slice(known.findLastIndex(({ from }) => from <= this.chosenThrough + 1));
	}

	get epoch(): string {
		return `${this.id}-${this.lives}`;
	}

	get #members(): Member[] {
		const members = this.sets.flatMap((set) => set.members.map(({ id, url }) => ({ id, url })));
		return [...new Map(members.map((member) => [member.id, member])).values()];
	}

	trim(through: Slot): void {
		this.trimmedThrough = through;
		for (const slot of this.slots.keys()) if (slot <= through) this.slots.delete(slot);
	}

	restart(): void {
		this.lives++;
		this.seq = 0;
		this.role = 'follower';
		this.leader = '';
		this.phase1 = null;
	}

	snapshot(time: number): NodeSnapshot {
		return {
			node: this.id,
			epoch: this.epoch,
			seq: this.seq,
			time,
			swarm: { name: 'fruit', id: 'fake', members: this.#members, sets: this.sets },
			role: this.role,
			promised: this.promised,
			leader: this.leader,
			chosenThrough: this.chosenThrough,
			appliedThrough: this.chosenThrough,
			trimmedThrough: this.trimmedThrough,
			revision: this.revision,
			slots: [...this.slots.values()].sort((a, b) => a.slot - b.slot).slice(-64),
			entries: [...this.entries].map(([key, value]) => ({
				key,
				value,
				bytes: value.length,
				isWhole: true,
				flags: '0',
				modifyRevision: this.revision,
			})),
			entriesCount: this.entries.size,
			linked: [...this.linked],
			phase1: this.role === 'leader' ? this.phase1 : null,
			faults: this.faults,
		};
	}
}

function electorate({ members }: MembersView): { readonly voters: readonly NodeId[]; readonly needed: number } {
	const voters = members.filter(({ isVoter }) => isVoter).map(({ id }) => id);
	return { voters, needed: Math.floor(voters.length / 2) + 1 };
}

function isCovered(set: MembersView, promised: readonly NodeId[]): boolean {
	const { voters, needed } = electorate(set);
	return voters.filter((voter) => promised.includes(voter)).length >= needed;
}

/** The summary of a value. Equal texts are equal values. */
export function summary(text: string): ValueSummary {
	return { digest: text, bytes: text.length, commands: 1, text };
}

export function fakeMembers(
	count: number,
	url: (index: number) => string = (index) => `http://127.0.0.1:${7101 + index}`,
): Member[] {
	return Array.from({ length: count }, (_, index) => ({ id: `n${index + 1}`, url: url(index) }));
}
