/**
 * Runs tasks in the order in which they come, a bounded amount of them in each turn of the event loop, so that others are
 * served between them. The first ones of a turn run at once.
 */
export class Turns {
	readonly #weightFull: number;
	/** The weight of the tasks that have run in this turn. */
	#ran = 0;
	/** Whether the end of this turn will be told. */
	#isAsked = false;
	readonly #line: { readonly task: () => void; readonly weight: number }[] = [];

	/** @param weightFull a turn runs no more tasks once those that it has run weigh so much */
	constructor(weightFull: number) {
		this.#weightFull = weightFull;
	}

	/** @param task must not throw @param weight how long it takes beside others; 1 for each makes `weightFull` their number */
	run(task: () => void, weight = 1): void {
		if (!this.#isAsked) {
			this.#isAsked = true;
			setImmediate(() => this.#next());
		}
		if (this.#ran >= this.#weightFull) return void this.#line.push({ task, weight });
		this.#ran += weight;
		task();
	}

	#next(): void {
		this.#ran = 0;
		this.#isAsked = false;
		let count = 0;
		for (let weight = 0; count < this.#line.length && weight < this.#weightFull; count++) {
			weight += (this.#line[count] as { weight: number }).weight;
		}
		for (const { task, weight } of this.#line.splice(0, count)) this.run(task, weight);
	}
}
