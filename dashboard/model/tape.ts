/**
 * What the page was told of the recent past, in one order of all nodes: the order of its moments. No effect stands before
 * its cause in it, as far as both have come. Nodes' batches reach the page a moment apart, so the newest items are ordered
 * again as others join them. Its size is bounded: heartbeats are dropped first, and then the oldest items.
 */
import { type Fact, isBeat } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Told } from '../../shared/trace-file.ts';
import { causalOrder } from './causal-order.ts';

/** One thing that the page was told, and its place in the order of all of them: the moment just after it. */
export interface Item {
	readonly node: NodeId;
	readonly told: Told;
	/** The place in the order of arrival, which for one node is also the order in which it told them. */
	readonly index: number;
	/** The place in the order of the tape. Later items have higher numbers. It changes while items are ordered again. */
	at: number;
	/** When it had reached the page, and everything before it too, in milliseconds of the page's clock. */
	whenMs: number;
}

/** An item that is a fact. */
export interface Entry extends Item {
	readonly fact: Fact;
}

/** How far back a late item may still be put in its place, in items. */
const UNSETTLED_MAX = 400;
/** What has arrived is put in its place when it is as much as this, if nobody has asked for it before. */
const ARRIVED_MAX = 5_000;
/** Heartbeats change nothing that is shown, and most of an idle swarm's facts are heartbeats. */
const BEATS_MAX = 4000;

export interface TapeListener {
	/** The item is dropped because it is old. Items are dropped in their order; heartbeats are dropped without a word. */
	dropped(item: Item): void;
	/** Items at this place and behind it stand in another order than before. */
	reordered(from: number): void;
}

export class Tape {
	readonly #itemsMax: number;
	readonly #listener: TapeListener;
	#ordered: Item[] = [];
	#arrived: Item[] = [];
	#count = 0;
	#next = 0;

	constructor(itemsMax: number, listener: TapeListener) {
		this.#itemsMax = itemsMax;
		this.#listener = listener;
	}

	push(node: NodeId, told: Told, heardMs: number): Item {
		const place = { node, told, index: this.#count++, at: this.#next++, whenMs: heardMs };
		const item: Item = told.kind === 'fact' ? ({ ...place, fact: told.fact } as Entry) : place;
		this.#arrived.push(item);
		if (this.#arrived.length > Math.min(ARRIVED_MAX, this.#itemsMax / 4)) this.settle();
		return item;
	}

	/** The first item that is kept; undefined where there is none. */
	get first(): Item | undefined {
		this.settle();
		return this.#ordered[0];
	}

	/** The newest item; undefined where there is none. */
	get last(): Item | undefined {
		this.settle();
		return this.#ordered.at(-1);
	}

	/** The item behind so many others that are kept; undefined where there are not as many. */
	nth(index: number): Item | undefined {
		this.settle();
		return this.#ordered[index];
	}

	/** The newest item that keeps its place; undefined where there is none. */
	get settledLast(): Item | undefined {
		this.settle();
		return this.#ordered.at(-1 - UNSETTLED_MAX);
	}

	/** The items behind place `after` through place `through`, in order. */
	*between(after: number, through: number): Iterable<Item> {
		this.settle();
		for (let i = this.#behind(after); i < this.#ordered.length; i++) {
			const item = this.#ordered[i] as Item;
			if (item.at > through) return;
			yield item;
		}
	}

	/** How many items are behind place `after`, through place `through`. */
	count(after: number, through: number): number {
		this.settle();
		return this.#behind(through) - this.#behind(after);
	}

	/** The last item that had reached the page at `ms`; the first one that is kept, where all came later. */
	itemAt(ms: number): Item | undefined {
		this.settle();
		const at = countWhile(this.#ordered, ({ whenMs }) => whenMs <= ms);
		return this.#ordered[Math.max(0, at - 1)];
	}

	/** The newest facts that `keep` wants, newest first, at most `countMax`, through place `through`. */
	newest(countMax: number, keep: (entry: Entry) => boolean, through = Number.POSITIVE_INFINITY): Entry[] {
		this.settle();
		const found: Entry[] = [];
		for (let i = this.#behind(through) - 1; i >= 0 && found.length < countMax; i--) {
			const item = this.#ordered[i];
			if (item && isEntry(item) && keep(item)) found.push(item);
		}
		return found;
	}

	/** Leaves what has arrived in the order in which it came. */
	keepOrder(): void {
		this.#ordered.push(...this.#arrived.splice(0));
		if (this.#ordered.length > this.#itemsMax) this.#thin();
	}

	/** Puts what has arrived in its place. */
	settle(): void {
		if (this.#arrived.length === 0) return;
		const before = [...this.#ordered.splice(-UNSETTLED_MAX), ...this.#arrived];
		this.#arrived = [];
		const first = Math.min(...before.map(({ at }) => at));
		let reorderedFrom = Number.POSITIVE_INFINITY;
		let whenMs = this.#ordered.at(-1)?.whenMs ?? Number.NEGATIVE_INFINITY;
		for (const [i, item] of causalOrder(before).entries()) {
			if (item !== before[i]) reorderedFrom = Math.min(reorderedFrom, first + i);
			item.at = first + i;
			whenMs = Math.max(whenMs, item.whenMs);
			item.whenMs = whenMs;
			this.#ordered.push(item);
		}
		if (reorderedFrom < Number.POSITIVE_INFINITY) this.#listener.reordered(reorderedFrom);
		if (this.#ordered.length > this.#itemsMax) this.#thin();
	}

	#thin(): void {
		const { length } = this.#ordered;
		this.#ordered = this.#ordered.filter((item, i) => i >= length - BEATS_MAX || !isBeatItem(item));
		const surplus = this.#ordered.length - this.#itemsMax;
		if (surplus <= 0) return;
		// A quarter goes at once, because moving the others takes as long for one as for many.
		for (const item of this.#ordered.splice(0, Math.max(surplus, this.#itemsMax / 4))) this.#listener.dropped(item);
	}

	/** The number of items through this place. */
	#behind(at: number): number {
		return countWhile(this.#ordered, (item) => item.at <= at);
	}
}

export function isEntry(item: Item): item is Entry {
	return item.told.kind === 'fact';
}

function isBeatItem(item: Item): boolean {
	return isEntry(item) && isBeat(item.fact);
}

/** How many items from the first one on have the property, which no item has behind one that has it not. */
export function countWhile<T>(items: readonly T[], has: (item: T) => boolean): number {
	let low = 0;
	let high = items.length;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (has(items[middle] as T)) low = middle + 1;
		else high = middle;
	}
	return low;
}
