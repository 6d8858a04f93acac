/**
 * The files of one folder that are kept open, which are those used last. A descriptor is kept in reserve, so that the
 * next file can be made when this process has no other left, as when too many connections are open.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { isInPlace } from './in-place.ts';

/** The manifest, the segment that is written, and the next one. */
const OPEN_FILES_MAX = 3;

export class OpenFiles {
	readonly #folder: string;
	/** By name, the one used last at the end. */
	readonly #files = new Map<string, number>();
	#lastName = '';
	#lastFd = -1;
	/** The descriptor of the folder, by which it is flushed. */
	readonly folderFd: number;
	/** The reserve: it is open only to be closed when a descriptor is needed. */
	#reserveFd: number | null;

	/** @throws the system's error */
	constructor(folder: string) {
		this.#folder = folder;
		this.folderFd = fs.openSync(folder, 'r');
		this.#reserveFd = fs.openSync(folder, 'r');
	}

	/** The descriptor of a file that is there. */
	of(name: string): number {
		if (name === this.#lastName) return this.#lastFd;
		const fd = this.#files.get(name) ?? this.#open(join(this.#folder, name), 'r+');
		this.keep(name, fd);
		return fd;
	}

	/** Opens a file to be made, at the cost of the one used least of late. To be handed to `keep` or `drop`. */
	make(path: string): number {
		return this.#open(path, 'w+');
	}

	/** Hands over the descriptor of a file that is there, which gets another name. To be handed to `keep` or `drop`. */
	take(name: string): number {
		const fd = this.#files.get(name);
		if (fd === undefined) return this.#open(join(this.#folder, name), 'r+');
		this.#delete(name);
		return fd;
	}

	/** Closes a file that is removed. */
	forget(name: string): void {
		const fd = this.#files.get(name);
		if (fd === undefined) return;
		this.#delete(name);
		this.drop(fd);
	}

	keep(name: string, fd: number): void {
		this.#files.delete(name);
		this.#files.set(name, fd);
		this.#lastName = name;
		this.#lastFd = fd;
	}

	/** The path of an open file where something else or nothing is by now; null where all of them are in place. */
	async misplacedFile(): Promise<string | null> {
		for (const [name, fd] of [...this.#files]) {
			if (this.#files.get(name) !== fd) continue;
			const path = join(this.#folder, name);
			const isThere = await isInPlace({ path, fd });
			// The log itself may have renamed or removed it meanwhile.
			if (!isThere && this.#files.get(name) === fd) return path;
		}
		return null;
	}

	drop(fd: number): void {
		fs.closeSync(fd);
		if (this.#files.size < OPEN_FILES_MAX) this.#reserve();
	}

	/** To be called once. */
	close(): void {
		for (const fd of this.#files.values()) fs.closeSync(fd);
		this.#files.clear();
		if (this.#reserveFd !== null) fs.closeSync(this.#reserveFd);
		fs.closeSync(this.folderFd);
	}

	#open(path: string, flags: string): number {
		const [oldest] = this.#files;
		if (oldest && this.#files.size >= OPEN_FILES_MAX) {
			fs.closeSync(oldest[1]);
			this.#delete(oldest[0]);
		} else if (this.#files.size === OPEN_FILES_MAX - 1 && this.#reserveFd !== null) {
			fs.closeSync(this.#reserveFd);
			this.#reserveFd = null;
		}
		try {
			return fs.openSync(path, flags);
		} catch (error) {
			if (this.#files.size < OPEN_FILES_MAX) this.#reserve();
			throw error;
		}
	}

	#delete(name: string): void {
		this.#files.delete(name);
		if (this.#lastName === name) this.#lastName = '';
	}

	#reserve(): void {
		this.#reserveFd ??= fs.openSync(this.#folder, 'r');
	}
}
