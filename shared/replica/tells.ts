/**
 * Delays the heartbeats of round 0, which only tell a follower how far slots are chosen. The next accept or heartbeat
 * to the same node tells that too, and under load there always is one, so most of the delayed heartbeats need not be
 * sent. A node that has lately forwarded a proposal is told at once, because its clients wait for that.
 *
 * What it must never do: let a message that relies on a held heartbeat overtake it.
 */
import type { NodeId } from '../paxos/ballot.ts';
import type { Envelope, Message } from '../paxos/message.ts';

export interface TellsRuntime {
	/** Monotonic, milliseconds. */
	nowMs(): number;
	/** Calls `Tells.fire` after so many milliseconds. */
	setTimer(afterMs: number): void;
	/** Sends to another node. */
	send(envelope: Envelope): void;
	/** All held heartbeats were sent, and are to be flushed. */
	released(): void;
}

/** A heartbeat is held at most this long when no other message is sent to its node. */
export const HELD_MS_MAX = 4;
/** For this long after it has forwarded a proposal, a node is told at once. */
export const FORWARDS_LATELY_MS = 1000;

export class Tells {
	readonly #runtime: TellsRuntime;
	readonly #held = new Map<NodeId, Envelope>();
	readonly #forwardedMs = new Map<NodeId, number>();
	#timerIsSet = false;

	constructor(runtime: TellsRuntime) {
		this.#runtime = runtime;
	}

	/** The number of nodes that a heartbeat is held for. */
	get count(): number {
		return this.#held.size;
	}

	/** Sends the message now, or holds it. */
	send(envelope: Envelope): void {
		const { to, message } = envelope;
		if (message.kind === 'heartbeat' && message.round === 0 && !this.#isAwaited(to)) {
			this.#held.set(to, envelope);
			this.#setTimer();
			return;
		}
		if (this.#held.size > 0) this.#before(envelope);
		this.#runtime.send(envelope);
	}

	/** A message came from another node. */
	heard(from: NodeId, message: Message): void {
		if (message.kind === 'forward') this.#forwardedMs.set(from, this.#runtime.nowMs());
	}

	/** The timer has fired: all held heartbeats are sent. */
	fire(): void {
		this.#timerIsSet = false;
		if (this.#held.size === 0) return;
		for (const envelope of this.#held.values()) this.#runtime.send(envelope);
		this.#held.clear();
		this.#runtime.released();
	}

	#isAwaited(to: NodeId): boolean {
		const forwardedMs = this.#forwardedMs.get(to);
		return forwardedMs !== undefined && this.#runtime.nowMs() - forwardedMs < FORWARDS_LATELY_MS;
	}

	/** An accept or another heartbeat replaces the held one; any other message may rely on it, and is sent behind it. */
	#before({ to, message }: Envelope): void {
		const held = this.#held.get(to);
		if (!held) return;
		this.#held.delete(to);
		if (message.kind !== 'accept' && message.kind !== 'heartbeat') this.#runtime.send(held);
	}

	#setTimer(): void {
		if (this.#timerIsSet) return;
		this.#timerIsSet = true;
		this.#runtime.setTimer(HELD_MS_MAX);
	}
}
