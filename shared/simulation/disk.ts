/**
 * A disk with the faults of real ones. Written bytes are in the system's memory first, where the next process reads them
 * although they may never have reached the disk. A flush takes them to the disk. One that fails takes any part of them,
 * and the system does not try again. When the machine loses power, any subset of the sectors that were not flushed
 * survives, and the memory is gone. Flushed bytes stay, unless `damage.ts` changes them.
 *
 * Writes are done in their order, so a slow one delays all later ones. What is appended, published, renamed and removed is
 * done in an order of its own. Of those calls that were on their way when the process ended, any may have been done. What
 * was not published is gone.
 */
import { type Disk, type Done, type FilePart, NoRoomError } from '../disk/disk.ts';
import { MANIFEST_NAME } from '../disk/manifest.ts';
import { joined, Platter, type Snapshot } from './platter.ts';
import type { Random } from './random.ts';
import type { Instant } from './schedule.ts';

/** The callbacks of one process. Those that it still waits for when it ends never come. */
export interface DiskRuntime {
	readonly now: Instant;
	/** Calls back at that time, unless the process has ended before. */
	at(time: Instant, act: () => void): void;
}

export interface NamedBytes {
	readonly name: string;
	readonly bytes: Uint8Array;
}

/**
 * When a process ends, the machine may go on, which keeps what was not flushed. Or the machine loses power: then any part of
 * it is there afterwards (`torn`), or nothing (`lost`).
 */
export type Unflushed = 'kept' | 'torn' | 'lost';

export class DiskError extends Error {
	override readonly name = 'DiskError';
}

export const SECTOR_BYTES = 512;

/** Which writes a crash waits for. */
export const WRITE_KINDS = ['any', 'severalSectors', 'segmentStart', 'manifest'] as const;
export type WriteKind = (typeof WRITE_KINDS)[number];

interface File {
	/** The bytes that a process reads. */
	memory: Uint8Array;
	/** The durable bytes. */
	readonly platter: Platter;
	/** The sectors that were written and not flushed. */
	readonly dirty: Set<number>;
}

/** The platter when the manifest was last written, and when it was written before that: all its frames were durable. */
interface Noted {
	readonly now: ReadonlyMap<string, Uint8Array>;
	readonly before: ReadonlyMap<string, Uint8Array>;
}

type Snapshots = ReadonlyMap<string, Snapshot>;

export class SimulatedDisk implements Disk {
	/** The bounds of the time of a flush, which is drawn each time, microseconds. */
	flushMinUs = 100;
	flushMaxUs = 400;
	/** The flush of the next write of this kind fails. */
	failing: WriteKind | undefined;
	/** Called while the next write of this kind is on its way, to end the process. */
	duringFlush: { readonly of: WriteKind; act(): void } | undefined;
	/** The bytes of room for new files. */
	freeBytes = Number.POSITIVE_INFINITY;
	/** Numbers of events, over all processes. */
	flushed = 0;
	torn = 0;
	/** The number of torn frames at the beginning of a segment. */
	tornAtStart = 0;
	#notedNow: Snapshots = new Map();
	#notedBefore: Snapshots = new Map();

	readonly #random: Random;
	readonly #files = new Map<string, File>();
	#runtime: DiskRuntime;
	/** The ends of the calls before, of writes and of all others. */
	#busyUntil = 0;
	#busyAsideUntil = 0;
	/** Calls on their way that change which files there are. */
	#changing: (() => void)[] = [];
	/** Files that are not published; null where there was no room. */
	readonly #growing = new Map<string, Uint8Array[] | null>();

	/** @param files durable files that are there from the beginning */
	constructor(random: Random, runtime: DiskRuntime, files: readonly NamedBytes[]) {
		this.#random = random;
		this.#runtime = runtime;
		this.restore(files);
	}

