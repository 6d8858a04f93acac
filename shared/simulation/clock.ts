/**
 * A node's two clocks. The wall clock has an offset, drifts, steps and freezes; the pace stretches every
 * timer of the node. Nothing in the protocol may depend on either for safety; that is what they are for.
 */
import type { WallTime } from '../paxos/ballot.ts';
import { type Instant, US_PER_MS } from './schedule.ts';

/** Where virtual time begins on a right wall clock, milliseconds since 1970. */
const WORLD_BEGINS_MS = 1_763_889_731_000;

export class Clock {
	/** A timer of 1 ms takes so many milliseconds of the world. */
	pace = 1;
	/** Of 1: 0.01 gains a second in a hundred. */
	drift = 0;
	#offsetUs: number;
	#frozenAtUs: number | undefined;

	constructor(offsetMs: number) {
		this.#offsetUs = Math.round(offsetMs * US_PER_MS);
	}

	wallTime(now: Instant): WallTime {
		const us = this.#frozenAtUs ?? this.#wallUs(now);
		return { ms: WORLD_BEGINS_MS + Math.floor(us / 1000), ns: (((us % 1000) + 1000) % 1000) * 1000 };
	}

	/** @param byMs below zero for a step back */
	step(byMs: number): void {
		this.#offsetUs += Math.round(byMs * US_PER_MS);
	}

	/** The wall clock stands still until `thaw`, which makes it jump to where it would be. */
	freeze(now: Instant): void {
		this.#frozenAtUs = this.#wallUs(now);
	}

	thaw(): void {
		this.#frozenAtUs = undefined;
	}

	#wallUs(now: Instant): number {
		return now + this.#offsetUs + Math.round(now * this.drift);
	}
}
