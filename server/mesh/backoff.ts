/** How long to wait before the next try to connect: exponential, with jitter, for ever. Reads no clock. */

export class Backoff {
	readonly #minMs: number;
	readonly #maxMs: number;
	#waitMs: number;

	/**
	 * @param minMs the first wait
	 * @param maxMs the longest; a link that stood for as long makes the next wait the first again
	 */
	constructor(minMs: number, maxMs: number) {
		this.#minMs = minMs;
		this.#maxMs = maxMs;
		this.#waitMs = minMs;
	}

	/**
	 * The time to wait, milliseconds: half of it is drawn, so that nodes that lost each other at once do not all
	 * come back at once.
	 *
	 * @param stoodMs how long the link stood that was lost; 0 when none came about
	 * @param random from 0 to 1
	 */
	next(stoodMs: number, random: number): number {
		if (stoodMs >= this.#maxMs) this.#waitMs = this.#minMs;
		const waitMs = this.#waitMs * (0.5 + random / 2);
		this.#waitMs = Math.min(this.#maxMs, this.#waitMs * 2);
		return waitMs;
	}
}
