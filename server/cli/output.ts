/**
 * Writes to a standard stream of a process that runs one node or several. The reader may be slow, stopped or gone,
 * and the disk behind the stream may be full. None of that may throw, hold up the event loop or end the process: what
 * cannot be written is left out, and counted.
 */
import type { Writable } from 'node:stream';

/** What a reader may owe before lines are left out. */
export const OUTPUT_BYTES_MAX = 1_048_576;

/** A standard stream, or something that takes its place. */
export type OutputStream = Writable & { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined };

export class Output {
	/** Told how many lines were left out, as soon as the reader has taken all the others. */
	onCaughtUp: (leftOut: number) => void;
	readonly #stream: OutputStream;
	#leftOut = 0;

	constructor(stream: OutputStream) {
		this.#stream = stream;
		this.onCaughtUp = (leftOut) => this.write(`${describeLeftOut(leftOut)}\n`);
		// A reader that has gone does not come back, but a full disk has room again some time: the next line is tried.
		stream.on('error', () => undefined);
		stream.on('drain', () => this.#caughtUp());
		if (stream.isTTY) makeNonBlocking(stream);
	}

	get isTTY(): boolean {
		return this.#stream.isTTY === true;
	}

	/** The width of a terminal; undefined where nobody knows. */
	get columns(): number | undefined {
		return this.#stream.columns;
	}

	write(text: string): void {
		if (this.#stream.writableLength > OUTPUT_BYTES_MAX) this.#leftOut++;
		else this.#stream.write(text);
	}

	#caughtUp(): void {
		if (this.#leftOut === 0) return;
		const leftOut = this.#leftOut;
		this.#leftOut = 0;
		this.onCaughtUp(leftOut);
	}
}

/** As a sentence. */
export function describeLeftOut(lines: number): string {
	return `${lines} ${lines === 1 ? 'line was' : 'lines were'} left out here, because nobody read what was before.`;
}

/**
 * Node writes to pipes without waiting, but makes terminals blocking. One that takes nothing, such as that of a broken
 * SSH connection, would stop the event loop for as long as it hangs. Where there is no such handle, nothing is changed.
 */
function makeNonBlocking(stream: Writable): void {
	if (!('_handle' in stream)) return;
	const handle = stream._handle as { setBlocking?: (blocking: boolean) => void } | null;
	handle?.setBlocking?.(false);
}
