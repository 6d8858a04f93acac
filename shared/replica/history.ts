/**
 * The last changes of the store in the order of their revisions, so that a watch goes on from a revision. They are
 * bounded by number and by bytes: of those that were dropped, the history knows the last revision alone.
 *
 * Changes that belong together, such as those of a transaction, share one index. A reader takes all of them or none.
 *
 * Every write is noted here, though most nodes never have a watch, so a note makes no object: it is a row of a table that
 * is used again when it is full, and a small value is copied into a slab that is used again too. (An object for each
 * change, kept for as long as 65,536 others, cost a seventh of the puts of a busy swarm.)
 *
 * What it must never do: keep a value that the store may overwrite, or hold the value of a dropped change in memory for
 * long. Large values are kept where the store has them, which it never overwrites.
 */
import { copyBytes } from '../bytes/bytes.ts';
import type { ChangeCause, ChangeListener, DeleteCause, WriteCause } from '../store/change-listener.ts';
import type { ViewedEntry } from '../store/entry.ts';
import { SHARED_BYTES_MAX } from '../store/kept-values.ts';
import { type Lock, NEVER_HELD } from '../store/locks.ts';

/** A change of the store. It never changes. */
export type Change = Written | Deleted;

export interface Written extends ViewedEntry {
	readonly kind: 'put';
	readonly cause: ChangeCause;
	/** See `Deleted.index`. */
	readonly index: number;
}

export interface Deleted {
	/** `deletePrefix`: all keys that begin with `key` were deleted. */
	readonly kind: 'delete' | 'deletePrefix';
	readonly cause: ChangeCause;
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
const SLAB_BYTES = 65_536;
/** The table begins with so many rows, and doubles until it has as many as there may be changes. */
const ROWS_FIRST = 64;

/** Memory for small values of changes that came one after the other. */
class Slab {
	readonly bytes = new Uint8Array(SLAB_BYTES);
	used = 0;
	/** So many changes have their values in it. */
	changes = 0;
}

const NO_BYTES = new Uint8Array(0);
/** The kind of a change follows from its cause, which is what the table has. */
const KINDS: Readonly<Record<ChangeCause, Change['kind']>> = {
	put: 'put',
	acquire: 'put',
	release: 'put',
	letGoAtEnd: 'put',
	letGoAtTimeOut: 'put',
	delete: 'delete',
	deletePrefix: 'deletePrefix',
	deletedAtEnd: 'delete',
	deletedAtTimeOut: 'delete',
};

/** One column for each part of a change; one row for each change, found by its position. */
class Table {
	readonly rows: number;
	readonly causes: ChangeCause[];
	readonly keys: string[];
	readonly slabs: (Slab | null)[];
	readonly bytes: Uint8Array[];
	readonly starts: Uint32Array;
	readonly ends: Uint32Array;
	readonly flags: bigint[];
	readonly locks: Lock[];
	readonly createRevisions: Float64Array;
	readonly modifyRevisions: Float64Array;
	readonly indexes: Float64Array;

	constructor(rows: number) {
		this.rows = rows;
		this.causes = new Array(rows).fill('delete');
		this.keys = new Array(rows).fill('');
		this.slabs = new Array(rows).fill(null);
		this.bytes = new Array(rows).fill(NO_BYTES);
		this.starts = new Uint32Array(rows);
		this.ends = new Uint32Array(rows);
		this.flags = new Array(rows).fill(0n);
		this.locks = new Array(rows).fill(NEVER_HELD);
		this.createRevisions = new Float64Array(rows);
		this.modifyRevisions = new Float64Array(rows);
		this.indexes = new Float64Array(rows);
	}

	rowOf(position: number): number {
		return position % this.rows;
	}

	/** A larger table with these changes. */
	grown(start: number, end: number): Table {
		const larger = new Table(2 * this.rows);
		for (let position = start; position < end; position++) {
			const [from, to] = [this.rowOf(position), larger.rowOf(position)];
			for (const name of COLUMNS) larger[name][to] = this[name][from] as never;
		}
		return larger;
	}
}

const COLUMNS = [
	'causes',
	'keys',
	'slabs',
	'bytes',
	'starts',
	'ends',
	'flags',
	'locks',
	'createRevisions',
	'modifyRevisions',
	'indexes',
] as const;

export class History implements ChangeListener {
	/** Is told each change too; null for nobody. */
	also: ChangeListener | null = null;
	/** Every change above this revision is here. */
	floor: number;
	readonly #limits: HistoryLimits;
	#table = new Table(ROWS_FIRST);
	#start = 0;
	#end = 0;
	#bytes = 0;
	#slab = new Slab();
	/** A slab that no change uses any more. */
	#spare: Slab | null = null;
	#togetherThrough = 0;

	/** @param floor the revision of the store, whose changes are told from there on */
	constructor(floor: number, limits: HistoryLimits) {
		this.floor = floor;
		this.#limits = limits;
	}

	/** The position of the oldest change. Positions count all changes that there ever were. */
	get start(): number {
		return this.#start;
	}

	/** The position behind the newest change. */
	get end(): number {
		return this.#end;
	}

	get bytes(): number {
		return this.#bytes;
	}

