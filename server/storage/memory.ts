/**
 * A disk in memory, for `--memory`: writes are done at once, and lost with the process. A node on it must never come back
 * under the same incarnation.
 */
import type { Disk, Done } from '../../shared/disk/disk.ts';

export class MemoryDisk implements Disk {
	readonly #files: Map<string, Uint8Array>;

	/** @param files those that are there from the beginning, as `newLogFiles` makes them */
	constructor(files: readonly { readonly name: string; readonly bytes: Uint8Array }[]) {
		this.#files = new Map(files.map(({ name, bytes }) => [name, bytes]));
	}

	list(): readonly string[] {
		return [...this.#files.keys()].sort();
	}

	read(name: string): Uint8Array {
		return this.#file(name).slice();
	}

	create(name: string, bytes: number, done: Done): void {
		this.#files.set(name, new Uint8Array(bytes));
		queueMicrotask(() => done(null));
	}

	write(name: string, offset: number, bytes: Uint8Array, done: Done): void {
		this.#file(name).set(bytes, offset);
		queueMicrotask(() => done(null));
	}

	#file(name: string): Uint8Array {
		const bytes = this.#files.get(name);
		if (!bytes) throw new Error(`there is no file ${name}`);
		return bytes;
	}
}
