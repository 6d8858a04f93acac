/** What the page was told up to one place of the tape, for the sentences that say why something happened. */
import type { Fact, FactKind } from '../../../shared/fact.ts';
import type { NodeId } from '../../../shared/paxos/ballot.ts';
import { type Entry, type Item, isEntry, type Tape } from '../tape.ts';

export type FactOf<K extends FactKind> = Extract<Fact, { readonly kind: K }>;

export interface EntryOf<K extends FactKind> extends Entry {
	readonly fact: FactOf<K>;
}

/** More facts of one kind are no help to a reader. */
const FOUND_MAX = 64;

export class Past {
	readonly #tape: Tape;
	readonly #through: number;

	/** @param through the last place that counts */
	constructor(tape: Tape, through = Number.POSITIVE_INFINITY) {
		this.#tape = tape;
		this.#through = through;
	}

	/** All that was told before the item. */
	before(item: Item): Past {
		return new Past(this.#tape, item.at - 1);
	}

	/** The last fact of the kind with that property; undefined where the page has none. */
	last<K extends FactKind>(kind: K, is: (fact: FactOf<K>) => boolean): EntryOf<K> | undefined {
		return this.#newest(kind, is, 1)[0];
	}

	/** The facts of the kind with that property, in the order of the tape. */
	all<K extends FactKind>(kind: K, is: (fact: FactOf<K>) => boolean): EntryOf<K>[] {
		return this.#newest(kind, is, FOUND_MAX).reverse();
	}

	/** The last time at which the page lost the node, where it has not heard it since. */
	loss(node: NodeId): Item | undefined {
		let loss: Item | undefined;
		for (const item of this.#tape.between(Number.NEGATIVE_INFINITY, this.#through)) {
			if (item.node === node) loss = item.told.kind === 'lost' ? item : undefined;
		}
		return loss;
	}

	/** The last fact that the node told; undefined for none. */
	lastOf(node: NodeId): Entry | undefined {
		return this.#tape.newest(1, (entry) => entry.node === node, this.#through)[0];
	}

	#newest<K extends FactKind>(kind: K, is: (fact: FactOf<K>) => boolean, countMax: number): EntryOf<K>[] {
		const found = this.#tape.newest(countMax, ({ fact }) => fact.kind === kind && is(fact as FactOf<K>), this.#through);
		return found as unknown as EntryOf<K>[];
	}
}

export function isOf<K extends FactKind>(item: Item, kind: K): item is EntryOf<K> {
	return isEntry(item) && item.fact.kind === kind;
}
