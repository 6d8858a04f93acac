/**
 * A client in virtual time: its runtime, and small fake nodes that a test controls. Nothing waits for a real clock, so a
 * minute of silence takes no time, and every run is the same.
 */
import { Writer } from '../../shared/bytes/bytes.ts';
import type { Settle } from '../../shared/client/abort.ts';
import { type ClientSection, readClientFrame } from '../../shared/client/client-frame.ts';
import { ClientCore, type CoreOptions } from '../../shared/client/core.ts';
import {
	writeEntry,
	writeLeader,
	writeMembers,
	writePong,
	writeResults,
	writeValues,
	writeWelcome,
} from '../../shared/client/node-frame.ts';
import { type MemberAddress, STATUSES } from '../../shared/client/protocol.ts';
import type { SessionRuntime } from '../../shared/client/runtime.ts';
import type { ClientSocket } from '../../shared/client/socket.ts';
import { BatchReader } from '../../shared/store/batch-reader.ts';

/** The delay of the network from one end to the other, milliseconds. */
const DELAY_MS = 1;

interface Due {
	readonly atMs: number;
	readonly order: number;
	readonly act: () => void;
	cancelled: boolean;
}

/** A seeded, small and sufficient source of chance. */
function chance(seed: number): () => number {
	let state = seed;
	return () => {
		state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
		return state / 2 ** 32;
	};
}

export class VirtualTime {
	nowMs = 0;
	readonly random: () => number;
	#order = 0;
	readonly #due: Due[] = [];
	#ids = 0;

	constructor(seed = 1) {
		this.random = chance(seed);
	}

	/** The timers of one client. */
	get runtime(): SessionRuntime {
		return {
			newSessionId: () => `00000000-0000-4000-8000-${String(++this.#ids).padStart(12, '0')}`,
			nowMs: () => this.nowMs,
			random: this.random,
			newId: () => `client ${++this.#ids}`,
			after: (ms, act) => this.after(ms, act),
			afterTurn: (act) => void this.after(0, act),
		};
	}

	/** The number of timers that have not fired. */
	get timersCount(): number {
		return this.#due.filter(({ cancelled }) => !cancelled).length;
	}

	after(ms: number, act: () => void): () => void {
		const due = { atMs: this.nowMs + ms, order: this.#order++, act, cancelled: false };
		let low = 0;
		let high = this.#due.length;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if ((this.#due[middle] as Due).atMs <= due.atMs) low = middle + 1;
			else high = middle;
		}
		this.#due.splice(low, 0, due);
		return () => {
			due.cancelled = true;
		};
	}

	/** Runs all that is due by then. */
	run(untilMs: number): void {
		while ((this.#due[0]?.atMs ?? Number.POSITIVE_INFINITY) <= untilMs) {
			const due = this.#due.shift() as Due;
			if (due.cancelled) continue;
			this.nowMs = due.atMs;
			due.act();
		}
		this.nowMs = untilMs;
	}

	/** The same for code with promises: they settle at the time at which they are resolved. */
	async pass(untilMs: number): Promise<void> {
		for (;;) {
			await new Promise(setImmediate);
			const [next] = this.#due;
			if (!next || next.atMs > untilMs) return this.run(untilMs);
			this.run(next.atMs);
		}
	}
}

export type Answer = 'answers' | 'is silent' | 'refuses the connection';

/** One node: its connections, the batches and reads that came, and its answers. */
export class VirtualNode {
	readonly id: string;
	readonly url: string;
	readonly #swarm: VirtualSwarm;
	answer: Answer = 'answers';
	/** The delay of each of its answers, beside the network's, milliseconds. */
	delayMs = 0;
	/** The leader that it tells. */
	leader: string;
	/** The times of the dials that reached it. */
	readonly dialsMs: number[] = [];
	readonly sockets = new Set<VirtualSocket>();

	constructor(id: string, swarm: VirtualSwarm) {
		this.id = id;
		this.url = `http://${id}:7101`;
		this.#swarm = swarm;
		this.leader = id;
	}

