/**
 * Files that are made, renamed and removed, in the thread pool and beside the writes of the log: one call after the other
 * for each file, and side by side for different ones. A new file has another name until it is durable, by which a crash
 * leaves it half made.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { NoRoomError } from '../../shared/disk/disk.ts';
import type { OpenFiles } from './open-files.ts';

export const HALF_MADE = '.making';
export const ZEROS = new Uint8Array(1024 * 1024);
/**
 * After so many bytes were appended to a file they are flushed. A flush of a few bytes takes about as long as one of
 * these, and one of many more would keep the disk from the log.
 */
const BYTES_UNFLUSHED_MAX = 2 * 1024 * 1024;

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
const unlink = promisify(fs.unlink);

/**
 * A file that grows, with the bytes that are written and those of them that are flushed. After a lack of room nothing
 * is left of it.
 */
type Growing = { readonly fd: number; bytes: number; flushedBytes: number } | { readonly lack: NoRoomError };

export class FileChanges {
	readonly #folder: string;
	readonly #open: OpenFiles;
	/** By name, the end of the last call for this file. */
	readonly #last = new Map<string, Promise<void>>();
	readonly #growing = new Map<string, Growing>();

	constructor(folder: string, open: OpenFiles) {
		this.#folder = folder;
		this.#open = open;
	}

	/** Runs `act` behind the calls before it for these files. */
	inOrder(names: readonly string[], act: () => Promise<void>): Promise<void> {
		const before = Promise.all(names.map((name) => this.#last.get(name)));
		const result = before.then(act);
		const settled = result.catch(() => undefined);
		for (const name of names) this.#last.set(name, settled);
		void settled.then(() => {
			for (const name of names) if (this.#last.get(name) === settled) this.#last.delete(name);
		});
		return result;
	}

	/** Resolves when no call is on its way. What was appended to files that are not published is removed. */
	async end(): Promise<void> {
		while (this.#last.size > 0) await Promise.all(this.#last.values());
		for (const name of [...this.#growing.keys()]) this.abandon(name);
	}

	async create(name: string, bytes: number): Promise<void> {
		const halfMade = this.#halfMade(name);
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
			removeHalfMade(halfMade);
			if (fd !== undefined) this.#open.drop(fd);
			throw lackOr(error);
		}
	}

	async append(name: string, bytes: Uint8Array): Promise<void> {
		try {
			const file = this.#growing.get(name) ?? this.#begin(name);
			if ('lack' in file) throw file.lack;
			for (let written = 0; written < bytes.length; ) {
				const { bytesWritten } = await write(file.fd, bytes, written, bytes.length - written, file.bytes);
				written += bytesWritten;
				file.bytes += bytesWritten;
			}
			if (file.bytes - file.flushedBytes >= BYTES_UNFLUSHED_MAX) await flush(file);
		} catch (error) {
			throw this.#lacking(name, lackOr(error));
		}
	}

	async publish(name: string): Promise<void> {
		const file = this.#growing.get(name);
		if (!file) throw new Error(`nothing was appended to ${name}`);
		if ('lack' in file) throw file.lack;
		try {
			await flush(file);
			await rename(this.#halfMade(name), join(this.#folder, name));
		} catch (error) {
			throw this.#lacking(name, lackOr(error));
		}
		await fsync(this.#open.folderFd);
		fs.closeSync(file.fd);
		this.#growing.delete(name);
	}

	abandon(name: string): void {
		const file = this.#growing.get(name);
		this.#growing.delete(name);
		if (!file || 'lack' in file) return;
		fs.closeSync(file.fd);
		removeHalfMade(this.#halfMade(name));
	}

	async rename(from: string, to: string): Promise<void> {
		let fd: number;
		try {
			fd = this.#open.take(from);
		} catch (error) {
			throw lackOr(error);
		}
		try {
			await rename(join(this.#folder, from), join(this.#folder, to));
		} catch (error) {
			this.#open.drop(fd);
			throw lackOr(error);
		}
		await fsync(this.#open.folderFd);
		this.#open.keep(to, fd);
	}

	async remove(name: string): Promise<void> {
		this.#open.forget(name);
		await unlink(join(this.#folder, name));
		await fsync(this.#open.folderFd);
	}

	#begin(name: string): Growing {
		const file = { fd: fs.openSync(this.#halfMade(name), 'w+'), bytes: 0, flushedBytes: 0 };
		this.#growing.set(name, file);
		return file;
	}

	/** Where there is no room for a file, what there is of it would take room that is lacking. */
	#lacking(name: string, error: unknown): unknown {
		if (!(error instanceof NoRoomError)) return error;
		this.abandon(name);
		this.#growing.set(name, { lack: error });
		return error;
	}

	#halfMade(name: string): string {
		return join(this.#folder, name + HALF_MADE);
	}
}

/** A disk that has failed keeps the file, which the next start removes. */
function removeHalfMade(path: string): void {
	try {
		fs.rmSync(path, { force: true });
	} catch {
		// The call before this one has told what the disk failed with.
	}
}

async function flush(file: { readonly fd: number; readonly bytes: number; flushedBytes: number }): Promise<void> {
	const { bytes } = file;
	await fsync(file.fd);
	file.flushedBytes = bytes;
}

function lackOr(error: unknown): unknown {
	const lack = LACKS[(error as NodeJS.ErrnoException).code ?? ''];
	return lack === undefined ? error : new NoRoomError(lack, { cause: error });
}
