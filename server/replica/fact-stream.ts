/** Stamps this node's facts with node, epoch, seq and time, and passes them to watchers. It makes none itself. */
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

	/** The seq of the last fact; 0 before the first. */
	get seq(): number {
		return this.#seq;
	}

	/** Calls `onFact` with each fact from now on. The function returned ends that. */
	watch(onFact: (fact: RawFact) => void): () => void {
		this.#watchers.add(onFact);
		return () => this.#watchers.delete(onFact);
	}

	/** So many facts are not made, and have their numbers all the same. */
	pass(count: number): void {
		this.#seq += count;
	}

	tell(body: RawFactBody): void {
		const fact = { node: this.node, epoch: this.epoch, seq: ++this.#seq, time: this.#now(), ...body } as RawFact;
		for (const watcher of this.#watchers) watcher(fact);
	}
}
