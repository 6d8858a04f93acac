/**
 * The keys with their values, locks and revisions, the deletions that are remembered, and the views of all that. It knows
 * how they are kept, and none of the conditions of a command.
 *
 * The cost of a command must not grow with the number of keys that it or an earlier one deletes: a deleted prefix is cut
 * out as a whole, and its entries are dropped from memory a few at a time. The moment of that may differ between nodes,
 * and no reader can see it.
 */
import { Kept } from './entry.ts';
import { KeptValues } from './kept-values.ts';
import { KeyIndex } from './key-index.ts';
import type { Lock } from './locks.ts';
import { Tombstones } from './tombstones.ts';
import { Views } from './views.ts';

/**
 * Each command drops so many entries of deleted prefixes. It is more than a command can add, so they do not pile up.
 */
const TIDIED_PER_COMMAND = 4;

/** What a command writes: the value lies in `bytes` from `valueStart` to before `valueEnd`. */
export interface Written {
	readonly key: string;
	readonly keyHash: number;
	readonly bytes: Uint8Array;
	readonly valueStart: number;
	readonly valueEnd: number;
	readonly flags: bigint;
}

export class Keyspace {
	readonly views = new Views();
	readonly entries = new KeyIndex<Kept>(this.views);
	readonly values = new KeptValues();
	readonly tombstones = new Tombstones();
	/** Old values that only views show. They have slabs of their own, which are free when the views are closed. */
	readonly #viewedValues = new KeptValues();

	get(key: string, hash?: number): Kept | undefined {
		return this.entries.get(key, hash);
	}

	/** Called before each command. @param revision the one that the command gets */
	begin(timeMs: number, revision: number): void {
		this.tombstones.trim(timeMs, revision);
		if (this.isUntidy || this.tombstones.isUntidy) this.tidy(TIDIED_PER_COMMAND);
	}

	/** Whether deleted entries wait for `tidy`. */
	get isUntidy(): boolean {
		return this.entries.isUntidy;
	}

	/** As `Store.tidy`. */
	tidy(entriesMax: number): void {
		this.entries.tidy(entriesMax);
		this.tombstones.tidy(entriesMax);
	}

	/**
	 * Writes a key. @param found its entry @param lock what its lock is then
	 * @returns the entry as it is then; null where it has this value, these flags and this lock already
	 */
	put(found: Kept | undefined, written: Written, revision: number, lock: Lock): Kept | null {
		const { key, keyHash, bytes, valueStart, valueEnd, flags } = written;
		let kept = found;
		if (!kept) {
			kept = new Kept(key, keyHash);
			kept.createRevision = revision;
			this.entries.add(kept);
			this.tombstones.remove(key, keyHash, revision);
		} else if (kept.flags === flags && kept.lock === lock && kept.holds(bytes, valueStart, valueEnd)) {
			return null;
		} else {
			kept = this.#changeable(kept);
		}
		kept.flags = flags;
		kept.lock = lock;
		this.#changed(kept, revision);
		this.values.keep(kept, bytes, valueStart, valueEnd);
		return kept;
	}

	/** Gives a key another lock, and nothing else. @returns the entry as it is then */
	relock(found: Kept, lock: Lock, revision: number): Kept {
		const kept = this.#changeable(found);
		kept.lock = lock;
		this.#changed(kept, revision);
		return kept;
	}

	remove(kept: Kept, revision: number, timeMs: number): void {
		this.entries.delete(kept);
		if (this.views.needs(kept)) this.views.keptEntry(kept.modifyRevision, kept.end - kept.start);
		this.tombstones.add(kept.key, revision, timeMs);
	}

	/** Removes all keys below the prefix. @returns how many there were */
	cut(prefix: string, revision: number, timeMs: number): number {
		const count = this.entries.cut(prefix, revision);
		if (count > 0) this.tombstones.addPrefix(prefix, revision, timeMs);
		return count;
	}

	#changed(kept: Kept, revision: number): void {
		kept.modifyRevision = revision;
		this.entries.changed(kept);
	}

	/** The entry that may be changed: where a view shows `kept`, another one takes its place. */
	#changeable(kept: Kept): Kept {
		if (!this.views.needs(kept)) return kept;
		const fresh = new Kept(kept.key, kept.hash);
		fresh.flags = kept.flags;
		fresh.lock = kept.lock;
		fresh.createRevision = kept.createRevision;
		fresh.modifyRevision = kept.modifyRevision;
		this.#viewedValues.handOver(kept, fresh);
		this.entries.replace(kept, fresh);
		this.views.keptEntry(kept.modifyRevision, kept.end - kept.start);
		return fresh;
	}
}
