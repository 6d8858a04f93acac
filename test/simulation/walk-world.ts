/**
 * The world of a random walk: real agents, what they have made durable, and what is on its way between them. Everything
 * that happens is an action, which says all that it does, so a list of actions is a run, and a shorter list is one, too:
 * an action that cannot be done is left out.
 *
 * There is no time here but a counter, and no store: the state machine of a node is the list of the slots that it has
 * applied. Every step is checked by the rules of the simulator, which believe only what is durable.
 */
import { PaxosAgent } from '../../shared/paxos/agent.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { AgentConfig } from '../../shared/paxos/config.ts';
import type { Decision, Effects, Outcome } from '../../shared/paxos/effects.ts';
import type { Event, Timer } from '../../shared/paxos/event.ts';
import type { Envelope, Message, Slot } from '../../shared/paxos/message.ts';
import { noCounts } from '../../shared/simulation/counters.ts';
import { Electorates } from '../../shared/simulation/electorates.ts';
import { Invariants } from '../../shared/simulation/invariants.ts';
import { Ledger, Violation } from '../../shared/simulation/ledger.ts';
import { votersNamed } from '../../shared/simulation/node.ts';
import { US_PER_MS } from '../../shared/simulation/schedule.ts';
import { USUAL_TIMINGS } from '../../shared/simulation/timings.ts';
import type { Action, NodeAction, Shape } from './walk-action.ts';
import { batchOf, WalkHistory } from './walk-history.ts';
import { WalkLinks } from './walk-links.ts';
import { WalkNode } from './walk-node.ts';

const SLOTS_AHEAD_MAX = 16;
const VALUE_BYTES_MAX = 12;
/** The wall clocks show this at first. */
const BEGINS_MS = 1_000_000_000;

/** Is told each step of each node before anything comes of it. */
export type Stepped = (node: WalkNode, event: Event, effects: Effects) => void;

export class WalkWorld {
	readonly shape: Shape;
	readonly nodes: readonly WalkNode[];
	readonly counters = noCounts();
	readonly #ledger: Ledger;
	readonly #invariants: Invariants;
	readonly #links: WalkLinks;
	readonly #stepped: Stepped | undefined;
	readonly #history = new WalkHistory();
	#ms = 0;
	#idNext = 1;

