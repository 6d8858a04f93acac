/** A node of a test: a real HTTP server with a mesh behind `/mesh`, and a record of the calls of its handlers. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TlsOptions } from 'node:tls';
import {
	DEFAULT_MESH_LIMITS,
	DEFAULT_MESH_TIMINGS,
	Mesh,
	type MeshOptions,
	type MeshTls,
} from '../../server/mesh/mesh.ts';
import type { MeshLimits } from '../../server/mesh/peer.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Message } from '../../shared/paxos/message.ts';
import { BATCH_AT, batchValue, commandsOf, type Value } from '../../shared/paxos/value.ts';

export type Heard =
	| { readonly kind: 'up'; readonly peer: NodeId; readonly remembered: number }
	| { readonly kind: 'down'; readonly peer: NodeId; readonly why: string }
	| { readonly kind: 'twice'; readonly peer: NodeId }
	| { readonly kind: 'malformed'; readonly from: string; readonly why: string }
	| { readonly kind: 'message'; readonly from: NodeId; readonly id: string; readonly message: Message }
	| { readonly kind: 'traces'; readonly id: string; readonly traceparents: readonly string[] };

export interface NodeChange {
	readonly epoch?: string;
	readonly swarmId?: string;
	readonly secret?: string | null;
	readonly tls?: MeshTls;
	readonly timings?: Partial<MeshOptions['timings']>;
	readonly limits?: Partial<MeshLimits>;
	reached?(): number;
	remembered?(peer: NodeId): number;
	/** The port at which a peer is dialed, if not its own. */
	readonly ports?: Readonly<Record<NodeId, number>>;
}

/** A long silence is allowed, so that a busy machine does not break links that the test did not break. */
const TEST_TIMINGS = {
	...DEFAULT_MESH_TIMINGS,
	reconnectMinMs: 5,
	reconnectMaxMs: 50,
	silentMs: 20_000,
	handshakeMs: 20_000,
};

export class TestNode {
	readonly id: NodeId;
	readonly heard: Heard[] = [];
	frames = 0;
	/** By peer: how far its log was durable, as its last frame said. */
	readonly reached = new Map<NodeId, number>();
	/** Called for each message after it was recorded. */
	onMessage: (message: Message, from: NodeId) => void = () => undefined;
	readonly #server: Server;
	#mesh: Mesh | undefined;
	#knocks = 0;
	#waiting: (() => void)[] = [];