	/** Breaks all connections. */
	cut(): void {
		for (const socket of this.sockets) socket.endByNode();
	}

	/** Loses all connections without a word to their clients, as a machine that loses power. */
	forget(): void {
		this.sockets.clear();
	}

	/** Tells its clients other members. */
	tellMembers(members: readonly MemberAddress[]): void {
		const out = new Writer();
		writeMembers(out, members);
		const frame = out.take();
		for (const socket of this.sockets) socket.toClient(frame);
	}

	/** Tells its clients another leader. */
	lead(leader: string): void {
		this.leader = leader;
		const out = new Writer();
		writeLeader(out, leader);
		const frame = out.take();
		for (const socket of this.sockets) socket.toClient(frame);
	}

	receive(socket: VirtualSocket, frame: Uint8Array): void {
		if (!this.sockets.has(socket)) return;
		if (this.answer !== 'answers') return void socket.unread.push(frame);
		const out = new Writer();
		for (const section of readClientFrame(frame)) this.#take(socket, section, frame, out);
		if (out.length > 0) socket.toClient(out.take());
	}

	/** Goes on after a silence, and reads the frames that came meanwhile. */
	resume(): void {
		this.answer = 'answers';
		for (const socket of this.sockets) for (const frame of socket.unread.splice(0)) this.receive(socket, frame);
	}

	#take(socket: VirtualSocket, section: ClientSection, frame: Uint8Array, out: Writer): void {
		const swarm = this.#swarm;
		switch (section.kind) {
			case 'hello':
				socket.greeted.push(section.clientId);
				if (swarm.onHello(this, socket)) return;
				if (socket.greeted.length === 1) writeWelcome(out, this.id, this.leader, swarm.members);
				return;
			case 'auth':
			case 'trace':
				return;
			case 'ping':
				return writePong(out);
			case 'watch':
			case 'unwatch':
				return swarm.onWatch(this, socket, section);
			case 'read':
				if (swarm.onRead(section, socket)) return;
				writeValues(out, section.first, section.keys.length);
				for (const _ of section.keys) writeEntry(out, undefined);
				return;
			case 'write': {
				const batch = new BatchReader(frame.subarray(section.from, section.to));
				batch.nextBatch();
				const { client, first, count, receivedThrough } = batch;
				if (!socket.greeted.includes(client)) throw new Error(`a batch of ${client}, which was not greeted`);
				swarm.clients.add(client);
				const kinds: number[] = [];
				while (batch.nextCommand()) kinds.push(batch.kind);
				const { session } = batch;
				if (swarm.onWrite({ node: this, socket, client, first, count, receivedThrough, kinds, session }, out)) return;
				writeResults(out, first, count, STATUSES.indexOf('ok'), swarm.revisionOf(client, first, count));
			}
		}
	}
}

/** One batch as a node got it. */
export interface GotBatch {
	readonly node: VirtualNode;
	readonly socket: VirtualSocket;
	readonly client: string;
	readonly first: number;
	readonly count: number;
	/** Up to this sequence the client has the results, or has given the commands up. */
	readonly receivedThrough: number;
	/** The kinds of its commands, as in `batch-format.ts`. */
	readonly kinds: readonly number[];
	/** The session of its last command; '' for a command that is on no lock. */
	readonly session: string;
}

export class VirtualSwarm {
	readonly time: VirtualTime;
	readonly nodes: readonly VirtualNode[];
	/** The calls of `connect`. */
	dials = 0;
	/** The clients that batches came from. */
	readonly clients = new Set<string>();
	/** By these a test may answer a batch, a greeting or a read itself. They return true where they have. */
	onWrite: (batch: GotBatch, out: Writer) => boolean = () => false;
	onHello: (node: VirtualNode, socket: VirtualSocket) => boolean = () => false;
	onRead: (read: ClientSection & { kind: 'read' }, socket: VirtualSocket) => boolean = () => false;
	/** Is told of each watch that is begun or given up. */
	onWatch: (node: VirtualNode, socket: VirtualSocket, section: ClientSection & { kind: 'watch' | 'unwatch' }) => void =
		() => undefined;
	#revision = 0;
	readonly #revisions = new Map<string, number>();

