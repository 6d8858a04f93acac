/**
 * The last changes of the store in the order of their revisions, so that a watch goes on from a revision. They are
 * bounded by number and by bytes: of those that were dropped, the history knows the last revision alone.
 *
 * Changes that belong together, such as those of a transaction, share one index. A reader takes all of them or none.
 *
 * What it must never do: keep a value that the store may overwrite, or hold the value of a dropped change in memory for
 * long. It keeps small values in slabs of its own, and large ones where the store has them, which it never overwrites.
 */
import type { ChangeListener } from '../store/change-listener.ts';
import type { ViewedEntry } from '../store/entry.ts';
import { KeptValues, type Place } from '../store/kept-values.ts';
import type { Lock } from '../store/locks.ts';

/** A change of the store. It never changes. */
export type Change = Written | Deleted;

export class Written implements ViewedEntry, Place {
	readonly kind = 'put';
	readonly key: string;
	bytes: Uint8Array;
	start = 0;
	end = 0;
	readonly flags: bigint;
	readonly lock: Lock;
	readonly createRevision: number;
	readonly modifyRevision: number;
	/** See `Deleted.index`. */
	readonly index: number;

	/** The value is still to be kept. */
	constructor({ key, bytes, flags, lock, createRevision, modifyRevision }: ViewedEntry, index: number) {
		this.key = key;
		this.bytes = bytes;
		this.flags = flags;
		this.lock = lock;
		this.createRevision = createRevision;
		this.modifyRevision = modifyRevision;
		this.index = index;
	}
}

export interface Deleted {
	/** `deletePrefix`: all keys that begin with `key` were deleted. */
	readonly kind: 'delete' | 'deletePrefix';
	readonly key: string;
	readonly modifyRevision: number;
	/** The highest revision of the changes that it belongs together with; its own where it stands alone. */
	readonly index: number;
}

export interface HistoryLimits {
	/** The number of changes that are kept. */
	readonly historyChangesMax: number;
	/** The bytes that they take in memory, by an estimate that is not too low. */
	readonly historyBytesMax: number;
	/**
	 * A list of changes for a watch grows no more once their bytes have reached this. Where a turn has changed more for a
	 * watch, it reads the history.
	 */
	readonly historyListBytesFull: number;
	/** Watches that read the history look at so many changes in a turn, all of them together. */
	readonly historyLookedAtMax: number;
}

/** The memory of a change without its key and value. */
const CHANGE_BYTES = 128;
/** The list is rewritten when more than so many of its changes are dropped, and more than half of them. */
const DROPPED_MAX = 1024;

export class History implements ChangeListener {
	/** Is told each change too; null for nobody. */
	also: ChangeListener | null = null;
	/** Every change above this revision is here. */
	floor: number;
	readonly #limits: HistoryLimits;
	readonly #values = new KeptValues();
	/** The changes from `#first` on, the oldest first. */
	#changes: Change[] = [];
	#first = 0;
	/** The number of changes that were before the first of `#changes`. */
	#before = 0;
	#bytes = 0;
	#togetherThrough = 0;

	/** @param floor the revision of the store, whose changes are told from there on */
	constructor(floor: number, limits: HistoryLimits) {
		this.floor = floor;
		this.#limits = limits;
	}

	/** The position of the oldest change. Positions count all changes that there ever were. */
	get start(): number {
		return this.#before + this.#first;
	}

	/** The position behind the newest change. */
	get end(): number {
		return this.#before + this.#changes.length;
	}

	get bytes(): number {
		return this.#bytes;
	}

	/** @param position from `start` to before `end` */
	at(position: number): Change {
		return this.#changes[position - this.#before] as Change;
	}

	/** The position of the oldest change above `revision`; `end` where there is none. */
	behind(revision: number): number {
		let low = this.start;
		let high = this.end;
		while (low < high) {
			const middle = Math.floor((low + high) / 2);
			if (this.at(middle).modifyRevision > revision) high = middle;
			else low = middle + 1;
		}
		return low;
	}

	/** Forgets everything: the store has taken over another state, of this revision. */
	restart(revision: number): void {
		this.#before = this.end;
		this.#changes = [];
		this.#first = 0;
		this.#bytes = 0;
		this.floor = revision;
	}

	put(entry: ViewedEntry): void {
		const change = new Written(entry, this.#indexOf(entry.modifyRevision));
		this.#values.keep(change, entry.bytes, entry.start, entry.end);
		this.#add(change);
		this.also?.put(entry);
	}

	deleted(key: string, revision: number): void {
		this.#add({ kind: 'delete', key, modifyRevision: revision, index: this.#indexOf(revision) });
		this.also?.deleted(key, revision);
	}

	cut(prefix: string, revision: number): void {
		this.#add({ kind: 'deletePrefix', key: prefix, modifyRevision: revision, index: this.#indexOf(revision) });
		this.also?.cut(prefix, revision);
	}

	together(through: number): void {
		this.#togetherThrough = through;
		this.also?.together(through);
	}

	sessionsChanged(): void {
		this.also?.sessionsChanged();
	}

	#indexOf(revision: number): number {
		return Math.max(revision, this.#togetherThrough);
	}

	#add(change: Change): void {
		this.#changes.push(change);
		this.#bytes += bytesOf(change);
		const { historyChangesMax, historyBytesMax } = this.#limits;
		while (this.end - this.start > historyChangesMax || this.#bytes > historyBytesMax) this.#dropOldest();
	}

	#dropOldest(): void {
		const oldest = this.#changes[this.#first] as Change;
		this.#bytes -= bytesOf(oldest);
		this.floor = oldest.index;
		this.#changes[this.#first++] = DROPPED;
		if (this.#first <= DROPPED_MAX || 2 * this.#first <= this.#changes.length) return;
		this.#before += this.#first;
		this.#changes = this.#changes.slice(this.#first);
		this.#first = 0;
	}
}

/** Takes the place of a dropped change, so that its memory is free at once. */
const DROPPED: Change = { kind: 'delete', key: '', modifyRevision: 0, index: 0 };

/** The bytes that a change takes in memory. A character of a key may take two. */
export function bytesOf(change: Change): number {
	const valueBytes = change.kind === 'put' ? change.end - change.start : 0;
	return CHANGE_BYTES + 2 * change.key.length + valueBytes;
}
