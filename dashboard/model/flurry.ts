/**
 * The live mesh at a pace a person can follow. On one machine a round takes a millisecond, so the mesh shows
 * flurries: a short stretch of real messages, in slow motion and causal order, then the newest stretch again.
 * Messages between two flurries are counted elsewhere and not drawn.
 */
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { MessageKind } from '../../shared/paxos/message.ts';
import { causalOrder } from './causal-order.ts';
import type { Flight } from './playback.ts';
import type { Entry } from './tape.ts';

export interface Flurry {
	readonly flights: readonly Flight[];
	readonly durationMs: number;
	/** How long it really took, in milliseconds, by the receivers' clocks. */
	readonly realMs: number;
	/** When it began to reach the page, on the page's own clock. */
	readonly startedMs: number;
	/** Whether it has a message of phase 1 or 2, and not only heartbeats. */
	readonly decides: boolean;
}

const FLURRY_MS_MAX = 250;
const FACTS_MAX = 400;
const FLIGHTS_MAX = 48;
/** A longer chain of causes is cut here, because the next flurry is more interesting than the rest of this one. */
const DEPTH_MAX = 6;
const FLIGHT_MS = 850;
const STAGGER_MS = 45;
const STAGGERED_MAX = 8;

const DECIDING: ReadonlySet<MessageKind> = new Set(['prepare', 'promise', 'accept', 'accepted', 'nack', 'decisions']);

export class FlurryRecorder {
	#entries: Entry[] = [];
	#startedMs = 0;
	#closed: Flurry | null = null;

	add(entry: Entry, nowMs: number): void {
		const { fact } = entry;
		if (fact.kind !== 'sent' && fact.kind !== 'received') return;
		if (fact.node === (fact.kind === 'sent' ? fact.to : fact.from)) return;
		this.#closeIfDue(nowMs);
		if (this.#startedMs === 0) this.#startedMs = nowMs;
		if (this.#entries.length < FACTS_MAX) this.#entries.push(entry);
	}

	/** The most telling flurry since the last call; null for none. */
	take(nowMs: number): Flurry | null {
		this.#closeIfDue(nowMs);
		const taken = this.#closed;
		this.#closed = null;
		return taken;
	}

	#closeIfDue(nowMs: number): void {
		if (this.#startedMs === 0 || nowMs - this.#startedMs <= FLURRY_MS_MAX) return;
		const flurry = flurryOf(this.#entries, this.#startedMs);
		if (flurry && (flurry.decides || !this.#closed?.decides)) this.#closed = flurry;
		this.#entries = [];
		this.#startedMs = 0;
	}
}

/** Each message departs when all that its sender had received before has arrived. */
function flurryOf(entries: readonly Entry[], startedMs: number): Flurry | null {
	const depthOfNode = new Map<NodeId, number>();
	const depthOfMessage = new Map<string, number>();
	const countAtDepth = new Map<number, number>();
	const flights: Flight[] = [];
	const times: number[] = [];
	for (const { fact } of causalOrder(entries)) {
		if (fact.kind === 'sent') depthOfMessage.set(fact.messageId, (depthOfNode.get(fact.node) ?? 0) + 1);
		if (fact.kind !== 'received') continue;
		const depth = depthOfMessage.get(fact.messageId) ?? 1;
		depthOfNode.set(fact.node, Math.max(depth, depthOfNode.get(fact.node) ?? 0));
		if (depth > DEPTH_MAX || flights.length >= FLIGHTS_MAX) continue;
		const order = countAtDepth.get(depth) ?? 0;
		countAtDepth.set(depth, order + 1);
		const departMs = (depth - 1) * FLIGHT_MS + Math.min(order, STAGGERED_MAX) * STAGGER_MS;
		const arriveMs = departMs + FLIGHT_MS - STAGGER_MS;
		times.push(fact.time);
		flights.push({
			id: fact.messageId,
			from: fact.from,
			to: fact.node,
			kind: fact.message.kind,
			departMs,
			arriveMs,
			lost: false,
		});
	}
	if (flights.length === 0) return null;
	return {
		flights,
		durationMs: Math.max(...flights.map((flight) => flight.arriveMs)) + STAGGER_MS,
		realMs: Math.max(...times) - Math.min(...times),
		startedMs,
		decides: flights.some((flight) => DECIDING.has(flight.kind)),
	};
}
