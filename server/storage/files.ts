/**
 * The disk of the log on real files, in one folder. What it must never do: report a write before `fdatasync` has
 * returned, go on after an error, or let a slow disk block the event loop.
 *
 * A small write to a quick disk is flushed on the event loop, because to hand 0.1 ms of work to a thread and back takes
 * as long again. A large write, and every write to a slow disk (`pace.ts`), is flushed in the thread pool, so that the
 * loop can do other work meanwhile, such as heartbeats.
 *
 * Writes are done one after the other. A new file is made at the same time, under another name until it is durable.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Disk, type Done, NoRoomError } from '../../shared/disk/disk.ts';
import { OpenFiles } from './open-files.ts';
import { Pace } from './pace.ts';

/** A write of up to so many bytes into the system's memory takes less time than waking a thread for it. */
const BYTES_WRITTEN_AT_ONCE_MAX = 64 * 1024;
/**
 * Up to so many bytes may be flushed on the event loop. With so few, few clients wait, and handing the flush to a thread
 * would take most of the time. With more, the loop has other work during the flush.
 */
const BYTES_FLUSHED_ON_LOOP_MAX = 2048;
const ZEROS = new Uint8Array(1024 * 1024);
const HALF_MADE = '.making';

/** The system's errors where a file cannot be made now but perhaps later, with their texts for people. */
const LACKS: Readonly<Record<string, string>> = {
	ENOSPC: 'the disk is full',
	EDQUOT: 'the disk quota is used up',
	EMFILE: 'this process has too many files open',
	ENFILE: 'the system has too many files open',
};

const write = promisify(fs.write);
const fsync = promisify(fs.fsync);
const rename = promisify(fs.rename);

interface Write {
	readonly name: string;
	readonly offset: number;
	readonly bytes: Uint8Array;
	readonly done: Done;
}

export class FileDisk implements Disk {
	readonly #folder: string;
	#error: Error | null = null;
	readonly #writes: Write[] = [];
	#writing = false;
	readonly #pace = new Pace();
	readonly #open: OpenFiles;
	#making: Promise<void> = Promise.resolve();
	readonly #whenIdle: (() => void)[] = [];
	#fetched: { readonly name: string; readonly bytes: Uint8Array } | null = null;
	#isClosed = false;

	/**
	 * @param folder must exist. What a crash left half made there is removed.
	 * @throws the system's error, where the folder cannot be read or written
	 */
	constructor(folder: string) {
		this.#folder = folder;
		for (const name of fs.readdirSync(folder)) if (name.endsWith(HALF_MADE)) fs.rmSync(join(folder, name));
		this.#open = new OpenFiles(folder);
		fs.fsyncSync(this.#open.folderFd);
	}

	list(): readonly string[] {
		return fs.readdirSync(this.#folder).sort();
	}

	/** Fetches a file in the thread pool: the next `read` of it does not wait for the disk. */
	async fetch(name: string): Promise<void> {
		this.#fetched = { name, bytes: await fs.promises.readFile(join(this.#folder, name)) };
	}

	read(name: string): Uint8Array {
		// The files that are read last are written first, so they stay open.
		this.#open.of(name);
		const fetched = this.#fetched;
		this.#fetched = null;
		return fetched?.name === name ? fetched.bytes : fs.readFileSync(join(this.#folder, name));
	}

	create(name: string, bytes: number, done: Done): void {
		this.#making = this.#making
			.then(() => this.#make(name, bytes))
			.then(
				() => null,
				(error: Error) => (error instanceof NoRoomError ? error : this.#fail(error)),
			)
			.then((error) => void setImmediate(done, error));
	}

	write(name: string, offset: number, bytes: Uint8Array, done: Done): void {
		this.#writes.push({ name, offset, bytes, done });
		if (!this.#writing) this.#writeNext();
	}

	/** Waits for writes under way, then closes the files. Later calls fail. */
	async close(): Promise<void> {
		await this.#making;
		if (this.#writing) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
		this.#fail(new Error('the disk is closed'));
		if (!this.#isClosed) this.#open.close();
		this.#isClosed = true;
	}

	async #make(name: string, bytes: number): Promise<void> {
		if (this.#error) throw this.#error;
		const halfMade = join(this.#folder, name + HALF_MADE);
		let fd: number | undefined;
		try {
			fd = this.#open.make(halfMade);
			for (let at = 0; at < bytes; ) {
				at += (await write(fd, ZEROS, 0, Math.min(bytes - at, ZEROS.length), at)).bytesWritten;
				await fsync(fd);
			}
			await rename(halfMade, join(this.#folder, name));
			await fsync(this.#open.folderFd);
			this.#open.keep(name, fd);
		} catch (error) {
			// A half-made file would take room that is lacking.
			fs.rmSync(halfMade, { force: true });
			if (fd !== undefined) this.#open.drop(fd);
			const lack = LACKS[(error as NodeJS.ErrnoException).code ?? ''];
			throw lack === undefined ? error : new NoRoomError(lack, { cause: error });
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