	private constructor(id: NodeId, server: Server) {
		this.id = id;
		this.#server = server;
		server.on('upgrade', (request, socket, head) => {
			this.#knocks++;
			if (this.#mesh) this.#mesh.handleUpgrade(request, socket, head);
			else socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
		});
	}

	/**
	 * Makes a node that has its port from now on, and answers 503 until it is started.
	 *
	 * @param tls null where its port does not speak TLS
	 */
	static async listen(id: NodeId, tls: TlsOptions | null = null): Promise<TestNode> {
		const server = tls ? https.createServer(tls) : createServer();
		server.listen(0, '127.0.0.1');
		await once(server, 'listening');
		return new TestNode(id, server);
	}

	get port(): number {
		return (this.#server.address() as AddressInfo).port;
	}

	get mesh(): Mesh {
		if (!this.#mesh) throw new Error(`${this.id} is not started`);
		return this.#mesh;
	}

	start(members: readonly TestNode[], change: NodeChange = {}): void {
		const { ports = {}, timings, limits, ...rest } = change;
		this.#mesh = new Mesh({
			self: this.id,
			epoch: `${this.id}-1`,
			swarmId: 'swarm',
			secret: null,
			timings: { ...TEST_TIMINGS, ...timings },
			limits: { ...DEFAULT_MESH_LIMITS, ...limits },
			reached: () => 0,
			remembered: () => 0,
			handlers: {
				frame: (from, epoch, { firstId, messages, reached }) => {
					this.frames++;
					this.reached.set(from, reached);
					messages.forEach((message, i) => {
						this.#hear({ kind: 'message', from, id: `${epoch}:${firstId + i}`, message });
						this.onMessage(message, from);
					});
				},
				traces: (id, traceparents) => this.#hear({ kind: 'traces', id, traceparents }),
				linkUp: (peer, remembered) => this.#hear({ kind: 'up', peer, remembered }),
				linkDown: (peer, why) => this.#hear({ kind: 'down', peer, why }),
				malformed: (from, why) => this.#hear({ kind: 'malformed', from, why }),
				twice: (peer) => this.#hear({ kind: 'twice', peer }),
			},
			...rest,
		});
		this.become(members, ports);
		this.#mesh.start();
	}

	/** The members are these. @param ports the port at which a peer is dialed, if not its own */
	become(members: readonly TestNode[], ports: Readonly<Record<NodeId, number>> = {}): void {
		const others = members.filter((member) => member !== this);
		this.mesh.become(others.map(({ id, port }) => ({ id, host: '127.0.0.1', port: ports[id] ?? port })));
	}

	/** Resolves when this node was dialed `times` times, whether it is started or not. */
	async untilKnocked(times: number): Promise<void> {
		while (this.#knocks < times) await once(this.#server, 'upgrade');
	}

	/** Stops the mesh; `start` may follow. */
	async stop(): Promise<void> {
		await this.#mesh?.close();
		this.#mesh = undefined;
	}

	async close(): Promise<void> {
		await this.stop();
		this.#server.closeAllConnections();
		this.#server.close();
		await once(this.#server, 'close');
	}

	/** Open connections to this node's port. */
	connections(): Promise<number> {
		return new Promise((resolve, reject) => {
			this.#server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
		});
	}

	/** Resolves as soon as `holds` returns true. It is called again after each call of a handler. */
	until(holds: () => boolean): Promise<void> {
		return new Promise((resolve) => {
			const ask = (): void => {
				if (holds()) resolve();
				else this.#waiting.push(ask);
			};
			ask();
		});
	}

	untilLinked(...peers: readonly NodeId[]): Promise<void> {
		return this.until(() => peers.every((peer) => this.mesh.linked().includes(peer)));
	}

	/** The events of the link with `peer`, in order: `up`, or the reason why it went down. */
	links(peer: NodeId): string[] {
		return this.heard.flatMap((heard) => {
			if (heard.kind === 'up' && heard.peer === peer) return ['up'];
			return heard.kind === 'down' && heard.peer === peer ? [heard.why] : [];
		});
	}

	refusals(): string[] {
		return this.heard.flatMap((heard) => (heard.kind === 'malformed' ? [heard.why] : []));
	}

	messages(): Message[] {
		return this.heard.flatMap((heard) => (heard.kind === 'message' ? [heard.message] : []));
	}

	#hear(heard: Heard): void {
		this.heard.push(heard);
		const waiting = this.#waiting;
		this.#waiting = [];
		for (const ask of waiting) ask();
	}
}

/** The nodes and other things that a test has opened, which are closed after it. */
export class Bench {
	readonly #open: { close(): Promise<void> }[] = [];

	add<T extends { close(): Promise<void> }>(thing: T): T {
		this.#open.push(thing);
		return thing;
	}

	async nodes<const Ids extends readonly NodeId[]>(...ids: Ids): Promise<{ [Index in keyof Ids]: TestNode }> {
		const nodes = await Promise.all(ids.map(async (id) => this.add(await TestNode.listen(id))));
		return nodes as { [Index in keyof Ids]: TestNode };
	}

	async close(): Promise<void> {
		await Promise.all(this.#open.splice(0).map((thing) => thing.close()));
	}
}

export function forward(text: string): Message {
	return forwardOf(batchValue(new TextEncoder().encode(text)));
}

export function textOf(message: Message): string {
	return message.kind === 'forward' ? new TextDecoder().decode(commandsOf(message.value)) : message.kind;
}

/** A slot's value of so many bytes. */
export function sizedValue(bytes: number): Value {
	return batchValue(new Uint8Array(bytes - BATCH_AT));
}

export function forwardOf(value: Value): Message {
	return { kind: 'forward', origin: 'n1', epoch: 1, id: 1, settledThrough: 0, value };
}
