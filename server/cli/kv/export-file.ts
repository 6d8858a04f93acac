/** Where an export goes: to stdout, or into a file. */
import { NewFile } from '../../backup/new-file.ts';
import type { Terminal } from '../terminal.ts';
import { print } from './print.ts';

export class PrintedExport {
	/** The number of keys so far. */
	count = 0;
	readonly #terminal: Terminal;

	constructor(terminal: Terminal) {
		this.#terminal = terminal;
	}

	/** Whether it may be begun again. */
	get isFresh(): boolean {
		return this.count === 0;
	}

	/** Begins, or begins again. */
	begin(): Promise<void> {
		return Promise.resolve();
	}

	write(text: string): Promise<void> {
		return print(this.#terminal, text);
	}

	/** It is whole. */
	finish(): Promise<void> {
		return Promise.resolve();
	}

	/** It is not finished, and leaves no file behind. */
	abandon(): Promise<void> {
		return Promise.resolve();
	}
}

/** A file is there only as a whole, so an export that was cut off is begun again. */
export class SavedExport implements Pick<PrintedExport, keyof PrintedExport> {
	count = 0;
	readonly isFresh = true;
	readonly #path: string;
	readonly #replaces: boolean;
	#file: NewFile | undefined;

	/** @param replaces whether it may take the place of a file */
	constructor(path: string, replaces: boolean) {
		this.#path = path;
		this.#replaces = replaces;
	}

	async begin(): Promise<void> {
		await this.abandon();
		this.count = 0;
		this.#file = await NewFile.create(this.#path, this.#replaces);
	}

	async write(text: string): Promise<void> {
		await this.#file?.write(Buffer.from(text));
	}

	async finish(): Promise<void> {
		await this.#file?.finish();
		this.#file = undefined;
	}

	async abandon(): Promise<void> {
		await this.#file?.abandon();
		this.#file = undefined;
	}
}