	constructor(shape: Shape, stepped?: Stepped) {
		this.shape = shape;
		this.#stepped = stepped;
		this.#links = new WalkLinks(shape.inOrder);
		const { ids, votersAtFirst, alpha } = shape;
		this.#ledger = new Ledger(new Electorates(ids, votersAtFirst, alpha), this.counters);
		this.#invariants = new Invariants(this.#ledger, ids, this.counters, alpha);
		this.nodes = ids.map((id, index) => new WalkNode(id, index, new PaxosAgent(this.#configOf(id))));
		for (const node of this.nodes) this.#start(node);
	}

	/** The highest slot that some node has applied. */
	get appliedThrough(): Slot {
		return this.#history.appliedThrough;
	}

	node(id: NodeId): WalkNode {
		return this.nodes[this.shape.ids.indexOf(id)] as WalkNode;
	}

	inFlight(from: NodeId, to: NodeId): readonly Message[] {
		return this.#links.between(from, to);
	}

	/** One node leads, all members have applied what is chosen, and none of their proposals and reads waits. */
	get isQuiet(): boolean {
		return this.unrest === '';
	}

	/** What is not quiet yet, for people. */
	get unrest(): string {
		const members = this.nodes.filter(({ index, isCutOff }) => !isCutOff && this.#ledger.isMember(index));
		const leaders = members.filter(({ agent }) => agent.view().role === 'leader');
		if (leaders.length !== 1) return `${leaders.length} members lead`;
		const behind = members.find((node) => node.isGone || node.appliedThrough < this.#ledger.chosenThrough);
		if (behind) return `${behind.id} has applied ${behind.appliedThrough} slots of ${this.#ledger.chosenThrough}`;
		const waiting = members.find(({ pending }) => pending.size > 0);
		if (waiting) return `a proposal of ${waiting.id} waits`;
		const reading = members.find(({ reads }) => reads.size > 0);
		return reading ? `a read of ${reading.id} waits` : '';
	}

	/** The links of these nodes are gone for good. */
	cutOff(ids: readonly NodeId[]): void {
		for (const id of ids) {
			this.node(id).isCutOff = true;
			for (const other of this.shape.ids) if (other !== id) this.#breakLink(id, other);
		}
	}

	/**
	 * Whether a quorum of each set of members that ever decided a slot is not cut off. Nodes that have left count, because
	 * others know what they knew.
	 */
	get hasQuorums(): boolean {
		const linked = this.nodes.filter(({ isCutOff }) => !isCutOff);
		return this.#ledger.electorates.areEnough(linked.map(({ index }) => index));
	}

	/** All transfers of snapshots come to nothing, so that the agents have to say again what they need. */
	abandonTransfers(): void {
		for (const node of this.nodes) node.lacks = false;
	}

	/** @returns false where it cannot be done now @throws Violation, and what an agent throws */
	perform(action: Action): boolean {
		this.#ms++;
		switch (action.kind) {
			case 'deliver':
				return this.#deliver(action.from, action.to, action.at, false);
			case 'duplicate':
				return this.#deliver(action.from, action.to, action.at, true);
			case 'lose':
				return this.#links.take(action.from, action.to, action.at) !== undefined;
			case 'talk':
				return this.#talk(action.among, action.max) > 0;
			case 'forget':
				this.#links.forget(action.among);
				return true;
			case 'breakLink':
				return this.#breakLink(action.a, action.b);
			case 'mendLink':
				return this.#mendLink(action.a, action.b);
			case 'pass':
				this.#ms += action.ms;
				return true;
			default: {
				const node = this.node(action.node);
				return !node.isGone && this.#at(node, action);
			}
		}
	}

	#at(node: WalkNode, action: NodeAction): boolean {
		switch (action.kind) {
			case 'timer':
				return this.#fire(node, action.timer);
			case 'propose':
				return this.#propose(node, action.route, action.contest);
			case 'withdraw': {
				const [proposal] = node.pending;
				if (proposal === undefined) return false;
				node.pending.delete(proposal);
				return this.#step(node, { kind: 'withdraw', proposal });
			}
			case 'read': {
				const read = this.#idNext++;
				node.reads.set(read, this.appliedThrough);
				return this.#step(node, { kind: 'read', read });
			}
			case 'handOver':
				return this.#step(node, { kind: 'handOver', to: action.to });
			case 'leave':
				node.isLeaving = true;
				return this.#step(node, { kind: 'leave' });
			case 'change': {
				const follows = node.agent.members.last.chosenAt;
				return this.#step(node, { kind: 'changeMembers', id: this.#idNext++, members: action.members, follows });
			}
			case 'holdFlush':
				node.holdsFlush = true;
				return true;
			case 'flush':
				node.holdsFlush = false;
				return this.#run(node, () => this.#flush(node));
			case 'flushSome':
				return this.#run(node, () => this.#flush(node, action.steps));
			case 'crash':
				return this.#crash(node, action.keeps);
			case 'save':
				return this.#save(node);
			case 'takeOver':
				return this.#takeOver(node, this.node(action.from));
			case 'room':
				node.room = action.room;
				return true;
			case 'clock':
				node.clockMs = action.ms;
				return true;
			case 'still':
				node.stillMs = action.ms;
				return true;
		}
	}

	// The network

	#deliver(from: NodeId, to: NodeId, at: number, again: boolean): boolean {
		const message = this.#links.take(from, to, at);
		if (!message) return false;
		if (again) this.#links.send(from, to, message);
		const node = this.node(to);
		if (!node.isGone) this.#step(node, { kind: 'receive', from, message });
		return true;
	}

	#talk(among: readonly NodeId[], max: number): number {
		let count = 0;
		for (let before = -1; before < count && count < max; ) {
			before = count;
			for (const from of among) {
				for (const to of among) if (count < max && this.#deliver(from, to, 0, false)) count++;
			}
		}
		return count;
	}

	#breakLink(a: NodeId, b: NodeId): boolean {
		if (!this.#links.break(a, b)) return false;
		this.#tell(a, { kind: 'linkDown', peer: b });
		this.#tell(b, { kind: 'linkDown', peer: a });
		return true;
	}

	#mendLink(a: NodeId, b: NodeId): boolean {
		if (this.node(a).isCutOff || this.node(b).isCutOff || !this.#links.mend(a, b)) return false;
		this.#tell(a, { kind: 'linkUp', peer: b });
		this.#tell(b, { kind: 'linkUp', peer: a });
		return true;
	}

	#tell(id: NodeId, event: Event): void {
		const node = this.node(id);
		if (!node.isGone) this.#step(node, event);
	}

	// A node

	#fire(node: WalkNode, timer: Timer | 'campaign'): boolean {
		if (!node.timers.delete(timer)) return false;
		if (timer !== 'campaign') return this.#step(node, { kind: 'timer', timer });
		return this.#step(node, { kind: 'campaign', now: { ms: this.#wallMs(node), ns: 0 } });
	}

	#propose(node: WalkNode, route: 'leader' | 'self', contest: Slot): boolean {
		const id = this.#idNext++;
		node.pending.add(id);
		return this.#step(node, { kind: 'propose', proposal: { id, value: batchOf(id), route, contest } });
	}

