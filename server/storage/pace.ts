/**
 * Decides whether the event loop may wait for a flush, by the times of the last flushes. After one slow flush it may
 * not, until many quick ones have followed.
 */

/** The event loop may stand still for so long, now and then: far below a heartbeat. */
const QUICK_MS_MAX = 4;
/** On the average of late; a disk with a write cache takes a tenth. */
const QUICK_MS_MEAN_MAX = 1.5;
/** How much of the mean a flush leaves. */
const MEMORY = 31 / 32;
/** So many in a row, each quick, and it is trusted again. */
const QUICK_FLUSHES_MIN = 64;

export class Pace {
	#meanMs = 0;
	/** Quick flushes that are still to come; 0 while it is trusted. A disk that was not seen yet is not. */
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
