/**
 * How long a client waits for a node that owes it an answer, before it looks for another one. A node that is only
 * slow would be left again and again, so each time that a client has left one it waits twice as long, up to a bound;
 * in quiet times that is forgotten step by step. No two clients wait equally long.
 */
import type { ClientRuntime } from './runtime.ts';

const PATIENCE_MIN_MS = 1000;
/** The steps from the shortest patience to the longest, each twice the one before. */
const STEPS_MAX = 4;
/** Of 1: so much longer at random. */
const JITTER = 0.2;
/** One step is forgotten in so long. */
const FORGETS_AFTER_MS = 30_000;

export class Patience {
	readonly #runtime: ClientRuntime;
	#steps = 0;
	/** When `#steps` last changed. */
	#sinceMs = 0;
	#jitter: number;

	constructor(runtime: ClientRuntime) {
		this.#runtime = runtime;
		this.#jitter = 1 + JITTER * runtime.random();
	}

	get ms(): number {
		this.#forget();
		return PATIENCE_MIN_MS * 2 ** this.#steps * this.#jitter;
	}

	/** It was too short, perhaps. */
	lost(): void {
		this.#forget();
		this.#steps = Math.min(STEPS_MAX, this.#steps + 1);
		this.#sinceMs = this.#runtime.nowMs();
		this.#jitter = 1 + JITTER * this.#runtime.random();
	}

	#forget(): void {
		const steps = Math.floor((this.#runtime.nowMs() - this.#sinceMs) / FORGETS_AFTER_MS);
		if (steps === 0) return;
		this.#steps = Math.max(0, this.#steps - steps);
		this.#sinceMs += steps * FORGETS_AFTER_MS;
	}
}
