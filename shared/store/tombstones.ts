/**
 * The keys that were deleted of late, so that the index of a prefix shows a deletion and never goes back.
 * Bounded by time and by number; what is dropped raises a floor, so that nobody misses a deletion by it.
 *
 * Time is the log's own (`Store.timeMs`). It must never read another clock: replicas would differ.
 */
import { MalformedError, type Reader, type Writer } from '../bytes/bytes.ts';
import { fromUtf8, toUtf8 } from '../bytes/text.ts';
import { SortedKeys } from './sorted-keys.ts';

/** A deletion is remembered for so long, unless there are too many. */
export const TOMBSTONE_MS_MIN = 15 * 60_000;
export const TOMBSTONES_MAX = 65_536;
/** So that no command pays for many: more than one, or the surplus of a deleted prefix would never go. */
const DROPPED_PER_COMMAND_MAX = 2;

interface Tombstone {
	readonly revision: number;
	readonly timeMs: number;
}

export class Tombstones {
	/** Of the deleted keys, the oldest deletion first. */
	readonly #byKey = new Map<string, Tombstone>();
	readonly #keys = new SortedKeys();
	/** The highest revision that was dropped; 0 for none. */
	#droppedThrough = 0;

	get size(): number {
		return this.#byKey.size;
	}

	/** @param key not among them */
	add(key: string, revision: number, timeMs: number): void {
		this.#byKey.set(key, { revision, timeMs });
		this.#keys.add(key);
	}

	/** The key is there again. */
	remove(key: string): void {
		if (this.#byKey.delete(key)) this.#keys.delete(key);
	}

	/** Drops what is too old or too much, a few at a time. Call once for each command. */
	trim(timeMs: number): void {
		if (this.#byKey.size === 0) return;
		for (let i = 0; i < DROPPED_PER_COMMAND_MAX; i++) {
			const oldest = this.#byKey.entries().next().value;
			if (!oldest) return;
			const [key, tombstone] = oldest;
			if (this.#byKey.size <= TOMBSTONES_MAX && timeMs - tombstone.timeMs < TOMBSTONE_MS_MIN) return;
			this.remove(key);
			this.#droppedThrough = Math.max(this.#droppedThrough, tombstone.revision);
		}
	}

	/** The revision of the last deletion in the prefix, or the highest that is no longer known; 0 for none. */
	indexOf(prefix: string): number {
		let index = this.#droppedThrough;
		for (const key of this.#keys.startingWith(prefix)) {
			index = Math.max(index, this.#byKey.get(key)?.revision ?? 0);
		}
		return index;
	}

	save(out: Writer): void {
		out.int(this.#droppedThrough);
		out.int(this.#byKey.size);
		for (const [key, { revision, timeMs }] of this.#byKey) {
			out.bytes(toUtf8(key));
			out.int(revision);
			out.int(timeMs);
		}
	}

	static restore(from: Reader): Tombstones {
		const tombstones = new Tombstones();
		tombstones.#droppedThrough = from.int();
		for (let left = from.int(); left > 0; left--) {
			const key = fromUtf8(from.bytes());
			if (key === undefined || tombstones.#byKey.has(key)) throw new MalformedError('tombstones out of order');
			tombstones.add(key, from.int(), from.int());
		}
		return tombstones;
	}
}
