/** A key with its value and revisions, as readers get it and as the store keeps it. */
import { sameParts } from '../bytes/bytes.ts';
import { type Place, valueAt } from './kept-values.ts';
import { type Indexed, NOWHERE } from './key-index.ts';
import { hashOf } from './key-table.ts';
import { type Lock, NEVER_HELD } from './locks.ts';

/** A key with its value and revisions as they were when it was read. */
export interface Entry {
	readonly key: string;
	/** These bytes never change. They may be a view, of an array that is at most twice as long. */
	readonly value: Uint8Array;
	readonly flags: bigint;
	readonly lock: Lock;
	readonly createRevision: number;
	/** The revision of the last command that changed the key. A write of the same value, flags and lock is no change. */
	readonly modifyRevision: number;
}

/** An entry whose value is still in the store's memory. It is not changed while a view that shows it is open. */
export interface ViewedEntry extends Omit<Entry, 'value'> {
	/** The value begins at `start` and ends before `end`. */
	readonly bytes: Uint8Array;
	readonly start: number;
	readonly end: number;
}

const NO_BYTES = new Uint8Array(0);

/** An entry as the store keeps it. A write changes it in place, and so allocates nothing, unless a view shows it. */
export class Kept implements Place, ViewedEntry, Indexed<Kept> {
	readonly key: string;
	readonly hash: number;
	bytes: Uint8Array = NO_BYTES;
	start = 0;
	end = 0;
	flags = 0n;
	lock = NEVER_HELD;
	createRevision = 0;
	modifyRevision = 0;
	chunk: Indexed<Kept>['chunk'] = NOWHERE;

	constructor(key: string, hash = hashOf(key)) {
		this.key = key;
		this.hash = hash;
	}

	entry(): Entry {
		const { key, flags, lock, createRevision, modifyRevision } = this;
		return { key, value: valueAt(this), flags, lock, createRevision, modifyRevision };
	}

	holds(value: Uint8Array, valueStart: number, valueEnd: number): boolean {
		const { bytes, start, end } = this;
		return valueEnd - valueStart === end - start && sameParts(bytes, start, value, valueStart, end - start);
	}
}
