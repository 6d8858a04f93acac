/**
 * How long a client waits for a node that owes it an answer before it looks for another one: three times the longest
 * recent delay, and twice as long for each node that it has left since the last answer. So a node that is gone is left
 * soon, and one that is only slow is not left again and again. The time is drawn at random, so that clients do not all
 * leave a node together.
 *
 * @source RFC 6298, the retransmission timer of TCP, with the largest delay in place of its mean and variance
 */
import type { ClientRuntime } from './runtime.ts';

const PATIENCE_MIN_MS = 1000;
const PATIENCE_MAX_MS = 16_000;
/** The patience is so many times the longest recent delay. */
const FACTOR = 3;
/** The longest recent delay shrinks by this factor with each answer. */
const MEMORY = 0.5;
/** The patience is longer by a random part of itself, up to this one. */
const JITTER = 0.2;

export class Patience {
	readonly #runtime: ClientRuntime;
	/** The longest recent delay of an answer, milliseconds. */
	#delayMs = 0;
	/** The number of nodes given up since the last answer. */
	#givenUp = 0;
	#jitter: number;

	constructor(runtime: ClientRuntime) {
		this.#runtime = runtime;
		this.#jitter = 1 + JITTER * runtime.random();
	}

	get ms(): number {
		const ms = Math.max(PATIENCE_MIN_MS, FACTOR * this.#delayMs) * 2 ** this.#givenUp;
		return Math.min(PATIENCE_MAX_MS, ms) * this.#jitter;
	}

	/** A node has answered. @param afterMs for how long it had owed the answer, milliseconds */
	answered(afterMs: number): void {
		this.#givenUp = 0;
		this.#delayMs = Math.max(afterMs, MEMORY * this.#delayMs);
	}

	/** A node was given up: perhaps the patience was too short. */
	gaveUp(): void {
		this.#givenUp++;
		this.#jitter = 1 + JITTER * this.#runtime.random();
	}
}
