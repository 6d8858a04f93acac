/** How fast the time of a run passes beside that of the page. */
import { type Instant, US_PER_MS } from '../../shared/simulation/schedule.ts';
import type { Stage } from '../../shared/simulation/stage.ts';
import { isTelling, mostTelling } from './flown.ts';

/** The virtual seconds that pass in a second of the page. `auto` is slow while a message flies that tells much, and else fast. */
export type Speed = number | 'auto';
export const SPEEDS: readonly Speed[] = ['auto', 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1];
const AUTO_SLOW = 0.0007;
const AUTO_FAST = 0.1;
/** A message that arrives later than this does not slow the time down. */
const SOON_US = 5 * US_PER_MS;
/** The page skips at most this much of its own time at once, such as after it was hidden. */
const PASS_MS_MAX = 100;

/** The time of the page that is still to pass in the run. */
export class Passing {
	#leftMs: number;
	/** Virtual time that has passed and is less than a microsecond. */
	#rest: number;

	/** @param rest what the passing before this one left */
	constructor(pageMs: number, rest: number) {
		this.#leftMs = Math.min(pageMs, PASS_MS_MAX);
		this.#rest = rest;
	}

	get rest(): number {
		return this.#rest;
	}

	/** The instant to run to next: of the next event, after which another speed may be right, or when the time is over. */
	next({ stage, speed }: { readonly stage: Stage; readonly speed: Speed }): Instant | null {
		if (this.#leftMs <= 0) return null;
		const { now, nextTime } = stage;
		const usPerMs = (speed === 'auto' ? autoSpeed(stage) : speed) * US_PER_MS;
		const wanted = this.#rest + this.#leftMs * usPerMs;
		const until = Math.min(nextTime, now + Math.floor(wanted));
		const passed = until - now;
		this.#leftMs = until < nextTime ? 0 : this.#leftMs - Math.max(0, passed - this.#rest) / usPerMs;
		this.#rest = until === nextTime ? 0 : wanted - passed;
		return until;
	}
}

function autoSpeed({ now, flights }: Stage): number {
	for (const { kinds, due } of flights) {
		if (due > now && due - now < SOON_US && isTelling(mostTelling(kinds))) return AUTO_SLOW;
	}
	return AUTO_FAST;
}
