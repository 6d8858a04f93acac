/** A binary heap: items of which the first one is found at once, and each goes before the two below it. */
export class Heap<T> {
	readonly #items: T[] = [];
	readonly #isBefore: (a: T, b: T) => boolean;

	constructor(isBefore: (a: T, b: T) => boolean) {
		this.#isBefore = isBefore;
	}

	get first(): T | undefined {
		return this.#items[0];
	}

	add(item: T): void {
		const items = this.#items;
		let at = items.length;
		while (at > 0) {
			const above = (at - 1) >> 1;
			if (this.#isBefore(items[above] as T, item)) break;
			items[at] = items[above] as T;
			at = above;
		}
		items[at] = item;
	}

	removeFirst(): void {
		const items = this.#items;
		const last = items.pop() as T;
		const { length } = items;
		if (length === 0) return;
		let at = 0;
		for (let below = 1; below < length; below = 2 * at + 1) {
			const right = items[below + 1];
			if (right !== undefined && this.#isBefore(right, items[below] as T)) below++;
			if (this.#isBefore(last, items[below] as T)) break;
			items[at] = items[below] as T;
			at = below;
		}
		items[at] = last;
	}
}
