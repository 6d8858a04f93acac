/**
 * Walks every interleaving of the real agent in a tiny world, which is one of `explore-world.ts`. In one of them three
 * acceptors decide one slot. In the other one the members change from three to four and to three others, over as many
 * slots as that takes. Two nodes propose, under one ballot each. What the simulator samples is complete here, within these
 * bounds:
 *
 * - A message may arrive at any later moment, in any order, or never. Where more than one slot is decided, that is true of
 *   so many messages as `late` says, whichever they are, and the others arrive in the order in which they were sent: all
 *   orders of so many messages are too many. Once, a message may arrive twice.
 * - A node campaigns at any moment. A leader is asked for the next change of members as soon as it may make it.
 * - One node may crash, once, at any moment, and starts again from what is durable. Until then, what it writes
 *   is flushed at any later moment; a crash loses what is not flushed, or keeps it, though nothing that waited
 *   for it has left. The others flush at once: their later flush would be the same as messages that come later,
 *   and what a node waits to tell itself is a message like any other here.
 * - No timer fires: what timers do (ask again, poll, step down) is sending messages that were sent before or
 *   giving a ballot up, and both are the same as messages that come late, twice or never.
 *
 * Local states and messages are numbers, each step of a node is worked out once, and what was visited is kept as
 * fingerprints of 64 bits: two states that share one would hide each other, by a chance of about n² / 2^65.
 *
 * Messages that cannot matter any more are left out, or nothing would ever end:
 *
 * - `confirm` and `poll`: nobody reads here and no timer fires, so they change nothing that is ever sent.
 * - what answers a proposer (promise, accepted, nack) at a node that neither campaigns nor leads and will not
 *   campaign again: its proposer has no ballot for the rest of the run, and ignores all of them.
 *
 * - what a proposer asks for (prepare, accept, heartbeat) below the promise of a node that can no longer crash,
 *   so that the promise never goes back, once that proposer campaigns and leads no more: it is refused, and the
 *   nack is one of those above. A node that is told of the leader instead, because it is no voter any more, is not told here:
 *   that is as if the answer never came.
 * - in a world of one slot, `decisions` at a node that knows it already and can no longer crash, since chosenThrough never
 *   goes back; and a `fetch` that such a node has sent.
 * - where no slot is contested, an `accepted` at a node that knows its slot to be chosen: it counts no vote for it any more.
 * - a heartbeat of a leader that has chosen nothing: what it makes its receiver do (follow, give a lower ballot
 *   up, or refuse) the accept of the same ballot does as well, and that one always follows it.
 *
 * @source Lamport, Specifying Systems 14 (explicit-state checking, fingerprints); Emmi, Qadeer, Rakamarić 2011,
 *   Delay-bounded scheduling (a number of deviations from one order as the bound)
 */

import { ballotToText, compareBallots, type NodeId } from '../paxos/ballot.ts';
import { Checks } from './explore-check.ts';
import { begun, Turn } from './explore-turn.ts';
import { type Local, Numbers, type World } from './explore-world.ts';
import { Fingerprints } from './fingerprints.ts';
import { Violation } from './ledger.ts';

export interface Bounds {
	readonly world: World;
	/**
	 * How many messages come late, in one run: at any later moment, or never. All others come in the order in which they were
	 * sent, all nodes taken together. null where any number may be late.
	 */
	readonly late: number | null;
	/** Whether one node, any of them, crashes once. */
	readonly crash: boolean;
	/** How many messages arrive twice, in one run. */
	readonly duplicates: number;
	/** More states than this are not looked at: then `complete` is false. */
	readonly statesMax: number;
}

export interface Explored {
	readonly states: number;
	readonly transitions: number;
	readonly localStates: number;
	readonly messages: number;
	/** The frontier ended empty. */
	readonly complete: boolean;
	/** In how many of the states a value of the first proposer is chosen, and of the second; both must be possible. */
	readonly chosenFirst: number;
	readonly chosenSecond: number;
	/** In how many of the states a value is chosen in a slot that the last members of the world decide. */
	readonly chosenByLast: number;
	readonly violation: { readonly rule: string; readonly detail: string; readonly trace: readonly string[] } | null;
}

/** What one node does with one event. */
interface Transition {
	readonly next: number;
	/** The messages it sends, by number. */
	readonly sent: readonly number[];
}

/** Events that are no messages, numbered below zero. */
const CAMPAIGN = -1;
const FLUSH = -2;
const CRASH_LOSING = -3;
const CRASH_KEEPING = -4;
/** The message at the head of the line is late. */
const DELAY = -5;
const EVENTS_BELOW_ZERO = 5;
const EVENTS_MAX = 2 ** 20;

/**
 * A state: the local state of each node, and then, at these places behind them, how many messages may still come twice,
 * how many may still be late, how many are late, those, sorted, and those that are in the line, in its order.
 */
