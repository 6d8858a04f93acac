/**
 * One other node: the link to it, if there is one, and the messages that wait to be sent on it, in two lanes of bounded
 * size.
 *
 * No message is lost silently: it is numbered and handed to the link in order, or `send` tells that it is dropped, or
 * the link goes down. Messages that wait when a link goes down are dropped.
 */
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { laneOf, type Message } from '../../shared/paxos/message.ts';
import { type Encoder, Lane, TRACES_SINCE, writeTraces } from './frame.ts';
import type { Link } from './link.ts';

export interface MeshLimits {
	/**
	 * Bytes that wait for one peer here and in its socket. Above this the link is cut, because the peer does not keep up.
	 */
	readonly consensusBytesMax: number;
	/** Bytes of bulk that wait for one peer here. Above this a message is dropped, because a fetch is repeated. */
	readonly bulkBytesMax: number;
	/** Incoming connections that are not proven yet. For a newer one the oldest of the most crowded address is ended. */
	readonly unprovenMax: number;
}

/** Each lane of each peer numbers its messages in a range of its own, so the numbers of a frame have no gaps. */
const LANE_IDS = 2 ** 42;
/** A peer behind so many others takes the ranges of the first again. */
const PEERS_OF_IDS = 2 ** 53 / (2 * LANE_IDS) - 1;

/** A process that is there answers a ping within this time, unless it stands still. */
const PREDECESSOR_ANSWERS_MS = 500;

/** The address at which a member is dialed. */
export interface PeerAddress {
	readonly id: NodeId;
	readonly host: string;
	readonly port: number;
	/** Whether it is dialed with TLS, which the node or a proxy in front of it speaks. */
	readonly secure?: boolean;
}

export class Peer {
	readonly id: NodeId;
	/** The URL at which it is dialed; null for a node that is no member, which has to dial by itself. */
	url: string | null = null;
	/** Host and port, such as `127.0.0.1:7103`; '' for a node that was never a member. */
	address = '';
	/** The newest refusal that was told since a link was up; '' for none. */
	refusal = '';
	readonly #consensus: Lane;
	readonly #bulk: Lane;
	readonly #limits: MeshLimits;
	#link: Link | undefined;
	#epoch = '';
	#version = 0;
	#bulkInFlight = false;
	#heardAtMs = -Infinity;
	/** Another process than the one at the other end of the link, and when it first came, by `performance.now()`. */
	#successor: { readonly epoch: string; readonly sinceMs: number } | undefined;

	/**
	 * @param index how many peers were made before this one
	 * @param reached returns the last durable frame of this node's log
	 */
	constructor(id: NodeId, index: number, limits: MeshLimits, encoder: Encoder, reached: () => number) {
		this.id = id;
		this.#limits = limits;
		const place = index % PEERS_OF_IDS;
		this.#consensus = new Lane(2 * place * LANE_IDS + 1, encoder, reached);
		this.#bulk = new Lane((2 * place + 1) * LANE_IDS + 1, encoder, reached);
	}

	/** It is a member, and dialed there. */
	isAt({ host, port, secure }: PeerAddress): void {
		this.address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
		this.url = `${secure ? 'wss' : 'ws'}://${this.address}/mesh`;
	}

	/** It is no member, or none any more. */
	isGuest(): void {
		this.url = null;
	}

	get isMember(): boolean {
		return this.url !== null;
	}

	get link(): Link | undefined {
		return this.#link;
	}

	/** The epoch of the process at the other end of the link. */
	get epoch(): string {
		return this.#epoch;
	}

	/** The time at which bytes last came, by `performance.now()`; -Infinity for never. */
	get heardAtMs(): number {
		return Math.max(this.#heardAtMs, this.#link?.heardAtMs ?? -Infinity);
	}

	/** @param version the version of the mesh that both ends speak */
	up(link: Link, epoch: string, version: number): void {
		this.#link = link;
		this.#epoch = epoch;
		this.#version = version;
		this.refusal = '';
		this.#bulkInFlight = false;
	}

	down(): void {
		this.#heardAtMs = this.heardAtMs;
		this.#link = undefined;
		this.#consensus.clear();
		this.#bulk.clear();
	}

	/** Whether another process of this node has a link. */
	hasAnother(epoch: string): boolean {
		return this.#link?.isUp === true && epoch !== this.#epoch;
	}

	/**
	 * Why a process of this node, which is proven, may not make a link; null where it may. It may not while another one of its
	 * processes has a link and answers, because then one of the two has a copy of the other's data folder. A process that has
	 * ended without a word does not answer.
	 *
	 * @param nowMs by `performance.now()`
	 * @returns `predecessor` until that is known
	 */
	refusalOf(epoch: string, nowMs: number): 'predecessor' | 'twice' | null {
		const link = this.#link;
		if (!link || !this.hasAnother(epoch)) return null;
		if (this.#successor?.epoch !== epoch) this.#successor = { epoch, sinceMs: nowMs };
		const { sinceMs } = this.#successor;
		if (link.hasAnsweredSince(sinceMs)) return 'twice';
		if (nowMs - sinceMs > PREDECESSOR_ANSWERS_MS) return null;
		link.ping();
		return 'predecessor';
	}

	/** Queues a message. @returns its number; -1 where it is dropped */
	send(message: Message): number {
		const link = this.#link;
		if (!link?.isUp) return -1;
		const { bufferedBytes } = link;
		const isBulk = laneOf(message) === 'bulk';
		const lane = isBulk ? this.#bulk : this.#consensus;
		if (bufferedBytes === 0) lane.reuse();
		if (isBulk) return lane.bytes > this.#limits.bulkBytesMax ? -1 : lane.add(message);
		const id = lane.add(message);
		const bytes = lane.bytes + bufferedBytes;
		if (bytes > this.#limits.consensusBytesMax) link.cutSoon(`does not keep up: ${bytes} bytes wait to be sent`);
		return id;
	}

	/** Tells the traces of a message that is queued, before it leaves. A peer that does not understand that is not told. */
	tellTraces(message: number, traceparents: readonly string[]): void {
		if (this.#link?.isUp && this.#version >= TRACES_SINCE) this.#link.write(writeTraces({ message, traceparents }));
	}

	/** Whether `flush` would hand over a frame. */
	get hasQueued(): boolean {
		if (!this.#link?.isUp) return false;
		return this.#consensus.bytes > 0 || (this.#bulk.bytes > 0 && !this.#bulkInFlight);
	}

	/** Hands over all frames of consensus, and then one of bulk, unless one is still on its way to the kernel. */
	flush(): void {
		const link = this.#link;
		if (!link?.isUp) return;
		for (let frame = this.#consensus.takeFrame(); frame; frame = this.#consensus.takeFrame()) link.write(frame);
		if (this.#bulkInFlight) return;
		const frame = this.#bulk.takeFrame();
		if (!frame) return;
		this.#bulkInFlight = true;
		link.write(frame, () => {
			this.#bulkInFlight = false;
			this.flush();
		});
	}
}
