/**
 * A command that runs for this process, at its terminal. Signals that ask this process to end are passed on.
 *
 * A terminal sends Ctrl-C and its own end to all processes in the foreground, so there the command stays in this process's
 * group, and only SIGTERM is passed on. Elsewhere the command has a group of its own, and signals reach all of it.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { EXIT, type Terminal } from '../terminal.ts';

const SIGNAL_STATUS = 128;
/** The second one is of a command without a name. */
const NO_COMMAND: readonly string[] = ['ENOENT', 'ERR_INVALID_ARG_VALUE'];

export class ChildCommand {
	/** The exit status, once it has ended; as shells say it where it was ended by a signal or could not be run. */
	readonly ended: Promise<number>;
	/** An error where it could not be run. */
	readonly #child: ChildProcess | Error;
	readonly #hasGroup: boolean;
	#timer: NodeJS.Timeout | undefined;

	#isToEnd = false;

	/** @param variables beside those of this process's environment */
	constructor(
		[file = '', ...args]: readonly string[],
		{ stdin, stderr, environment, workingDir }: Pick<Terminal, 'stdin' | 'stderr' | 'environment' | 'workingDir'>,
		variables: Readonly<Record<string, string>>,
	) {
		this.#hasGroup = !('isTTY' in stdin && stdin.isTTY);
		this.#child = begun(file, args, {
			stdio: 'inherit',
			env: { ...environment, ...variables },
			cwd: workingDir,
			detached: this.#hasGroup,
		});
		const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
		const pass = (signal: NodeJS.Signals): void => {
			if (this.#hasGroup || signal === 'SIGTERM') this.#signal(signal);
		};
		for (const signal of signals) process.on(signal, pass);
		this.ended = this.#status()
			.catch((error: NodeJS.ErrnoException) => {
				stderr.write(`${file}: it cannot be run: ${error.message}\n`);
				return NO_COMMAND.includes(error.code ?? '') ? EXIT.noCommand : EXIT.notRun;
			})
			.finally(() => {
				clearTimeout(this.#timer);
				for (const signal of signals) process.off(signal, pass);
			});
	}

	/** Asks it to end by SIGTERM, and ends it by SIGKILL after this time, milliseconds. */
	end(killAfterMs: number): void {
		this.#isToEnd = true;
		this.#signal('SIGTERM');
		this.#timer = setTimeout(() => this.#signal('SIGKILL'), killAfterMs);
	}

	async #status(): Promise<number> {
		if (this.#child instanceof Error) throw this.#child;
		const [status, signal] = (await once(this.#child, 'exit')) as [number | null, NodeJS.Signals | null];
		// What it has started does not outlive it then.
		if (this.#isToEnd && this.#hasGroup) this.#signal('SIGKILL');
		return status ?? SIGNAL_STATUS + (signal === null ? 0 : constants.signals[signal]);
	}

	#signal(signal: NodeJS.Signals): void {
		if (this.#child instanceof Error) return;
		const { pid } = this.#child;
		if (!this.#hasGroup || pid === undefined) return void this.#child.kill(signal);
		try {
			process.kill(-pid, signal);
		} catch (error) {
			// The whole group is gone, or another user's, as of `sudo`.
			if (!['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
		}
	}
}

/** Some errors of the system are thrown, such as ENOTDIR, and others come as an event. */
function begun(file: string, args: readonly string[], options: SpawnOptions): ChildProcess | Error {
	try {
		return spawn(file, args, options);
	} catch (error) {
		return error as Error;
	}
}
