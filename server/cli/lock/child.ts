/**
 * A command that runs for this process, at its terminal. Signals that ask this process to end are passed on.
 *
 * A terminal sends Ctrl-C and its own end to all processes in the foreground, so there the command stays in this process's
 * group, and only SIGTERM is passed on. Elsewhere the command has a group of its own, and signals reach all of it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { EXIT, type Terminal } from '../terminal.ts';

const SIGNAL_STATUS = 128;

export class ChildCommand {
	/** The exit status, once it has ended; as shells say it where it was ended by a signal or could not be run. */
	readonly ended: Promise<number>;
	readonly #child: ChildProcess;
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
		this.#child = spawn(file, args, {
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
				return error.code === 'ENOENT' ? EXIT.noCommand : EXIT.notRun;
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
		const [status, signal] = (await once(this.#child, 'exit')) as [number | null, NodeJS.Signals | null];
		// What it has started does not outlive it then.
		if (this.#isToEnd && this.#hasGroup) this.#signal('SIGKILL');
		return status ?? SIGNAL_STATUS + (signal === null ? 0 : constants.signals[signal]);
	}

	#signal(signal: NodeJS.Signals): void {
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
