/**
 * Stable views of the store: the keys below a prefix as they were at one revision, for readers that take more than one
 * turn. While a view is open, what it shows is not changed: the writer makes a new version beside it.
 *
 * What that keeps in memory is bounded: the number of views, and the bytes that are kept for them alone. Beyond that
 * the oldest view is closed, and its reader has to begin again. It must never change what commands do.
 */
import { compareUtf8 } from '../bytes/text.ts';
import type { Kept, ViewedEntry } from './entry.ts';
import { type Holders, type KeyIndex, type Position, seek } from './key-index.ts';

export const VIEWS_MAX = 128;
/** Old values, entries and arrays that are kept for views alone. */
export const KEPT_BYTES_MAX = 128 * 1024 * 1024;
/** An entry without its key and value, and one place in an array. */
const ENTRY_BYTES = 144;
const PLACE_BYTES = 8;

export class Views implements Holders<Kept> {
	/** The revision of the newest open view; 0 where none is open. What was changed later than that is in no view. */
	through = 0;
	readonly #keptBytesMax: number;
	/** The oldest first. */
	readonly #open: View[] = [];
	#keptBytes = 0;

	constructor(keptBytesMax = KEPT_BYTES_MAX) {
		this.#keptBytesMax = keptBytesMax;
	}

	get size(): number {
		return this.#open.length;
	}

	/** The bytes that are kept in memory for open views alone. It may be too high, and is never too low. */
	get keptBytes(): number {
		return this.#keptBytes;
	}

	/**
	 * Shows the keys that begin with `prefix` and are above `after`.
	 *
	 * @returns null where too many views are open
	 */
	open(entries: KeyIndex<Kept>, prefix: string, after: string, revision: number): View | null {
		if (this.#open.length >= VIEWS_MAX) return null;
		const [from, to] = entries.range(prefix);
		const arrays = entries.arrays(from, to);
		const view = new View(this, revision, arrays, from.item, to.item);
		if (after !== '') view.skip((key) => compareUtf8(key, after) <= 0);
		this.#open.push(view);
		this.through = revision;
		view.bytesOfOwn = arrays.length * PLACE_BYTES;
		this.#keptBytes += view.bytesOfOwn;
		return view;
	}

	/** Called by the view itself. */
	closed(view: View): void {
		const at = this.#open.indexOf(view);
		if (at < 0) return;
		this.#open.splice(at, 1);
		this.through = this.#open.at(-1)?.revision ?? 0;
		const older = this.#open[at - 1];
		if (older) older.bytesOfOlder += view.bytesOfOlder;
		else this.#keptBytes -= view.bytesOfOlder;
		this.#keptBytes -= view.bytesOfOwn;
	}

	/** A version of an entry, with a value of so many bytes, is kept for views alone. It is there since `since`. */
	keptEntry(since: number, valueBytes: number): void {
		this.#keep(this.#open.length - 1, since, ENTRY_BYTES + valueBytes);
		this.#closeOldest();
	}

	keptArray(since: number, items: number): void {
		this.#keep(this.#open.length - 1, since, items * PLACE_BYTES);
		this.#closeOldest();
	}

	keptCut(items: readonly Kept[], from: number, to: number, cutRevision: number): void {
		const holder = this.#open.findLastIndex(({ revision }) => revision < cutRevision);
		if (holder < 0) return;
		for (let i = from; i < to; i++) {
			const { start, end, modifyRevision } = items[i] as Kept;
			this.#keep(holder, modifyRevision, ENTRY_BYTES + end - start);
		}
		this.#closeOldest();
	}

	/** @param at the newest view that holds it */
	#keep(at: number, since: number, bytes: number): void {
		const view = this.#open[at];
		if (!view) return;
		const older = this.#open[at - 1];
		if (older && since <= older.revision) view.bytesOfOlder += bytes;
		else view.bytesOfOwn += bytes;
		this.#keptBytes += bytes;
	}

	#closeOldest(): void {
		while (this.#keptBytes > this.#keptBytesMax) (this.#open[0] as View).close();
	}
}

export class View {
	/** It shows the state at this revision. */
	readonly revision: number;
	/** What is kept for it and for no newer view: for it alone, or perhaps for older views too. `Views` counts it. */
	bytesOfOwn = 0;
	bytesOfOlder = 0;
	readonly #views: Views;
	/** Each holds entries in their order; null once the view is closed. */
	#arrays: readonly (readonly Kept[])[] | null;
	/** The next entry. */
	#array = 0;
	#item: number;
	/** The end: a position in the last array, or 0 where all of it is shown. */
	readonly #lastItems: number;

	constructor(
		views: Views,
		revision: number,
		arrays: readonly (readonly Kept[])[],
		firstItem: number,
		lastItems: number,
	) {
		this.revision = revision;
		this.#views = views;
		this.#arrays = arrays;
		this.#item = firstItem;
		this.#lastItems = lastItems;
	}

	/** It shows nothing any more: it was closed by its reader, or to make room. */
	get isClosed(): boolean {
		return this.#arrays === null;
	}

	/** There is no next entry. */
	get isAtEnd(): boolean {
		const array = this.#arrays?.[this.#array];
		if (array === undefined || this.#arrays === null) return true;
		const isLast = this.#array === this.#arrays.length - 1;
		return isLast && this.#item >= (this.#lastItems > 0 ? this.#lastItems : array.length);
	}

	/** The next entry in the order of the keys' UTF-8 bytes; undefined at the end. */
	next(): ViewedEntry | undefined {
		if (this.isAtEnd || this.#arrays === null) return undefined;
		const array = this.#arrays[this.#array] as readonly Kept[];
		const entry = array[this.#item++];
		if (this.#item === array.length && this.#array < this.#arrays.length - 1) {
			this.#array++;
			this.#item = 0;
		}
		return entry;
	}

	/** Passes over entries, in few steps however many there are. @param isPassed true for the lowest keys only */
	skip(isPassed: (key: string) => boolean): void {
		if (this.#arrays === null) return;
		const arrays = this.#arrays;
		const to: Position = seek(arrays.length, (at) => arrays[at] as readonly Kept[], isPassed);
		if (to.chunk < this.#array || (to.chunk === this.#array && to.item < this.#item)) return;
		this.#array = to.chunk;
		this.#item = to.item;
	}

	close(): void {
		if (this.#arrays === null) return;
		this.#arrays = null;
		this.#views.closed(this);
	}
}
