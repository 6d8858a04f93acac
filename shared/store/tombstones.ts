/**
 * Recent deletions, of keys and of whole prefixes, with one tombstone each. By them the index of a prefix shows a
 * deletion and never goes back. The index of a prefix inside a deleted one is at least the revision of the deletion,
 * even where there was nothing inside it to delete. The end of a session may delete several keys at one revision.
 *
 * Tombstones are bounded by age and by number. One that is dropped raises the lowest index, so that no reader misses
 * its deletion. Their time is the log's (`Store.timeMs`): by any other clock the replicas would differ.
 */
import { MalformedError } from '../bytes/bytes.ts';
import { compareUtf8 } from '../bytes/text.ts';
import { type Indexed, KeyIndex, NOWHERE } from './key-index.ts';
import { hashOf } from './key-table.ts';

/** A tombstone is kept for this long, unless there are too many. */
export const TOMBSTONE_MS_MIN = 15 * 60_000;
export const TOMBSTONES_MAX = 65_536;
/** A command drops few tombstones, but more than one, so that they can go faster than new ones come. */
const DROPPED_PER_COMMAND_MAX = 2;
/** The queue by age is rewritten when more than so many of its tombstones are gone, and more than half of them. */
const GONE_MAX = 1024;

/** A deletion. It never changes. */
export interface Deletion {
	/** The deleted key or prefix. */
	readonly key: string;
	readonly isOfPrefix: boolean;
	/** The revision of the deletion. */
	readonly modifyRevision: number;
	/** The log's time of the deletion. */
	readonly timeMs: number;
}

/** The deletions that are remembered at one moment. */
export interface Deletions {
	readonly droppedThrough: number;
	readonly count: number;
	/** The oldest first. It may be walked once, at any later time. */
	readonly all: Iterator<Deletion>;
}

class Tombstone implements Deletion, Indexed<Tombstone> {
	readonly key: string;
	readonly hash: number;
	readonly isOfPrefix: boolean;
	readonly modifyRevision: number;
	readonly timeMs: number;
	/** The revision of the command that removed it alone, and not with a prefix; 0 where none has. */
	goneRevision = 0;
	chunk: Indexed<Tombstone>['chunk'] = NOWHERE;
	/** For a prefix: the tombstone of the longest other deleted prefix that this one begins with, which is older. */
	outer: Tombstone | undefined;

	constructor(key: string, isOfPrefix: boolean, modifyRevision: number, timeMs: number) {
		this.key = key;
		this.hash = hashOf(key);
		this.isOfPrefix = isOfPrefix;
		this.modifyRevision = modifyRevision;
		this.timeMs = timeMs;
	}

	get isGone(): boolean {
		return this.chunk.isCut;
	}

	/** Whether it was gone already once the command of this revision was applied. */
	wasGoneAt(revision: number): boolean {
		return this.isGone && Math.max(this.goneRevision, this.chunk.cutRevision) <= revision;
	}
}

export class Tombstones {
	readonly #keys = new KeyIndex<Tombstone>();
	/** A deleted prefix inside another one is always the newer of the two. */
	readonly #prefixes = new KeyIndex<Tombstone>();
	/** The tombstones from `#oldest` on, the oldest first. Some of them are gone already. */
	#byAge: Tombstone[] = [];
	#oldest = 0;
	#droppedThrough = 0;

	get size(): number {
		return this.#keys.size + this.#prefixes.size;
	}

	/** The highest revision of a tombstone that was dropped; 0 for none. */
	get droppedThrough(): number {
		return this.#droppedThrough;
	}

	/** @param key one that has no tombstone */
	add(key: string, revision: number, timeMs: number): void {
		this.#append(new Tombstone(key, false, revision, timeMs));
	}

	/** One tombstone replaces all those inside the prefix, which are older. */
	addPrefix(prefix: string, revision: number, timeMs: number): void {
		this.#keys.cut(prefix, revision);
		this.#prefixes.cut(prefix, revision);
		this.#append(new Tombstone(prefix, true, revision, timeMs));
	}

	/** The key was written again at `revision`, and so needs no tombstone. @param hash `hashOf(key)` */
	remove(key: string, hash: number, revision: number): void {
		const tombstone = this.#keys.get(key, hash);
		if (!tombstone) return;
		tombstone.goneRevision = revision;
		this.#keys.delete(tombstone);
	}

	/**
	 * Drops a few of the tombstones that are too old or too many. It is called once for each command, with its revision.
	 */
	trim(timeMs: number, revision: number): void {
		if (this.size === 0) return;
		for (let i = 0; i < DROPPED_PER_COMMAND_MAX; i++) {
			const oldest = this.#nextByAge();
			if (!oldest) return;
			if (this.size <= TOMBSTONES_MAX && timeMs - oldest.timeMs < TOMBSTONE_MS_MIN) return;
			oldest.goneRevision = revision;
			this.#indexOf(oldest).delete(oldest);
			this.#droppedThrough = Math.max(this.#droppedThrough, oldest.modifyRevision);
		}
	}