	/** @param position from `start` to before `end` */
	at(position: number): Change {
		const table = this.#table;
		const row = table.rowOf(position);
		const cause = table.causes[row] as ChangeCause;
		const kind = KINDS[cause];
		const key = table.keys[row] as string;
		const modifyRevision = table.modifyRevisions[row] as number;
		const index = table.indexes[row] as number;
		if (kind !== 'put') return { kind, cause, key, modifyRevision, index };
		const [start, end] = [table.starts[row] as number, table.ends[row] as number];
		const kept = table.bytes[row] as Uint8Array;
		// A slab is used again, and a change may be looked at for longer.
		const isShared = table.slabs[row] !== null;
		return {
			kind,
			cause,
			key,
			bytes: isShared ? kept.slice(start, end) : kept,
			start: isShared ? 0 : start,
			end: isShared ? end - start : end,
			flags: table.flags[row] as bigint,
			lock: table.locks[row] as Lock,
			createRevision: table.createRevisions[row] as number,
			modifyRevision,
			index,
		};
	}

	/** The position of the oldest change above `revision`; `end` where there is none. */
	behind(revision: number): number {
		const { modifyRevisions } = this.#table;
		let low = this.#start;
		let high = this.#end;
		while (low < high) {
			const middle = Math.floor((low + high) / 2);
			if ((modifyRevisions[this.#table.rowOf(middle)] as number) > revision) high = middle;
			else low = middle + 1;
		}
		return low;
	}

	/** Forgets everything: the store has taken over another state, of this revision. */
	restart(revision: number): void {
		while (this.#start < this.#end) this.#dropOldest();
		this.floor = revision;
	}

	put(entry: ViewedEntry, cause: WriteCause): void {
		const { key, modifyRevision } = entry;
		const row = this.#add(cause, key, modifyRevision);
		const table = this.#table;
		this.#keepValue(row, entry);
		table.flags[row] = entry.flags;
		table.locks[row] = entry.lock;
		table.createRevisions[row] = entry.createRevision;
		this.#bytes += entry.end - entry.start;
		this.#bound();
		this.also?.put(entry, cause);
	}

	deleted(key: string, revision: number, cause: DeleteCause): void {
		this.#add(cause, key, revision);
		this.#bound();
		this.also?.deleted(key, revision, cause);
	}

	cut(prefix: string, revision: number): void {
		this.#add('deletePrefix', prefix, revision);
		this.#bound();
		this.also?.cut(prefix, revision);
	}

	together(through: number): void {
		this.#togetherThrough = through;
		this.also?.together(through);
	}

	sessionChanged(id: string, node: string): void {
		this.also?.sessionChanged(id, node);
	}

	/** @returns the row of the new change, which has no value yet */
	#add(cause: ChangeCause, key: string, revision: number): number {
		// The oldest one goes first, so that the table never grows beyond the number of changes that are kept.
		if (this.#end - this.#start === this.#limits.historyChangesMax) this.#dropOldest();
		if (this.#end - this.#start === this.#table.rows) this.#table = this.#table.grown(this.#start, this.#end);
		const table = this.#table;
		const row = table.rowOf(this.#end++);
		table.causes[row] = cause;
		table.keys[row] = key;
		table.modifyRevisions[row] = revision;
		table.indexes[row] = Math.max(revision, this.#togetherThrough);
		this.#bytes += memoryOf(key);
		return row;
	}

	#keepValue(row: number, { bytes, start, end }: ViewedEntry): void {
		const table = this.#table;
		const length = end - start;
		if (length > SHARED_BYTES_MAX) {
			table.bytes[row] = bytes;
			table.starts[row] = start;
			table.ends[row] = end;
			return;
		}
		if (this.#slab.used + length > SLAB_BYTES) this.#nextSlab();
		const slab = this.#slab;
		copyBytes(slab.bytes, slab.used, bytes, start, end);
		table.slabs[row] = slab;
		table.bytes[row] = slab.bytes;
		table.starts[row] = slab.used;
		slab.used += length;
		table.ends[row] = slab.used;
		slab.changes++;
	}

	#nextSlab(): void {
		if (this.#slab.changes === 0) {
			this.#slab.used = 0;
			return;
		}
		this.#slab = this.#spare ?? new Slab();
		this.#slab.used = 0;
		this.#spare = null;
	}

	#bound(): void {
		while (this.#bytes > this.#limits.historyBytesMax) this.#dropOldest();
	}

	#dropOldest(): void {
		const table = this.#table;
		const row = table.rowOf(this.#start++);
		this.#bytes -= memoryOf(table.keys[row] as string);
		if (KINDS[table.causes[row] as ChangeCause] === 'put')
			this.#bytes -= (table.ends[row] as number) - (table.starts[row] as number);
		this.floor = table.indexes[row] as number;
		table.keys[row] = '';
		table.bytes[row] = NO_BYTES;
		const slab = table.slabs[row];
		if (!slab) return;
		table.slabs[row] = null;
		slab.changes--;
		if (slab.changes === 0 && slab !== this.#slab) this.#spare = slab;
	}
}

/** The bytes that a change takes in memory without its value. A character of a key may take two. */
function memoryOf(key: string): number {
	return CHANGE_BYTES + 2 * key.length;
}

/** The bytes that a change takes in memory. */
export function bytesOf(change: Change): number {
	return memoryOf(change.key) + (change.kind === 'put' ? change.end - change.start : 0);
}
