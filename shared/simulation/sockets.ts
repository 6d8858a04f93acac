/**
 * The WebSockets between simulated clients and the doors of nodes. Frames arrive in order or not at all. A connection may
 * end, and each end is told or not: an end that is not told gets no frames any more, and must find that out by itself. A
 * connection may also stand still for a while, as with a client that does not read.
 *
 * What it must never do: let one end know anything of the other except by frames.
 */
import { WRITE } from '../client/protocol.ts';
import type { ClientSocket } from '../client/socket.ts';
import type { ClientConnection } from '../replica/client-connection.ts';
import type { DoorSocket } from '../replica/port.ts';
import { BatchReader } from '../store/batch-reader.ts';
import type { SimulatedNode } from './node.ts';
import type { Process } from './process.ts';
import type { Random } from './random.ts';
import { type Instant, US_PER_MS } from './schedule.ts';
import type { SocketTaste } from './socket-taste.ts';
import type { World } from './world.ts';

/** A node finds out by its own pings that a client is gone. */
const NODE_NOTICES_MS = 3_000;
const STALL_MAX_MS = 1_500;
const STALL_EVERY_MS = 4_000;
/** The share of dials to a node that is down that get no answer instead of a refusal. */
const UNANSWERED = 0.2;

/** The receiver of frames: a client's process, which may stand still or have ended. */
export interface SocketUser {
	readonly name: string;
	/** Calls `act` when the client's process runs. */
	run(act: () => void): void;
}

/** One direction of a connection. */
class Pipe {
	bytes = 0;
	/** The time before which no frame arrives. */
	#notBefore: Instant = 0;

	/** @returns the time at which a frame that is sent now arrives, after all earlier ones */
	arrival(world: World, random: Random, { delayMinMs, delaySpreadMs }: SocketTaste): Instant {
		const delayMs = delayMinMs + random.fraction() * delaySpreadMs;
		const at = Math.max(this.#notBefore, world.now + Math.ceil(delayMs * US_PER_MS));
		this.#notBefore = at;
		return at;
	}

	stall(until: Instant): void {
		this.#notBefore = Math.max(this.#notBefore, until);
	}
}

export class Sockets {
	readonly world: World;
	readonly random: Random;
	readonly taste: SocketTaste;
	/** The connections that stand, as far as their nodes know. */
	readonly standing = new Set<SimulatedSocket>();
	/** Which came to a door before. */
	readonly #batchesSeen = new Set<string>();

	constructor(world: World, random: Random, taste: SocketTaste) {
		this.world = world;
		this.random = random;
		this.taste = taste;
	}

	/** The network takes so many bytes at a time. Once everything has healed it takes all, so no client is cut for its sake. */
	get windowBytes(): number {
		return this.world.isHealed ? Number.POSITIVE_INFINITY : this.taste.windowBytes;
	}

	connect(url: string, user: SocketUser): ClientSocket {
		const node = this.world.nodes.find(({ id }) => url === `ws://${id}/client`);
		if (!node) throw new RangeError(`${url} is no node`);
		return new SimulatedSocket(this, node, user);
	}

