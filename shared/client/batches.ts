/**
 * Batches of calls by the numbers of their calls. Numbers only grow, so the batches stand in one array in the order of
 * their first numbers, and one is found by binary search. Batches that are over are dropped from the array from time to
 * time, so its length follows the number of those that are not.
 */

export interface Numbered {
	/** The number of the batch's first call. The others have the numbers after it. */
	readonly first: number;
	readonly count: number;
	isOver: boolean;
}

export class Batches<B extends Numbered> implements Iterable<B> {
	#all: B[] = [];
	/** The position of the first batch that is not over. */
	#from = 0;
	/** The number of batches in the array that are over. */
	#over = 0;

	/** The batch with the lowest numbers that is not over. */
	get oldest(): B | undefined {
		return this.#all[this.#from];
	}

	/** @param batch one whose numbers are above those of all others */
	add(batch: B): void {
		this.#all.push(batch);
	}

	/** Marks the batch as over. @returns false where it was over already */
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

	/** A copy of the list of batches that have a number from `first` to before `end` and are not over. */
	within(first: number, end: number): readonly B[] {
		const found: B[] = [];
		for (let at = this.#positionOf(first); at < this.#all.length; at++) {
			const batch = this.#all[at] as B;
			if (batch.first >= end) break;
			if (!batch.isOver && batch.first + batch.count > first) found.push(batch);
		}
		return found;
	}

	/** Walks a copy of the list of batches that are not over, in order. */
	[Symbol.iterator](): Iterator<B> {
		return this.#all.slice(this.#from).filter(isNotOver)[Symbol.iterator]();
	}

	/**
	 * The position of the last batch that begins at `first` or before; where there is none, of the first that is not
	 * over.
	 */
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

/** Batches that are over are dropped when there are at least so many, and they are at least half of the array. */
const OVER_MAX = 64;

function isNotOver(batch: Numbered): boolean {
	return !batch.isOver;
}
