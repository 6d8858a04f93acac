/**
 * Writes to a standard stream of a process that runs one node or several. Its reader may be slow, stopped or gone, and
 * the disk behind it may be full. None of that may throw, block the event loop or end the process: lines that cannot be
 * written are left out, and counted.
 */
import type { Writable } from 'node:stream';

/** Lines are left out while more than so many bytes wait for the reader. */
export const OUTPUT_BYTES_MAX = 1_048_576;

/** A standard stream, or a stream that stands in for one. */
export type OutputStream = Writable & { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined };

export class Output {
	/** Is told how many lines were left out, once the reader has taken all the others. */
	onCaughtUp: (leftOut: number) => void;
	readonly #stream: OutputStream;
	#leftOut = 0;

	constructor(stream: OutputStream) {
		this.#stream = stream;
		this.onCaughtUp = (leftOut) => this.write(`${describeLeftOut(leftOut)}\n`);
		// A full disk may have room again later, so an error does not keep the next line from being written.
		stream.on('error', () => undefined);
		stream.on('drain', () => this.#caughtUp());
		if (stream.isTTY) makeNonBlocking(stream);
	}

	get isTTY(): boolean {
		return this.#stream.isTTY === true;
	}

	/** The width of the terminal; undefined where it is not known. */
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

/** The number of lines that were left out, in a sentence. */
export function describeLeftOut(lines: number): string {
	return `${lines} ${lines === 1 ? 'line was' : 'lines were'} left out here, because nobody read what was before.`;
}

/**
 * Node writes to pipes without blocking, but to terminals with blocking writes. A terminal that takes nothing, such as
 * that of a broken SSH connection, would block the event loop for as long as it hangs. Nothing is changed for a stream
 * without Node's handle.
 */
function makeNonBlocking(stream: Writable): void {
	if (!('_handle' in stream)) return;
	const handle = stream._handle as { setBlocking?: (blocking: boolean) => void } | null;
	handle?.setBlocking?.(false);
}
