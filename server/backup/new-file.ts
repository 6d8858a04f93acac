/**
 * A file that is there under its name only as a whole: it is written beside it, made durable, and then gets the name.
 */
import * as fs from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { nanoid } from 'nanoid';
import { syncFolder } from '../storage/files.ts';

/** A file cannot be made. The message is for people. */
export class NewFileError extends Error {
	override readonly name = 'NewFileError';
}

export class NewFile {
	readonly #path: string;
	readonly #partPath: string;
	readonly #file: fs.FileHandle;
	readonly #replaces: boolean;

	private constructor(path: string, partPath: string, file: fs.FileHandle, replaces: boolean) {
		this.#path = path;
		this.#partPath = partPath;
		this.#file = file;
		this.#replaces = replaces;
	}

	/**
	 * @param replaces whether it may take the place of a file of that name
	 * @param mode who may read and write it; by default its owner alone, because it holds what the store holds
	 * @throws NewFileError
	 */
	static async create(path: string, replaces: boolean, mode = 0o600): Promise<NewFile> {
		await refuseTaken(path, replaces);
		const partPath = join(dirname(path), `.${basename(path)}.${nanoid(8)}.part`);
		const file = await explained(path, () => fs.open(partPath, 'wx', mode));
		return new NewFile(path, partPath, file, replaces);
	}

	/** @throws NewFileError */
	async write(bytes: Uint8Array): Promise<void> {
		await explained(this.#path, () => this.#file.writeFile(bytes));
	}

	/** Durable under its name when it resolves. @throws NewFileError */
	async finish(): Promise<void> {
		await explained(this.#path, async () => {
			await this.#file.sync();
			await this.#file.close();
			await this.#giveName();
			syncFolder(dirname(this.#path));
		});
	}

	/** Leaves nothing behind. */
	async abandon(): Promise<void> {
		await this.#file.close().catch(() => undefined);
		await fs.rm(this.#partPath, { force: true });
	}

	/** Another process may have made a file of that name meanwhile, which a rename would replace and a link does not. */
	async #giveName(): Promise<void> {
		if (this.#replaces) return fs.rename(this.#partPath, this.#path);
		try {
			await fs.link(this.#partPath, this.#path);
		} catch (error) {
			if (codeOf(error) === 'EEXIST') throw taken(this.#path);
			// Some file systems have no links.
			await refuseTaken(this.#path, false);
			return fs.rename(this.#partPath, this.#path);
		}
		await fs.rm(this.#partPath);
	}
}

async function refuseTaken(path: string, replaces: boolean): Promise<void> {
	const stats = await fs.stat(path).catch((error: unknown) => {
		if (codeOf(error) === 'ENOENT') return null;
		throw new NewFileError(`${path} cannot be written: ${messageOf(error)}`, { cause: error });
	});
	if (stats?.isDirectory()) throw new NewFileError(`${path} is a folder: give the name of a file in it.`);
	if (stats && !stats.isFile()) throw new NewFileError(`${path} is no file that can be replaced.`);
	if (stats && !replaces) throw taken(path);
}

function taken(path: string): NewFileError {
	return new NewFileError(`${path} is there already. To replace it, add --force.`);
}

async function explained<T>(path: string, act: () => Promise<T>): Promise<T> {
	try {
		return await act();
	} catch (error) {
		if (error instanceof NewFileError) throw error;
		const isFull = codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT';
		const why = isFull ? `the disk is full (${messageOf(error)})` : messageOf(error);
		throw new NewFileError(`${path} cannot be written: ${why}`, { cause: error });
	}
}

function codeOf(error: unknown): string | undefined {
	return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

function messageOf(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}