	get noted(): Noted {
		return { now: bytesOf(this.#notedNow), before: bytesOf(this.#notedBefore) };
	}

	list(): readonly string[] {
		return [...this.#files.keys()].sort();
	}

	read(name: string, part: FilePart = { offset: 0, bytes: Number.POSITIVE_INFINITY }): Uint8Array {
		return this.#file(name).memory.slice(part.offset, part.offset + part.bytes);
	}

	readPart(name: string, part: FilePart, done: (error: Error | null, bytes: Uint8Array | null) => void): void {
		this.#aside(() => {
			if (this.#files.has(name)) done(null, this.read(name, part));
			else done(new DiskError(`there is no file ${name}`), null);
		});
	}

	create(name: string, bytes: number, done: Done): void {
		const create = () => this.#create(name, new Uint8Array(bytes));
		this.#changing.push(create);
		this.#later(() => {
			this.#changing = this.#changing.filter((other) => other !== create);
			if (bytes > this.freeBytes) return done(new NoRoomError('the disk is full'));
			create();
			done(null);
		});
	}

	append(name: string, bytes: Uint8Array, done: Done): void {
		this.#aside(() => {
			if (this.#takesFault(done)) return;
			const pieces = this.#growing.get(name);
			if (pieces === null || bytes.length > this.freeBytes) {
				this.#forget(name);
				this.#growing.set(name, null);
				return done(new NoRoomError('the disk is full'));
			}
			this.freeBytes -= bytes.length;
			this.#growing.set(name, [...(pieces ?? []), bytes.slice()]);
			done(null);
		});
	}

	publish(name: string, done: Done): void {
		this.#change(done, () => {
			const pieces = this.#growing.get(name);
			if (!pieces) return new NoRoomError('the disk is full');
			this.#forget(name);
			this.#create(name, joined(pieces));
			return null;
		});
	}

	abandon(name: string): void {
		this.#aside(() => this.#forget(name));
	}

	rename(from: string, to: string, done: Done): void {
		this.#change(done, () => {
			this.#files.set(to, this.#file(from));
			this.#files.delete(from);
			return null;
		});
	}

	remove(name: string, done: Done): void {
		this.#change(done, () => {
			this.freeBytes += this.#file(name).memory.length;
			this.#files.delete(name);
			return null;
		});
	}

	write(name: string, offset: number, bytes: Uint8Array, done: Done): void {
		if (offset + bytes.length > this.#file(name).memory.length)
			throw new DiskError('a write beyond the end of the file');
		const notes = name === MANIFEST_NAME ? this.#snapshots() : undefined;
		const begin = () => {
			const file = this.#file(name);
			file.memory.set(bytes, offset);
			const last = offset + bytes.length - 1;
			for (let at = offset - (offset % SECTOR_BYTES); at <= last; at += SECTOR_BYTES) file.dirty.add(at);
		};
		// The bytes of a write that waits for another one are only in the process.
		if (this.#busyUntil <= this.#runtime.now) begin();
		else this.#runtime.at(this.#busyUntil, begin);
		if (this.duringFlush && isOfKind(this.duringFlush.of, name, offset, bytes)) this.#interrupt(this.#busyUntil);
		const fails = this.failing !== undefined && isOfKind(this.failing, name, offset, bytes);
		if (fails) this.failing = undefined;
		this.#later(() => {
			this.flushed++;
			const file = this.#file(name);
			if (fails) {
				this.#tear(file);
				return done(new DiskError('input/output error'));
			}
			this.#keep(file, [...file.dirty]);
			file.dirty.clear();
			if (notes) {
				this.#notedBefore = this.#notedNow;
				this.#notedNow = notes;
			}
			done(null);
		});
	}

	/** Does nothing for so long. Calls are done afterwards, in order. */
	hang(us: number): void {
		this.#busyUntil = Math.max(this.#busyUntil, this.#runtime.now) + us;
		this.#busyAsideUntil = Math.max(this.#busyAsideUntil, this.#runtime.now) + us;
	}

	/** Ends the process, with all bytes that it had not written yet. */
	crash(next: DiskRuntime, unflushed: Unflushed): void {
		for (const change of this.#changing) if (unflushed !== 'lost' && this.#random.chance(0.5)) change();
		this.#changing = [];
		for (const name of [...this.#growing.keys()]) this.#forget(name);
		this.#busyUntil = 0;
		this.#busyAsideUntil = 0;
		this.#runtime = next;
		if (unflushed !== 'kept') this.losePower(unflushed);
	}

	/** Nobody uses it meanwhile. */
	losePower(unflushed: Exclude<Unflushed, 'kept'> = 'torn'): void {
		for (const file of this.#files.values()) {
			if (unflushed === 'torn') this.#tear(file);
			else file.dirty.clear();
			file.memory = file.platter.bytes();
		}
	}

	/** A copy of what is durable. */
	save(): NamedBytes[] {
		return [...this.#files].map(([name, { platter }]) => ({ name, bytes: platter.bytes() }));
	}

	/** Other files take the place of those that are there, whole and durable. */
	restore(files: readonly NamedBytes[]): void {
		this.#files.clear();
		this.#growing.clear();
		for (const { name, bytes } of files) {
			this.#files.set(name, { memory: bytes.slice(), platter: new Platter(bytes), dirty: new Set() });
		}
	}

	/** Any subset of the sectors that were not flushed reaches the disk: mostly none, all, or the first ones. */
	#tear(file: File): void {
		const dirty = [...file.dirty].sort((a, b) => a - b);
		file.dirty.clear();
		if (dirty.length === 0) return;
		const fate = this.#random.pick(['none', 'all', 'first', 'first', 'any', 'any']);
		const cut = this.#random.integer(0, dirty.length - 1);
		const kept = dirty.filter((_, index) => {
			if (fate === 'first') return index <= cut;
			return fate === 'all' || (fate === 'any' && this.#random.chance(0.5));
		});
		this.#keep(file, kept);
		if (kept.length === 0 || kept.length === dirty.length) return;
		this.torn++;
		if (dirty[0] === 0) this.tornAtStart++;
	}

	#keep(file: File, sectors: readonly number[]): void {
		for (const at of sectors) file.platter.write(at, file.memory.subarray(at, at + SECTOR_BYTES));
	}

	/** One of the calls that change which files there are. Where the process ends meanwhile, it may have been done. */
	#change(done: Done, act: () => NoRoomError | null): void {
		if (this.duringFlush?.of === 'any') this.#interrupt(this.#busyAsideUntil);
		this.#changing.push(act);
		this.#aside(() => {
			this.#changing = this.#changing.filter((other) => other !== act);
			if (!this.#takesFault(done)) done(act());
		});
	}

	/** Whether this call fails. */
	#takesFault(done: Done): boolean {
		if (this.failing !== 'any') return false;
		this.failing = undefined;
		done(new DiskError('input/output error'));
		return true;
	}

	/** Ends the process while the call that begins at this time is on its way. */
	#interrupt(begun: Instant): void {
		if (this.duringFlush) this.#runtime.at(Math.max(begun, this.#runtime.now), this.duringFlush.act);
		this.duringFlush = undefined;
	}

	#forget(name: string): void {
		for (const { length } of this.#growing.get(name) ?? []) this.freeBytes += length;
		this.#growing.delete(name);
	}

	#create(name: string, memory: Uint8Array): void {
		this.freeBytes -= memory.length;
		this.#files.set(name, { memory, platter: new Platter(memory), dirty: new Set() });
	}

	#snapshots(): Snapshots {
		return new Map([...this.#files].map(([name, { platter }]) => [name, platter.snapshot()]));
	}

	#file(name: string): File {
		const file = this.#files.get(name);
		if (!file) throw new DiskError(`there is no file ${name}`);
		return file;
	}

	/** As one queue. */
	#later(act: () => void): void {
		this.#busyUntil = Math.max(this.#busyUntil, this.#runtime.now) + this.#latencyUs();
		this.#runtime.at(this.#busyUntil, act);
	}

	/** As another queue. */
	#aside(act: () => void): void {
		this.#busyAsideUntil = Math.max(this.#busyAsideUntil, this.#runtime.now) + this.#latencyUs();
		this.#runtime.at(this.#busyAsideUntil, act);
	}

	#latencyUs(): number {
		return this.#random.integer(this.flushMinUs, this.flushMaxUs);
	}
}

function bytesOf(snapshots: Snapshots): ReadonlyMap<string, Uint8Array> {
	return new Map([...snapshots].map(([name, { bytes }]) => [name, bytes]));
}

function isOfKind(kind: WriteKind, name: string, offset: number, bytes: Uint8Array): boolean {
	switch (kind) {
		case 'any':
			return true;
		case 'severalSectors':
			return bytes.length > SECTOR_BYTES;
		case 'segmentStart':
			return name !== MANIFEST_NAME && offset === 0;
		case 'manifest':
			return name === MANIFEST_NAME;
	}
}
