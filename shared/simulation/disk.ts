/**
 * A disk that loses what disks lose. What was written but not yet flushed survives a crash as any subset of
 * its sectors; a failed flush leaves such a subset too; it can be slow, full, or give back other bytes than
 * were written. What was flushed stays, unless `corrupt` is asked for.
 *
 * It answers in the order of the calls, as one queue: a slow write delays all later ones.
 */

import { Writer } from '../bytes/bytes.ts';
import { type Disk, type Done, NoRoomError } from '../disk/disk.ts';
import type { Random } from './random.ts';
import type { Instant } from './schedule.ts';

/** Of one process: what it still waits for when it ends never comes. */
export interface DiskRuntime {
	readonly now: Instant;
	/** Calls back at that time, unless the process has ended by then. */
	at(time: Instant, act: () => void): void;
}

interface Write {
	readonly file: string;
	readonly offset: number;
	readonly bytes: Uint8Array;
}

export class DiskError extends Error {
	override readonly name = 'DiskError';
}

const SECTOR_BYTES = 512;

export class SimulatedDisk implements Disk {
	/** Drawn for each flush, in microseconds. */
	flushMinUs = 100;
	flushMaxUs = 400;
	/** How many of the next flushes fail. */
	failingFlushes = 0;
	/** The process ends while the next write is on its way: called then. */
	beforeNextFlush: (() => void) | undefined;
	/** For files that may still be made. */
	freeBytes = Number.POSITIVE_INFINITY;
	/** Counted over all processes. */
	flushed = 0;
	torn = 0;

	readonly #random: Random;
	readonly #files = new Map<string, Uint8Array>();
	#runtime: DiskRuntime;
	#busyUntil = 0;
	#unflushed: Write[] = [];
	#creating: { readonly name: string; readonly bytes: number }[] = [];
	#lastFlushed: Write | undefined;
	/** Copies what is written: the caller may use its array again. */
	readonly #written = new Writer(64 * 1024);

	/** @param files those that are there from the beginning, durable */
	constructor(
		random: Random,
		runtime: DiskRuntime,
		files: readonly { readonly name: string; readonly bytes: Uint8Array }[],
	) {
		this.#random = random;
		this.#runtime = runtime;
		for (const { name, bytes } of files) this.#files.set(name, bytes);
	}

	list(): readonly string[] {
		return [...this.#files.keys()].sort();
	}

	read(name: string): Uint8Array {
		return this.#file(name).slice();
	}

	create(name: string, bytes: number, done: Done): void {
		const creating = { name, bytes };
		this.#creating.push(creating);
		this.#later(() => {
			this.#creating = this.#creating.filter((other) => other !== creating);
			if (bytes > this.freeBytes) return done(new NoRoomError('the disk is full'));
			this.#create(name, bytes);
			done(null);
		});
	}

	write(file: string, offset: number, bytes: Uint8Array, done: Done): void {
		if (offset + bytes.length > this.#file(file).length) throw new DiskError('a write beyond the end of the file');
		this.#written.raw(bytes);
		const write = { file, offset, bytes: this.#written.take() };
		this.#unflushed.push(write);
		if (this.beforeNextFlush) this.#runtime.at(this.#runtime.now, this.beforeNextFlush);
		this.beforeNextFlush = undefined;
		this.#later(() => {
			this.#unflushed.shift();
			this.flushed++;
			if (this.failingFlushes > 0) {
				this.failingFlushes--;
				this.#tear(write);
				return done(new DiskError('input/output error'));
			}
			this.#file(file).set(write.bytes, offset);
			this.#lastFlushed = write;
			done(null);
		});
	}

	/** The process is gone, and with it whatever the disk had not flushed, or a part of that. */
	crash(next: DiskRuntime): void {
		for (const { name, bytes } of this.#creating) if (this.#random.chance(0.5)) this.#create(name, bytes);
		for (const write of this.#unflushed) this.#tear(write);
		this.#creating = [];
		this.#unflushed = [];
		this.#busyUntil = 0;
		this.#runtime = next;
	}

	/** Changes one byte that was flushed, before what was flushed last. False where there is none yet. */
	corrupt(): boolean {
		const last = this.#lastFlushed;
		if (!last || last.offset === 0) return false;
		const file = this.#file(last.file);
		const at = this.#random.integer(0, last.offset - 1);
		file[at] = (file[at] as number) ^ (1 << this.#random.integer(0, 7));
		return true;
	}

	/** Any subset of the sectors of `write` reaches the disk: mostly none, all, or the first ones. */
	#tear(write: Write): void {
		const file = this.#file(write.file);
		const fate = this.#random.integer(0, 3);
		if (fate === 0) return;
		const firstSector = Math.floor(write.offset / SECTOR_BYTES);
		const lastSector = Math.floor((write.offset + write.bytes.length - 1) / SECTOR_BYTES);
		const cut = this.#random.integer(firstSector, lastSector);
		let kept = 0;
		for (let sector = firstSector; sector <= lastSector; sector++) {
			if (fate === 2 && sector > cut) continue;
			if (fate === 3 && this.#random.chance(0.5)) continue;
			const from = Math.max(write.offset, sector * SECTOR_BYTES);
			const to = Math.min(write.offset + write.bytes.length, (sector + 1) * SECTOR_BYTES);
			file.set(write.bytes.subarray(from - write.offset, to - write.offset), from);
			kept++;
		}
		if (kept > 0 && kept <= lastSector - firstSector) this.torn++;
	}

	#create(name: string, bytes: number): void {
		this.freeBytes -= bytes;
		this.#files.set(name, new Uint8Array(bytes));
	}

	#file(name: string): Uint8Array {
		const bytes = this.#files.get(name);
		if (!bytes) throw new DiskError(`there is no file ${name}`);
		return bytes;
	}

	/** As one queue. */
	#later(act: () => void): void {
		const latencyUs = this.#random.integer(this.flushMinUs, this.flushMaxUs);
		this.#busyUntil = Math.max(this.#busyUntil, this.#runtime.now) + latencyUs;
		this.#runtime.at(this.#busyUntil, act);
	}
}
