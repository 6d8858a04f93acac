/** What is on its way between the nodes of a random walk. */
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Message } from '../../shared/paxos/message.ts';

export class WalkLinks {
	/** By link, `from>to`: what is on its way, in the order in which it was sent. */
	readonly #queues = new Map<string, Message[]>();
	readonly #broken = new Set<string>();
	readonly #inOrder: boolean;

	/** @param inOrder whether only the first message of a link may be taken */
	constructor(inOrder: boolean) {
		this.#inOrder = inOrder;
	}

	between(from: NodeId, to: NodeId): Message[] {
		const link = `${from}>${to}`;
		let queue = this.#queues.get(link);
		if (!queue) {
			queue = [];
			this.#queues.set(link, queue);
		}
		return queue;
	}

	/** It is lost where the link is broken. */
	send(from: NodeId, to: NodeId, message: Message): void {
		if (!this.isBroken(from, to)) this.between(from, to).push(message);
	}

	take(from: NodeId, to: NodeId, at: number): Message | undefined {
		if (this.#inOrder && at > 0) return undefined;
		return this.between(from, to).splice(at, 1)[0];
	}

	/** What is on its way between two of these nodes is lost. */
	forget(among: readonly NodeId[]): void {
		for (const from of among) for (const to of among) this.between(from, to).length = 0;
	}

	isBroken(a: NodeId, b: NodeId): boolean {
		return this.#broken.has(pairOf(a, b));
	}

	/** @returns false where it is broken already */
	break(a: NodeId, b: NodeId): boolean {
		if (this.isBroken(a, b)) return false;
		this.#broken.add(pairOf(a, b));
		this.forget([a, b]);
		return true;
	}

	/** @returns false where it is not broken */
	mend(a: NodeId, b: NodeId): boolean {
		return this.#broken.delete(pairOf(a, b));
	}
}

function pairOf(a: NodeId, b: NodeId): string {
	return a < b ? `${a}-${b}` : `${b}-${a}`;
}
