/**
 * Stable views of the store: the entries below a prefix as they were at one revision, for readers that take more than
 * one turn. While a view is open, the entries that it shows are not changed: a write makes a new entry beside them.
 *
 * The number of readers' views is bounded, and so are the bytes that are kept in memory for them alone. Above that bound
 * the oldest of them is closed, and its reader has to begin again. Views must never change the effect of a command.
 *
 * One more view may be that of a cut (`cut.ts`), which has to be written to its end. It counts against neither bound, is
 * never closed to make room, and bytes that it holds are not charged to readers, even those that hold them too.
 */
import { compareUtf8 } from '../bytes/text.ts';
import type { Kept, ViewedEntry } from './entry.ts';
import type { Holders, KeyIndex } from './key-index.ts';
import { type Position, seek } from './sorted.ts';

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
	/** The view of the cut, which is one of the open views; null where there is none. */
	#ofCut: View | null = null;
	#cutBytes = 0;

	constructor(keptBytesMax = KEPT_BYTES_MAX) {
		this.#keptBytesMax = keptBytesMax;
	}

	/** The number of readers' views. */
	get size(): number {
		return this.#open.length - (this.#ofCut === null ? 0 : 1);
	}

	/** The bytes that are kept in memory for readers' views alone. The estimate may be too high, and is never too low. */
	get keptBytes(): number {
		return this.#keptBytes;
	}

	/** The bytes that are kept in memory for the view of a cut, by the same estimate. */
	get cutBytes(): number {
		return this.#cutBytes;
	}

	/**
	 * Whether the entry has to stay as it is for a view. A cut reads its entries once and in order, so those that it has
	 * passed are nothing to it any more.
	 */
	needs({ key, modifyRevision }: Kept): boolean {
		if (modifyRevision > this.through) return false;
		return this.#open.length > 1 || this.#ofCut === null || !this.#ofCut.hasPassed(key);
	}

	/**
	 * Opens a view of the entries whose keys begin with `prefix` and are above `after`.
	 *
	 * @returns null where too many views are open
	 */
	open(entries: KeyIndex<Kept>, prefix: string, after: string, revision: number): View | null {
		if (this.size >= VIEWS_MAX) return null;
		const view = this.show(entries, prefix, revision);
		if (after !== '') view.skip((key) => compareUtf8(key, after) <= 0);
		this.#add(view);
		return view;
	}

	/** Opens the view of a cut, which shows all entries. There must be no other one. */
	openForCut(entries: KeyIndex<Kept>, revision: number): View {
		const view = this.show(entries, '', revision);
		this.#ofCut = view;
		this.#add(view);
		return view;
	}

	/** A view that is not open: it is right only until the next command. */
	show(entries: KeyIndex<Kept>, prefix: string, revision: number): View {
		const [from, to] = entries.range(prefix);
		return new View(this, revision, entries.arrays(from, to), from.item, to.item);
	}

	/** Called by the view itself. */
	closed(view: View): void {
		const at = this.#open.indexOf(view);
		if (at < 0) return;
		const older = this.#open[at - 1];
		if (view === this.#ofCut) {
			if (older) older.bytesOfOlder += view.bytesOfOlder;
			for (const each of this.#open) each.mergeCut();
			this.#ofCut = null;
		} else if (older === this.#ofCut && older !== undefined) {
			older.bytesOfOlder += view.bytesOfCut;
		} else if (older) {
			older.bytesOfOlder += view.bytesOfOlder;
			older.bytesOfCut += view.bytesOfCut;
		}
		this.#open.splice(at, 1);
		this.through = this.#open.at(-1)?.revision ?? 0;
		this.#count();
		this.#closeOldest();
	}

	closeAll(): void {
		for (const view of [...this.#open]) view.close();
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

	#add(view: View): void {
		this.#open.push(view);
		this.through = view.revision;
		view.bytesOfOwn = view.arraysCount * PLACE_BYTES;
		this.#count();
	}

	/**
	 * Charges bytes that are there since revision `since` to a view. @param at the index of the newest view that holds
	 * them
	 */
	#keep(at: number, since: number, bytes: number): void {
		const view = this.#open[at];
		if (!view) return;
		const older = this.#open[at - 1];
		const isOfCut = this.#ofCut !== null && since <= this.#ofCut.revision && this.#open.indexOf(this.#ofCut) < at;
		if (isOfCut) view.bytesOfCut += bytes;
		else if (older && since <= older.revision) view.bytesOfOlder += bytes;
		else view.bytesOfOwn += bytes;
		if (isOfCut || view === this.#ofCut) this.#cutBytes += bytes;
		else this.#keptBytes += bytes;
	}

	/** Adds up the bytes of all open views. */
	#count(): void {
		this.#keptBytes = 0;
		this.#cutBytes = 0;
		for (const view of this.#open) {
			const bytes = view.bytesOfOwn + view.bytesOfOlder;
			if (view === this.#ofCut) this.#cutBytes += bytes;
			else this.#keptBytes += bytes;
			this.#cutBytes += view.bytesOfCut;
		}
	}

	#closeOldest(): void {
		while (this.#keptBytes > this.#keptBytesMax) {
			const oldest = this.#open.find((view) => view !== this.#ofCut) as View;
			oldest.close();
		}
	}
}

export class View {
	/** It shows the state at this revision. */
	readonly revision: number;
	/**
	 * Bytes kept for this view and no newer one: `bytesOfOwn` for it alone, `bytesOfOlder` for older views too, and
	 * `bytesOfCut` for older views of which one is that of a cut.
	 */
	bytesOfOwn = 0;
	bytesOfOlder = 0;
	bytesOfCut = 0;
	readonly #views: Views;
	/** The arrays of entries, in order; null once the view is closed. */
	#arrays: readonly (readonly Kept[])[] | null;
	/** The position of the next entry. */
	#array = 0;
	#item: number;
	/** The entry that was read last. */
	#last: Kept | null = null;
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

	get arraysCount(): number {
		return this.#arrays?.length ?? 0;
	}

	/** Called when the cut is closed: what it has held may be held by other older views. */
	mergeCut(): void {
		this.bytesOfOlder += this.bytesOfCut;
		this.bytesOfCut = 0;
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
		const entry = array[this.#item++] as Kept;
		this.#last = entry;
		if (this.#item === array.length && this.#array < this.#arrays.length - 1) {
			this.#array++;
			this.#item = 0;
		}
		return entry;
	}

	/** Whether an entry behind this key was read. The last entry that was read is not passed: its reader may still hold it. */
	hasPassed(key: string): boolean {
		return this.#last !== null && compareUtf8(key, this.#last.key) < 0;
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
