/** Stamps this node's facts and tells them on: who, in which life, in which order, when. Makes none itself. */
import type { RawFact, RawFactBody } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';

export class FactStream {
	readonly node: NodeId;
	readonly epoch: string;
	readonly #now: () => number;
	readonly #watchers = new Set<(fact: RawFact) => void>();
	#seq = 0;

	constructor(node: NodeId, epoch: string, now: () => number) {
		this.node = node;
		this.epoch = epoch;
		this.#now = now;
	}

	/** The number of the last fact that was told; 0 before the first. */
	get seq(): number {
		return this.#seq;
	}

	/** @param onFact is called for each fact from now on; returns the way to stop */
	watch(onFact: (fact: RawFact) => void): () => void {
		this.#watchers.add(onFact);
		return () => this.#watchers.delete(onFact);
	}

	tell(body: RawFactBody): void {
		const fact = { node: this.node, epoch: this.epoch, seq: ++this.#seq, time: this.#now(), ...body } as RawFact;
		for (const watcher of this.#watchers) watcher(fact);
	}
}
