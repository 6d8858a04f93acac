/**
 * What nodes remember of each other's logs. A data folder that is put back from an older copy looks right, but it has
 * forgotten promises, and only other nodes can remember more. So whatever a node sends says up to which frame its log
 * is durable, each of its peers remembers the furthest, and says it to the node whenever their link is made. A node
 * that hears of a frame behind the end of its log was put back, and stops.
 *
 * It stops before it has voted: a node that has just started does nothing before each peer has said what it remembers,
 * or has had the time that a link takes. So a peer that is up, and remembers, is heard before a quorum can form
 * without it.
 *
 * The word of one peer is enough. A peer that lies can therefore stop a node, which costs the swarm that node until it
 * is started without the liar; to wait for a second word would cost what clients were told is safe, because often only
 * one peer remembers. What is out of all proportion is not believed: damage must not stop a node.
 */
import type { NodeId } from '../paxos/ballot.ts';

/** Says how far a log goes: its frames are numbered from 1, through its whole life. 0 stands for "none". */
export type FrameNumber = number;

/** Nobody puts back a folder that is older than this: with a thousand flushes a second these are two years. */
export const FRAMES_BEHIND_MAX = 2 ** 36;
/** So many messages wait for what the peers have to say. More only come where something is wrong with a peer. */
export const HELD_MESSAGES_MAX = 4096;

/** The data folder is an older copy of what it was: this node must not vote with it. */
export class PutBackError extends Error {
	override readonly name = 'PutBackError';
	/** The node that remembers. */
	readonly peer: NodeId;
	readonly remembered: FrameNumber;
	/** The last frame of the log that was found. */
	readonly newest: FrameNumber;

	constructor(peer: NodeId, remembered: FrameNumber, newest: FrameNumber) {
		super(`${peer} remembers frame ${remembered} of this node's log, which ends with frame ${newest}`);
		this.peer = peer;
		this.remembered = remembered;
		this.newest = newest;
	}
}

/** How far the logs of the peers were durable, as they said in this life of the process. */
export class PeerMemory {
	readonly #reached = new Map<NodeId, FrameNumber>();

	/** 0 where the peer has said nothing. */
	of(peer: NodeId): FrameNumber {
		return this.#reached.get(peer) ?? 0;
	}

	/** A peer says how far its log is durable. */
	told(peer: NodeId, reached: FrameNumber): void {
		const before = this.#reached.get(peer);
		const isFurther = before === undefined || (reached > before && reached - before <= FRAMES_BEHIND_MAX);
		// A number out of all proportion may have come first: the next one that is not takes its place.
		if (isFurther || before - reached > FRAMES_BEHIND_MAX) this.#reached.set(peer, reached);
	}
}

export interface RecallRuntime {
	/** Calls `Recall.fire` after that long. */
	setTimer(afterMs: number): void;
	/** Nobody is waited for any more: what was handed in meanwhile is to be done. */
	over(): void;
	/** A peer remembers what cannot be. @param detail the rest of a sentence that begins with the node */
	disbelieved(detail: string): void;
}

/** What the peers remember of this node. */
export class Recall {
	readonly #runtime: RecallRuntime;
	/** Those that have not said yet what they remember; null once they are not waited for any more. */
	#awaited: Set<NodeId> | null;
	#messages = 0;

	constructor(peers: readonly NodeId[], runtime: RecallRuntime) {
		this.#runtime = runtime;
		this.#awaited = peers.length > 0 ? new Set(peers) : null;
	}

	/** @param waitMs the time that a link takes at most, where the peer is up, milliseconds */
	start(waitMs: number): void {
		if (this.#awaited) this.#runtime.setTimer(waitMs);
	}

	/** The node answers nobody yet. */
	get isWaiting(): boolean {
		return this.#awaited !== null;
	}

	/**
	 * A link to `peer` was made, and this is what the peer remembers of this node.
	 *
	 * @param newest the last frame of this node's log, durable or not
	 * @throws PutBackError
	 */
	said(peer: NodeId, remembered: FrameNumber, newest: FrameNumber): void {
		if (remembered > newest + FRAMES_BEHIND_MAX) {
			const detail = `does not believe ${peer}, which remembers frame ${remembered} of a log that ends with ${newest}`;
			this.#runtime.disbelieved(detail);
		} else if (remembered > newest) {
			throw new PutBackError(peer, remembered, newest);
		}
		this.#awaited?.delete(peer);
		if (this.#awaited?.size === 0) this.fire();
	}

	/** So many messages came. False: they are too many to wait. */
	hasRoomFor(messages: number): boolean {
		if (!this.#awaited) return true;
		this.#messages += messages;
		return this.#messages <= HELD_MESSAGES_MAX;
	}

	/** Nobody is waited for any more. */
	fire(): void {
		if (!this.#awaited) return;
		this.#awaited = null;
		this.#runtime.over();
	}
}
