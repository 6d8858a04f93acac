/**
 * "This much is chosen", said to a follower by a heartbeat that asks nothing: it waits a little, because the next
 * accept or heartbeat to the same node says it too, and under load there always is one. To a node whose own clients
 * wait for it, it goes at once.
 *
 * What it must never do: let an answer that rests on what is held overtake it.
 */
import type { NodeId } from '../paxos/ballot.ts';
import type { Envelope, Message } from '../paxos/message.ts';

export interface TellsRuntime {
	/** Monotonic, milliseconds. */
	nowMs(): number;
	/** Calls `Tells.fire` after that long. */
	setTimer(afterMs: number): void;
	/** To another node. */
	send(envelope: Envelope): void;
	/** Nothing is held any more: what was sent is to be flushed. */
	released(): void;
}

/** How long a follower's state may lag behind for that, when nothing else is sent. */
export const HELD_MS_MAX = 4;
/** A node that has forwarded a proposal is told at once for so long. */
export const FORWARDS_LATELY_MS = 1000;

export class Tells {
	readonly #runtime: TellsRuntime;
	readonly #held = new Map<NodeId, Envelope>();
	readonly #forwardedMs = new Map<NodeId, number>();
	#timerIsSet = false;

	constructor(runtime: TellsRuntime) {
		this.#runtime = runtime;
	}

	/** How many nodes have something held for them. */
	get count(): number {
		return this.#held.size;
	}

	/** Sends it now, or holds it. */
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

	/** From another node. */
	heard(from: NodeId, message: Message): void {
		if (message.kind === 'forward') this.#forwardedMs.set(from, this.#runtime.nowMs());
	}

	/** The timer has fired: everything that is held leaves. */
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

	/** What says the same takes the place of what is held; what waits for it to be known comes behind it. */
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
