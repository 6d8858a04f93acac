/**
 * A disk whose calls finish only when a test says so. Bytes are at once in `#memory`, as in a system's page cache, and on
 * the platter only when the call has finished. A call that fails leaves any part of its bytes there, and is not written
 * again later, as after a failed fsync on Linux.
 */
import type { Disk, Done, FilePart } from '../../shared/disk/disk.ts';
import { SECTOR_BYTES } from '../../shared/disk/frame.ts';
import { MANIFEST_NAME, newLogFiles } from '../../shared/disk/manifest.ts';
import { OWNER } from './records.ts';

/** Tells for each sector in turn whether it reached the platter. */
export type Survives = () => boolean;

type Call =
	/** Changes which files there are: done at once, or not at all. */
	| {
			readonly kind: 'create' | 'publish' | 'rename' | 'remove';
			readonly name: string;
			readonly act: () => void;
			readonly done: Done;
	  }
	| { readonly kind: 'append'; readonly name: string; readonly bytes: Uint8Array; readonly done: Done }
	| { readonly kind: 'abandon'; readonly name: string; readonly done: Done }
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
	/** What was appended and is not published. */
	readonly #growing = new Map<string, Uint8Array>();
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

	read(name: string, part: FilePart = { offset: 0, bytes: Number.POSITIVE_INFINITY }): Uint8Array {
		return this.#in(this.#memory, name).slice(part.offset, part.offset + part.bytes);
	}

	readPart(name: string, part: FilePart, done: (error: Error | null, bytes: Uint8Array | null) => void): void {
		queueMicrotask(() => {
			if (this.#memory.has(name)) done(null, this.read(name, part));
			else done(new Error(`there is no file ${name}`), null);
		});
	}

	create(name: string, bytes: number, done: Done): void {
		const act = () => this.#appear(name, new Uint8Array(bytes));
		this.#calls.push({ kind: 'create', name, act, done });
	}

	append(name: string, bytes: Uint8Array, done: Done): void {
		this.#calls.push({ kind: 'append', name, bytes, done });
	}

	publish(name: string, done: Done): void {
		const act = () => {
			this.#appear(name, this.#in(this.#growing, name));
			this.#growing.delete(name);
		};
		this.#calls.push({ kind: 'publish', name, act, done });
	}

	abandon(name: string): void {
		this.#calls.push({ kind: 'abandon', name, done: () => undefined });
	}

	rename(from: string, to: string, done: Done): void {
		const act = () => {
			for (const files of [this.#memory, this.#platter]) {
				files.set(to, this.#in(files, from));
				files.delete(from);
			}
		};
		this.#calls.push({ kind: 'rename', name: to, act, done });
	}

	remove(name: string, done: Done): void {
		const act = () => {
			for (const files of [this.#memory, this.#platter]) {
				this.#in(files, name);
				files.delete(name);
			}
		};
		this.#calls.push({ kind: 'remove', name, act, done });
	}

	write(name: string, offset: number, bytes: Uint8Array, done: Done): void {
		this.writes.push(bytes.length);
		this.#in(this.#memory, name).set(bytes, offset);
		this.#calls.push({ kind: 'write', name, offset, bytes, done });
	}

	get waiting(): readonly string[] {
		return this.#calls.map((call) => (call.name === MANIFEST_NAME ? 'note' : call.kind));
	}

	/**
	 * Finishes the oldest call, or the oldest one of another file.
	 *
	 * @param which counts the files for which calls wait
	 * @returns false where none waits
	 */
	finish(which = 0): boolean {
		const first = this.#calls.filter(({ name }, i) => this.#calls.findIndex((other) => other.name === name) === i);
		const call = first[which % first.length];
		if (!call) return false;
		this.#calls.splice(this.#calls.indexOf(call), 1);
		this.#do(call);
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
		for (const call of this.#calls) if ('act' in call && survives()) call.act();
		return new CrashDisk(this.#lies, this.#memory, this.#platter);
	}

	/** Loses the machine: each sector that was not flushed may or may not be on the platter. */
	losePower(survives: Survives): CrashDisk {
		for (const call of this.#calls) if ('act' in call && survives()) call.act();
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

	#do(call: Call): void {
		switch (call.kind) {
			case 'write':
				if (!this.#lies) this.#in(this.#platter, call.name).set(call.bytes, call.offset);
				return;
			case 'append':
				this.#growing.set(call.name, Buffer.concat([this.#growing.get(call.name) ?? new Uint8Array(0), call.bytes]));
				return;
			case 'abandon':
				this.#growing.delete(call.name);
				return;
			default:
				return call.act();
		}
	}

	#appear(name: string, bytes: Uint8Array): void {
		this.#memory.set(name, bytes.slice());
		this.#platter.set(name, bytes.slice());
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
