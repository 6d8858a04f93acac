/**
 * Sends a batch that a node refused again, after a pause. The pause grows with each refusal, and is drawn at random so
 * that clients which were refused together do not come back together. One timer serves all batches of a kind.
 */
import type { ClientRuntime } from './runtime.ts';

const PAUSE_MIN_MS = 20;
const PAUSE_MAX_MS = 1000;
/** The upper end of the pause once the reason of the refusal is gone. It spreads the clients that waited for that. */
const SOON_MS = 50;

/** The upper end of the pause, milliseconds. @param refusals how many there were in a row, 1 or more */
function pauseMaxMs(refusals: number): number {
	return Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** Math.min(refusals, 10));
}

export interface Refusable {
	/** The number of refusals in a row. */
	refusals: number;
	/** The batch is sent again at this time of the runtime's clock; `NEVER` for one that was not refused. */
	againMs: number;
}

export const NEVER = Number.POSITIVE_INFINITY;

export class Again {
	readonly #runtime: ClientRuntime;
	readonly #send: (nowMs: number) => void;
	#dueMs = NEVER;
	#cancel: (() => void) | undefined;

	/** @param send sends the batches that are due by `nowMs`, and calls `wait` for those that are due later */
	constructor(runtime: ClientRuntime, send: (nowMs: number) => void) {
		this.#runtime = runtime;
		this.#send = send;
	}

	refused(batch: Refusable): void {
		const nowMs = this.#runtime.nowMs();
		batch.againMs = nowMs + pauseMaxMs(++batch.refusals) * this.#runtime.random();
		this.wait(batch.againMs, nowMs);
	}

	/** The reason of the batch's refusal is gone. */
	soon(batch: Refusable): void {
		const nowMs = this.#runtime.nowMs();
		batch.againMs = Math.min(batch.againMs, nowMs + SOON_MS * this.#runtime.random());
		this.wait(batch.againMs, nowMs);
	}

	wait(untilMs: number, nowMs: number): void {
		if (untilMs >= this.#dueMs) return;
		this.#cancel?.();
		this.#dueMs = untilMs;
		this.#cancel = this.#runtime.after(Math.max(0, untilMs - nowMs), () => {
			this.#dueMs = NEVER;
			this.#send(this.#runtime.nowMs());
		});
	}

	stop(): void {
		this.#cancel?.();
		this.#dueMs = NEVER;
	}
}
