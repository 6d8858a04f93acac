/**
 * The wall clock of a node, with the nanoseconds that ballots are made of. It counts by the monotonic clock, which knows
 * microseconds, and goes after the system's clock where that was set, or went on while the machine slept.
 */
import { performance } from 'node:perf_hooks';
import type { WallTime } from '../../shared/paxos/ballot.ts';

/** The two clocks are compared so often, milliseconds. */
const COMPARED_EVERY_MS = 1000;
/** Where they are so far apart, milliseconds, the system's clock was set. It is read in whole milliseconds. */
const SET_MS_MIN = 10;

export class WallClock {
	readonly #steadyMs: () => number;
	readonly #systemMs: () => number;
	/** The time at which the monotonic clock began, milliseconds since 1970. */
	#originMs: number;
	#comparedMs: number;

	/** @param systemMs milliseconds since 1970, by a clock that people set */
	constructor(originMs: number, steadyMs: () => number, systemMs: () => number) {
		this.#originMs = originMs;
		this.#steadyMs = steadyMs;
		this.#systemMs = systemMs;
		this.#comparedMs = steadyMs();
	}

	/** Milliseconds since 1970. */
	get ms(): number {
		const steadyMs = this.#steadyMs();
		if (steadyMs - this.#comparedMs >= COMPARED_EVERY_MS) this.#compare(steadyMs);
		return this.#originMs + steadyMs;
	}

	#compare(steadyMs: number): void {
		this.#comparedMs = steadyMs;
		const setMs = this.#systemMs() - (this.#originMs + steadyMs);
		if (Math.abs(setMs) >= SET_MS_MIN) this.#originMs += setMs;
	}
}

const clock = new WallClock(
	performance.timeOrigin,
	() => performance.now(),
	() => Date.now(),
);

/** Milliseconds since 1970. */
export function wallMs(): number {
	return clock.ms;
}

export function wallTime(): WallTime {
	const now = wallMs();
	const ms = Math.floor(now);
	return { ms, ns: Math.floor((now - ms) * 1_000_000) };
}
