/**
 * Linearizable reads that wait, each with its own time limit. One read of the agent at a time serves all that
 * came before it was asked: while there is no leader, what waits here is all that waits.
 */
import type { ReplicaLoop } from '../../shared/replica/loop.ts';

interface Waiter {
	readonly done: (confirmed: boolean) => void;
	timeout: NodeJS.Timeout | undefined;
}

export class Barriers {
	readonly #loop: ReplicaLoop;
	readonly #soon: () => void;
	/** For the next read of the agent. */
	#waiting = new Set<Waiter>();
	/** The read under way is for these; null for none. */
	#asked: Set<Waiter> | null = null;

	/** @param soon asks for `endTurn`, once all that is ready was handed in */
	constructor(loop: ReplicaLoop, soon: () => void) {
		this.#loop = loop;
		this.#soon = soon;
	}

	/** @param done told once, false when no leader confirmed in time; never from inside this call */
	wait(timeoutMs: number, done: (confirmed: boolean) => void): void {
		const waiter: Waiter = { done, timeout: undefined };
		waiter.timeout = setTimeout(() => this.#finish(waiter, false), timeoutMs);
		this.#waiting.add(waiter);
		this.#soon();
	}

	stop(): void {
		for (const waiter of [...(this.#asked ?? []), ...this.#waiting]) this.#finish(waiter, false);
	}

	endTurn(): void {
		if (this.#asked !== null || this.#waiting.size === 0) return;
		const asked = this.#waiting;
		this.#asked = asked;
		this.#waiting = new Set();
		this.#loop.read(() => {
			this.#asked = null;
			for (const waiter of asked) this.#finish(waiter, true);
			if (this.#waiting.size > 0) this.#soon();
		});
	}

	#finish(waiter: Waiter, confirmed: boolean): void {
		if (!this.#waiting.delete(waiter) && !this.#asked?.delete(waiter) && !confirmed) return;
		clearTimeout(waiter.timeout);
		waiter.done(confirmed);
	}
}
