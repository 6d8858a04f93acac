/**
 * Compares the state of this node with that of the others. Once a second each node tells its peers the digest of its
 * store after a slot, and a peer that has applied the same slot compares. Nodes can differ only where something is
 * broken, such as a folder that was put back while nobody who remembered was up, or a mistake in the state machine.
 *
 * A node from which a quorum differs stops: whatever it has, no quorum has it. So one peer alone, or a minority, can
 * stop nobody. A node that differs from some, and knows no quorum that agrees with it, cannot say who is wrong. It goes
 * on, because those who are left may be needed, but it reports that, and it is not ready until it knows.
 */
import type { NodeId } from '../paxos/ballot.ts';
import type { Digest, Slot } from '../paxos/message.ts';

/** Nodes that are up are less than this apart, in slots, unless one of them still has to learn. */
const KEPT = 8192;

/** How often each node tells its peers what it has, milliseconds. */
export const DIGEST_EVERY_MS = 1000;

/** A quorum has another state than this node. */
export class StateDiffersError extends Error {
	override readonly name = 'StateDiffersError';

	constructor(slot: Slot, peers: readonly NodeId[]) {
		super(
			`its state after slot ${slot} is not that of ${peers.join(' and ')}, which are a majority. One of the data folders ` +
				'may have been put back from an older copy, or lost writes. Keep this folder: it may hold what the others lack',
		);
	}
}

/** The digests after the last slots that the store has applied. */
export class DigestHistory {
	readonly #digests = new Int32Array(KEPT);
	#first: Slot = 1;
	#last: Slot = 0;

	/** The digest after the next slot. */
	note(slot: Slot, digest: number): void {
		if (slot !== this.#last + 1) this.#first = slot;
		this.#last = slot;
		this.#digests[slot % KEPT] = digest;
	}

	get last(): Slot {
		return this.#last;
	}

	/** Undefined where the slot is not applied yet, or so old that its digest is not kept. */
	of(slot: Slot): number | undefined {
		const isKept = slot <= this.#last && slot >= this.#first && slot > this.#last - KEPT;
		return isKept ? this.#digests[slot % KEPT] : undefined;
	}
}

export interface DigestsRuntime {
	/** Calls `Digests.fire` after that long. */
	setTimer(afterMs: number): void;
	/** Whether these nodes are a majority of the voters. */
	isQuorum(nodes: ReadonlySet<NodeId>): boolean;
	/** Sends to every peer that is linked, at once. */
	tellAll(message: Digest): void;
	/**
	 * @param what `agrees` once no peer differs any more
	 * @param detail the rest of a sentence that begins with the node
	 */
	report(what: 'differs' | 'agrees', detail: string): void;
}

export class Digests {
	readonly #history: DigestHistory;
	readonly #id: NodeId;
	readonly #runtime: DigestsRuntime;
	/** Of each peer, what it told of the earliest slot that this node has not applied yet. */
	readonly #waiting = new Map<NodeId, Digest>();
	readonly #agree = new Set<NodeId>();
	readonly #differ = new Set<NodeId>();

	constructor(id: NodeId, history: DigestHistory, runtime: DigestsRuntime) {
		this.#id = id;
		this.#history = history;
		this.#runtime = runtime;
	}

	start(): void {
		this.#runtime.setTimer(DIGEST_EVERY_MS);
	}

	/** The timer has fired. The peers are told also what they know: they hear how far the log is, too. */
	fire(): void {
		this.start();
		const slot = this.#history.last;
		const digest = this.#history.of(slot);
		if (digest !== undefined) this.#runtime.tellAll({ kind: 'digest', slot, digest });
	}

	/** Why this node is not ready, in a few words; null for no reason. */
	get fault(): string | null {
		if (this.#differ.size === 0 || this.#runtime.isQuorum(new Set([...this.#agree, this.#id]))) return null;
		return `its state is not that of ${[...this.#differ].join(' and ')}, and no majority can say who is wrong`;
	}

	/** @throws StateDiffersError */
	told(peer: NodeId, message: Digest): void {
		if (message.slot <= this.#history.last) return this.#compare(peer, message);
		const waiting = this.#waiting.get(peer);
		if (!waiting || message.slot < waiting.slot) this.#waiting.set(peer, message);
	}

	/**
	 * The store has applied more slots.
	 *
	 * @throws StateDiffersError
	 */
	applied(): void {
		if (this.#waiting.size === 0) return;
		for (const [peer, message] of this.#waiting) {
			if (message.slot > this.#history.last) continue;
			this.#waiting.delete(peer);
			this.#compare(peer, message);
		}
	}

	#compare(peer: NodeId, { slot, digest }: Digest): void {
		const own = this.#history.of(slot);
		if (own === undefined) return;
		if (own === digest) {
			this.#agree.add(peer);
			if (!this.#differ.delete(peer)) return;
			const what = this.#differ.size === 0 ? 'agrees' : 'differs';
			return this.#report(what, peer, `has the same state as ${peer} again, after slot ${slot}`);
		}
		this.#agree.delete(peer);
		if (this.#differ.has(peer)) return;
		this.#differ.add(peer);
		if (this.#runtime.isQuorum(this.#differ)) throw new StateDiffersError(slot, [...this.#differ]);
		this.#report('differs', peer, `has another state than ${peer} after slot ${slot}: one of the two is wrong`);
	}

	/** What is said of one peer takes the place of what was said before, so it names the others that differ. */
	#report(what: 'differs' | 'agrees', of: NodeId, detail: string): void {
		const others = [...this.#differ].filter((peer) => peer !== of);
		this.#runtime.report(
			what,
			others.length === 0 ? detail : `${detail}; it still differs from ${others.join(' and ')}`,
		);
	}
}