	countWrite(frame: Uint8Array, { process }: SimulatedNode): void {
		const { counters } = this.world;
		if (process && process.agent.view().leader.node !== '') counters.writesAsked++;
		const batch = new BatchReader(frame.subarray(1));
		batch.nextBatch();
		if (batch.count > 1) counters.batchesOfMany++;
		const identity = `${batch.client}/${batch.first}`;
		if (this.#batchesSeen.has(identity)) counters.retriesUnderOneIdentity++;
		this.#batchesSeen.add(identity);
	}

	/**
	 * Everything heals. Where connections end, all of them end once more, so that each client comes back while some node
	 * does not know yet that it was gone.
	 */
	heal(): void {
		if (this.taste.livesMs > 0) for (const socket of this.standing) socket.lose();
	}

	/** Whether the node owes no client an answer. */
	areSettled(node: SimulatedNode): boolean {
		for (const socket of this.standing) if (socket.node === node && !socket.isSettled) return false;
		return true;
	}

	/** The node's process has ended, with its knowledge of its connections. */
	crashed(node: SimulatedNode): void {
		for (const socket of this.standing) if (socket.node === node) socket.nodeIsGone();
	}
}

/** Both ends of one connection: the client's is the object itself. */
class SimulatedSocket implements ClientSocket {
	binaryType = '';
	onopen: ((event: never) => void) | null = null;
	onmessage: ((event: never) => void) | null = null;
	onclose: ((event: never) => void) | null = null;
	onerror: ((event: never) => void) | null = null;
	readonly node: SimulatedNode;
	readonly #sockets: Sockets;
	readonly #user: SocketUser;
	readonly #toNode = new Pipe();
	readonly #toClient = new Pipe();
	#process: Process | undefined;
	#door: ClientConnection | undefined;
	/** Whether the connection is broken, and no frame that is sent arrives any more. */
	#isBroken = false;
	#clientIsTold = false;
	/** The client has closed it, and its node has been told so, or stands still. */
	#hasLeft = false;

	constructor(sockets: Sockets, node: SimulatedNode, user: SocketUser) {
		this.#sockets = sockets;
		this.node = node;
		this.#user = user;
		sockets.world.counters.socketsDialed++;
		this.#note('dials');
		this.#later(this.#toNode, () => this.#arrive());
	}

	/** Whether the node has answered everything that it has read. */
	get isSettled(): boolean {
		return this.#door?.isSettled ?? true;
	}

	// The client's end

	get bufferedAmount(): number {
		return Math.max(0, this.#toNode.bytes - this.#sockets.windowBytes);
	}

	send(data: ArrayBuffer): void {
		const frame = new Uint8Array(data.slice(0));
		this.#toNode.bytes += frame.length;
		this.#toNodeLater(() => {
			if (!this.node.letsClientsIn) return;
			this.#toNode.bytes -= frame.length;
			if (frame[0] === WRITE) this.#sockets.countWrite(frame, this.node);
			this.#door?.receive(frame);
		});
	}

