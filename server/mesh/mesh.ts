/**
 * The mesh: one persistent WebSocket for each pair of nodes, on the path `/mesh` of the node's one HTTP port.
 *
 * Of two members the one with the higher id dials, and dials again without end. Only after a long time without a link
 * the other one dials too, because it may be no member in the eyes of the one with the higher id, which then knows no
 * address of it. A node that is no member may dial at any time, and is a guest as long as its link stands. For each peer
 * `linkUp` and `linkDown` alternate. Messages arrive in order and once, unless a `linkDown` tells that some may be lost.
 *
 * Handlers are called from socket events and timers, never from inside `send`, `flush` or `close`, and not after
 * `close`. The mesh knows nothing of the meaning of messages.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws';
import { nameOf } from '../../shared/member-name.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Message } from '../../shared/paxos/message.ts';
import { addressKey } from '../front/connection.ts';
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
import type { Refusal } from './refusal.ts';

/** Times in milliseconds. */
export interface MeshTimings {
	/** The wait between the first and the second try to connect. It doubles from try to try. */
	readonly reconnectMinMs: number;
	/**
	 * The longest wait between two tries. After a link that stood for as long, the waits begin with the shortest again.
	 */
	readonly reconnectMaxMs: number;
	readonly pingIntervalMs: number;
	/** A link on which nothing comes for this long, although a ping is unanswered, is cut. */
	readonly silentMs: number;
	/** The time limit from the first packet to the last proof. */
	readonly handshakeMs: number;
	/** A member with a lower id dials after so long without a link. */
	readonly lateMs: number;
}

export interface MeshHandlers {
	/**
	 * All messages of one frame, in order. Message i has the id `${epoch}:${firstId + i}`. Values are views of the frame.
	 */
	frame(from: NodeId, epoch: string, frame: Frame): void;
	/** The message with this id, which comes next, belongs to these traces. */
	traces?(messageId: string, traceparents: readonly string[]): void;
	/** @param remembered the last frame of this node's log that was durable, as the peer remembers it */
	linkUp(peer: NodeId, remembered: number): void;
	linkDown(peer: NodeId, why: string): void;
	/**
	 * A frame or a handshake was refused, by this end or the other one. `from` is an address, with the id of the node that
	 * the other end claims to be, if any. A refusal that a peer repeats is told once until a link is up.
	 */
	malformed(from: string, why: string): void;
	/** The peer has a link to another process of this node, which answers: this one must not go on. */
	twice?(peer: NodeId): void;
	/** A ping was answered. */
	roundTrip?(peer: NodeId, ms: number): void;
}

/** By what each end of a link shows which node it is, before the handshake of the secret. */
export interface MeshTls {
	/** The names of nodes in the valid certificate of an incoming connection; none where it has no such certificate. */
	namesAt(socket: Duplex): readonly string[];
	/** The options of a WebSocket to the node of that name. */
	dialOptions(name: string): ClientOptions;
}

export interface MeshOptions {
	readonly self: NodeId;
	/** The name of this life of the process. ASCII, at most 64 characters, as are node ids. */
	readonly epoch: string;
	readonly swarmId: string;
	readonly secret: string | null;
	/** As in `Identity`. */
	readonly otherSecret?: string | null;
	/** null, which is the default, where links are not encrypted, or by a proxy in front of a node. */
	readonly tls?: MeshTls | null;
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
	lateMs: 5000,
};

/** The bound on nodes that have a link and are no members. */
const GUESTS_MAX = 16;

export const DEFAULT_MESH_LIMITS: MeshLimits = {
	consensusBytesMax: 33_554_432,
	bulkBytesMax: 8_388_608,
	unprovenMax: 64,
};

export class Mesh {
	readonly #options: MeshOptions;
	readonly #limits: MeshLimits;
	readonly #identity: Identity;
	/** The other members, and guests that have a link, in the order in which their frames leave. */
	#peers: ReadonlyMap<NodeId, Peer> = new Map();
	#peersMade = 0;
	readonly #server = new WebSocketServer({ ...SOCKET_OPTIONS, noServer: true, clientTracking: false });
	/** Every link whose socket is not closed yet. */
	readonly #links = new Set<Link>();
	/**
	 * The incoming links that are not proven, the oldest first, and the addresses by which they are counted. One that was
	 * refused has its place until its socket is closed.
	 */
	readonly #unproven = new Map<Link, string>();
	readonly #dialing = new Map<NodeId, Dialing>();
	readonly #encoder = new Encoder();
	#isStarted = false;
	#pinger: NodeJS.Timeout | undefined;
	#pingedAtMs = 0;
	#isAlone = false;
	/** Peers to which no link is made. */
	readonly #apart = new Set<NodeId>();
	#closed: Promise<void> | undefined;

