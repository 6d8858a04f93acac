/**
 * Tells facts as a swarm does, with the types of `shared/fact.ts`: elections, decisions, a contested slot, a duel with a
 * nack, a dead node. It is a script and no agent, so that the page and its model are tested with known facts, one by one.
 * It uses no socket.
 */
import type { BallotText, Fact, FactBody } from '../../shared/fact.ts';
import type { Attempt, Member, NodeSnapshot, ProposeAnswer, ProposeRequest, SlotView } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Role } from '../../shared/paxos/fact.ts';
import type { Acceptance, Message, Slot } from '../../shared/paxos/message.ts';
import type { ValueSummary } from '../../shared/store/describe.ts';

type JsonMessage = Message<BallotText, ValueSummary>;
type Reported = Acceptance<BallotText, ValueSummary>;

const STEP_MS = 0.09;

export class FakeSwarm {
	readonly nodes: readonly FakeNode[];
	readonly members: readonly Member[];
	readonly #tell: (fact: Fact) => void;
	#nowMs: number;
	#messages = 0;
	#round = 0;

	constructor(members: readonly Member[], startMs: number, tell: (fact: Fact) => void) {
		this.members = members;
		this.nodes = members.map(({ id }) => new FakeNode(id, members));
		this.#nowMs = startMs;
		this.#tell = tell;
	}

	get needed(): number {
		return Math.floor(this.nodes.length / 2) + 1;
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
		for (const acceptor of this.#alive()) {
			const haltedBy = this.#prepare(node, acceptor, ballot, contest);
			if (haltedBy !== '') return { ballot, haltedBy, givenUp: false };
		}
		this.#lead(node, ballot);
		return { ballot, haltedBy: '', givenUp: false };
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
		const ids = this.#alive().map((acceptor) => [acceptor, this.#send(node, acceptor, message)] as const);
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
		const voters: NodeId[] = [];
		for (const [acceptor, id, answer] of answers) {
			this.#receive(node, acceptor, id, answer);
			voters.push(acceptor.id);
			this.#fact(node, {
				kind: 'voteCounted',
				ballot,
				slot,
				from: acceptor.id,
				voters: [...voters],
				needed: this.needed,
			});
			if (voters.length === this.needed) this.#choose(node, ballot, slot, value, 'counted');
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
				if (view.chosen && view.value && !follower.slots.get(view.slot)?.chosen)
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
		return { outcome: 'chosen', slot, ballot: node.leader, chosenAt: node.leader, revision: node.revision, attempts };
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
		const voters = promises.map((known) => known.from);
		this.#fact(node, {
			kind: 'promiseCounted',
			ballot,
			from: acceptor.id,
			chosenThrough,
			reported: accepted,
			voters,
			needed: this.needed,
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
		this.#fact(node, { kind: 'role', role, ballot, leader, why, by });
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
		node.slots.set(slot, { slot, acceptedBallot: known?.acceptedBallot ?? '', value, chosen: true });
		this.#fact(node, { kind: 'chosen', ballot, slot, value, how });
		while (node.slots.get(node.chosenThrough + 1)?.chosen) node.chosenThrough++;
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

	#fact(node: FakeNode, body: FactBody): void {
		this.#nowMs += STEP_MS;
		this.#tell({ node: node.id, epoch: node.epoch, seq: ++node.seq, time: this.#nowMs, ...body });
	}
}

export class FakeNode {
	readonly id: NodeId;
	readonly #members: readonly Member[];
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
	readonly slots = new Map<Slot, SlotView>();
	readonly entries = new Map<string, string>();
	readonly linked: Set<NodeId>;

	constructor(id: NodeId, members: readonly Member[]) {
		this.id = id;
		this.#members = members;
		this.linked = new Set(members.map((member) => member.id).filter((other) => other !== id));
	}

	get epoch(): string {
		return `${this.id}-${this.lives}`;
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
			swarm: { name: 'fruit', id: 'fake', members: this.#members, sets: [] },
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
				modifyRevision: this.revision,
			})),
			entriesCount: this.entries.size,
			linked: [...this.linked],
			phase1: this.role === 'leader' ? this.phase1 : null,
		};
	}
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
