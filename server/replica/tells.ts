/**
 * "This much is chosen", said to a follower by a heartbeat that asks nothing: it waits a little, because the
 * next accept or heartbeat to the same node says it too, and under load there always is one. To a node whose
 * own clients wait for it, it goes at once.
 */
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Envelope, Message } from '../../shared/paxos/message.ts';

/** How long a follower's state may lag behind for that, when nothing else is sent. */
const HELD_MS_MAX = 4;
/** Whoever has forwarded a proposal is told at once for so long. */
const FORWARDS_LATELY_MS = 1000;

export class Tells {
	readonly #send: (envelope: Envelope) => void;
	/** Nothing is held any more: what was sent is to be flushed. */
	readonly #released: () => void;
	readonly #held = new Map<NodeId, Envelope>();
	readonly #forwardedMs = new Map<NodeId, number>();
	#timer: NodeJS.Timeout | undefined;

	constructor(send: (envelope: Envelope) => void, released: () => void) {
		this.#send = send;
		this.#released = released;
	}

	/** Sends it now, or holds it. */
	send(envelope: Envelope): void {
		const { to, message } = envelope;
		if (message.kind === 'heartbeat' && message.round === 0 && !this.#isAwaited(to)) {
			this.#held.set(to, envelope);
			this.#timer ??= setTimeout(() => this.#release(), HELD_MS_MAX);
			return;
		}
		if (this.#held.size > 0) this.#before(envelope);
		this.#send(envelope);
	}

	/** From another node. */
	heard(from: NodeId, message: Message): void {
		if (message.kind === 'forward') this.#forwardedMs.set(from, performance.now());
	}

	stop(): void {
		clearTimeout(this.#timer);
		this.#held.clear();
	}

	#isAwaited(to: NodeId): boolean {
		return performance.now() - (this.#forwardedMs.get(to) ?? Number.NEGATIVE_INFINITY) < FORWARDS_LATELY_MS;
	}

	/** What says the same takes the place of what is held; what waits for it to be known comes behind. */
	#before({ to, message }: Envelope): void {
		const held = this.#held.get(to);
		if (!held) return;
		this.#held.delete(to);
		if (message.kind !== 'accept' && message.kind !== 'heartbeat') this.#send(held);
	}

	#release(): void {
		this.#timer = undefined;
		for (const envelope of this.#held.values()) this.#send(envelope);
		this.#held.clear();
		this.#released();
	}
}
