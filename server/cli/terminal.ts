/** The surroundings of a command. They are passed to it so that tests can pass others. */
import type { Readable, Writable } from 'node:stream';
import type { Environment } from '../config/settings.ts';
import type { Output } from './output.ts';

export interface Terminal {
	readonly stdin: Readable;
	/** Takes data only. */
	readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
	/** Takes messages for people. */
	readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
	readonly environment: Environment;
	readonly workingDir: string;
	/** Called once by a command that runs nodes: from then on a failing output is no error. */
	serve(): ServingTerminal;
}

export interface ServingTerminal {
	readonly stdout: Output;
	readonly stderr: Output;
	/** The signals that ask the command to stop, beside SIGINT. */
	readonly stopSignals: readonly NodeJS.Signals[];
}

/** The exit statuses of all commands. */
export const EXIT = {
	ok: 0,
	error: 1,
	usage: 2,
	/** The key is missing, a compare-and-set did not match, or a contested slot keeps its value. */
	missing: 3,
	/** No node answers, there is no leader, or the outcome is unknown. */
	unavailable: 4,
	/** `lock`: the key was not free in time, as `timeout` says it. */
	notLocked: 124,
	/** `lock`: the lock was lost while the command ran. */
	lockLost: 125,
	/** `lock`: the command is there and cannot be run, as shells say it. */
	notRun: 126,
	/** `lock`: there is no such command, as shells say it. */
	noCommand: 127,
} as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** Waits for the end of a command, and keeps its exit status: one of `EXIT`, or of `lock` that of its command. */
export type Ended = (command: Promise<number> | number) => Promise<void>;

/** Ends a command: the message goes to stderr. */
export class CommandError extends Error {
	override readonly name = 'CommandError';
	readonly status: ExitStatus;

	constructor(message: string, options: ErrorOptions & { readonly status: ExitStatus }) {
		super(message, options);
		this.status = options.status;
	}
}
