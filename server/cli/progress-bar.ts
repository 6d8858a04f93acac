/** A bar that is redrawn in place on a terminal. Elsewhere nothing is written. */
import type { Environment } from '../config/settings.ts';
import type { Terminal } from './terminal.ts';

const BAR_CHARS = 20;
const COLUMNS_DEFAULT = 80;
const COUNT_STEP = 64;
export const CLEAR_LINE = '\r\x1b[K';

/** @param percent from 0 to 100 */
export function barOf(percent: number): string {
	const full = Math.round((BAR_CHARS * percent) / 100);
	return '█'.repeat(full) + '░'.repeat(BAR_CHARS - full);
}

/**
 * A line that wraps could not be cleared.
 *
 * @param columns of the terminal; undefined, or 0 as some terminals tell it, where it is not known
 */
export function fitted(line: string, columns: number | undefined): string {
	const cut = line.slice(0, (columns || COLUMNS_DEFAULT) - 1);
	// Half of a character is none.
	return cut.replace(/[\ud800-\udbff]$/, '').trimEnd();
}

export function canDraw(isTTY: boolean | undefined, { TERM }: Environment): boolean {
	return isTTY === true && TERM !== 'dumb';
}

export class ProgressBar {
	readonly #output: Terminal['stderr'];
	/** Whether there is a terminal to draw on. */
	readonly draws: boolean;
	/** What is done, such as "saving". */
	what: string;
	#drawn = '';

	constructor({ stderr, environment }: Terminal, what: string) {
		this.#output = stderr;
		this.draws = canDraw(stderr.isTTY, environment);
		this.what = what;
	}

	/** Shows how much of the whole work is done, in bytes or slots. */
	update(done: number, all: number): void {
		if (!this.draws) return;
		const percent = Math.min(100, Math.floor((100 * done) / Math.max(1, all)));
		this.#draw(`${barOf(percent)} ${this.what} ${percent} %`);
	}

	/** The same where nobody knows how much the whole work is. Not every number is shown. @param of such as "keys" */
	count(done: number, of: string): void {
		if (this.draws && done % COUNT_STEP === 0) this.#draw(`${this.what}: ${done} ${of}`);
	}

	/** Takes the bar away. */
	clear(): void {
		if (this.#drawn !== '') this.#output.write(CLEAR_LINE);
		this.#drawn = '';
	}

	#draw(text: string): void {
		const line = fitted(text, this.#output.columns);
		if (line === this.#drawn) return;
		this.#output.write(`${CLEAR_LINE}${line}`);
		this.#drawn = line;
	}
}
