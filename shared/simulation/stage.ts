/**
 * A run that a person directs: the world of the simulator without its plan of faults, in which only what the person asks
 * for goes wrong. It is stepped, told what to do, and listened to. The same script gives the same run, fact by fact, so a
 * run can be opened again at any moment. Every step of every node is checked, as in the simulator, unless a rule was
 * taken out of the agent on purpose.
 */
import { fromUtf8 } from '../bytes/text.ts';
import type { FactBatch, NodeSnapshot, ProposeAnswer } from '../feed.ts';
import type { PaxosAgent } from '../paxos/agent.ts';
import type { NodeId } from '../paxos/ballot.ts';
import type { MembersAnswer, MembersRequest } from '../replica/membership.ts';
import { operationOf, proposeAnswerOf } from '../replica/propose-answer.ts';
import type { Action, Script, TimedAction } from './action.ts';
import { USUAL_BOUNDS } from './bounds.ts';
import { type Flight, FlightWorld } from './flights.ts';
import { Violation } from './ledger.ts';
import { GOOD_LINK } from './network.ts';
import type { SimulatedNode } from './node.ts';
import { type Instant, US_PER_MS } from './schedule.ts';
import { USUAL_SOCKETS } from './socket-taste.ts';
import { StagedFacts, snapshotOf, wallMsOf } from './staged-facts.ts';
import { USUAL_TIMINGS } from './timings.ts';

/**
 * `up`; or its process has ended; or it stands still; or its disk is lost; or it was removed from the members; or it was
 * never asked to come in.
 */
export type Presence = 'up' | 'crashed' | 'paused' | 'diskLost' | 'removed' | 'spare';

/** What came of an action that asks for something. */
export type Answer =
	| { readonly kind: 'propose'; readonly answer: ProposeAnswer }
	/** `isConfirmed`: a quorum has confirmed that no newer value was acknowledged. `value`: null where there is no such key. */
	| { readonly kind: 'read'; readonly isConfirmed: boolean; readonly value: string | null }
	| { readonly kind: 'members'; readonly outcome: MembersAnswer['kind']; readonly detail: string };

export interface StageListener {
	snapshot(node: NodeId, snapshot: NodeSnapshot): void;
	batch(node: NodeId, batch: FactBatch): void;
	/** The process of the node has ended, or stands still. @param sinceMs by the wall clock of the node */
	silent(node: NodeId, sinceMs: number): void;
	/** A person's action has its answer. */
	answered(of: TimedAction, answer: Answer): void;
}

export const NODES_MIN = 3;
export const NODES_MAX = 7;
/** The nodes that may come in later. */
export const SPARES = 4;
/** A run ends here. */
export const RUN_US_MAX: Instant = 600_000 * US_PER_MS;
export const STEP_CLOCK_MS_MAX = 24 * 3_600 * 1_000;
export const DELAY_MS_MAX = 10_000;

const OPEN_SLOTS_MAX = 4;
const CONFIG = {
	/** So few that a change of members is in force soon. */
	openSlotsMax: OPEN_SLOTS_MAX,
	slotsAheadMax: 16 * OPEN_SLOTS_MAX,
	valueBytesMax: 16 * 1024,
	messageBytesMax: 64 * 1024,
	timings: USUAL_TIMINGS,
};
/** The clocks of machines that are kept right. */
const CLOCKS = { spreadMs: 2, resolutionUs: 1 };
/** The time limit of a proposal, of a read and of a change of members. */
const ASK_MS = 10_000;

export class Stage {
	readonly #script: Script;
	/** What the script has to be done; a person who acts has other plans from then on. */
	#planned: readonly TimedAction[];
	readonly #listener: StageListener;
	readonly #facts = new StagedFacts();
	readonly #world: FlightWorld;
	/** Those of the script, and then those of the person. */
	readonly #done: TimedAction[] = [];
	#now: Instant = 0;
	#violation: Violation | null = null;
	readonly #lost = new Set<SimulatedNode>();
	/** By node: the life that was last told of, and whether it was silent then. */
	readonly #told = new Map<SimulatedNode, { epoch: number; isSilent: boolean }>();
	/** By node: actions whose answer its process owes. */
	readonly #owed = new Map<SimulatedNode, Set<TimedAction>>();

