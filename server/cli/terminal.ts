/** What a command has of the world around it, so that tests can give it another one. */
import type { Readable, Writable } from 'node:stream';
import type { Environment } from '../config.ts';
import type { Output } from './output.ts';

export interface Terminal {
	readonly stdin: Readable;
	/** For data only. */
	readonly stdout: Writable & { readonly isTTY?: boolean };
	/** For everything that is said to people. */
	readonly stderr: Writable & { readonly isTTY?: boolean };
	readonly environment: Environment;
	readonly workingDir: string;
	/** For a command that runs nodes: from now on a failing output is no error. To be called once at most. */
	serve(): ServingTerminal;
}

export interface ServingTerminal {
	readonly stdout: Output;
	readonly stderr: Output;
	/** What asks such a command to stop, beside SIGINT. */
	readonly stopSignals: readonly NodeJS.Signals[];
}

/** What the exit status of every command means. */
export const EXIT = {
	ok: 0,
	error: 1,
	usage: 2,
	/** No such key, a compare-and-set that did not match, or a contested slot that keeps its value. */
	missing: 3,
	/** No node answers, there is no leader, or the outcome is unknown. */
	unavailable: 4,
} as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command: the message goes to stderr. */
export class CommandError extends Error {
	override readonly name = 'CommandError';
	readonly status: ExitStatus;

	constructor(message: string, options: ErrorOptions & { readonly status: ExitStatus }) {
		super(message, options);
		this.status = options.status;
	}
}
