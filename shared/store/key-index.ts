/**
 * Items by their keys. It finds an item by its key at once, walks items in the order of the keys' UTF-8 bytes, tells the
 * highest revision below a prefix, and removes all items below a prefix. Items lie in sorted chunks, and each chunk
 * notes the highest revision in it, so the last two cost a walk over chunks and not over items.
 *
 * It must never do work in one step that grows with the number of items: it never sorts or copies all of them, and the
 * items of a removed prefix stay in the table of keys until `tidy` drops them, a few at a time.
 */
import { compareUtf8 } from '../bytes/text.ts';
import { type Hashed, hashOf, KeyTable } from './key-table.ts';
import { type Position, positionIn, seek } from './sorted.ts';

export const CHUNK_ITEMS_MAX = 256;
/**
 * A chunk that has shrunk below this size joins its neighbour, where both together have no more than twice as many items.
 */
const CHUNK_ITEMS_MIN = CHUNK_ITEMS_MAX / 4;
/** A chunk that was filled by `append` still has room. */
const CHUNK_ITEMS_APPENDED = 0.75 * CHUNK_ITEMS_MAX;

export interface Indexed<T> extends Hashed {
	/** `KeyIndex.changed` must be called after each change of it. */
	modifyRevision: number;
	/** The chunk that holds the item. Only the index writes it. */
	chunk: Chunk<T>;
}

export interface Chunk<T> {
	/** In the order of their keys. Never empty while the chunk is in the index. */
	items: T[];
	/** The highest modifyRevision of the items. */
	highest: number;
	/**
	 * Views of this revision or later hold the array `items`, which must be copied before it is changed while one is
	 * open.
	 */
	viewedFrom: number;
	/** Whether the chunk was removed from the index, with all its items. */
	isCut: boolean;
	/** The revision of the removal that cut it. */
	cutRevision: number;
	/** The chunk that is to be tidied after this one. */
	nextCut: Chunk<T> | null;
}

/** The views that hold items of an index, as the index sees them. */
export interface Holders<T> {
	/**
	 * The revision of the newest view; 0 where there is none. Items and arrays of later revisions may be changed in
	 * place.
	 */
	readonly through: number;
	/** An array of `items` items, made at revision `since`, is from now on kept in memory for views alone. */
	keptArray(since: number, items: number): void;
	/**
	 * Items that were removed at revision `cutRevision` are from now on kept in memory for views alone, those of earlier
	 * revisions. They are the items from `from` to before `to` of `items`.
	 */
	keptCut(items: readonly T[], from: number, to: number, cutRevision: number): void;
}

const NO_HOLDERS: Holders<unknown> = { through: 0, keptArray: () => undefined, keptCut: () => undefined };

/** The chunk of items that were removed or not added yet. */
export const NOWHERE: Chunk<never> = {
	items: [],
	highest: 0,
	viewedFrom: 0,
	isCut: true,
	cutRevision: 0,
	nextCut: null,
};

export class KeyIndex<T extends Indexed<T>> {
	readonly #holders: Holders<T>;
	/** In the order of their keys. */
	readonly #chunks: Chunk<T>[] = [];
	/** The items by key, together with items that were cut and not tidied yet. */
	readonly #table = new KeyTable<T>();
	#size = 0;
	#untidied: Chunk<T> | null = null;
	#untidiedLast: Chunk<T> | null = null;
	/** The number of items of the first chunk, `#untidied`, that were tidied already. */
	#tidiedItems = 0;

	constructor(holders: Holders<T> = NO_HOLDERS) {
		this.#holders = holders;
	}

	get size(): number {
		return this.#size;
	}

	/** Whether items that were cut wait for `tidy`. */
	get isUntidy(): boolean {
		return this.#untidied !== null;
	}

	/** @param hash `hashOf(key)` */
	get(key: string, hash = hashOf(key)): T | undefined {
		const item = this.#table.get(key, hash);
		return item === undefined || item.chunk.isCut ? undefined : item;
	}

