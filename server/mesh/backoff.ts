/** The waits between tries to connect: exponential, with jitter, without end. It reads no clock. */

export class Backoff {
	readonly #minMs: number;
	readonly #maxMs: number;
	#waitMs: number;

	/**
	 * @param minMs the first wait
	 * @param maxMs the longest wait; after a link that stood for as long, the next wait is the first again
	 */
	constructor(minMs: number, maxMs: number) {
		this.#minMs = minMs;
		this.#maxMs = maxMs;
		this.#waitMs = minMs;
	}

	/**
	 * The time to wait, milliseconds. Half of it is drawn at random, so that links that were lost together are not all
	 * dialed together.
	 *
	 * @param stoodMs how long the last link stood; 0 where the try failed
	 * @param random from 0 to 1
	 */
	next(stoodMs: number, random: number): number {
		if (stoodMs >= this.#maxMs) this.#waitMs = this.#minMs;
		const waitMs = this.#waitMs * (0.5 + random / 2);
		this.#waitMs = Math.min(this.#maxMs, this.#waitMs * 2);
		return waitMs;
	}
}