type State = readonly number[];
const DUPLICATES_LEFT = 0;
const LATE_LEFT = 1;
const LATE_COUNT = 2;
const MESSAGES = 3;

/** A state and how it was reached; only those that lead to the frontier are kept. */
interface Reached {
	readonly state: State;
	readonly before: Reached | undefined;
	readonly node: number;
	readonly event: number;
}

export function explore(bounds: Bounds, onProgress?: (states: number, frontier: number) => void): Explored {
	return new Exploration(bounds).run(onProgress);
}

class Exploration {
	readonly #bounds: Bounds;
	readonly #numbers: Numbers;
	readonly #checks: Checks;
	readonly #nodes: number;
	/** By local state and event. */
	readonly #steps = new Map<number, Transition>();
	readonly #visited = new Fingerprints();
	#transitions = 0;
	/** What is being worked out. */
	#taking = { node: 0, event: 0 };

	constructor(bounds: Bounds) {
		this.#bounds = bounds;
		this.#numbers = new Numbers(bounds.world);
		this.#checks = new Checks(this.#numbers);
		this.#nodes = bounds.world.ids.length;
	}

	run(onProgress?: (states: number, frontier: number) => void): Explored {
		const { world, late, crash, duplicates, statesMax } = this.#bounds;
		const frontier: Reached[] = [];
		for (const crashing of crash ? world.ids.keys() : [-1]) {
			const nodes = world.ids.map((_, node) => begun(this.#numbers, node, node === crashing));
			const state = [...nodes.map((local) => this.#numbers.localNumber(local)), duplicates, late ?? 0, 0];
			if (this.#visited.add(state)) frontier.push({ state, before: undefined, node: 0, event: 0 });
		}
		let violation: Explored['violation'] = null;
		let reached: Reached | undefined;
		try {
			for (reached = frontier.pop(); reached && this.#visited.size < statesMax; reached = frontier.pop()) {
				const before = reached;
				this.#checks.check(this.#localsOf(before.state));
				this.#expand(before.state, (state, node, event) => {
					this.#transitions++;
					if (this.#visited.add(state)) frontier.push({ state, before, node, event });
				});
				if (this.#visited.size % 65_536 === 0) onProgress?.(this.#visited.size, frontier.length);
			}
		} catch (error) {
			if (!(error instanceof Error)) throw error;
			const rule = error instanceof Violation ? error.rule : error.name;
			violation = { rule, detail: error.message, trace: this.#trace(reached) };
		}
		return {
			states: this.#visited.size,
			transitions: this.#transitions,
			localStates: this.#numbers.locals.count,
			messages: this.#numbers.messages.count,
			complete: violation === null && frontier.length === 0,
			chosenFirst: this.#checks.chosenFirst,
			chosenSecond: this.#checks.chosenSecond,
			chosenByLast: this.#checks.chosenByLast,
			violation,
		};
	}

	#localsOf(state: State): Local[] {
		return state.slice(0, this.#nodes).map((number) => this.#numbers.locals.at(number));
	}

	#expand(state: State, visit: (next: State, node: number, event: number) => void): void {
		const take = (node: number, event: number, at = -1, again = false) => {
			this.#taking = { node, event };
			visit(this.#after(state, node, event, at, again), node, event);
		};
		for (let node = 0; node < this.#nodes; node++) {
			const local = this.#numbers.locals.at(state[node] as number);
			if (local.mayCampaign) take(node, CAMPAIGN);
			if (local.unflushed.length > 0) take(node, FLUSH);
			if (!local.mayCrash) continue;
			take(node, CRASH_LOSING);
			if (local.unflushed.length > 0) take(node, CRASH_KEEPING);
		}
		const first = this.#nodes + MESSAGES;
		const line = first + (state[this.#nodes + LATE_COUNT] as number);
		for (let at = first; at < Math.min(line + 1, state.length); at++) {
			const message = state[at] as number;
			if (at > first && at < line && state[at - 1] === message) continue;
			const { to } = this.#numbers.messages.at(message);
			take(to, message, at);
			if ((state[this.#nodes + DUPLICATES_LEFT] as number) > 0) take(to, message, at, true);
			if (at === line && (state[this.#nodes + LATE_LEFT] as number) > 0) visit(this.#delayed(state), message, DELAY);
		}
	}

	/** Every event from the beginning to the one that failed. */
	#trace(last: Reached | undefined): string[] {
		const lines: string[] = [];
		for (let at = last; at?.before; at = at.before) lines.unshift(this.#describe(at.node, at.event));
		return [...lines, this.#describe(this.#taking.node, this.#taking.event)];
	}

	#describe(node: number, event: number): string {
		const { ids } = this.#bounds.world;
		if (event === DELAY) return `${this.#messageText(node)} is late`;
		const id = ids[node] as NodeId;
		if (event === CAMPAIGN) return `${id} campaigns`;
		if (event === FLUSH) return `${id} flushes`;
		if (event === CRASH_LOSING) return `${id} crashes, and loses what is not flushed`;
		if (event === CRASH_KEEPING) return `${id} crashes, and keeps what it wrote`;
		return `${id} receives ${this.#messageText(event)}`;
	}

	#messageText(number: number): string {
		const { from, to, message } = this.#numbers.messages.at(number);
		const { ids } = this.#bounds.world;
		const ballot = 'ballot' in message ? ` ${ballotToText(message.ballot)}` : '';
		const slot = 'slot' in message ? ` of slot ${message.slot}` : '';
		return `${message.kind}${ballot}${slot} from ${ids[from]} to ${ids[to]}`;
	}

	/**
	 * @param at where the message stands that arrives; -1 for another event
	 * @param again it comes once more, late
	 */
	#after(state: State, node: number, event: number, at: number, again: boolean): State {
		const { next, sent } = this.#step(state[node] as number, event);
		const nodes = state.slice(0, this.#nodes);
		nodes[node] = next;
		const crashed = event === CRASH_LOSING || event === CRASH_KEEPING ? node : -1;
		const locals = this.#localsOf(nodes);
		const matters = (message: number) => this.#matters(message, locals, crashed);
		const first = this.#nodes + MESSAGES;
		const lineAt = first + (state[this.#nodes + LATE_COUNT] as number);
		const late = state.slice(first, lineAt).filter((_, index) => first + index !== at);
		const line = state.slice(lineAt).filter((_, index) => lineAt + index !== at);
		if (again) late.push(event);
		(this.#bounds.late === null ? late : line).push(...sent);
		const lateLeft = late.filter(matters).sort((a, b) => a - b);
		const duplicates = (state[this.#nodes + DUPLICATES_LEFT] as number) - (again ? 1 : 0);
		const delays = state[this.#nodes + LATE_LEFT] as number;
		return [...nodes, duplicates, delays, lateLeft.length, ...lateLeft, ...line.filter(matters)];
	}

	/** The head of the line is late from now on. */
	#delayed(state: State): State {
		const first = this.#nodes + MESSAGES;
		const line = first + (state[this.#nodes + LATE_COUNT] as number);
		const late = state.slice(first, line + 1).sort((a, b) => a - b);
		const after = [...state.slice(0, first), ...late, ...state.slice(line + 1)];
		after[this.#nodes + LATE_LEFT] = (state[this.#nodes + LATE_LEFT] as number) - 1;
		after[this.#nodes + LATE_COUNT] = late.length;
		return after;
	}

	/** @param crashed what this node was to tell itself went with its process */
	#matters(number: number, locals: readonly Local[], crashed: number): boolean {
		const { from, to, message } = this.#numbers.messages.at(number);
		if (from === crashed && to === crashed) return false;
		const sender = locals[from] as Local;
		const receiver = locals[to] as Local;
		switch (message.kind) {
			case 'confirm':
			case 'handOver':
			case 'poll':
				return false;
			case 'prepare':
			case 'accept':
			case 'heartbeat':
				if (message.kind === 'heartbeat' && message.chosenThrough === 0) return false;
				return sender.proposes || receiver.mayCrash || compareBallots(message.ballot, receiver.promised) >= 0;
			case 'fetch':
				return sender.mayCrash || !this.#knowsAll(sender);
			case 'accepted':
				// A contest ends with a vote.
				return receiver.proposes && (this.#bounds.world.contest !== null || receiver.chosen.length < message.slot);
			case 'promise':
			case 'nack':
				return receiver.proposes;
			case 'decisions':
				return receiver.mayCrash || !this.#knowsAll(receiver);
			default:
				return true;
		}
	}

	/** Nothing more is chosen, because there is one slot. */
	#knowsAll({ chosen }: Local): boolean {
		return this.#bounds.world.contest !== null && chosen.length > 0;
	}

	#step(local: number, event: number): Transition {
		const key = local * EVENTS_MAX + event + EVENTS_BELOW_ZERO;
		const known = this.#steps.get(key);
		if (known) return known;
		const transition = this.#workOut(this.#numbers.locals.at(local), event);
		this.#steps.set(key, transition);
		return transition;
	}

	#workOut(local: Local, event: number): Transition {
		const turn = new Turn(this.#numbers, local);
		switch (event) {
			case CAMPAIGN:
				turn.campaign();
				break;
			case FLUSH:
				turn.flush();
				break;
			case CRASH_LOSING:
				turn.crash(false);
				break;
			case CRASH_KEEPING:
				turn.crash(true);
				break;
			default: {
				const { from, message } = this.#numbers.messages.at(event);
				turn.handle({ kind: 'receive', from: this.#bounds.world.ids[from] as NodeId, message });
			}
		}
		return { next: this.#numbers.localNumber(turn.end()), sent: turn.sent };
	}
}
