/**
 * Decides which messages of the other nodes are taken in, which is all of them but for more than may wait while the node
 * starts. Those are dropped, together with all that comes behind them on the same link, and the link is cut: their sender
 * sends again on the next link what still matters. Here is also heard what the peers remember of this node (`memory.ts`).
 */
import type { NodeId } from '../paxos/ballot.ts';
import type { Message } from '../paxos/message.ts';
import type { LoopLog } from './loop.ts';
import { type FrameNumber, PeerMemory, Recall, type RecallRuntime } from './memory.ts';

export interface IntakeRuntime extends RecallRuntime {
	/** Ends the link to `peer`. A new one is made at once. */
	cut(peer: NodeId, why: string): void;
}

const STARTING = 'the node has just started, and more was sent than may wait';

export class Intake {
	readonly recall: Recall;
	readonly #log: LoopLog;
	readonly #runtime: IntakeRuntime;
	readonly #memory = new PeerMemory();
	/** A message of these peers was dropped, and no new link to them is up yet. */
	readonly #notHeard = new Set<NodeId>();

	constructor(peers: readonly NodeId[], log: LoopLog, runtime: IntakeRuntime) {
		this.#log = log;
		this.#runtime = runtime;
		this.recall = new Recall(peers, runtime);
	}

	/** Up to this frame the log of `peer` was durable, as far as this node remembers. */
	remembered(peer: NodeId): FrameNumber {
		return this.#memory.of(peer);
	}

	/**
	 * @param reached how far the sender says that its log is durable
	 * @returns the messages that are taken in
	 */
	take(from: NodeId, messages: readonly Message[], reached: FrameNumber): readonly Message[] {
		if (this.#notHeard.has(from)) return [];
		this.#memory.told(from, reached);
		if (this.recall.hasRoomFor(messages.length)) return messages;
		this.#notHeard.add(from);
		this.#runtime.cut(from, STARTING);
		return [];
	}

	/**
	 * A link to `peer` is up.
	 *
	 * @param remembered how far the log of this node was durable, as `peer` remembers
	 * @throws PutBackError the log does not go that far
	 */
	linkUp(peer: NodeId, remembered: FrameNumber): void {
		this.#notHeard.delete(peer);
		this.recall.said(peer, remembered, this.#log.newest);
	}

	linkDown(peer: NodeId): void {
		this.#notHeard.delete(peer);
	}
}
