/**
 * The disk of the log on real files, in one folder. What it must never do: report a write before `fdatasync` has
 * returned, go on after an error, or let a slow disk block the event loop.
 *
 * A small write to a quick disk is flushed on the event loop, because to hand 0.1 ms of work to a thread and back takes
 * as long again. A large write, and every write to a slow disk (`pace.ts`), is flushed in the thread pool, so that the
 * loop can do other work meanwhile, such as heartbeats.
 *
 * Writes are done one after the other. Files are made, renamed and removed meanwhile (`file-changes.ts`).
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { useNativeCrc32 } from '../../shared/disk/crc32.ts';
import { type Disk, type Done, type FilePart, NoRoomError } from '../../shared/disk/disk.ts';
import { FileChanges, HALF_MADE } from './file-changes.ts';
import { isInPlace } from './in-place.ts';
import type { Unlock } from './lock.ts';
import { nativeCrc32 } from './native-crc32.ts';
import { OpenFiles } from './open-files.ts';
import { Pace } from './pace.ts';
import { lockGone, notInPlace } from './refusals.ts';

useNativeCrc32(nativeCrc32);

/** A write of up to so many bytes into the system's memory takes less time than waking a thread for it. */
const BYTES_WRITTEN_AT_ONCE_MAX = 64 * 1024;
/**
 * Up to so many bytes may be flushed on the event loop. With so few, few clients wait, and handing the flush to a thread
 * would take most of the time. With more, the loop has other work during the flush.
 */
const BYTES_FLUSHED_ON_LOOP_MAX = 2048;

interface Write {
	readonly name: string;
	readonly offset: number;
	readonly bytes: Uint8Array;
	readonly done: Done;
}

export class FileDisk implements Disk {
	readonly #folder: string;
	readonly #lock: Unlock['file'] | null;
	#error: Error | null = null;
	readonly #writes: Write[] = [];
	#writing = false;
	readonly #pace = new Pace();
	readonly #open: OpenFiles;
	readonly #changes: FileChanges;
	readonly #whenIdle: (() => void)[] = [];
	#fetched: { readonly name: string; readonly bytes: Uint8Array } | null = null;
	#isClosed = false;
	#looking = false;

