/**
 * Walks every interleaving of the real agent in a tiny world: three acceptors, two of which propose, one slot,
 * one ballot each. What the simulator samples is complete here, within these bounds:
 *
 * - A message may arrive at any later moment, in any order, or never. Once, it may arrive twice.
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
 *   nack is one of those above.
 * - `decisions` at a node that knows them already and can no longer crash, since chosenThrough never goes back;
 *   and a `fetch` that such a node has sent.
 * - a heartbeat of a leader that has chosen nothing: what it makes its receiver do (follow, give a lower ballot
 *   up, or refuse) the accept of the same ballot does as well, and that one always follows it.
 *
 * @source Lamport, Specifying Systems 14 (explicit-state checking, fingerprints)
 */

import { ballotToText, compareBallots, type NodeId } from '../paxos/ballot.ts';
import { begun, Turn } from './explore-turn.ts';
import { IDS, type Local, Numbers, PROPOSERS, QUORUM, SLOT } from './explore-world.ts';
import { Fingerprints } from './fingerprints.ts';
import { Violation } from './ledger.ts';

export interface Bounds {
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
	/** In how many of the states a value is chosen; both must be possible. */
	readonly chosenFirst: number;
	readonly chosenSecond: number;
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
const LOCAL_EVENTS = 4;

/** A state: the three local states, how many messages may still come twice, and those under way, sorted. */
type State = readonly number[];
const DUPLICATES_LEFT = 3;
const MESSAGES_FROM = 4;

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
	readonly #numbers = new Numbers();
	/** By local state and event. */
	readonly #steps = new Map<number, Transition>();
	readonly #visited = new Fingerprints();
	#transitions = 0;
	/** What is being worked out. */
	#taking = { node: 0, event: 0 };
	#chosenFirst = 0;
	#chosenSecond = 0;

	constructor(bounds: Bounds) {
		this.#bounds = bounds;
	}

