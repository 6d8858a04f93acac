/**
 * The recent past: facts of all nodes, in causal order as far as they have come. Nodes' batches reach the page
 * a moment apart, so the newest facts are ordered again as others join them. Its size is bounded, and the oldest
 * facts are dropped first.
 */
import type { Fact } from '../../shared/fact.ts';
import { causalOrder } from './causal-order.ts';

/** A fact and its place in the order of arrival, which for one node is also the order in which it told them. */
export interface Entry {
	readonly fact: Fact;
	readonly index: number;
}

/** How far back a late fact may still be put in its place, in facts. */
const UNSETTLED_MAX = 400;

export class Tape {
	readonly #entriesMax: number;
	#ordered: Entry[] = [];
	#arrived: Entry[] = [];
	#count = 0;

	constructor(entriesMax: number) {
		this.#entriesMax = entriesMax;
	}

	push(fact: Fact): Entry {
		const entry = { fact, index: this.#count++ };
		this.#arrived.push(entry);
		if (this.#arrived.length > this.#entriesMax / 4) this.#order();
		return entry;
	}

	/** The newest entries that `keep` wants, newest first, at most `countMax`. */
	newest(countMax: number, keep: (entry: Entry) => boolean): Entry[] {
		if (this.#arrived.length > 0) this.#order();
		const found: Entry[] = [];
		for (let i = this.#ordered.length - 1; i >= 0 && found.length < countMax; i--) {
			const entry = this.#ordered[i];
			if (entry && keep(entry)) found.push(entry);
		}
		return found;
	}

	#order(): void {
		const unsettled = this.#ordered.splice(-UNSETTLED_MAX);
		for (const entry of causalOrder([...unsettled, ...this.#arrived])) this.#ordered.push(entry);
		this.#arrived = [];
		if (this.#ordered.length > this.#entriesMax) this.#ordered = this.#ordered.slice(-this.#entriesMax);
	}
}
