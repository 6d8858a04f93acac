/** Remembers the last lines of text, so that they can be asked for after something went wrong. */

export class LastLines {
	readonly #linesMax: number;
	readonly #charsMax: number;
	#lines: string[] = [];
	#chars = 0;

	/** @param charsMax the bound on all lines together; a longer line alone is cut off there */
	constructor(linesMax: number, charsMax: number) {
		this.#linesMax = linesMax;
		this.#charsMax = charsMax;
	}

	add(line: string): void {
		const kept = line.slice(0, this.#charsMax);
		this.#lines.push(kept);
		this.#chars += kept.length;
		while (this.#lines.length > this.#linesMax || this.#chars > this.#charsMax) {
			this.#chars -= (this.#lines.shift() as string).length;
		}
	}

	/** The oldest one first. */
	get lines(): readonly string[] {
		return this.#lines;
	}
}
