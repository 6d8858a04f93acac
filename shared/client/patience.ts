/**
 * How long a client waits for a node that owes it an answer, before it looks for another one: a few times as long as
 * nodes took of late, and twice as long with each node that it gave up in vain. So a node that is gone is left soon,
 * however often that happens, and one that is only slow is not left again and again. No two clients wait equally long.
 *
 * @source RFC 6298, the retransmission timer of TCP, with the largest delay in place of its mean and variance
 */
import type { ClientRuntime } from './runtime.ts';

const PATIENCE_MIN_MS = 1000;
const PATIENCE_MAX_MS = 16_000;
/** So many times as long as nodes took of late. */
const FACTOR = 3;
/** What one answer leaves of the longest delay before it. */
const MEMORY = 0.5;
/** Of 1: so much longer at random. */
const JITTER = 0.2;

export class Patience {
	readonly #runtime: ClientRuntime;
	/** How long nodes took of late, at the longest. */
	#delayMs = 0;
	/** Nodes given up since one has answered. */
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

	/** A node has answered after so long. */
	answered(afterMs: number): void {
		this.#givenUp = 0;
		this.#delayMs = Math.max(afterMs, MEMORY * this.#delayMs);
	}

	/** It was too short, perhaps. */
	gaveUp(): void {
		this.#givenUp++;
		this.#jitter = 1 + JITTER * this.#runtime.random();
	}
}
