/**
 * Stable views of the store: the entries below a prefix as they were at one revision, for readers that take more than
 * one turn. While a view is open, the entries that it shows are not changed: a write makes a new entry beside them.
 *
 * The number of views is bounded, and so are the bytes that are kept in memory for views alone. Above that bound the
 * oldest view is closed, and its reader has to begin again. Views must never change the effect of a command.
 */
import { compareUtf8 } from '../bytes/text.ts';
import type { Kept, ViewedEntry } from './entry.ts';
import { type Holders, type KeyIndex, type Position, seek } from './key-index.ts';

export const VIEWS_MAX = 128;
/** The bound on the bytes of old values, entries and arrays that are kept for views alone. */
export const KEPT_BYTES_MAX = 128 * 1024 * 1024;
/** The memory of an entry without its key and value, and of one place in an array. */
const ENTRY_BYTES = 144;
const PLACE_BYTES = 8;

export class Views implements Holders<Kept> {
	/** The revision of the newest open view; 0 where none is open. No view shows an entry of a later revision. */
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

	/** The bytes that are kept in memory for open views alone. The estimate may be too high, and is never too low. */
	get keptBytes(): number {
		return this.#keptBytes;
	}

	/**
	 * Opens a view of the entries whose keys begin with `prefix` and are above `after`.
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

	/** An old entry of revision `since`, with a value of `valueBytes` bytes, is from now on kept for views alone. */
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

	/**
	 * Charges bytes that are there since revision `since` to a view. @param at the index of the newest view that holds
	 * them
	 */
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
	/** Bytes kept for this view and no newer one: `bytesOfOwn` for it alone, `bytesOfOlder` for older views too. */
	bytesOfOwn = 0;
	bytesOfOlder = 0;
	readonly #views: Views;
	/** The arrays of entries, in order; null once the view is closed. */
	#arrays: readonly (readonly Kept[])[] | null;
	/** The position of the next entry. */
	#array = 0;
	#item: number;
	/** The view ends before this position of the last array, or at its end where this is 0. */
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

	/** Whether the view was closed, by its reader or to make room. */
	get isClosed(): boolean {
		return this.#arrays === null;
	}

	/** Whether there is no next entry. */
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

	/** Passes over entries by binary search. @param isPassed true for the lowest keys only */
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
