/**
 * A disk whose calls finish only when a test says so. Bytes are at once in `#memory`, as in a system's page cache, and on
 * the platter only when the call has finished. A call that fails leaves any part of its bytes there, and is not written
 * again later, as after a failed fsync on Linux.
 */
import type { Disk, Done } from '../../shared/disk/disk.ts';
import { SECTOR_BYTES } from '../../shared/disk/frame.ts';
import { MANIFEST_NAME, newLogFiles } from '../../shared/disk/manifest.ts';
import { OWNER } from './records.ts';

/** Tells for each sector in turn whether it reached the platter. */
export type Survives = () => boolean;

type Call =
	| { readonly kind: 'create'; readonly name: string; readonly bytes: number; readonly done: Done }
	| {
			readonly kind: 'write';
			readonly name: string;
			readonly offset: number;
			readonly bytes: Uint8Array;
			readonly done: Done;
	  };

type Files = ReadonlyMap<string, Uint8Array>;

export class CrashDisk implements Disk {
	readonly #memory: Map<string, Uint8Array>;
	readonly #platter: Map<string, Uint8Array>;
	readonly #lies: boolean;
	readonly #calls: Call[] = [];
	/** The numbers of bytes of all writes, in order. */
	readonly writes: number[] = [];

	/** A disk with a new log. */
	static formatted(segmentBytes: number, lies = false, owner = OWNER): CrashDisk {
		const files = new Map(newLogFiles(owner, segmentBytes).map(({ name, bytes }) => [name, bytes]));
		return new CrashDisk(lies, files, files);
	}

	/** @param lies whether it reports flushes that it has not done, for canaries */
	constructor(lies = false, memory: Files = new Map(), platter: Files = new Map()) {
		this.#lies = lies;
		this.#memory = copy(memory);
		this.#platter = copy(platter);
	}

	list(): readonly string[] {
		return [...this.#memory.keys()].sort();
	}

	read(name: string): Uint8Array {
		return this.#in(this.#memory, name).slice();
	}

	create(name: string, bytes: number, done: Done): void {
		this.#calls.push({ kind: 'create', name, bytes, done });
	}

	write(name: string, offset: number, bytes: Uint8Array, done: Done): void {
		this.writes.push(bytes.length);
		this.#in(this.#memory, name).set(bytes, offset);
		this.#calls.push({ kind: 'write', name, offset, bytes, done });
	}

	get waiting(): readonly string[] {
		return this.#calls.map((call) => (call.name === MANIFEST_NAME ? 'note' : call.kind));
	}

	/** Finishes the oldest call. @returns false where none waits */
	finish(): boolean {
		const call = this.#calls.shift();
		if (!call) return false;
		if (call.kind === 'create') this.#appear(call);
		else if (!this.#lies) this.#in(this.#platter, call.name).set(call.bytes, call.offset);
		call.done(null);
		return true;
	}

	finishAll(): void {
		while (this.finish());
	}

	/** Lets the oldest call fail, with a part of it done. @returns false where none waits */
	fail(survives: Survives, error: Error = new Error('input/output error')): boolean {
		const call = this.#calls.shift();
		if (!call) return false;
		if (call.kind === 'write') {
			const platter = this.#in(this.#platter, call.name);
			for (let at = 0; at < call.bytes.length; at += SECTOR_BYTES) {
				if (survives()) platter.set(call.bytes.subarray(at, at + SECTOR_BYTES), call.offset + at);
			}
		}
		call.done(error);
		return true;
	}

	/** Ends the process. The system's memory stays. */
	kill(survives: Survives): CrashDisk {
		for (const call of this.#calls) if (call.kind === 'create' && survives()) this.#appear(call);
		return new CrashDisk(this.#lies, this.#memory, this.#platter);
	}

	/** Loses the machine: each sector that was not flushed may or may not be on the platter. */
	losePower(survives: Survives): CrashDisk {
		for (const call of this.#calls) if (call.kind === 'create' && survives()) this.#appear(call);
		for (const [name, platter] of this.#platter) {
			const memory = this.#in(this.#memory, name);
			for (let at = 0; at < platter.length; at += SECTOR_BYTES) {
				const sector = memory.subarray(at, at + SECTOR_BYTES);
				const differs = sector.some((byte, i) => byte !== platter[at + i]);
				if (differs && survives()) platter.set(sector, at);
			}
		}
		return new CrashDisk(this.#lies, this.#platter, this.#platter);
	}

	/** Flips one bit. */
	flip(name: string, offset: number, bit: number): void {
		for (const files of [this.#memory, this.#platter]) {
			const bytes = this.#in(files, name);
			bytes[offset] = (bytes[offset] as number) ^ (1 << bit);
		}
	}

	/** Replaces a file, as by a mistake with `cp`; null removes it. */
	put(name: string, bytes: Uint8Array | null): void {
		for (const files of [this.#memory, this.#platter]) {
			if (bytes) files.set(name, bytes.slice());
			else files.delete(name);
		}
	}

	#appear({ name, bytes }: { readonly name: string; readonly bytes: number }): void {
		this.#memory.set(name, new Uint8Array(bytes));
		this.#platter.set(name, new Uint8Array(bytes));
	}

	#in(files: Files, name: string): Uint8Array {
		const bytes = files.get(name);
		if (!bytes) throw new Error(`there is no file ${name}`);
		return bytes;
	}
}

function copy(files: Files): Map<string, Uint8Array> {
	return new Map([...files].map(([name, bytes]) => [name, bytes.slice()]));
}
