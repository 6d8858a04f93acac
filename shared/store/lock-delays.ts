/**
 * Keys whose lock nobody gets yet: the session that held each of them has ended, and its client may not know it. They
 * wait for the log's time (`Store.timeMs`), because by any other clock the replicas would differ.
 *
 * @source Burrows, The Chubby lock service for loosely-coupled distributed systems (OSDI 2006), 2.4
 */
import { compareUtf8 } from '../bytes/text.ts';
import { Heap } from './heap.ts';

/** A command drops few keys that wait no more, but more than it can add by acquiring one. */
const DROPPED_PER_COMMAND_MAX = 4;

/** A key that waits. It never changes. */
export interface LockDelay {
	readonly key: string;
	/** The log's time at which it waits no more. */
	readonly untilMs: number;
}

export class LockDelays {
	/** In the order in which they began. Some of them may be over. */
	readonly #delays = new Map<string, LockDelay>();
	/** The same, and some that were removed meanwhile, in the order of their ends. */
	readonly #byEnd = new Heap<LockDelay>(
		(a, b) => a.untilMs < b.untilMs || (a.untilMs === b.untilMs && compareUtf8(a.key, b.key) < 0),
	);

	/** The number of keys that are remembered, those included whose time is over. */
	get size(): number {
		return this.#delays.size;
	}

	/** All that are remembered, in the order in which they began, as they are now. */
	all(): LockDelay[] {
		return [...this.#delays.values()];
	}

	/** Whether the key is remembered. */
	has(key: string): boolean {
		return this.#delays.has(key);
	}

	/** Whether the key still waits at this time. */
	holdsBack(key: string, timeMs: number): boolean {
		const delay = this.#delays.get(key);
		return delay !== undefined && timeMs < delay.untilMs;
	}

	/** @param key one that does not wait */
	add(key: string, untilMs: number): void {
		const delay = { key, untilMs };
		this.#delays.set(key, delay);
		this.#byEnd.add(delay);
	}

	remove(key: string): void {
		this.#delays.delete(key);
	}

	/** Drops a few of those that are over. It is called once for each command. */
	drop(timeMs: number): void {
		for (let left = DROPPED_PER_COMMAND_MAX; left > 0; ) {
			const { first } = this.#byEnd;
			if (first === undefined || timeMs < first.untilMs) return;
			this.#byEnd.removeFirst();
			if (this.#delays.get(first.key) !== first) continue;
			this.#delays.delete(first.key);
			left--;
		}
	}
}
