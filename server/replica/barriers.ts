/** Linearizable reads that wait: those of one turn share one read of the agent, and each its own time limit. */
import type { ReplicaLoop } from '../../shared/replica/loop.ts';

interface Waiter {
	readonly resolve: (confirmed: boolean) => void;
	timeout: NodeJS.Timeout | undefined;
}

export class Barriers {
	readonly #loop: ReplicaLoop;
	readonly #soon: () => void;
	readonly #all = new Set<Waiter>();
	#turn: Waiter[] = [];

	/** @param soon asks for `endTurn`, once all that is ready was handed in */
	constructor(loop: ReplicaLoop, soon: () => void) {
		this.#loop = loop;
		this.#soon = soon;
	}

	/** @returns false when no leader confirmed in time */
	wait(timeoutMs: number): Promise<boolean> {
		return new Promise((resolve) => {
			const waiter: Waiter = { resolve, timeout: undefined };
			waiter.timeout = setTimeout(() => this.#finish(waiter, false), timeoutMs);
			this.#all.add(waiter);
			this.#turn.push(waiter);
			this.#soon();
		});
	}

	stop(): void {
		for (const waiter of this.#all) this.#finish(waiter, false);
	}

	/** One read of the agent for all that came in this turn. */
	endTurn(): void {
		if (this.#turn.length === 0) return;
		const waiters = this.#turn;
		this.#turn = [];
		this.#loop.read(() => {
			for (const waiter of waiters) this.#finish(waiter, true);
		});
	}

	#finish(waiter: Waiter, confirmed: boolean): void {
		if (!this.#all.delete(waiter)) return;
		clearTimeout(waiter.timeout);
		waiter.resolve(confirmed);
	}
}
