/** The job queue of the documents of embedding as a process, which is asked line by line. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import * as z from 'zod';

export class QueueProcess {
	readonly id: string;
	readonly #child: ChildProcessWithoutNullStreams;
	readonly #answers: AsyncIterator<string, unknown>;
	readonly #exited: Promise<unknown[]>;

	/** @param folder the one in which `job-queue.js` and the package are */
	constructor(folder: string, id: string, ports: readonly number[]) {
		this.id = id;
		this.#child = spawn(process.execPath, ['job-queue.js', id, 'jobs', ...ports.map(String)], { cwd: folder });
		this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
		this.#child.stderr.resume();
		this.#child.stdin.on('error', () => undefined);
		this.#exited = once(this.#child, 'exit');
	}

	/** One question at a time. @returns the answer; null where the process has ended without one */
	async ask(line: string): Promise<string | null> {
		this.#child.stdin.write(`${line}\n`);
		const { done, value } = await this.#answers.next();
		return done ? null : value;
	}

	/** Ends its input. @returns its exit status */
	async end(): Promise<unknown> {
		this.#child.stdin.end();
		return (await this.#exited)[0];
	}

	kill(): void {
		this.#child.kill('SIGKILL');
	}
}

const statusSchema = z.looseObject({ leader: z.string().nullable() });

/** The leader that the node at this port hears. */
export async function leaderAt(port: number): Promise<string | null> {
	const response = await fetch(`http://127.0.0.1:${port}/v1/swarm`);
	return statusSchema.parse(await response.json()).leader;
}
