/**
 * When a batch that a node refused is sent again: after a pause that grows with each refusal, drawn at random so that
 * clients which were refused together do not come back together. One timer serves all batches of a kind.
 */
import type { ClientRuntime } from './runtime.ts';

const PAUSE_MIN_MS = 20;
const PAUSE_MAX_MS = 1000;
/** The upper end of the pause where there is no reason to wait any more, but for the others that waited too. */
const SOON_MS = 50;

/** The upper end of the pause after so many refusals, from 1 on. */
function pauseMaxMs(refusals: number): number {
	return Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** Math.min(refusals, 10));
}

export interface Refusable {
	/** In a row, by nodes that have told why. */
	refusals: number;
	/** It is sent again at this time; `NEVER` for one that was not refused. */
	againMs: number;
}

export const NEVER = Number.POSITIVE_INFINITY;

export class Again {
	readonly #runtime: ClientRuntime;
	readonly #send: (nowMs: number) => void;
	#dueMs = NEVER;
	#cancel: (() => void) | undefined;

	/** @param send sends what is due by `nowMs`, and calls `wait` for what is due later */
	constructor(runtime: ClientRuntime, send: (nowMs: number) => void) {
		this.#runtime = runtime;
		this.#send = send;
	}

	refused(batch: Refusable): void {
		const nowMs = this.#runtime.nowMs();
		batch.againMs = nowMs + pauseMaxMs(++batch.refusals) * this.#runtime.random();
		this.wait(batch.againMs, nowMs);
	}

	/** What it was refused for is over. */
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
