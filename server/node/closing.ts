/** Closes the parts of a node, each once and in order. */
export class Closing {
	readonly #parts: (() => unknown)[];
	#drain: () => unknown = () => undefined;
	#closed: Promise<void> | null = null;

	/** @param parts closes each, in this order */
	constructor(...parts: readonly (() => unknown)[]) {
		this.#parts = [...parts];
	}

	get hasBegun(): boolean {
		return this.#closed !== null;
	}

	/** These are closed before all others, in this order. */
	first(...parts: readonly (() => unknown)[]): void {
		this.#parts.unshift(...parts);
	}

	/** It is closed after all others. */
	last(part: () => unknown): void {
		this.#parts.push(part);
	}

	/** @param drain lets clients go without losing their answers, before anything is closed */
	drainsBy(drain: () => unknown): void {
		this.#drain = drain;
	}

	/**
	 * Resolves when all is closed, also where that has begun before. Rejects then with the first error of a part.
	 *
	 * @param gently whether clients are let go first: a node that broke must not wait for this
	 */
	close(gently: boolean): Promise<void> {
		this.#closed ??= this.#close(gently);
		return this.#closed;
	}

	async #close(gently: boolean): Promise<void> {
		const errors: unknown[] = [];
		const run = async (part: () => unknown): Promise<void> => {
			try {
				await part();
			} catch (error) {
				errors.push(error);
			}
		};
		if (gently) await run(this.#drain);
		// A node that breaks while it starts adds parts meanwhile.
		for (let part = this.#parts.shift(); part; part = this.#parts.shift()) await run(part);
		if (errors.length > 0) throw errors[0];
	}
}
