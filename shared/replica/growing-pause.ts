/**
 * The pause before something is tried again that has failed for want of room. It doubles with each failure in a row, up
 * to a bound, and is the first one again after a success.
 */
export interface PauseBounds {
	readonly firstMs: number;
	readonly maxMs: number;
}

export class GrowingPause {
	readonly #nowMs: () => number;
	readonly #bounds: PauseBounds;
	/** The pause after the next failure. */
	#nextMs: number;
	#untilMs = Number.NEGATIVE_INFINITY;

	/** @param nowMs a monotonic clock, milliseconds */
	constructor(nowMs: () => number, bounds: PauseBounds) {
		this.#nowMs = nowMs;
		this.#bounds = bounds;
		this.#nextMs = bounds.firstMs;
	}

	get isOver(): boolean {
		return this.#nowMs() >= this.#untilMs;
	}

	failed(): void {
		this.#untilMs = this.#nowMs() + this.#nextMs;
		this.#nextMs = Math.min(2 * this.#nextMs, this.#bounds.maxMs);
	}

	succeeded(): void {
		this.#untilMs = Number.NEGATIVE_INFINITY;
		this.#nextMs = this.#bounds.firstMs;
	}
}
