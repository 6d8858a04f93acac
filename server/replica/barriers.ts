/** Linearizable reads that wait: those of one turn share one read of the agent, and each its own time limit. */
import type { ReplicaLoop } from '../../shared/replica/loop.ts';

interface Waiter {
	readonly resolve: (confirmed: boolean) => void;
	timeout: NodeJS.Timeout | undefined;
}

export class Barriers {
	readonly #loop: ReplicaLoop;
	readonly #all = new Set<Waiter>();
	#turn: Waiter[] = [];

	constructor(loop: ReplicaLoop) {
		this.#loop = loop;
	}

	/** @returns false when no leader confirmed in time */
	wait(timeoutMs: number): Promise<boolean> {
		return new Promise((resolve) => {
			const waiter: Waiter = { resolve, timeout: undefined };
			waiter.timeout = setTimeout(() => this.#finish(waiter, false), timeoutMs);
			this.#all.add(waiter);
			this.#turn.push(waiter);
			if (this.#turn.length === 1) setImmediate(() => this.#endTurn());
		});
	}

	stop(): void {
		for (const waiter of this.#all) this.#finish(waiter, false);
	}

	#endTurn(): void {
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
