/** Turns at keys: one caller at a time has the turn at a key, in the order in which they have asked. */
import { unlessAborted } from './abort.ts';

export class Turns {
	/** For each key a promise that is over when the last turn that was asked for is. */
	readonly #last = new Map<string, Promise<void>>();

	/**
	 * @returns once the turn has come, a function that ends it
	 * @throws the reason of the first signal that is aborted before
	 */
	async take(key: string, signals: readonly (AbortSignal | undefined)[]): Promise<() => void> {
		const before = this.#last.get(key) ?? Promise.resolve();
		let end: () => void = () => undefined;
		const ended = new Promise<void>((resolve) => {
			end = resolve;
		});
		const last = before.then(() => ended);
		this.#last.set(key, last);
		void last.then(() => {
			if (this.#last.get(key) === last) this.#last.delete(key);
		});
		try {
			await unlessAborted(before, signals);
			return end;
		} catch (error) {
			end();
			throw error;
		}
	}
}
