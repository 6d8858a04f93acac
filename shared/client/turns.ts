/** Turns at keys: one caller at a time has the turn at a key, in the order in which they have asked. */
import { unlessAborted } from './abort.ts';

export class Turns {
	/** For each key at which somebody has the turn: the calls that end the wait of the others, the first one first. */
	readonly #waiting = new Map<string, Set<() => void>>();

	/**
	 * @returns once the turn has come, a function that ends it
	 * @throws the reason of the first signal that is aborted before
	 */
	async take(key: string, signals: readonly (AbortSignal | undefined)[]): Promise<() => void> {
		const waiting = this.#waiting.get(key);
		if (waiting) await this.#wait(key, waiting, signals);
		else {
			for (const signal of signals) signal?.throwIfAborted();
			this.#waiting.set(key, new Set());
		}
		let isOver = false;
		return () => {
			if (!isOver) this.#next(key);
			isOver = true;
		};
	}

	async #wait(key: string, waiting: Set<() => void>, signals: readonly (AbortSignal | undefined)[]): Promise<void> {
		let end = (): void => undefined;
		const turn = new Promise<void>((resolve) => {
			end = resolve;
			waiting.add(end);
		});
		try {
			await unlessAborted(turn, signals);
		} catch (error) {
			// The turn may have come at the same moment.
			if (!waiting.delete(end)) this.#next(key);
			// The other signals are listened to until then.
			end();
			throw error;
		}
	}

	#next(key: string): void {
		const waiting = this.#waiting.get(key);
		const [end] = waiting ?? [];
		if (!end) return void this.#waiting.delete(key);
		waiting?.delete(end);
		end();
	}
}
