/**
 * Runs tasks in the order in which they come, a bounded number of them in each turn of the event loop, so that others are
 * served between them. The first ones of a turn run at once.
 */
export class Turns {
	readonly #atOnceMax: number;
	/** The number of tasks that have run in this turn. */
	#ran = 0;
	#line: (() => void)[] = [];

	/** @param atOnceMax the number of tasks of one turn */
	constructor(atOnceMax: number) {
		this.#atOnceMax = atOnceMax;
	}

	/** @param task must not throw */
	run(task: () => void): void {
		if (this.#ran === 0) setImmediate(() => this.#next());
		if (this.#ran === this.#atOnceMax) return void this.#line.push(task);
		this.#ran++;
		task();
	}

	#next(): void {
		this.#ran = 0;
		const line = this.#line;
		this.#line = line.splice(this.#atOnceMax);
		for (const task of line) this.run(task);
	}
}
