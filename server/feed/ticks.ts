/** When batches are sent: as soon as that is asked for, and no sooner than their pace allows. */
export interface FlowClock {
	/** Monotonic, milliseconds. */
	nowMs(): number;
	/** Calls `run` once, no earlier than `delayMs` from now. The function returned cancels it. */
	after(delayMs: number, run: () => void): () => void;
}

export class Ticks {
	readonly #clock: FlowClock;
	readonly #everyMs: number;
	readonly #send: (nowMs: number) => void;
	#cancel: (() => void) | null = null;
	#dueMs = Number.NEGATIVE_INFINITY;
	#sentAtMs = Number.NEGATIVE_INFINITY;

	/** @param everyMs the least time from one tick to the next @param send what a tick does */
	constructor(clock: FlowClock, everyMs: number, send: (nowMs: number) => void) {
		this.#clock = clock;
		this.#everyMs = everyMs;
		this.#send = send;
	}

	/** Asks for a tick after `delayMs`, but no sooner than the pace allows. Of two requests the earlier one counts. */
	ask(delayMs: number): void {
		const nowMs = this.#clock.nowMs();
		const dueMs = Math.max(nowMs + delayMs, this.#sentAtMs + this.#everyMs);
		if (this.#cancel !== null) {
			if (this.#dueMs <= dueMs) return;
			this.#cancel();
		}
		this.#dueMs = dueMs;
		this.#cancel = this.#clock.after(dueMs - nowMs, () => {
			this.#cancel = null;
			this.#tick();
		});
	}

	/** Something was sent, in a tick or not. The pace counts from here. */
	sent(nowMs: number): void {
		this.#sentAtMs = nowMs;
	}

	cancel(): void {
		this.#cancel?.();
		this.#cancel = null;
	}

	#tick(): void {
		const nowMs = this.#clock.nowMs();
		// A timer may fire a little early.
		if (nowMs - this.#sentAtMs < this.#everyMs) this.ask(0);
		else this.#send(nowMs);
	}
}
