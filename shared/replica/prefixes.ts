/**
 * Items by prefixes, in a tree whose edges are texts. The way down along a key passes the item of each prefix of the key,
 * and ends where no prefix goes on as the key does. So to find them takes no more steps than the key has characters,
 * however many prefixes there are and however deep they lie in one another.
 */

export interface OfPrefix {
	readonly prefix: string;
}

class Branch<T> {
	/** What it adds to the text of the branch above it. */
	text: string;
	/** The item of the prefix that ends here; null for none. */
	item: T | null;
	/** By the first code unit of their texts. */
	below = new Map<number, Branch<T>>();

	constructor(text: string, item: T | null) {
		this.text = text;
		this.item = item;
	}
}

export class Prefixes<T extends OfPrefix> {
	readonly #root = new Branch<T>('', null);
	#size = 0;

	get size(): number {
		return this.#size;
	}

	/** @param item of a prefix that is not in the table */
	add(item: T): void {
		const { prefix } = item;
		this.#size++;
		let branch = this.#root;
		for (let at = 0; at < prefix.length; ) {
			const next = branch.below.get(prefix.charCodeAt(at));
			if (!next) {
				branch.below.set(prefix.charCodeAt(at), new Branch(prefix.slice(at), item));
				return;
			}
			const common = commonLength(next.text, prefix, at);
			if (common < next.text.length) split(next, common);
			branch = next;
			at += common;
		}
		branch.item = item;
	}

	/** @param item in the table */
	delete({ prefix }: T): void {
		this.#size--;
		let above = this.#root;
		let branch = this.#root;
		for (let at = 0; at < prefix.length; at += branch.text.length) {
			above = branch;
			branch = branch.below.get(prefix.charCodeAt(at)) as Branch<T>;
		}
		branch.item = null;
		if (branch !== this.#root && branch.below.size === 0) {
			above.below.delete(branch.text.charCodeAt(0));
			branch = above;
		}
		if (branch !== this.#root) join(branch);
	}

	/** The items whose prefixes `key` begins with, the shortest first. The table must not change during the walk. */
	*of(key: string): Iterable<T> {
		let branch = this.#root;
		for (let at = 0; ; at += branch.text.length) {
			if (branch.item !== null) yield branch.item;
			const next = branch.below.get(key.charCodeAt(at));
			if (!next || !key.startsWith(next.text, at)) return;
			branch = next;
		}
	}

	/** The items whose prefixes begin with `text`. The table must not change during the walk. */
	*startingWith(text: string): Iterable<T> {
		let branch = this.#root;
		for (let at = 0; at < text.length; at += branch.text.length) {
			const next = branch.below.get(text.charCodeAt(at));
			if (!next || commonLength(next.text, text, at) < Math.min(next.text.length, text.length - at)) return;
			branch = next;
		}
		const branches = [branch];
		for (let each = branches.pop(); each !== undefined; each = branches.pop()) {
			if (each.item !== null) yield each.item;
			branches.push(...each.below.values());
		}
	}
}

/** The number of code units at which `text`, and `other` from `at` on, are the same. */
function commonLength(text: string, other: string, at: number): number {
	const max = Math.min(text.length, other.length - at);
	let length = 0;
	while (length < max && text.charCodeAt(length) === other.charCodeAt(at + length)) length++;
	return length;
}

/** Makes two branches of one, of which the upper one has so many code units of the text. */
function split<T>(branch: Branch<T>, length: number): void {
	const lower = new Branch(branch.text.slice(length), branch.item);
	lower.below = branch.below;
	branch.text = branch.text.slice(0, length);
	branch.item = null;
	branch.below = new Map([[lower.text.charCodeAt(0), lower]]);
}

/** Makes one branch of two, where the upper one has no item and only one below it. */
function join<T>(branch: Branch<T>): void {
	const [lower] = branch.below.values();
	if (branch.item !== null || branch.below.size !== 1 || !lower) return;
	branch.text += lower.text;
	branch.item = lower.item;
	branch.below = lower.below;
}
