/**
 * Items by prefixes. It finds all items whose prefix a key begins with, by one search among the prefixes, however many
 * there are.
 */

export interface OfPrefix<T> {
	readonly prefix: string;
	/** The item of the longest other prefix that this one begins with. Only the table writes it. */
	outer: T | null;
}

export class Prefixes<T extends OfPrefix<T>> {
	/**
	 * In the order of the prefixes' code units. The items whose prefixes begin with a given text stand together in it, and
	 * the item of that very text is the first of them.
	 */
	readonly #sorted: T[] = [];

	get size(): number {
		return this.#sorted.length;
	}

	/** @param item of a prefix that is not in the table */
	add(item: T): void {
		const { prefix } = item;
		item.outer = this.longestOf(prefix);
		this.#sorted.splice(this.#position(prefix), 0, item);
		for (const inner of this.startingWith(prefix)) if (inner !== item && inner.outer === item.outer) inner.outer = item;
	}

	/** @param item in the table */
	delete(item: T): void {
		for (const inner of this.startingWith(item.prefix)) if (inner.outer === item) inner.outer = item.outer;
		this.#sorted.splice(this.#position(item.prefix), 1);
	}

	/** The item of the longest prefix that `key` begins with. `outer` leads to the others, the longest first. */
	longestOf(key: string): T | null {
		// Every prefix of the key stands at or before the key, and so does all that begins with that prefix up to the key.
		// So the last item that is not above the key begins with each of them.
		const at = this.#position(key);
		let item = this.#sorted[at]?.prefix === key ? (this.#sorted[at] as T) : (this.#sorted[at - 1] ?? null);
		while (item !== null && !key.startsWith(item.prefix)) item = item.outer;
		return item;
	}

	/** The items whose prefixes begin with `text`. The table must not change during the walk. */
	*startingWith(text: string): Iterable<T> {
		for (let at = this.#position(text); at < this.#sorted.length; at++) {
			const item = this.#sorted[at] as T;
			if (!item.prefix.startsWith(text)) return;
			yield item;
		}
	}

	/** The place of the first item that is not below `text`. */
	#position(text: string): number {
		let low = 0;
		let high = this.#sorted.length;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if ((this.#sorted[middle] as T).prefix < text) low = middle + 1;
			else high = middle;
		}
		return low;
	}
}