	/**
	 * @param folder must exist. What a crash left half made there is removed.
	 * @param lock the file by which the folder is locked, where it is
	 * @throws the system's error, where the folder cannot be read or written
	 */
	constructor(folder: string, lock: Unlock['file'] | null = null) {
		this.#folder = folder;
		this.#lock = lock;
		// Files are made there only later, when it would be too late to say that none can be.
		fs.accessSync(folder, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
		for (const name of fs.readdirSync(folder)) if (name.endsWith(HALF_MADE)) fs.rmSync(join(folder, name));
		this.#open = new OpenFiles(folder);
		fs.fsyncSync(this.#open.folderFd);
		this.#changes = new FileChanges(folder, this.#open);
	}

	/** What is no file, such as a folder or a pipe in the place of one, counts as missing: to read a pipe would never end. */
	list(): readonly string[] {
		return fs
			.readdirSync(this.#folder)
			.filter((name) => !name.endsWith(HALF_MADE) && isFile(join(this.#folder, name)))
			.sort();
	}

	/** Fetches a file in the thread pool: the next `read` of it does not wait for the disk. */
	async fetch(name: string): Promise<void> {
		this.#fetched = { name, bytes: await fs.promises.readFile(join(this.#folder, name)) };
	}

	read(name: string, part?: FilePart): Uint8Array {
		if (part) return this.#readNow(name, part);
		// The files that are read last are written first, so they stay open.
		this.#open.of(name);
		const fetched = this.#fetched;
		this.#fetched = null;
		return fetched?.name === name ? fetched.bytes : fs.readFileSync(join(this.#folder, name));
	}

	readPart(name: string, part: FilePart, done: (error: Error | null, bytes: Uint8Array | null) => void): void {
		this.#readLater(name, part).then(
			(bytes) => void setImmediate(done, null, bytes),
			(error: Error) => void setImmediate(done, error, null),
		);
	}

	create(name: string, bytes: number, done: Done): void {
		this.#change([name], () => this.#changes.create(name, bytes), done);
	}

	append(name: string, bytes: Uint8Array, done: Done): void {
		this.#change([name], () => this.#changes.append(name, bytes), done);
	}

	publish(name: string, done: Done): void {
		this.#change([name], () => this.#changes.publish(name), done);
	}

	abandon(name: string): void {
		this.#change(
			[name],
			async () => this.#changes.abandon(name),
			() => undefined,
		);
	}

	rename(from: string, to: string, done: Done): void {
		this.#change([from, to], () => this.#changes.rename(from, to), done);
	}

	remove(name: string, done: Done): void {
		this.#change([name], () => this.#changes.remove(name), done);
	}

	write(name: string, offset: number, bytes: Uint8Array, done: Done): void {
		this.#writes.push({ name, offset, bytes, done });
		if (!this.#writing) this.#writeNext();
	}

	/**
	 * Looks whether the folder, its lock and the files that are written are still in their places. Where they are not, they were
	 * removed, moved or replaced, and the next process would not find what is written to them.
	 *
	 * @returns the error then, with which later calls fail too; else null, also while an earlier look is not over
	 */
	async look(): Promise<Error | null> {
		if (this.#looking || this.#isClosed) return null;
		this.#looking = true;
		// The folder is looked at last: where it is gone, the files in it are gone too, and it is the one to be named.
		const isLocked = this.#lock === null || (await isInPlace(this.#lock));
		const file = this.#isClosed ? null : await this.#open.misplacedFile();
		const folder = { path: this.#folder, fd: this.#open.folderFd };
		const path = this.#isClosed || (await isInPlace(folder)) ? file : this.#folder;
		this.#looking = false;
		if (this.#isClosed || (path === null && isLocked)) return null;
		return this.#fail(path === null ? lockGone(this.#folder) : notInPlace(this.#folder, path));
	}

	/** Waits for writes under way, then closes the files. Later calls fail. */
	async close(): Promise<void> {
		await this.#changes.end();
		// A write that is answered may be followed by another one.
		while (this.#writing) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
		this.#fail(new Error('the disk is closed'));
		if (!this.#isClosed) this.#open.close();
		this.#isClosed = true;
	}

	/** A lack of room is no end. After any other error nothing is done any more. */
	#change(names: readonly string[], act: () => Promise<void>, done: Done): void {
		const unlessFailed = async () => {
			if (this.#error) throw this.#error;
			await act();
		};
		this.#changes.inOrder(names, unlessFailed).then(
			() => void setImmediate(done, null),
			(error: Error) => void setImmediate(done, error instanceof NoRoomError ? error : this.#fail(error)),
		);
	}

	#readNow(name: string, { offset, bytes }: FilePart): Uint8Array {
		const fd = fs.openSync(join(this.#folder, name), 'r');
		try {
			const part = new Uint8Array(bytes);
			return part.subarray(0, fs.readSync(fd, part, 0, bytes, offset));
		} finally {
			fs.closeSync(fd);
		}
	}

	async #readLater(name: string, { offset, bytes }: FilePart): Promise<Uint8Array> {
		if (this.#error) throw this.#error;
		const file = await fs.promises.open(join(this.#folder, name), 'r');
		try {
			const part = new Uint8Array(bytes);
			const { bytesRead } = await file.read(part, 0, bytes, offset);
			return part.subarray(0, bytesRead);
		} finally {
			await file.close();
		}
	}

	#writeNext(): void {
		const next = this.#writes.shift();
		this.#writing = next !== undefined;
		if (!next) {
			for (const resolve of this.#whenIdle.splice(0)) resolve();
			return;
		}
		const done = (error: Error | null) => {
			const final = error && this.#fail(error);
			// The next write begins first, so that the disk works while the caller handles this one.
			this.#writeNext();
			next.done(final);
		};
		if (this.#error) return void setImmediate(done, this.#error);
		try {
			const fd = this.#open.of(next.name);
			if (next.bytes.length > BYTES_WRITTEN_AT_ONCE_MAX) return writeBehind(fd, next.bytes, next.offset, done);
			writeAtOnce(fd, next.bytes, next.offset);
			const startedMs = performance.now();
			if (next.bytes.length <= BYTES_FLUSHED_ON_LOOP_MAX && this.#pace.isQuick) {
				fs.fdatasyncSync(fd);
				this.#pace.flushed(performance.now() - startedMs);
				return queueMicrotask(() => done(null));
			}
			fs.fdatasync(fd, (error) => {
				this.#pace.flushed(performance.now() - startedMs);
				done(error);
			});
		} catch (error) {
			setImmediate(done, error as Error);
		}
	}

	/** After the first error, all calls fail with it. */
	#fail(error: Error): Error {
		this.#error ??= error;
		return this.#error;
	}
}

function isFile(path: string): boolean {
	try {
		return fs.statSync(path).isFile();
	} catch {
		return false;
	}
}

function writeAtOnce(fd: number, bytes: Uint8Array, offset: number): void {
	for (let written = 0; written < bytes.length; ) {
		written += fs.writeSync(fd, bytes, written, bytes.length - written, offset + written);
	}
}

function writeBehind(fd: number, bytes: Uint8Array, offset: number, done: Done): void {
	fs.write(fd, bytes, 0, bytes.length, offset, (error, written) => {
		if (error) return done(error);
		if (written < bytes.length) return writeBehind(fd, bytes.subarray(written), offset + written, done);
		fs.fdatasync(fd, done);
	});
}

/** A name is durable once its folder is. */
export function syncFolder(folder: string): void {
	const fd = fs.openSync(folder, 'r');
	try {
		fs.fsyncSync(fd);
	} finally {
		fs.closeSync(fd);
	}
}
