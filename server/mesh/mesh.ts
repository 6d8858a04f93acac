/**
 * The mesh: one persistent WebSocket for each pair of nodes, on the path `/mesh` of the node's one HTTP port.
 *
 * Of two nodes the one with the higher id dials, and dials again without end. For each peer `linkUp` and `linkDown`
 * alternate. Messages arrive in order and once, unless a `linkDown` tells that some may be lost.
 *
 * Handlers are called from socket events and timers, never from inside `send`, `flush` or `close`, and not after
 * `close`. The mesh knows nothing of the meaning of messages.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Message } from '../../shared/paxos/message.ts';
import { refuseUpgrade } from '../front/upgrade.ts';
import { Backoff } from './backoff.ts';
import { Encoder, type Frame } from './frame.ts';
import {
	DialerHandshake,
	dials,
	type Identity,
	ListenerHandshake,
	NONCE_BYTES,
	PROTOCOL,
	type Proven,
} from './handshake.ts';
import { Link, type LinkOwner, SOCKET_OPTIONS } from './link.ts';
import { type MeshLimits, Peer, type PeerAddress } from './peer.ts';

/** Times in milliseconds. */
export interface MeshTimings {
	/** The wait between the first and the second try to connect. It doubles from try to try. */
	readonly reconnectMinMs: number;
	/**
	 * The longest wait between two tries. After a link that stood for as long, the waits begin with the shortest again.
	 */
	readonly reconnectMaxMs: number;
	readonly pingIntervalMs: number;
	/** A link whose ping is unanswered for this long is cut. */
	readonly silentMs: number;
	/** The time limit from the first packet to the last proof. */
	readonly handshakeMs: number;
}

export interface MeshHandlers {
	/**
	 * All messages of one frame, in order. Message i has the id `${epoch}:${firstId + i}`. Values are views of the frame.
	 */
	frame(from: NodeId, epoch: string, frame: Frame): void;
	/** @param remembered the last frame of this node's log that was durable, as the peer remembers it */
	linkUp(peer: NodeId, remembered: number): void;
	linkDown(peer: NodeId, why: string): void;
	/**
	 * A frame or a handshake was refused, by this end or the other one. `from` is an address, with the id of the node that
	 * the other end claims to be, if any. A refusal that a peer repeats is told once until a link is up.
	 */
	malformed(from: string, why: string): void;
}

export interface MeshOptions {
	readonly self: NodeId;
	/** The name of this life of the process. ASCII, at most 64 characters, as are node ids. */
	readonly epoch: string;
	readonly swarmId: string;
	/** All other members. */
	readonly peers: readonly PeerAddress[];
	/** The incarnations of all members, this node included, as in the swarm's format. */
	readonly incarnations: Readonly<Record<NodeId, string>>;
	readonly secret: string | null;
	readonly timings: MeshTimings;
	readonly limits?: MeshLimits;
	/** The last durable frame of this node's log, which every frame of the mesh tells. */
	reached(): number;
	/**
	 * The last frame of the log of `peer` that was durable, as this node remembers it. The handshake tells it to the
	 * peer.
	 */
	remembered(peer: NodeId): number;
	readonly handlers: MeshHandlers;
}

export const DEFAULT_MESH_TIMINGS: MeshTimings = {
	reconnectMinMs: 20,
	reconnectMaxMs: 1000,
	pingIntervalMs: 500,
	silentMs: 2000,
	handshakeMs: 3000,
};

export const DEFAULT_MESH_LIMITS: MeshLimits = {
	consensusBytesMax: 33_554_432,
	bulkBytesMax: 8_388_608,
	unprovenMax: 64,
};

export class Mesh {
	readonly #options: MeshOptions;
	readonly #limits: MeshLimits;
	readonly #identity: Identity;
	readonly #peers: ReadonlyMap<NodeId, Peer>;
	readonly #server = new WebSocketServer({ ...SOCKET_OPTIONS, noServer: true, clientTracking: false });
	/** Every link whose socket is not closed yet. */
	readonly #links = new Set<Link>();
	/** The incoming links that are not proven yet, the oldest first. */
	readonly #unproven = new Set<Link>();
	readonly #dialing = new Map<NodeId, Dialing>();
	#pinger: NodeJS.Timeout | undefined;
	#pingedAtMs = 0;
	#isAlone = false;
	#closed: Promise<void> | undefined;