	/** @param item of a key that is not in the index */
	add(item: T): void {
		this.#table.set(item);
		this.#size++;
		const at = Math.max(0, this.#chunkOf(item.key));
		const chunk = this.#chunks[at];
		if (!chunk) {
			this.#chunks.push(this.#newChunk([item]));
			return;
		}
		const items = this.#owned(chunk);
		items.splice(positionIn(items, item.key), 0, item);
		item.chunk = chunk;
		if (item.modifyRevision > chunk.highest) chunk.highest = item.modifyRevision;
		if (items.length > CHUNK_ITEMS_MAX) this.#split(chunk, at);
	}

	/** @param item of a key above all keys in the index. A sorted index is filled faster so */
	append(item: T): void {
		const chunk = this.#chunks.at(-1);
		if (!chunk || chunk.items.length >= CHUNK_ITEMS_APPENDED) {
			this.#chunks.push(this.#newChunk([item]));
		} else {
			this.#owned(chunk).push(item);
			item.chunk = chunk;
			if (item.modifyRevision > chunk.highest) chunk.highest = item.modifyRevision;
		}
		this.#table.set(item);
		this.#size++;
	}

	/** The item got a modifyRevision that is higher than those of all other items. */
	changed({ chunk, modifyRevision }: T): void {
		chunk.highest = modifyRevision;
	}

	/** Puts `fresh`, with the same key and modifyRevision, in the place of `old`, which stays with the views. */
	replace(old: T, fresh: T): void {
		const { chunk } = old;
		const items = this.#owned(chunk);
		items[positionIn(items, old.key)] = fresh;
		fresh.chunk = chunk;
		this.#table.set(fresh);
		old.chunk = NOWHERE;
	}

	/** @param item in the index */
	delete(item: T): void {
		const { key, chunk, modifyRevision } = item;
		this.#table.delete(item);
		this.#size--;
		item.chunk = NOWHERE;
		const items = this.#owned(chunk);
		const at = items.length > CHUNK_ITEMS_MIN ? -1 : this.#chunkOf(key);
		items.splice(positionIn(items, key), 1);
		if (modifyRevision === chunk.highest) chunk.highest = highestOf(items);
		if (items.length === 0) this.#chunks.splice(at, 1);
		else if (at >= 0) this.#join(at);
	}

	/**
	 * Removes every item whose key begins with `prefix`. The cost is a walk over chunks, not over items.
	 *
	 * @param revision the revision of the removal
	 * @returns the number of items removed
	 */
	cut(prefix: string, revision: number): number {
		const [from, to] = this.range(prefix);
		const before = this.#size;
		if (from.chunk === to.chunk) {
			this.#cutItems(from.chunk, from.item, to.item, revision);
		} else {
			const first = from.item === 0 ? from.chunk : from.chunk + 1;
			if (to.item > 0) this.#cutItems(to.chunk, 0, to.item, revision);
			for (const chunk of this.#chunks.splice(first, to.chunk - first)) {
				this.#size -= chunk.items.length;
				this.#leave(chunk, revision);
			}
			if (from.item > 0) this.#cutItems(from.chunk, from.item, Number.POSITIVE_INFINITY, revision);
		}
		this.#join(from.chunk);
		return before - this.#size;
	}

	/** Drops up to `itemsMax` of the items that were cut. No reader of the index can see a difference. */
	tidy(itemsMax: number): void {
		for (let left = itemsMax; left > 0 && this.#untidied !== null; ) {
			const chunk: Chunk<T> = this.#untidied;
			const { items } = chunk;
			const from = this.#tidiedItems;
			const to = Math.min(items.length, from + left);
			for (let i = from; i < to; i++) this.#table.delete(items[i] as T);
			this.#holders.keptCut(items, from, to, chunk.cutRevision);
			left -= to - from;
			this.#tidiedItems = to;
			if (to < items.length) return;
			this.#tidiedItems = 0;
			this.#untidied = chunk.nextCut;
			chunk.nextCut = null;
		}
	}

	/** The highest modifyRevision of the items whose keys begin with `prefix`; 0 for none. */
	highest(prefix: string): number {
		const [from, to] = this.range(prefix);
		let highest = 0;
		for (let at = from.chunk; at <= to.chunk && at < this.#chunks.length; at++) {
			const chunk = this.#chunks[at] as Chunk<T>;
			const first = at === from.chunk ? from.item : 0;
			const end = at === to.chunk ? to.item : chunk.items.length;
			const inChunk = end - first === chunk.items.length ? chunk.highest : highestOf(chunk.items, first, end);
			if (inChunk > highest) highest = inChunk;
		}
		return highest;
	}

	/** The item with the highest key that is not above `key`. */
	floor(key: string): T | undefined {
		const { chunk, item } = this.#seek((other) => compareUtf8(other, key) <= 0);
		return item > 0 ? this.#chunks[chunk]?.items[item - 1] : this.#chunks[chunk - 1]?.items.at(-1);
	}

	/** The positions of the first item whose key begins with `prefix`, and behind the last one. */
	range(prefix: string): [from: Position, to: Position] {
		return [
			this.#seek((key) => compareUtf8(key, prefix) < 0),
			this.#seek((key) => compareUtf8(key, prefix) < 0 || key.startsWith(prefix)),
		];
	}

	/** The arrays that hold the items from the first position to `to`. They are not changed while a view holds them. */
	arrays({ chunk }: Position, to: Position): (readonly T[])[] {
		const arrays: (readonly T[])[] = [];
		const end = to.item > 0 ? to.chunk + 1 : to.chunk;
		for (let at = chunk; at < end; at++) arrays.push((this.#chunks[at] as Chunk<T>).items);
		return arrays;
	}

	/** The items whose keys begin with `prefix`, in order. The index must not change during the walk. */
	*startingWith(prefix: string): Iterable<T> {
		const [from, to] = this.range(prefix);
		for (let at = from.chunk; at <= to.chunk && at < this.#chunks.length; at++) {
			const { items } = this.#chunks[at] as Chunk<T>;
			const end = at === to.chunk ? to.item : items.length;
			for (let i = at === from.chunk ? from.item : 0; i < end; i++) yield items[i] as T;
		}
	}

	#newChunk(items: T[]): Chunk<T> {
		const chunk: Chunk<T> = {
			items,
			highest: highestOf(items),
			viewedFrom: this.#holders.through + 1,
			isCut: false,
			cutRevision: 0,
			nextCut: null,
		};
		for (const item of items) item.chunk = chunk;
		return chunk;
	}

	/** The items of `chunk`, in an array that no view holds. */
	#owned(chunk: Chunk<T>): T[] {
		if (chunk.viewedFrom <= this.#holders.through) {
			this.#holders.keptArray(chunk.viewedFrom, chunk.items.length);
			chunk.items = chunk.items.slice();
			chunk.viewedFrom = this.#holders.through + 1;
		}
		return chunk.items;
	}

	#split(chunk: Chunk<T>, at: number): void {
		const upper = chunk.items.splice(CHUNK_ITEMS_MAX / 2);
		chunk.highest = highestOf(chunk.items);
		this.#chunks.splice(at + 1, 0, this.#newChunk(upper));
	}