	#flush(node: WalkNode, steps = Number.POSITIVE_INFINITY): void {
		for (let left = steps; left > 0; left--) {
			const next = node.unflushed.shift();
			if (!next) return;
			node.durable.push(...next.records);
			this.#ledger.durable(node.index, next.records.length);
			for (const envelope of next.envelopes) this.#send(node, envelope);
		}
	}

	#crash(node: WalkNode, keeps: number): boolean {
		const records = node.unflushed.flatMap((each) => each.records).slice(0, keeps);
		node.unflushed.length = 0;
		node.durable.push(...records);
		node.timers.clear();
		node.pending.clear();
		node.reads.clear();
		node.holdsFlush = false;
		node.lacks = false;
		node.isLeaving = false;
		node.room = 'everything';
		const others = this.nodes.filter((other) => other !== node && !this.#links.isBroken(other.id, node.id));
		for (const { id } of others) {
			this.#links.forget([id, node.id]);
			this.#tell(id, { kind: 'linkDown', peer: node.id });
		}
		const { durable, saved } = node;
		const snapshotThrough = saved?.through ?? 0;
		this.#ledger.recovered(node.index, durable, { isTrimmed: false, snapshotThrough, mayBeOlder: false });
		this.#ledger.sureOfReadBack(node.index);
		node.agent = new PaxosAgent(this.#configOf(node.id), durable, snapshotThrough, saved?.members);
		node.appliedThrough = snapshotThrough;
		this.#start(node);
		for (const { id } of others) {
			this.#tell(id, { kind: 'linkUp', peer: node.id });
			this.#tell(node.id, { kind: 'linkUp', peer: id });
		}
		return true;
	}

	#start(node: WalkNode): void {
		node.agent.watched = true;
		this.#invariants.started(node.index, node.agent.view(), false);
		if (node.saved) this.#continuesFrom(node, node.saved.through);
		this.#step(node, { kind: 'start', epoch: this.#idNext++ });
	}

	/** Everything that is applied is known to be chosen, so the members are those as of that slot. */
	#save(node: WalkNode): boolean {
		const through = node.appliedThrough;
		if (through === 0 || through <= (node.saved?.through ?? 0)) return false;
		node.saved = { through, members: node.agent.members.state };
		this.#ledger.snapshot(node.index, through);
		return this.#step(node, { kind: 'snapshot', through, members: null });
	}

	#takeOver(node: WalkNode, from: WalkNode): boolean {
		const { saved } = from;
		if (!saved || saved.through <= node.appliedThrough || this.#links.isBroken(from.id, node.id)) return false;
		node.saved = saved;
		node.lacks = false;
		this.#ledger.snapshot(node.index, saved.through);
		node.appliedThrough = saved.through;
		this.#continuesFrom(node, saved.through);
		this.#step(node, { kind: 'snapshot', ...saved });
		return node.isGone || this.#applied(node);
	}

	#continuesFrom(node: WalkNode, through: Slot): void {
		this.#invariants.installed(node.index, through, { digest: through });
	}

	#step(node: WalkNode, event: Event): true {
		node.mailbox.push(event);
		return this.#run(node, () => undefined);
	}

	/** Does `act`, and then handles what it has put into the mailbox, as the loop of a node does. */
	#run(node: WalkNode, act: () => void): true {
		if (node.isRunning) {
			act();
			return true;
		}
		node.isRunning = true;
		act();
		for (let next = node.mailbox.shift(); next; next = node.mailbox.shift()) {
			if (!node.isGone) this.#handle(node, next);
		}
		node.isRunning = false;
		return true;
	}

	#handle(node: WalkNode, event: Event): void {
		const { agent } = node;
		const effects = agent.step(event, {
			wallMs: this.#wallMs(node),
			steadyMs: this.#ms,
			stillMs: node.stillMs,
			room: node.room,
		});
		this.#stepped?.(node, event, effects);
		for (const record of effects.persist) this.#ledger.appended(node.index, record);
		for (const fact of effects.facts) {
			if (fact.kind === 'campaign') this.#invariants.campaigned(fact.ballot, this.#ms * US_PER_MS);
		}
		this.#invariants.stepped(node.index, event, effects, agent.view());
		for (const { timer } of effects.timers) node.timers.add(timer);
		for (const envelope of effects.send) this.#send(node, envelope);
		node.unflushed.push({ records: effects.persist, envelopes: effects.sendWhenDurable });
		for (const outcome of effects.outcomes) this.#came(node, outcome);
		this.#apply(node, effects);
		if (!node.holdsFlush && !node.isGone) this.#flush(node);
	}

	#send(node: WalkNode, { to, message }: Envelope): void {
		if (to === node.id) {
			this.#step(node, { kind: 'receive', from: to, message });
			return;
		}
		this.#invariants.sent(node.index, { to, message }, this.#ms * US_PER_MS);
		if (this.shape.ids.includes(to)) this.#links.send(node.id, to, message);
	}

	#apply(node: WalkNode, { apply }: Effects): void {
		for (const decision of apply) this.#applyOne(node, decision);
		if (apply.length > 0 && !node.isGone) this.#applied(node);
	}

	#applyOne(node: WalkNode, { slot, value }: Decision): void {
		node.appliedThrough = slot;
		this.#history.applied(slot, value);
		this.#invariants.applied(node.index, slot, this.#history.stateAfter(slot), this.#ms * US_PER_MS);
	}

	/** The agent is told how far its state machine is, and which of its proposals are settled by that. */
	#applied(node: WalkNode): true {
		const { appliedThrough } = node;
		const settled = [...node.pending].filter((id) => this.#history.holds(appliedThrough, id));
		for (const id of settled) node.pending.delete(id);
		if (settled.length > 0) this.#invariants.acknowledged(appliedThrough);
		return this.#step(node, { kind: 'applied', through: appliedThrough, settled });
	}

	#came(node: WalkNode, outcome: Outcome): void {
		switch (outcome.kind) {
			case 'refused':
			case 'kept':
				node.pending.delete(outcome.proposal);
				return this.#history.refused(outcome.proposal);
			case 'abandoned':
				node.pending.delete(outcome.proposal);
				return;
			case 'withdrawn':
				return outcome.left ? undefined : this.#history.refused(outcome.proposal);
			case 'readAt': {
				const least = node.reads.get(outcome.read) ?? 0;
				node.reads.delete(outcome.read);
				if (outcome.slot >= least) return;
				throw new Violation('ReadsAreLinearizable', `${node.id} reads at ${outcome.slot}, ${least} was applied before`);
			}
			case 'lacksSnapshot':
				node.lacks = true;
				return;
			case 'removed':
				this.#ledger.mustBeRemoved(node.index);
				node.isGone = true;
				return;
			default:
		}
	}

	#wallMs({ clockMs }: WalkNode): number {
		return BEGINS_MS + this.#ms + clockMs;
	}

	#configOf(id: NodeId): AgentConfig {
		const { ids, votersAtFirst, alpha, messageBytesMax } = this.shape;
		return {
			id,
			members: votersNamed(ids.slice(0, votersAtFirst)),
			openSlotsMax: alpha,
			slotsAheadMax: SLOTS_AHEAD_MAX,
			valueBytesMax: VALUE_BYTES_MAX,
			messageBytesMax,
			timings: USUAL_TIMINGS,
		};
	}
}
