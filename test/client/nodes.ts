/** A swarm of real nodes in this process, its state in memory, and clients whose sockets a test can count and cut. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { parseSwarm } from '../../server/config/swarm-file.ts';
import { type RunningNode, startNode } from '../../server/node/node.ts';
import type { NodeOptions } from '../../server/node/options.ts';
import type { KeyValueReplica } from '../../server/replica/key-value.ts';
import { SwarmClient, type SwarmClientOptions } from '../../shared/client/client.ts';
import { PING } from '../../shared/client/protocol.ts';
import type { ClientSocket } from '../../shared/client/socket.ts';

/** The time limit of calls is so long that a client's socket fails only where a test makes it fail. */
const CALL_TIMEOUT_MS = 25_000;

export class TestSwarm {
	readonly nodes = new Map<string, RunningNode<KeyValueReplica>>();
	readonly urls: readonly string[];
	readonly #clients: TestClient[] = [];

	private constructor(urls: readonly string[]) {
		this.urls = urls;
	}

	/** @param running the number of nodes that are started */
	static async start(
		size: number,
		running = size,
		requestMs = 20_000,
		more: Partial<NodeOptions> = {},
	): Promise<TestSwarm> {
		const ports = await freePorts(size);
		const members = ports.map((port, index) => ({ id: `n${index + 1}`, port }));
		const text = JSON.stringify({ name: 'test', nodes: members, timings: { requestMs } });
		const config = parseSwarm(text, 'swarm.json');
		const memory = { swarmId: 'swarm' };
		const log = pino({ level: 'silent' });
		const swarm = new TestSwarm(members.map(({ port }) => `http://127.0.0.1:${port}`));
		for (const { id } of members.slice(0, running)) {
			swarm.nodes.set(id, await startNode({ config, name: id, memory, secret: null, log, ...more }));
		}
		return swarm;
	}

	client(options: Partial<SwarmClientOptions> = {}): TestClient {
		const client = new TestClient({ nodes: this.urls, timeoutMs: CALL_TIMEOUT_MS, ...options });
		this.#clients.push(client);
		return client;
	}

	node(id: string): RunningNode<KeyValueReplica> {
		const node = this.nodes.get(id);
		if (!node) throw new Error(`${id} does not run`);
		return node;
	}

	/** A WebSocket to the clients' door, on which a test sends any bytes. */
	stranger(id: string, options: { readonly origin?: string; readonly path?: string } = {}): WebSocket {
		const { origin, path = '/client' } = options;
		return new WebSocket(`${this.node(id).url.replace('http', 'ws')}${path}`, origin === undefined ? {} : { origin });
	}

	async stop(): Promise<void> {
		for (const client of this.#clients) client.close();
		await Promise.all([...this.nodes.values()].map((node) => node.close()));
	}
}

export class TestClient extends SwarmClient {
	readonly #sockets: WebSocket[];
	/** Without pings, which a client sends when a node is slow. */
	readonly frames: { sent: number };

	constructor(options: Omit<SwarmClientOptions, 'connect'>) {
		const sockets: WebSocket[] = [];
		const frames = { sent: 0 };
		const connect = (url: string): ClientSocket => {
			const socket = new WebSocket(url);
			const send = socket.send.bind(socket) as (frame: ArrayBuffer) => void;
			const count = (frame: ArrayBuffer): void => {
				if (new Uint8Array(frame)[0] !== PING) frames.sent++;
				send(frame);
			};
			sockets.push(socket);
			return Object.assign(socket, { send: count });
		};
		super({ ...options, connect });
		this.#sockets = sockets;
		this.frames = frames;
	}

	/** The number of sockets that were opened so far. */
	get dials(): number {
		return this.#sockets.length;
	}

	/** Breaks all connections without telling either end. */
	cut(): void {
		for (const socket of this.#sockets) socket.terminate();
	}
}

export async function freePorts(count: number): Promise<number[]> {
	const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
	await Promise.all(servers.map((server) => once(server, 'listening')));
	const ports = servers.map((server) => (server.address() as AddressInfo).port);
	await Promise.all(servers.map((server) => once(server.close(), 'close')));
	return ports;
}
