/**
 * Reads the feeds of all nodes, as the page does, and does nothing with what it hears, in a process of its own. So it costs
 * the nodes what a page costs them, and the machine nearly nothing beside that.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { io } from 'socket.io-client';

export class FeedReader {
	readonly #process: ChildProcess;

	private constructor(process: ChildProcess) {
		this.#process = process;
	}

	/** Resolves once it has heard a snapshot of each node. @param pages reads as so many pages */
	static async start(urls: readonly string[], pages = 1): Promise<FeedReader> {
		const all = Array.from({ length: pages }, () => urls).flat();
		const reader = fork(fileURLToPath(import.meta.url), all, { stdio: 'inherit' });
		await once(reader, 'message');
		return new FeedReader(reader);
	}

	async stop(): Promise<void> {
		const exited = once(this.#process, 'exit');
		this.#process.kill();
		await exited;
	}
}

/** Resolves once there was a snapshot. */
async function read(url: string): Promise<void> {
	const socket = io(url, { forceNew: true, transports: ['websocket'] });
	await new Promise((resolve) => socket.once('snapshot', resolve));
}

const [, program, ...urls] = process.argv;
if (program === fileURLToPath(import.meta.url)) {
	await Promise.all(urls.map(read));
	process.send?.('it reads');
}