	run(onProgress?: (states: number, frontier: number) => void): Explored {
		const { crash, duplicates, statesMax } = this.#bounds;
		const frontier: Reached[] = [];
		for (const crashing of crash ? [0, 1, 2] : [-1]) {
			const state = [...IDS.map((_, node) => this.#numbers.localNumber(begun(node, node === crashing))), duplicates];
			if (this.#visited.add(state)) frontier.push({ state, before: undefined, node: 0, event: 0 });
		}
		let violation: Explored['violation'] = null;
		let reached: Reached | undefined;
		try {
			for (reached = frontier.pop(); reached && this.#visited.size < statesMax; reached = frontier.pop()) {
				const before = reached;
				this.#check(before.state);
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
			localStates: this.#numbers.localsCount,
			messages: this.#numbers.messagesCount,
			complete: violation === null && frontier.length === 0,
			chosenFirst: this.#chosenFirst,
			chosenSecond: this.#chosenSecond,
			violation,
		};
	}

	/** Agreement, of what is chosen by the votes and of what nodes believe. */
	#check(state: State): void {
		const locals = [0, 1, 2].map((node) => this.#numbers.local(state[node] as number));
		let chosen = 0;
		for (let vote = 0; vote < PROPOSERS * 4; vote++) {
			if (locals.filter(({ votes }) => (votes & (1 << vote)) !== 0).length < QUORUM) continue;
			const value = vote % 4;
			if (chosen !== 0 && chosen !== value) throw new Violation('Agreement', 'two values are chosen');
			chosen = value;
		}
		for (const { node, chosen: believed } of locals) {
			if (believed !== 0 && believed !== chosen)
				throw new Violation('OnlyChosenIsLearned', `${IDS[node]} believes otherwise`);
		}
		if (chosen === 1) this.#chosenFirst++;
		if (chosen === 2) this.#chosenSecond++;
	}

	#expand(state: State, visit: (next: State, node: number, event: number) => void): void {
		const take = (node: number, event: number, again = false) => {
			this.#taking = { node, event };
			visit(this.#after(state, node, event, again), node, event);
		};
		for (let node = 0; node < IDS.length; node++) {
			const local = this.#numbers.local(state[node] as number);
			if (local.mayCampaign) take(node, CAMPAIGN);
			if (local.unflushed.length > 0) take(node, FLUSH);
			if (!local.mayCrash) continue;
			take(node, CRASH_LOSING);
			if (local.unflushed.length > 0) take(node, CRASH_KEEPING);
		}
		for (let index = MESSAGES_FROM; index < state.length; index++) {
			const message = state[index] as number;
			if (index > MESSAGES_FROM && state[index - 1] === message) continue;
			const { to } = this.#numbers.message(message);
			take(to, message);
			if ((state[DUPLICATES_LEFT] as number) > 0) take(to, message, true);
		}
	}

	/** Every event from the beginning to the one that failed. */
	#trace(last: Reached | undefined): string[] {
		const lines: string[] = [];
		for (let at = last; at?.before; at = at.before) lines.unshift(this.#describe(at.node, at.event));
		return [...lines, this.#describe(this.#taking.node, this.#taking.event)];
	}

	#describe(node: number, event: number): string {
		const id = IDS[node] as NodeId;
		if (event === CAMPAIGN) return `${id} campaigns`;
		if (event === FLUSH) return `${id} flushes`;
		if (event === CRASH_LOSING) return `${id} crashes, and loses what is not flushed`;
		if (event === CRASH_KEEPING) return `${id} crashes, and keeps what it wrote`;
		const { from, message } = this.#numbers.message(event);
		const ballot = 'ballot' in message ? ` ${ballotToText(message.ballot)}` : '';
		return `${id} receives ${message.kind}${ballot} from ${IDS[from]}`;
	}

	/** @param again the message arrives, and is still under way */
	#after(state: State, node: number, event: number, again = false): State {
		const { next, sent } = this.#step(state[node] as number, event);
		const messages = state.slice(MESSAGES_FROM);
		if (event >= 0 && !again) messages.splice(messages.indexOf(event), 1);
		const after = [state[0] as number, state[1] as number, state[2] as number];
		after[node] = next;
		const crashed = event === CRASH_LOSING || event === CRASH_KEEPING ? node : -1;
		const underWay = [...messages, ...sent]
			.filter((message) => this.#matters(message, after, crashed))
			.sort((a, b) => a - b);
		return [...after, (state[DUPLICATES_LEFT] as number) - (again ? 1 : 0), ...underWay];
	}

	/** @param crashed what this node was to tell itself went with its process */
	#matters(number: number, locals: readonly number[], crashed: number): boolean {
		const { from, to, message } = this.#numbers.message(number);
		if (from === crashed && to === crashed) return false;
		const sender = this.#numbers.local(locals[from] as number);
		const receiver = this.#numbers.local(locals[to] as number);
		switch (message.kind) {
			case 'confirm':
			case 'handOver':
			case 'poll':
				return false;
			case 'prepare':
			case 'accept':
			case 'heartbeat':
				if (message.kind === 'heartbeat' && message.chosenThrough < SLOT) return false;
				return sender.proposes || receiver.mayCrash || compareBallots(message.ballot, receiver.promised) >= 0;
			case 'fetch':
				return sender.mayCrash || sender.chosen === 0;
			case 'promise':
			case 'accepted':
			case 'nack':
				return receiver.proposes;
			case 'decisions':
				return receiver.mayCrash || receiver.chosen === 0;
			default:
				return true;
		}
	}

	#step(local: number, event: number): Transition {
		const key = local * 65_536 + event + LOCAL_EVENTS;
		const known = this.#steps.get(key);
		if (known) return known;
		const transition = this.#workOut(this.#numbers.local(local), event);
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
				const { from, message } = this.#numbers.message(event);
				turn.handle({ kind: 'receive', from: IDS[from] as NodeId, message });
			}
		}
		return { next: this.#numbers.localNumber(turn.end()), sent: turn.sent };
	}
}
