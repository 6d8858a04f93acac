/** A small stand-in for a node's HTTP API on a port of its own. It remembers its requests. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Asked {
	readonly method: string;
	readonly url: string;
	readonly body: string;
}

export interface Answer {
	readonly status?: number;
	readonly headers?: Readonly<Record<string, string>>;
	readonly body?: string | Buffer;
	/** Whether it closes the connection instead of answering. */
	readonly hangUp?: true;
	/** Whether another program answers, and no node. */
	readonly isForeign?: true;
	/** Whether it takes requests and never answers, as a stopped process does. */
	readonly silent?: true;
}

export interface FakeApi {
	readonly port: number;
	/** The requests so far, without those of `/livez`. */
	readonly asked: Asked[];
	/** The headers of these requests. */
	readonly headers: IncomingHttpHeaders[];
	/** Sets its answer from now on. */
	answer: Answer;
	/** The answers that come before that one. */
	readonly next: Answer[];
	close(): Promise<void>;
}

export async function fakeApi(answer: Answer = {}): Promise<FakeApi> {
	const server = createServer(async (request, response) => {
		const { method = '', url = '' } = request;
		if (api.answer.silent) return;
		if (url === '/livez') return void response.end('ok');
		const { status = 200, headers = {}, body = '', hangUp, isForeign } = api.next.shift() ?? api.answer;
		api.headers.push(request.headers);
		api.asked.push({ method, url, body: await text(request) });
		if (hangUp) request.socket.destroy();
		else response.writeHead(status, { ...(isForeign ? {} : { 'X-Consul-Index': '7' }), ...headers }).end(body);
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const { port } = server.address() as AddressInfo;
	const api: FakeApi = { port, asked: [], headers: [], answer, next: [], close: () => closed(server) };
	return api;
}

function closed(server: Server): Promise<void> {
	return new Promise((resolve) => {
		server.close(() => resolve());
		server.closeAllConnections();
	});
}
