/**
 * A disk in memory, for `--memory`: writes are done at once, and lost with the process. A node on it must never come back
 * under the same id.
 */
import type { Disk, Done, FilePart } from '../../shared/disk/disk.ts';

/** A file, in the pieces that were appended to it. One that is written in place is a single piece. */
type Pieces = readonly Uint8Array[];

export class MemoryDisk implements Disk {
	readonly #files: Map<string, Pieces>;
	/** Files that are not published. */
	readonly #growing = new Map<string, Uint8Array[]>();

	/** @param files those that are there from the beginning, as `newLogFiles` makes them */
	constructor(files: readonly { readonly name: string; readonly bytes: Uint8Array }[]) {
		this.#files = new Map(files.map(({ name, bytes }) => [name, [bytes]]));
	}

	list(): readonly string[] {
		return [...this.#files.keys()].sort();
	}

	read(name: string, part: FilePart = { offset: 0, bytes: Number.POSITIVE_INFINITY }): Uint8Array {
		const found: Uint8Array[] = [];
		let at = 0;
		for (const piece of this.#file(name)) {
			found.push(piece.subarray(Math.max(0, part.offset - at), Math.max(0, part.offset + part.bytes - at)));
			at += piece.length;
		}
		const bytes = new Uint8Array(found.reduce((sum, { length }) => sum + length, 0));
		let length = 0;
		for (const piece of found) {
			bytes.set(piece, length);
			length += piece.length;
		}
		return bytes;
	}

	readPart(name: string, part: FilePart, done: (error: Error | null, bytes: Uint8Array | null) => void): void {
		queueMicrotask(() => {
			if (this.#files.has(name)) done(null, this.read(name, part));
			else done(new Error(`there is no file ${name}`), null);
		});
	}

	create(name: string, bytes: number, done: Done): void {
		this.#files.set(name, [new Uint8Array(bytes)]);
		queueMicrotask(() => done(null));
	}

	write(name: string, offset: number, bytes: Uint8Array, done: Done): void {
		this.#file(name)[0]?.set(bytes, offset);
		queueMicrotask(() => done(null));
	}

	append(name: string, bytes: Uint8Array, done: Done): void {
		const pieces = this.#growing.get(name);
		if (pieces) pieces.push(bytes.slice());
		else this.#growing.set(name, [bytes.slice()]);
		queueMicrotask(() => done(null));
	}

	publish(name: string, done: Done): void {
		this.#files.set(name, this.#growing.get(name) ?? []);
		this.#growing.delete(name);
		queueMicrotask(() => done(null));
	}

	abandon(name: string): void {
		this.#growing.delete(name);
	}

	rename(from: string, to: string, done: Done): void {
		this.#files.set(to, this.#file(from));
		this.#files.delete(from);
		queueMicrotask(() => done(null));
	}

	remove(name: string, done: Done): void {
		this.#files.delete(name);
		queueMicrotask(() => done(null));
	}

	#file(name: string): Pieces {
		const pieces = this.#files.get(name);
		if (!pieces) throw new Error(`there is no file ${name}`);
		return pieces;
	}
}
