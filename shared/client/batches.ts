/**
 * Batches of calls by the numbers of their calls. Numbers only grow, so the batches stand in one array in the order
 * of their first numbers, and one is found by halving; it costs nothing how many have gone before.
 */
export interface Numbered {
	/** The number of its first call; the others follow. */
	readonly first: number;
	readonly count: number;
	isOver: boolean;
}

export class Batches<B extends Numbered> implements Iterable<B> {
	#all: B[] = [];
	/** Those before this one are over. Those behind it may be. */
	#from = 0;
	/** How many of the array are over. */
	#over = 0;

	/** The one with the lowest numbers that is not over. */
	get oldest(): B | undefined {
		return this.#all[this.#from];
	}

	/** @param batch its numbers are above those of all others */
	add(batch: B): void {
		this.#all.push(batch);
	}

	/** @returns false where it was over already */
	remove(batch: B): boolean {
		if (batch.isOver) return false;
		batch.isOver = true;
		while (this.#all[this.#from]?.isOver) this.#from++;
		if (++this.#over >= OVER_MAX && 2 * this.#over >= this.#all.length) {
			this.#all = this.#all.filter(isNotOver);
			this.#from = 0;
			this.#over = 0;
		}
		return true;
	}

	/** Those with a number from `first` up to, not including, `end`; as they are now, whatever becomes of them. */
	within(first: number, end: number): readonly B[] {
		const found: B[] = [];
		for (let at = this.#positionOf(first); at < this.#all.length; at++) {
			const batch = this.#all[at] as B;
			if (batch.first >= end) break;
			if (!batch.isOver && batch.first + batch.count > first) found.push(batch);
		}
		return found;
	}

	/** In order, as they are now, whatever becomes of them. */
	[Symbol.iterator](): Iterator<B> {
		return this.#all.slice(this.#from).filter(isNotOver)[Symbol.iterator]();
	}

	/** Of the last batch that begins at `first` or before; else of the first of all. */
	#positionOf(first: number): number {
		let low = this.#from;
		let high = this.#all.length;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if ((this.#all[middle] as B).first <= first) low = middle + 1;
			else high = middle;
		}
		return Math.max(this.#from, low - 1);
	}
}

/** The array is made anew when at least so many of it, and at least half of it, are over. */
const OVER_MAX = 64;

function isNotOver(batch: Numbered): boolean {
	return !batch.isOver;
}