	constructor(options: MeshOptions) {
		const { self, epoch, swarmId, secret, otherSecret = null } = options;
		this.#options = options;
		this.#limits = options.limits ?? DEFAULT_MESH_LIMITS;
		this.#identity = {
			self,
			epoch,
			swarmId,
			secret,
			otherSecret,
			protocol: PROTOCOL,
			refusalOf: (peer, peerEpoch) => this.#refusalOf(peer, peerEpoch),
			delayOf: (peer, peerEpoch) => this.#delayOf(peer, peerEpoch),
			remembered: (peer, peerEpoch) => (this.#runsTwice(peer, peerEpoch) ? 0 : options.remembered(peer)),
		};
	}

	/**
	 * The members are these, this node left out. A member that is none any more stays as a guest while its link stands.
	 *
	 * @param members those first whose frames are to leave first
	 */
	become(members: readonly PeerAddress[]): void {
		const before = this.#peers;
		const peers = new Map<NodeId, Peer>();
		for (const member of members) {
			const peer = before.get(member.id) ?? this.#newPeer(member.id);
			peer.isAt(this.#options.tls ? { ...member, secure: true } : member);
			peers.set(peer.id, peer);
		}
		for (const peer of before.values()) {
			if (peers.has(peer.id)) continue;
			peer.isGuest();
			this.#endDialing(peer);
			if (peer.link) peers.set(peer.id, peer);
		}
		this.#peers = peers;
		if (this.#isStarted) this.#beginDialing();
	}

	/** Begins to dial. Incoming connections are taken even before. */
	start(): void {
		this.#isStarted = true;
		this.#beginDialing();
		this.#pingedAtMs = performance.now();
		this.#pinger = setInterval(() => this.#ping(), this.#options.timings.pingIntervalMs);
	}

	/** Takes an upgrade of `/mesh`. One with an Origin is refused, because it comes from a page. */
	handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
		const address = `${request.socket.remoteAddress}:${request.socket.remotePort}`;
		if (this.#closed !== undefined || this.#isAlone) return refuseUpgrade(socket, '503 Service Unavailable');
		if (request.headers.origin !== undefined) {
			refuseUpgrade(socket, '403 Forbidden');
			return this.#options.handlers.malformed(address, 'refused: an Origin header, which no node sends');
		}
		const names = this.#options.tls ? this.#options.tls.namesAt(socket) : null;
		if (names?.length === 0) {
			refuseUpgrade(socket, '403 Forbidden');
			return this.#options.handlers.malformed(address, 'refused: no valid certificate of a node of this swarm');
		}
		this.#server.handleUpgrade(request, socket, head, (ws) => {
			const handshake = new ListenerHandshake(this.#identityFor(names), randomBytes(NONCE_BYTES));
			const { handshakeMs } = this.#options.timings;
			const link = new Link(ws, socket, { address, handshakeMs }, handshake, this.#owner);
			this.#links.add(link);
			this.#unproven.set(link, addressKey(request.socket.remoteAddress));
			if (this.#unproven.size > this.#limits.unprovenMax) this.#crowdOut();
		});
	}

	/**
	 * Queues a message in its lane.
	 *
	 * @returns the number in its id, `${epoch}:${number}`; -1 where it is dropped, because there is no link or the bulk
	 *   lane is full
	 * @throws RangeError for a message above MESSAGE_BYTES_MAX, with which all messages of its lane are dropped. That is a
	 *   bug of the caller, and the node has to stop
	 */
	send(to: NodeId, message: Message): number {
		return this.#peers.get(to)?.send(message) ?? -1;
	}

	/** As `Peer.tellTraces`. @param message its number, as `send` has returned it */
	tellTraces(to: NodeId, message: number, traceparents: readonly string[]): void {
		this.#peers.get(to)?.tellTraces(message, traceparents);
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
		return this.#peers.get(peer)?.link?.roundTripMs;
	}

	/** Milliseconds since bytes last came from `peer`; Infinity for never. */
	lastHeardMs(peer: NodeId): number {
		return performance.now() - (this.#peers.get(peer)?.heardAtMs ?? -Infinity);
	}

	/** Ends the link to `peer`, if there is one. A new one is made as after every other end. */
	cut(peer: NodeId, why: string): void {
		const link = this.#peers.get(peer)?.link;
		if (link?.isUp) link.cutSoon(why);
	}

	/** Ends all links and makes no new ones from either side (true), or makes them again (false). */
	isolate(isAlone: boolean, why: string): void {
		this.#isAlone = isAlone;
		if (isAlone) for (const peer of this.#peers.keys()) this.cut(peer, why);
	}

	/** Ends the link to `peer` and makes no new one from either side (true), or makes one again (false). */
	part(peer: NodeId, isApart: boolean, why: string): void {
		if (!isApart) return void this.#apart.delete(peer);
		this.#apart.add(peer);
		this.cut(peer, why);
	}

	/** Ends all links, and tells the peers that this node stops. Resolves when every socket is closed. */
	close(): Promise<void> {
		clearInterval(this.#pinger);
		for (const dialing of this.#dialing.values()) clearTimeout(dialing.timer);
		this.#closed ??= Promise.all([...this.#links].map((link) => link.stop())).then(() => undefined);
		return this.#closed;
	}

	/** Ends the oldest unproven link of the address that has most of them, so that a crowd keeps out nobody from elsewhere. */
	#crowdOut(): void {
		const counts = new Map<string, number>();
		for (const address of this.#unproven.values()) counts.set(address, (counts.get(address) ?? 0) + 1);
		const most = Math.max(...counts.values());
		const [link] = [...this.#unproven].find(([, address]) => counts.get(address) === most) as [Link, string];
		this.#unproven.delete(link);
		link.giveWay();
	}

	#newPeer(id: NodeId): Peer {
		return new Peer(id, this.#peersMade++, this.#limits, this.#encoder, () => this.#options.reached());
	}

	/** @param names the nodes that the certificate of the other end is for; null for any */
	#identityFor(names: readonly string[] | null): Identity {
		if (names === null) return this.#identity;
		return {
			...this.#identity,
			refusalOf: (peer, epoch) => (names.includes(nameOf(peer)) ? this.#refusalOf(peer, epoch) : 'otherCertificate'),
		};
	}

	/** Why that process of a node may not make a link; null where it may, or is to be told so once it is proven. */
	#refusalOf(id: NodeId, epoch: string): Refusal | null {
		const known = this.#peers.get(id);
		if (!known?.isMember || known.hasAnother(epoch)) return null;
		return dials(this.#options.self, id) ? 'wrongDirection' : null;
	}

	/**
	 * Why that process, which is proven, has to come again; null where there is a place for it, and where it is known whether
	 * an earlier one is there. Guests are counted only here, because many may begin before the first of them is proven.
	 */
	#delayOf(id: NodeId, epoch: string): Refusal | null {
		const known = this.#peers.get(id);
		if (known) return known.refusalOf(epoch, performance.now()) === 'predecessor' ? 'predecessor' : null;
		const guests = [...this.#peers.values()].filter((peer) => !peer.isMember);
		return guests.length < GUESTS_MAX ? null : 'tooManyGuests';
	}

	/**
	 * Whether a process is to be told that another one of its node is there. It is not told what that one has reached: it
	 * would take its folder for an older copy of its own.
	 */
	#runsTwice(id: NodeId, epoch: string): boolean {
		return this.#peers.get(id)?.refusalOf(epoch, performance.now()) === 'twice';
	}

	#beginDialing(): void {
		const { self, timings } = this.#options;
		for (const peer of this.#peers.values()) {
			if (!peer.isMember || this.#dialing.has(peer.id)) continue;
			const dialing: Dialing = {
				backoff: new Backoff(timings.reconnectMinMs, timings.reconnectMaxMs),
				timer: undefined,
			};
			this.#dialing.set(peer.id, dialing);
			if (dials(self, peer.id)) this.#dial(peer);
			else this.#dialAfter(peer, dialing, timings.lateMs);
		}
	}

	#endDialing(peer: Peer): void {
		clearTimeout(this.#dialing.get(peer.id)?.timer);
		this.#dialing.delete(peer.id);
	}

	#dialAfter(peer: Peer, dialing: Dialing, ms: number): void {
		clearTimeout(dialing.timer);
		dialing.timer = setTimeout(() => this.#dial(peer), ms);
	}

	#dial(peer: Peer): void {
		const dialing = this.#dialing.get(peer.id);
		if (!dialing || peer.url === null) return;
		const { handshakeMs, reconnectMaxMs, lateMs } = this.#options.timings;
		if (this.#isAlone || this.#apart.has(peer.id)) return this.#dialAfter(peer, dialing, reconnectMaxMs);
		if (peer.link) return this.#dialAfter(peer, dialing, lateMs);
		const handshake = new DialerHandshake(this.#identity, peer.id, randomBytes(NONCE_BYTES));
		const { tls } = this.#options;
		const ws = new WebSocket(peer.url, { ...SOCKET_OPTIONS, generateMask, ...tls?.dialOptions(nameOf(peer.id)) });
		this.#links.add(new Link(ws, null, { address: peer.address, handshakeMs }, handshake, this.#owner));
	}

	/** Pings all links, and cuts silent ones. A process that stood still must first read the pongs that came meanwhile. */
	#ping(): void {
		const { pingIntervalMs, silentMs } = this.#options.timings;
		const nowMs = performance.now();
		const late = nowMs - this.#pingedAtMs > 2 * pingIntervalMs;
		this.#pingedAtMs = nowMs;
		for (const { id, link } of this.#peers.values()) {
			if (!link?.isUp) continue;
			if (link.isAnswered && link.roundTripMs !== undefined) {
				this.#options.handlers.roundTrip?.(id, link.roundTripMs);
			}
			const quietMs = link.silentMs(nowMs);
			if (quietMs > silentMs && !late) link.cut(`silent for ${Math.round(quietMs)} ms`);
			else link.ping();
		}
	}

	readonly #owner: LinkOwner = {
		proven: (link, proven) => this.#proven(link, proven),
		frame: (link, frame) => this.#frame(link, frame),
		traces: (link, { message, traceparents }) => {
			const peer = this.#peers.get(link.claimed);
			if (peer) this.#options.handlers.traces?.(`${peer.epoch}:${message}`, traceparents);
		},
		refused: (link, why) => this.#refused(link, why),
		twice: (link) => this.#options.handlers.twice?.(link.claimed),
		ended: (link, why) => this.#ended(link, why),
		gone: (link) => {
			this.#links.delete(link);
			this.#unproven.delete(link);
		},
	};

	#proven(link: Link, { id, epoch, version, remembered }: Proven): void {
		this.#unproven.delete(link);
		if (this.#isAlone) return link.cut('this node makes no links until its disk answers');
		if (this.#apart.has(id)) return link.cut('the link to it is cut');
		const peer = this.#peers.get(id) ?? this.#newPeer(id);
		const refusal = peer.refusalOf(epoch, performance.now());
		if (refusal !== null) return link.refuse(refusal);
		// The end of a guest's link before this one takes it out of the peers.
		peer.link?.replace();
		if (!this.#peers.has(id)) this.#peers = new Map([...this.#peers, [id, peer]]);
		peer.up(link, epoch, version);
		this.#options.handlers.linkUp(id, remembered);
	}

	#frame(link: Link, frame: Frame): void {
		const peer = this.#peers.get(link.claimed);
		if (peer) this.#options.handlers.frame(peer.id, peer.epoch, frame);
	}

	/** Tells a refusal once, though it may repeat, because dialing goes on without end. */
	#refused(link: Link, why: string): void {
		const peer = this.#peers.get(link.claimed);
		if (peer?.refusal === why) return;
		if (peer) peer.refusal = why;
		this.#options.handlers.malformed(link.name, why);
	}

	#ended(link: Link, why: string): void {
		const peer = this.#peers.get(link.claimed);
		if (!peer) return;
		const wasUp = peer.link === link;
		if (wasUp) peer.down();
		const dialing = this.#dialing.get(peer.id);
		if (dialing && (link.dialed || wasUp)) {
			const { self, timings } = this.#options;
			const waitMs = dialing.backoff.next(link.stoodMs(performance.now()), Math.random());
			this.#dialAfter(peer, dialing, dials(self, peer.id) ? waitMs : Math.max(waitMs, timings.lateMs));
		}
		if (!wasUp) return;
		this.#options.handlers.linkDown(peer.id, why);
		if (!peer.isMember) this.#peers = new Map([...this.#peers].filter(([id]) => id !== peer.id));
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