	/** Joins the chunk at `at` with the next one, or the last one, where both are small. */
	#join(at: number): void {
		const from = at + 1 < this.#chunks.length ? at : at - 1;
		const lower = this.#chunks[from];
		const upper = this.#chunks[from + 1];
		if (!lower || !upper || lower.items.length + upper.items.length > 2 * CHUNK_ITEMS_MIN) return;
		const items = this.#owned(lower);
		for (const item of upper.items) {
			items.push(item);
			item.chunk = lower;
		}
		lower.highest = Math.max(lower.highest, upper.highest);
		this.#chunks.splice(from + 1, 1);
	}

	/** Cuts a part of one chunk, but not all of it, into a chunk of its own. */
	#cutItems(at: number, from: number, to: number, revision: number): void {
		const chunk = this.#chunks[at];
		if (!chunk || from >= to) return;
		const cut = this.#owned(chunk).splice(from, to - from);
		this.#size -= cut.length;
		this.#leave(this.#newChunk(cut), revision);
		chunk.highest = highestOf(chunk.items);
	}

	#leave(chunk: Chunk<T>, revision: number): void {
		chunk.isCut = true;
		chunk.cutRevision = revision;
		if (this.#untidied === null) this.#untidied = chunk;
		else if (this.#untidiedLast !== null) this.#untidiedLast.nextCut = chunk;
		this.#untidiedLast = chunk;
	}

	/** The index of the last chunk whose first key is not above `key`; -1 where all chunks begin above it. */
	#chunkOf(key: string): number {
		let low = 0;
		let high = this.#chunks.length;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (compareUtf8(firstKey(this.#chunks[middle] as Chunk<T>), key) <= 0) low = middle + 1;
			else high = middle;
		}
		return low - 1;
	}

	#seek(isBelow: (key: string) => boolean): Position {
		return seek(this.#chunks.length, (at) => (this.#chunks[at] as Chunk<T>).items, isBelow);
	}
}

function firstKey<T extends Indexed<T>>({ items }: Chunk<T>): string {
	return (items[0] as T).key;
}

function highestOf<T extends Indexed<T>>(items: readonly T[], from = 0, to = items.length): number {
	let highest = 0;
	for (let i = from; i < to; i++) highest = Math.max(highest, (items[i] as T).modifyRevision);
	return highest;
}