	get isUntidy(): boolean {
		return this.#keys.isUntidy || this.#prefixes.isUntidy;
	}

	/** Drops up to `itemsMax` of the tombstones that `addPrefix` has replaced. No reader can see a difference. */
	tidy(itemsMax: number): void {
		this.#keys.tidy(itemsMax);
		this.#prefixes.tidy(itemsMax);
	}

	/**
	 * The revision of the last deletion that concerns the prefix, or the highest that was dropped if that is higher; 0
	 * for none.
	 */
	indexOf(prefix: string): number {
		return Math.max(
			this.#droppedThrough,
			this.#keys.highest(prefix),
			this.#prefixes.highest(prefix),
			this.#outerOf(prefix)?.modifyRevision ?? 0,
		);
	}

	/**
	 * The revision of the last deletion that concerns the key, which must be missing, or the highest that was dropped if
	 * that is higher; 0 for none.
	 */
	ofKey(key: string): number {
		const ofKey = this.#keys.get(key)?.modifyRevision ?? 0;
		return Math.max(this.#droppedThrough, ofKey, this.#outerOf(key)?.modifyRevision ?? 0);
	}

	/** The deletions that are remembered at `revision`, which is the present one. It costs no time. */
	cut(revision: number): Deletions {
		// The array is only ever appended to, so its present tombstones stay where they are.
		const all = shownAt(revision, this.#byAge, this.#oldest, this.#byAge.length);
		return { droppedThrough: this.#droppedThrough, count: this.size, all };
	}

	/** Begins to fill an empty table with the deletions of a cut. */
	restoreFloor(droppedThrough: number): void {
		this.#droppedThrough = droppedThrough;
	}

	/** @throws MalformedError for a deletion that does not follow the one before it in any cut */
	restore({ key, isOfPrefix, modifyRevision, timeMs }: Deletion): void {
		const before = this.#byAge.at(-1);
		if (modifyRevision < (before?.modifyRevision ?? this.#droppedThrough) || timeMs < (before?.timeMs ?? 0)) {
			throw new MalformedError('deletions out of order');
		}
		const isTogether = modifyRevision === before?.modifyRevision;
		if (isTogether && (isOfPrefix || before.isOfPrefix || compareUtf8(before.key, key) >= 0)) {
			throw new MalformedError('deletions of one command out of order');
		}
		const isThere = isOfPrefix
			? Math.max(this.#keys.highest(key), this.#prefixes.highest(key)) > 0
			: this.#keys.get(key) !== undefined;
		if (isThere) throw new MalformedError('a deletion that a later one has replaced');
		this.#append(new Tombstone(key, isOfPrefix, modifyRevision, timeMs));
	}

	#append(tombstone: Tombstone): void {
		if (tombstone.isOfPrefix) tombstone.outer = this.#outerOf(tombstone.key);
		this.#indexOf(tombstone).add(tombstone);
		this.#byAge.push(tombstone);
		const goneCount = this.#byAge.length - this.size;
		if (goneCount <= GONE_MAX || goneCount <= this.size) return;
		this.#byAge = this.#byAge.filter(({ isGone }) => !isGone);
		this.#oldest = 0;
	}

	#indexOf({ isOfPrefix }: Tombstone): KeyIndex<Tombstone> {
		return isOfPrefix ? this.#prefixes : this.#keys;
	}

	#nextByAge(): Tombstone | undefined {
		while (this.#byAge[this.#oldest]?.isGone) this.#oldest++;
		return this.#byAge[this.#oldest];
	}

	/**
	 * The tombstone of the longest deleted prefix that `key` begins with. Every such prefix is also a prefix of all keys
	 * between it and `key` in order. So it is the deleted prefix right below `key`, or one that this begins with, which
	 * `outer` leads to. Outer ones are older and so are dropped first: where the longest is gone, all are.
	 */
	#outerOf(key: string): Tombstone | undefined {
		let outer = this.#prefixes.floor(key);
		const length = outer ? commonLength(outer.key, key) : 0;
		while (outer && outer.key.length > length) outer = outer.outer;
		return outer?.isGone ? undefined : outer;
	}
}

function* shownAt(
	revision: number,
	byAge: readonly Tombstone[],
	from: number,
	to: number,
): Generator<Deletion, undefined> {
	for (let at = from; at < to; at++) {
		const tombstone = byAge[at] as Tombstone;
		if (!tombstone.wasGoneAt(revision)) yield tombstone;
	}
}

/** How many characters two texts begin with in common. */
function commonLength(a: string, b: string): number {
	let length = 0;
	while (length < a.length && length < b.length && a.charCodeAt(length) === b.charCodeAt(length)) length++;
	return length;
}