	close(): void {
		this.#clientIsTold = true;
		this.#note('closes its connection');
		this.#toNodeLater(() => this.#endAtNode());
		this.#later(this.#toNode, () => {
			this.#hasLeft = true;
		});
	}

	// Between the ends

	/** The dial has arrived. */
	#arrive(): void {
		const { world, random } = this.#sockets;
		if (!this.node.process) {
			world.counters.socketsRefused++;
			if (this.#sockets.world.isHealed || !random.chance(UNANSWERED))
				this.#toClientLater(() => this.#tellClient('onerror'));
			return;
		}
		world.later(this.node, world.now, 'frame', () => this.#open(this.node.process as Process));
	}

	#open(process: Process): void {
		if (this.#hasLeft) return;
		const { world } = this.#sockets;
		const { clients } = process;
		if (!clients?.hasRoom || !this.node.letsClientsIn) return this.#toClientLater(() => this.#tellClient('onerror'));
		this.#process = process;
		this.#door = clients.connect(this.#doorSocket(), this.#user.name);
		this.#sockets.standing.add(this);
		this.#toClientLater(() => this.onopen?.({} as never));
		this.#planEnd();
		if (this.#sockets.random.chance(this.#sockets.taste.stalls)) this.#planStall();
		world.counters.socketsOpened++;
		this.#note('is connected');
	}

	#doorSocket(): DoorSocket {
		const unsentBytes = (): number => Math.max(0, this.#toClient.bytes - this.#sockets.windowBytes);
		return {
			get unsentBytes() {
				return unsentBytes();
			},
			send: (frame, sent) => {
				const data = frame.slice().buffer;
				this.#toClient.bytes += frame.length;
				const process = this.#process;
				this.#toClientLater(
					() => {
						this.onmessage?.({ data } as never);
					},
					() => {
						this.#toClient.bytes -= frame.length;
						if (this.#door && this.node.process === process && process?.epoch === this.node.epoch) this.#atNode(sent);
					},
				);
			},
			close: () => {
				this.#toClientLater(() => this.#tellClient('onclose'));
				this.#atNode(() => this.#endAtNode());
			},
			terminate: () => {
				this.#sockets.world.counters.socketsTerminated++;
				this.#toClientLater(() => this.#tellClient('onclose'));
				this.#isBroken = true;
				this.#atNode(() => this.#endAtNode());
			},
		};
	}

	#planEnd(): void {
		const { world, random, taste } = this.#sockets;
		if (taste.livesMs === 0) return;
		const livesMs = -Math.log(1 - random.fraction()) * taste.livesMs;
		world.at(world.now + Math.ceil(livesMs * US_PER_MS), () => {
			if (!world.isHealed) this.lose();
		});
	}

	/** The connection is lost. Each end is told so, or not. */
	lose(): void {
		const { world, random, taste } = this.#sockets;
		if (this.#isBroken || !this.#door) return;
		this.#isBroken = true;
		if (random.chance(taste.silence)) {
			world.counters.socketsSilent++;
			this.#note('does not hear that its connection is lost');
		} else {
			world.counters.socketsLost++;
			this.#tellClientLater('onclose');
		}
		const noticesMs = random.chance(taste.silence) ? NODE_NOTICES_MS : taste.delayMinMs;
		world.at(world.now + Math.ceil(noticesMs * US_PER_MS), () => this.#atNode(() => this.#endAtNode()));
	}

	#planStall(): void {
		const { world, random } = this.#sockets;
		const afterMs = random.between(0, 2 * STALL_EVERY_MS);
		world.at(world.now + Math.ceil(afterMs * US_PER_MS), () => {
			if (this.#isBroken || this.#sockets.world.isHealed || !this.#door) return;
			world.counters.socketsStalled++;
			this.#toClient.stall(world.now + Math.ceil(random.between(0, STALL_MAX_MS) * US_PER_MS));
			this.#planStall();
		});
	}

	nodeIsGone(): void {
		const { random, taste } = this.#sockets;
		this.#sockets.standing.delete(this);
		this.#door = undefined;
		if (this.#isBroken) return;
		this.#isBroken = true;
		if (!random.chance(taste.silence)) this.#tellClientLater('onclose');
		else this.#sockets.world.counters.socketsSilent++;
	}

	#endAtNode(): void {
		this.#sockets.standing.delete(this);
		const door = this.#door;
		this.#door = undefined;
		door?.closed();
	}

	/** Runs at the node's process, unless that has ended by then; later where it stands still. */
	#atNode(act: () => void): void {
		if (this.node.process !== this.#process || !this.#process) return;
		const { world } = this.#sockets;
		world.later(this.node, world.now, 'frame', () => {
			if (this.#door) act();
		});
	}

	#toNodeLater(act: () => void): void {
		this.#later(this.#toNode, () => {
			if (!this.#isBroken) this.#atNode(act);
		});
	}

	#toClientLater(act: () => void, always: () => void = () => undefined): void {
		this.#later(this.#toClient, () => {
			always();
			if (!this.#isBroken) this.#atClient(act);
		});
	}

	/** Tells the end of a connection, also of a broken one. */
	#tellClientLater(how: 'onclose' | 'onerror'): void {
		this.#later(this.#toClient, () => this.#atClient(() => this.#tellClient(how)));
	}

	#atClient(act: () => void): void {
		this.#user.run(() => {
			if (!this.#clientIsTold) act();
		});
	}

	#tellClient(how: 'onclose' | 'onerror'): void {
		this.#note(how === 'onclose' ? 'hears that its connection is lost' : 'cannot connect');
		this.#clientIsTold = true;
		this[how]?.({} as never);
	}

	#note(what: string): void {
		const { world } = this.#sockets;
		if (world.isWatchedByPeople) world.note(this.node.id, `${this.#user.name} ${what}`);
	}

	#later(pipe: Pipe, act: () => void): void {
		const { world, random, taste } = this.#sockets;
		world.at(pipe.arrival(world, random, taste), act);
	}
}
