/**
 * An HTTP server of Node.js that reads each body and answers `true`, in a process of its own. No store in Node.js that
 * is asked over HTTP can answer more puts on this machine.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

export class BareHttpServer {
	readonly #process: ChildProcess;
	readonly url: string;

	private constructor(process: ChildProcess, port: number) {
		this.#process = process;
		this.url = `http://127.0.0.1:${port}`;
	}

	static async start(): Promise<BareHttpServer> {
		const server = fork(fileURLToPath(import.meta.url), { stdio: 'inherit' });
		const [port] = await once(server, 'message');
		return new BareHttpServer(server, port);
	}

	async stop(): Promise<void> {
		const exited = once(this.#process, 'exit');
		this.#process.kill();
		await exited;
	}
}

/** Runs in a process of its own, until it is killed. */
async function serve(): Promise<number> {
	const server = http.createServer((request, response) => {
		request.resume();
		request.on('end', () => response.end('true'));
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	return (server.address() as AddressInfo).port;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.send?.(await serve());