	/** @throws RangeError where a member has no incarnation */
	constructor(options: MeshOptions) {
		const { self, epoch, swarmId, incarnations, secret, peers } = options;
		this.#options = options;
		this.#limits = options.limits ?? DEFAULT_MESH_LIMITS;
		const ids = [self, ...peers.map((peer) => peer.id)].sort();
		for (const id of ids) if (!Object.hasOwn(incarnations, id)) throw new RangeError(`${id} has no incarnation`);
		const ofMembers = Object.fromEntries(Object.entries(incarnations).filter(([id]) => ids.includes(id)));
		const remembered = (peer: NodeId) => options.remembered(peer);
		this.#identity = { self, epoch, swarmId, incarnations: ofMembers, secret, protocol: PROTOCOL, remembered };
		const encoder = new Encoder();
		const reached = () => options.reached();
		this.#peers = new Map(
			peers.map((peer) => [peer.id, new Peer(peer, ids.indexOf(peer.id), this.#limits, encoder, reached)]),
		);
	}

	/** Begins to dial. Incoming connections are taken even before. */
	start(): void {
		const { reconnectMinMs, reconnectMaxMs, pingIntervalMs } = this.#options.timings;
		for (const peer of this.#peers.values()) {
			if (!dials(this.#options.self, peer.id)) continue;
			const backoff = new Backoff(reconnectMinMs, reconnectMaxMs);
			this.#dialing.set(peer.id, { backoff, timer: undefined });
			this.#dial(peer);
		}
		this.#pingedAtMs = performance.now();
		this.#pinger = setInterval(() => this.#ping(), pingIntervalMs);
	}

	/** Takes an upgrade of `/mesh`. One with an Origin is refused, because it comes from a page. */
	handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
		const address = `${request.socket.remoteAddress}:${request.socket.remotePort}`;
		if (this.#closed !== undefined || this.#isAlone) return refuseUpgrade(socket, '503 Service Unavailable');
		if (request.headers.origin !== undefined) {
			refuseUpgrade(socket, '403 Forbidden');
			return this.#options.handlers.malformed(address, 'refused: an Origin header, which no node sends');
		}
		this.#server.handleUpgrade(request, socket, head, (ws) => {
			const handshake = new ListenerHandshake(this.#identity, randomBytes(NONCE_BYTES));
			const { handshakeMs } = this.#options.timings;
			const link = new Link(ws, socket, { address, handshakeMs }, handshake, this.#owner);
			this.#links.add(link);
			this.#unproven.add(link);
			const [oldest] = this.#unproven;
			if (this.#unproven.size > this.#limits.unprovenMax) oldest?.refuse('crowded');
		});
	}

	/**
	 * Queues a message in its lane.
	 *
	 * @returns the number in its id, `${epoch}:${number}`; -1 where it is dropped, because the link is down or the bulk
	 *   lane is full
	 * @throws RangeError where `to` is no peer, or for a message above MESSAGE_BYTES_MAX, with which all messages of its
	 *   lane are dropped. Either is a bug of the caller, and the node has to stop
	 */
	send(to: NodeId, message: Message): number {
		return this.#peer(to).send(message);
	}

	/**
	 * Hands the queued messages to the sockets, in one frame for each peer unless there are many.
	 *
	 * @param peersMax the messages of at most so many peers; those of the others wait for the next call
	 */
	flush(peersMax = Number.POSITIVE_INFINITY): void {
		let left = peersMax;
		for (const peer of this.#peers.values()) {
			if (!peer.hasQueued) continue;
			if (left === 0) return;
			left--;
			peer.flush();
		}
	}

	linked(): readonly NodeId[] {
		return [...this.#peers.values()].filter((peer) => peer.link?.isUp).map((peer) => peer.id);
	}

	/** The round trip of the newest answered ping on the present link, milliseconds; undefined for none. */
	roundTripMs(peer: NodeId): number | undefined {
		return this.#peer(peer).link?.roundTripMs;
	}

	/** Milliseconds since bytes last came from `peer`; Infinity for never. */
	lastHeardMs(peer: NodeId): number {
		return performance.now() - this.#peer(peer).heardAtMs;
	}

	/** Ends the link to `peer`, if there is one. A new one is made as after every other end. */
	cut(peer: NodeId, why: string): void {
		const { link } = this.#peer(peer);
		if (link?.isUp) link.cutSoon(why);
	}

	/** Ends all links and makes no new ones from either side (true), or makes them again (false). */
	isolate(isAlone: boolean, why: string): void {
		this.#isAlone = isAlone;
		if (isAlone) for (const peer of this.#peers.keys()) this.cut(peer, why);
	}

	/** Ends all links, and tells the peers that this node stops. Resolves when every socket is closed. */
	close(): Promise<void> {
		clearInterval(this.#pinger);
		for (const dialing of this.#dialing.values()) clearTimeout(dialing.timer);
		this.#closed ??= Promise.all([...this.#links].map((link) => link.stop())).then(() => undefined);
		return this.#closed;
	}

	#peer(id: NodeId): Peer {
		const peer = this.#peers.get(id);
		if (!peer) throw new RangeError(`${id} is no peer of ${this.#options.self}`);
		return peer;
	}

	#dial(peer: Peer): void {
		const dialing = this.#dialing.get(peer.id);
		if (this.#isAlone && dialing) {
			dialing.timer = setTimeout(() => this.#dial(peer), this.#options.timings.reconnectMaxMs);
			return;
		}
		const handshake = new DialerHandshake(this.#identity, peer.id, randomBytes(NONCE_BYTES));
		const { handshakeMs } = this.#options.timings;
		const ws = new WebSocket(peer.url, { ...SOCKET_OPTIONS, generateMask });
		this.#links.add(new Link(ws, null, { address: peer.address, handshakeMs }, handshake, this.#owner));
	}

	/** Pings all links, and cuts silent ones. A process that stood still must first read the pongs that came meanwhile. */
	#ping(): void {
		const { pingIntervalMs, silentMs } = this.#options.timings;
		const nowMs = performance.now();
		const late = nowMs - this.#pingedAtMs > 2 * pingIntervalMs;
		this.#pingedAtMs = nowMs;
		for (const { link } of this.#peers.values()) {
			if (!link?.isUp) continue;
			const unansweredMs = link.unansweredMs(nowMs);
			if (unansweredMs > silentMs && !late) link.cut(`silent for ${Math.round(unansweredMs)} ms`);
			else link.ping();
		}
	}

	readonly #owner: LinkOwner = {
		proven: (link, proven) => this.#proven(link, this.#peer(proven.id), proven),
		frame: (link, frame) => this.#frame(this.#peer(link.claimed), frame),
		refused: (link, why) => this.#refused(link, why),
		ended: (link, why) => this.#ended(link, why),
		gone: (link) => this.#links.delete(link),
	};

	#proven(link: Link, peer: Peer, { epoch, remembered }: Proven): void {
		this.#unproven.delete(link);
		if (this.#isAlone) return link.cut('this node makes no links until its disk answers');
		peer.link?.replace();
		peer.up(link, epoch);
		this.#options.handlers.linkUp(peer.id, remembered);
	}

	#frame(peer: Peer, frame: Frame): void {
		this.#options.handlers.frame(peer.id, peer.epoch, frame);
	}

	/** Tells a refusal once, though it may repeat, because dialing goes on without end. */
	#refused(link: Link, why: string): void {
		const peer = this.#peers.get(link.claimed);
		if (peer?.refusal === why) return;
		if (peer) peer.refusal = why;
		this.#options.handlers.malformed(link.name, why);
	}

	#ended(link: Link, why: string): void {
		this.#unproven.delete(link);
		const peer = this.#peers.get(link.claimed);
		if (!peer) return;
		const wasUp = peer.link === link;
		if (wasUp) peer.down();
		const dialing = link.dialed ? this.#dialing.get(peer.id) : undefined;
		if (dialing) {
			const waitMs = dialing.backoff.next(link.stoodMs(performance.now()), Math.random());
			dialing.timer = setTimeout(() => this.#dial(peer), waitMs);
		}
		if (wasUp) this.#options.handlers.linkDown(peer.id, why);
	}
}

/**
 * Masks hide bytes that a page has chosen from proxies between it and a server. Here neither end is a page, and
 * a mask of zeros saves both of them a pass over every byte.
 *
 * @source RFC 6455, 10.3
 */
function generateMask(mask: Buffer): void {
	mask.fill(0);
}

/** The state of dialing one peer. */
interface Dialing {
	readonly backoff: Backoff;
	timer: NodeJS.Timeout | undefined;
}
