/**
 * A node's clocks. The wall clock has an offset, drifts, steps and freezes. The monotonic one begins with each life of
 * the node, and is a little too fast or too slow. The pace stretches every timer of the node. They are wrong on purpose,
 * because the safety of the protocol may not depend on them.
 */
import type { WallTime } from '../paxos/ballot.ts';
import { type Instant, US_PER_MS } from './schedule.ts';

/** The errors of a swarm's wall clocks without faults. */
export interface ClockTaste {
	/** The largest difference from the right time at the beginning. With 0 all clocks are equal. */
	readonly spreadMs: number;
	/** A clock shows multiples of this, microseconds. */
	readonly resolutionUs: number;
}

export const USUAL_CLOCKS: ClockTaste = { spreadMs: 2_000, resolutionUs: 1 };

/** The largest relative error of a monotonic clock. A real one has at most 0.0005. */
export const STEADY_ERROR_MAX = 0.005;

/** The right wall time at which virtual time begins, milliseconds since 1970. */
export const WORLD_BEGINS_MS = 1_763_889_731_000;

export class Clock {
	/** The relative error of the wall clock. With 0.01 it gains a second in a hundred. */
	drift = 0;
	/** How often the pace was changed. */
	paceChanges = 0;
	/** The highest pace so far. A timer that was set under it may still be on its way. */
	paceMax = 1;
	#pace = 1;
	#offsetUs: number;
	readonly #resolutionUs: number;
	readonly #steadyError: number;
	#frozenAtUs: number | undefined;

	/** @param steadyError the relative error of the monotonic clock; above 0 it is too fast */
	constructor(offsetMs: number, resolutionUs = 1, steadyError = 0) {
		this.#steadyError = steadyError;
		this.#resolutionUs = resolutionUs;
		this.#offsetUs = Math.round(offsetMs * US_PER_MS);
	}

	/** A timer of 1 ms takes so many milliseconds of the world. */
	get pace(): number {
		return this.#pace;
	}

	set pace(pace: number) {
		this.#pace = pace;
		this.paceMax = Math.max(this.paceMax, pace);
		this.paceChanges++;
	}

	wallTime(now: Instant): WallTime {
		const fineUs = WORLD_BEGINS_MS * US_PER_MS + (this.#frozenAtUs ?? this.#wallUs(now));
		// No clock of a computer shows a time before 1970.
		const us = Math.max(0, fineUs - (fineUs % this.#resolutionUs));
		return { ms: Math.floor(us / US_PER_MS), ns: (us % US_PER_MS) * 1000 };
	}

	/** The time of the monotonic clock, milliseconds. @param begun the time at which the life of the node began */
	steadyMs(now: Instant, begun: Instant): number {
		return ((now - begun) / US_PER_MS) * (1 + this.#steadyError);
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
