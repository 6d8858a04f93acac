/** A bar on the terminal of stderr; nothing where it is none. */

const WIDTH = 30;
const EVERY_MS = 100;

export class Progress {
	readonly #what: string;
	readonly #total: number;
	readonly #began = performance.now();
	#shownAt = 0;

	constructor(what: string, total: number) {
		this.#what = what;
		this.#total = total;
	}

	show(done: number, failures: number): void {
		const now = performance.now();
		if (!process.stderr.isTTY || (now - this.#shownAt < EVERY_MS && done < this.#total)) return;
		this.#shownAt = now;
		const filled = Math.round((done / this.#total) * WIDTH);
		const left = Math.round(((now - this.#began) / done) * (this.#total - done) * 0.001);
		const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled);
		process.stderr.write(`\r${bar} ${done}/${this.#total} ${this.#what}, ${failures} failed, ${left} s left \u001b[K`);
	}

	end(): void {
		if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
	}
}
