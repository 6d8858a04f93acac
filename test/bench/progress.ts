/** A progress bar on the terminal of standard error; nothing where there is none. */

const CELLS = 30;
const EVERY_MS = 200;

export class Progress {
	done = 0;
	readonly #total: number;
	readonly #timer: NodeJS.Timeout | undefined;

	/** @param total 0 for no bar at all */
	constructor(total: number) {
		this.#total = total;
		if (total > 0 && process.stderr.isTTY) this.#timer = setInterval(() => this.#draw(), EVERY_MS).unref();
	}

	end(): void {
		if (!this.#timer) return;
		clearInterval(this.#timer);
		process.stderr.write(`\r${' '.repeat(CELLS + 8)}\r`);
	}

	#draw(): void {
		const part = Math.min(1, this.done / this.#total);
		const full = Math.round(part * CELLS);
		const bar = '█'.repeat(full) + '░'.repeat(CELLS - full);
		process.stderr.write(`\r${bar} ${String(Math.round(part * 100)).padStart(3)} %`);
	}
}
