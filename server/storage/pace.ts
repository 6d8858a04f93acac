/**
 * Decides whether the event loop may wait for a flush, by the times of the last flushes. After one slow flush it may
 * not, until many quick ones have followed.
 */

/** A quick flush takes at most so long, which is far below the interval of heartbeats. */
const QUICK_MS_MAX = 4;
/** The recent mean of a quick disk is at most this. With a write cache it is a tenth of this. */
const QUICK_MS_MEAN_MAX = 1.5;
/** The weight of the old mean when a flush is measured. */
const MEMORY = 31 / 32;
/** After so many quick flushes in a row the disk is trusted. */
const QUICK_FLUSHES_MIN = 64;

export class Pace {
	#meanMs = 0;
	/** The number of quick flushes that are still needed; 0 while the disk is trusted. A new disk is not. */
	#doubt = QUICK_FLUSHES_MIN;

	get isQuick(): boolean {
		return this.#doubt === 0;
	}

	flushed(ms: number): void {
		this.#meanMs = MEMORY * this.#meanMs + (1 - MEMORY) * ms;
		if (ms > QUICK_MS_MAX || this.#meanMs > QUICK_MS_MEAN_MAX) this.#doubt = QUICK_FLUSHES_MIN;
		else if (this.#doubt > 0) this.#doubt--;
	}
}