	/** @param ruleless the agent, where a rule was taken out of it: then the run goes on whatever is broken */
	constructor(script: Script, listener: StageListener, ruleless: typeof PaxosAgent | null = null) {
		this.#script = script;
		this.#planned = script.actions;
		this.#listener = listener;
		this.#world = new FlightWorld({
			seed: script.seed,
			nodes: script.nodes,
			spares: SPARES,
			links: GOOD_LINK,
			clocks: CLOCKS,
			sockets: USUAL_SOCKETS,
			bounds: USUAL_BOUNDS,
			frames: 1,
			config: CONFIG,
			watched: true,
			canary: false,
			numbersWrites: false,
			ruleless,
			onlooker: this.#facts,
		});
		this.#world.start();
	}

	/** Microseconds since the run began. */
	get now(): Instant {
		return this.#now;
	}

	/** When something happens next, in a node or on the network. */
	get nextTime(): Instant {
		return this.#world.nextTime;
	}

	/** The run so far: what opens it again at this moment. */
	get script(): Script {
		return { ...this.#script, actions: this.#done.slice() };
	}

	/** The first rule that did not hold; null while all do. The run has ended with it. */
	get violation(): Violation | null {
		return this.#violation;
	}

	get flights(): Iterable<Flight> {
		return this.#world.flights;
	}

	/** All nodes, with those that may yet come in. */
	get nodes(): readonly NodeId[] {
		return this.#world.nodes.map(({ id }) => id);
	}

	presence(id: NodeId): Presence {
		const node = this.#node(id);
		if (this.#lost.has(node)) return 'diskLost';
		if (node.isSpare) return 'spare';
		if (node.isAway) return 'removed';
		if (!node.process) return 'crashed';
		return node.paused ? 'paused' : 'up';
	}

	/** Whether what `from` sends to `to` is lost. */
	isCut(from: NodeId, to: NodeId): boolean {
		return this.#world.network.isCut(this.#node(from).index, this.#node(to).index);
	}

	/** What the node knows of itself now; null where no process of it runs. */
	snapshot(id: NodeId): NodeSnapshot | null {
		return snapshotOf(this.#node(id), this.#facts, this.#now);
	}

	/**
	 * Lets everything happen up to that time, the actions of the script among it.
	 *
	 * @param isEnough asked after each instant; the run goes no further once it is true
	 */
	run(until: Instant, isEnough: () => boolean = () => false): void {
		const end = Math.min(until, RUN_US_MAX);
		for (;;) {
			const planned = this.#planned[this.#done.length];
			const actsNext = planned !== undefined && planned.at <= Math.min(end, this.#world.nextTime - 1);
			const time = actsNext ? planned.at : this.#world.nextTime;
			if (this.#violation || time > end) break;
			this.#now = Math.max(this.#now, time);
			if (actsNext) this.#carryOut(planned);
			else this.#happen();
			if (isEnough()) return;
		}
		if (!this.#violation) this.#now = Math.max(this.#now, end);
	}

	/** Does it now. What cannot be done now, such as to crash a node that does not run, does nothing. */
	act(action: Action): void {
		if (this.#violation) return;
		this.#planned = [];
		this.#carryOut({ at: this.#now, action });
	}

	#carryOut(timed: TimedAction): void {
		this.#done.push(timed);
		this.#world.plan(this.#now, undefined, 'fault', -1, () => this.#do(timed));
		this.#happen();
	}

	/** All that happens at this instant. */
	#happen(): void {
		try {
			this.#world.run(this.#now);
		} catch (error) {
			if (!(error instanceof Violation)) throw error;
			this.#violation = error;
		}
		for (const node of this.#world.nodes) this.#tell(node);
	}

	#tell(node: SimulatedNode): void {
		const facts = this.#facts.take(node);
		const { id, epoch, process, paused } = node;
		const isSilent = !process || paused;
		const before = this.#told.get(node);
		if (epoch !== (before?.epoch ?? 0)) {
			// A life begins with a snapshot, which holds what it has told so far.
			const snapshot = this.snapshot(id);
			if (snapshot) this.#listener.snapshot(id, snapshot);
		} else if (facts.length > 0 || (before?.isSilent && !isSilent)) {
			const from = this.#facts.seqOf(node) - facts.length + 1;
			this.#listener.batch(id, { epoch: String(epoch), from, facts, skipped: {} });
		}
		if (before?.epoch === epoch && before.isSilent === isSilent) return;
		this.#told.set(node, { epoch, isSilent });
		if (!isSilent || epoch === 0) return;
		this.#listener.silent(id, wallMsOf(node, this.#now));
		if (!process) this.#owesNoMore(node);
	}

	/** The process has ended, so those who asked it are never answered by it. */
	#owesNoMore(node: SimulatedNode): void {
		const owed = [...(this.#owed.get(node) ?? [])];
		this.#owed.delete(node);
		for (const timed of owed) this.#listener.answered(timed, silenceOf(timed.action));
	}

	#do(timed: TimedAction): void {
		const { action } = timed;
		const world = this.#world;
		const { network, links } = world;
		switch (action.kind) {
			case 'propose':
				return this.#propose(timed, action);
			case 'read':
				return this.#read(timed, action);
			case 'crash':
				return world.crash(this.#node(action.node));
			case 'losePower':
				return world.crash(this.#node(action.node), 'lost');
			case 'restart':
				return world.startNode(this.#node(action.node));
			case 'loseDisk': {
				const node = this.#node(action.node);
				if (node.isAway) return;
				world.crash(node);
				node.isAway = true;
				this.#lost.add(node);
				return;
			}
			case 'pause': {
				const node = this.#node(action.node);
				if (node.process && !node.paused) world.pause(node);
				return;
			}
			case 'resume':
				return world.resume(this.#node(action.node));
			case 'stepClock':
				return this.#node(action.node).clock.step(action.byMs);
			case 'cut': {
				const [from, to] = [this.#node(action.from), this.#node(action.to)];
				if (network.isCut(from.index, to.index)) return;
				network.cut(from.index, to.index);
				return links.cut(from, to);
			}
			case 'heal':
				return this.#heal(this.#node(action.a), this.#node(action.b));
			case 'healAll':
				for (const [i, a] of world.nodes.entries()) for (const b of world.nodes.slice(0, i)) this.#heal(a, b);
				return;
			case 'slow': {
				const [a, b] = [this.#node(action.a).index, this.#node(action.b).index];
				const quality = { ...GOOD_LINK, delayMinMs: action.ms };
				network.setQuality(a, b, quality);
				return network.setQuality(b, a, quality);
			}
			case 'deliver':
				return world.deliver(action.flight);
			case 'drop':
				return world.drop(action.flight);
			case 'duplicate':
				return world.duplicate(action.flight);
			case 'hold':
				return world.hold(action.flight, action.ms * US_PER_MS);
			case 'addMember':
				return this.#addMember(timed, action.replaces);
			case 'removeMember':
				return this.#changeMembers(timed, { kind: 'remove', id: action.node });
		}
	}

	#heal(a: SimulatedNode, b: SimulatedNode): void {
		const { network, links } = this.#world;
		for (const [from, to] of [[a, b] as const, [b, a] as const]) {
			network.setQuality(from.index, to.index, GOOD_LINK);
			if (!network.isCut(from.index, to.index)) continue;
			network.mend(from.index, to.index);
			links.mended(from, to);
		}
	}

	#propose(timed: TimedAction, action: Action & { readonly kind: 'propose' }): void {
		const node = this.#owes(timed, action.node);
		if (!node?.process) return;
		const { route, contest } = action;
		node.process.replica.submit(operationOf(action), { route, contest, timeoutMs: ASK_MS }, (answer) =>
			this.#answer(timed, node, { kind: 'propose', answer: proposeAnswerOf(answer) }),
		);
	}

	#read(timed: TimedAction, { node: id, key }: Action & { readonly kind: 'read' }): void {
		const node = this.#owes(timed, id);
		const process = node?.process;
		process?.replica.whenConfirmed(ASK_MS, (isConfirmed) => {
			const bytes = isConfirmed ? process.store.get(key)?.value : undefined;
			const value = bytes ? (fromUtf8(bytes) ?? `${bytes.length} bytes`) : null;
			this.#answer(timed, node as SimulatedNode, { kind: 'read', isConfirmed, value });
		});
	}

	#addMember(timed: TimedAction, replaces: NodeId | null): void {
		const spare = this.#world.nodes.find(({ isSpare }) => isSpare);
		if (!spare) return this.#refuse(timed, 'no other node is there');
		if (this.#leader) {
			spare.isSpare = false;
			spare.isAway = false;
			this.#world.startNode(spare);
		}
		this.#changeMembers(timed, { kind: 'add', id: spare.id, url: `http://${spare.id}`, replaces });
	}

	/** It is asked at the node that leads, as an operator asks. */
	#changeMembers(timed: TimedAction, request: MembersRequest): void {
		const leader = this.#leader;
		if (!leader?.process) return this.#refuse(timed, 'no node leads');
		this.#owes(timed, leader.id);
		leader.process.replica.changeMembers(request, ASK_MS, (answer) => {
			const detail = answer.kind === 'refused' ? answer.detail : '';
			this.#answer(timed, leader, { kind: 'members', outcome: answer.kind, detail });
		});
	}

	#refuse(timed: TimedAction, detail: string): void {
		this.#listener.answered(timed, { kind: 'members', outcome: 'refused', detail });
	}

	/** The node is asked, and owes an answer. @returns undefined where it does not run, and nobody answers */
	#owes(timed: TimedAction, id: NodeId): SimulatedNode | undefined {
		const node = this.#node(id);
		if (!node.process || node.paused) {
			this.#listener.answered(timed, silenceOf(timed.action));
			return undefined;
		}
		const owed = this.#owed.get(node) ?? new Set();
		this.#owed.set(node, owed.add(timed));
		return node;
	}

	#answer(timed: TimedAction, node: SimulatedNode, answer: Answer): void {
		if (this.#owed.get(node)?.delete(timed)) this.#listener.answered(timed, answer);
	}

	get #leader(): SimulatedNode | undefined {
		const leaders = this.#world.nodes.filter(
			({ process, paused }) => !paused && process?.agent.view().role === 'leader',
		);
		// A deposed leader may not know it yet. The one of the highest chosen slot is asked.
		return leaders.sort((a, b) => chosenBy(b) - chosenBy(a))[0];
	}

	#node(id: NodeId): SimulatedNode {
		const node = this.#world.nodes.find((each) => each.id === id);
		if (!node) throw new RangeError(`there is no node ${id}`);
		return node;
	}
}

function chosenBy({ process }: SimulatedNode): number {
	return process?.agent.view().chosenThrough ?? 0;
}

/** The node does not run, stands still, or has ended before it answered. */
function silenceOf({ kind }: Action): Answer {
	const why = 'the node does not answer';
	if (kind === 'propose') return { kind, answer: { outcome: 'unknown', why, attempts: [] } };
	if (kind === 'read') return { kind, isConfirmed: false, value: null };
	return { kind: 'members', outcome: 'unknown', detail: why };
}
