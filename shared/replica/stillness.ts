/**
 * Measures how long this node stands still: because its process is stopped, because it has no processor, or because one
 * step takes long. A timer that fires late tells all of these alike, and so does its peers' patience.
 */
import { BEAT_LATE_MS, BEAT_MS, STILL_EACH_MS_MAX, STILL_WINDOW_MS } from './limits.ts';

export interface StillnessRuntime {
	/** Monotonic, milliseconds. */
	nowMs(): number;
	/** Calls `Stillness.fire` after so many milliseconds. */
	setTimer(afterMs: number): void;
}

interface Pause {
	readonly endMs: number;
	readonly ms: number;
}

export class Stillness {
	readonly #runtime: StillnessRuntime;
	/** The pauses of the window, the oldest first. */
	#pauses: Pause[] = [];
	#dueMs = 0;

	constructor(runtime: StillnessRuntime) {
		this.#runtime = runtime;
	}

	start(): void {
		this.#dueMs = this.#runtime.nowMs() + BEAT_MS;
		this.#runtime.setTimer(BEAT_MS);
	}

	/** The timer has fired. */
	fire(): void {
		const nowMs = this.#runtime.nowMs();
		const lateMs = nowMs - this.#dueMs;
		if (lateMs >= BEAT_LATE_MS) this.#pauses.push({ endMs: nowMs, ms: Math.min(lateMs, STILL_EACH_MS_MAX) });
		this.start();
	}

	/** How long the node stood still lately. One long pause counts little: it is pauses that come again that matter. */
	get stillMs(): number {
		if (this.#pauses.length === 0) return 0;
		const sinceMs = this.#runtime.nowMs() - STILL_WINDOW_MS;
		if ((this.#pauses[0] as Pause).endMs < sinceMs) this.#pauses = this.#pauses.filter(({ endMs }) => endMs >= sinceMs);
		return Math.floor(this.#pauses.reduce((sum, { ms }) => sum + ms, 0));
	}
}
