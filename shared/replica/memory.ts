/**
 * Nodes remember how far each other's logs reach. A data folder that is put back from an older copy looks right, but it
 * lacks promises, and only other nodes can know that. So every frame that a node sends tells up to which frame its log is
 * durable. Each peer remembers the highest number, and tells it to the node whenever their link is made. A node that is
 * told a number above the last frame of its log was put back, and stops.
 *
 * It stops before it has voted, because a node that has just started handles no message and no timer until each peer
 * has told what it remembers, or has had the time that a link takes. So a peer that is up and remembers is heard before
 * a quorum can form without it.
 *
 * The word of one peer is enough, because often only one peer remembers, and to wait for a second one could lose
 * acknowledged writes. So a peer that lies can stop a node, until it is started without that peer. Numbers that are far
 * too high are not believed, so that damage does not stop a node.
 */
import type { NodeId } from '../paxos/ballot.ts';

/** The number of a frame of a log, from 1 through the log's whole life; 0 for none. */
export type FrameNumber = number;

/** A number that is further ahead than this is not believed. With a thousand flushes a second these are two years. */
export const FRAMES_BEHIND_MAX = 2 ** 36;
/**
 * So many messages are held while the node waits for its peers. More come only where something is wrong with a peer.
 */
export const HELD_MESSAGES_MAX = 4096;

/** The data folder is an older copy, and this node must not vote with it. */
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

/** How far the peers' logs were durable, as they told in this life of the process. */
export class PeerMemory {
	readonly #reached = new Map<NodeId, FrameNumber>();

	/** The last durable frame of the peer's log; 0 where it has told none. */
	of(peer: NodeId): FrameNumber {
		return this.#reached.get(peer) ?? 0;
	}

	/** A peer has told how far its log is durable. */
	told(peer: NodeId, reached: FrameNumber): void {
		const before = this.#reached.get(peer);
		const isFurther = before === undefined || (reached > before && reached - before <= FRAMES_BEHIND_MAX);
		// A number that was far too high may have come first. The next plausible one replaces it.
		if (isFurther || before - reached > FRAMES_BEHIND_MAX) this.#reached.set(peer, reached);
	}
}

export interface RecallRuntime {
	/** Calls `Recall.fire` after so many milliseconds. */
	setTimer(afterMs: number): void;
	/** The wait is over, and input that came meanwhile is to be handled. */
	over(): void;
	/** A peer told a number that is not believed. @param detail the rest of a sentence that begins with the node */
	disbelieved(detail: string): void;
}

/** Collects the frames that the peers remember of this node's log, and decides when the wait for them is over. */
export class Recall {
	readonly #runtime: RecallRuntime;
	/** The peers that have not told yet what they remember; null once the wait is over. */
	#awaited: Set<NodeId> | null;
	#messages = 0;

	constructor(peers: readonly NodeId[], runtime: RecallRuntime) {
		this.#runtime = runtime;
		this.#awaited = peers.length > 0 ? new Set(peers) : null;
	}

	/** @param waitMs the time that a link to a running peer takes at most, milliseconds */
	start(waitMs: number): void {
		if (this.#awaited) this.#runtime.setTimer(waitMs);
	}

	/** Whether the node still waits, and handles nothing that may lead to a vote. */
	get isWaiting(): boolean {
		return this.#awaited !== null;
	}

	/**
	 * A link to `peer` was made, and the peer remembers frame `remembered` of this node's log.
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

	/** Counts messages that came. @returns false where they are too many to hold */
	hasRoomFor(messages: number): boolean {
		if (!this.#awaited) return true;
		this.#messages += messages;
		return this.#messages <= HELD_MESSAGES_MAX;
	}

	/** Ends the wait. */
	fire(): void {
		if (!this.#awaited) return;
		this.#awaited = null;
		this.#runtime.over();
	}
}