	constructor(ids: readonly string[], time = new VirtualTime()) {
		this.time = time;
		this.nodes = ids.map((id) => new VirtualNode(id, this));
		for (const node of this.nodes) node.leader = this.nodes[0]?.id as string;
	}

	get members(): readonly MemberAddress[] {
		return this.nodes.map(({ id, url }) => ({ id, url }));
	}

	node(id: string): VirtualNode {
		const node = this.nodes.find((each) => each.id === id);
		if (!node) throw new Error(`there is no ${id}`);
		return node;
	}

	client(options: Partial<CoreOptions> = {}): ClientCore {
		return new ClientCore({
			nodes: this.nodes.map(({ url }) => url),
			connect: (url) => this.connect(url),
			timeoutMs: 10_000,
			runtime: this.time.runtime,
			...options,
		});
	}

	/** The revision of the batch's first command, which is the same for each copy of the batch. */
	revisionOf(client: string, first: number, count: number): number {
		const name = `${client}/${first}`;
		const before = this.#revisions.get(name);
		if (before !== undefined) return before;
		this.#revisions.set(name, this.#revision + 1);
		this.#revision += count;
		return this.#revision + 1 - count;
	}

	connect(url: string): VirtualSocket {
		this.dials++;
		const node = this.nodes.find((each) => url === `${each.url.replace('http', 'ws')}/client`);
		return new VirtualSocket(this.time, node);
	}
}

export class VirtualSocket implements ClientSocket {
	binaryType = '';
	readonly bufferedAmount = 0;
	onopen: ((event: never) => void) | null = null;
	onmessage: ((event: never) => void) | null = null;
	onclose: ((event: never) => void) | null = null;
	onerror: ((event: never) => void) | null = null;
	/** The clients that were named on it. */
	readonly greeted: string[] = [];
	/** The frames that a silent node has not read. */
	readonly unread: Uint8Array[] = [];
	readonly #time: VirtualTime;
	readonly #node: VirtualNode | undefined;
	#isClosed = false;

	constructor(time: VirtualTime, node: VirtualNode | undefined) {
		this.#time = time;
		this.#node = node;
		time.after(2 * DELAY_MS, () => this.#open());
	}

	send(data: ArrayBuffer): void {
		const frame = new Uint8Array(data.slice(0));
		this.#later(() => this.#node?.receive(this, frame), this.#node?.delayMs ?? 0);
	}

	close(): void {
		this.#isClosed = true;
		this.#node?.sockets.delete(this);
	}

	toClient(frame: Uint8Array): void {
		const data = frame.slice().buffer;
		this.#later(() => this.onmessage?.({ data } as never));
	}

	endByNode(): void {
		this.#node?.sockets.delete(this);
		this.#later(() => this.onclose?.({} as never));
	}

	#open(): void {
		if (this.#isClosed) return;
		if (!this.#node || this.#node.answer === 'refuses the connection') return this.onerror?.({} as never);
		this.#node.dialsMs.push(this.#time.nowMs);
		this.#node.sockets.add(this);
		if (this.#node.answer === 'answers') this.onopen?.({} as never);
	}

	#later(act: () => void, moreMs = 0): void {
		this.#time.after(DELAY_MS + moreMs, () => {
			if (!this.#isClosed) act();
		});
	}
}

/** The result of one call. */
export interface Settled {
	value?: unknown;
	error?: Error & { readonly why?: string };
	atMs?: number;
	/** How often it was settled, which has to be once. */
	times: number;
}

/** Callbacks for a call, and its result. */
export function watched(time: VirtualTime): Settled & Settle<unknown> {
	const settled: Settled & Settle<unknown> = {
		times: 0,
		resolve: (value) => {
			settled.times++;
			settled.value = value;
			settled.atMs = time.nowMs;
		},
		reject: (error) => {
			settled.times++;
			settled.error = error as Error;
			settled.atMs = time.nowMs;
		},
	};
	return settled;
}
