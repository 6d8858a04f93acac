/**
 * Whether the conditions of a transaction hold: a batch of which all commands have their effect, or none has. Each
 * condition is judged by the state that the commands before it would leave, but nothing is changed. So a transaction
 * whose conditions all hold can be carried out command by command, and one with a condition that does not hold tells
 * every such condition.
 *
 * What it must never do: judge a condition otherwise than the store does when it carries out the commands.
 */
import {
	KIND_ACQUIRE,
	KIND_CHECK,
	KIND_CHECK_SESSION,
	KIND_DELETE,
	KIND_DELETE_PREFIX,
	KIND_PUT,
	KIND_READ,
	KIND_READ_TREE,
	KIND_RELEASE,
} from './batch-format.ts';
import type { BatchReader } from './batch-reader.ts';
import { Kept } from './entry.ts';
import { acquired, type Lock, NEVER_HELD, released } from './locks.ts';

/**
 * A transaction reads what is below prefixes only where these are so many keys in all. Keys that it deletes, and those that
 * it writes twice, are counted too.
 */
export const TREE_KEYS_MAX = 1024;
/** A transaction reads values of so many bytes in all, of keys and below prefixes, because they are answered at once. */
export const READ_BYTES_MAX = 1_048_576;

/** The part of the store that is looked at. */
export interface PresentState {
	readonly revision: number;
	get(key: string, hash: number): Kept | undefined;
	startingWith(prefix: string): Iterable<Kept>;
	/** How many more keys the session may acquire; 0 where it is not there. */
	roomOf(session: string): number;
	/** Whether the key waits after the end of a session. */
	holdsBack(key: string): boolean;
}

/**
 * Reads the rest of the batch. Its commands take the revisions that follow the present one, each of them one.
 *
 * @returns for each command whether its condition holds
 */
export function conditionsOf(command: BatchReader, present: PresentState): boolean[] {
	const effects = new Effects(present);
	const held: boolean[] = [];
	while (command.nextCommand()) held.push(effects.foresee(command, present.revision + held.length + 1));
	return held;
}

/** Whether `check` holds. @param modifyRevision of the key; 0 where it is missing */
export function checkHolds(cas: number | null, modifyRevision: number): boolean {
	return cas === null ? modifyRevision > 0 : cas === modifyRevision;
}

/**
 * The lock of a key once the session has acquired it.
 *
 * @param found the entry of the key; null where it is missing
 * @param room how many more keys the session may acquire; 0 where it is not there
 * @returns null where the session may not acquire it
 */
export function lockAcquired(
	{ key, session }: Pick<BatchReader, 'key' | 'session'>,
	found: Kept | null,
	room: number,
	holdsBack: (key: string) => boolean,
): Lock | null {
	const lock = found?.lock ?? NEVER_HELD;
	if (lock.session === session) return lock;
	return lock.session === '' && room > 0 && !holdsBack(key) ? acquired(lock, session) : null;
}

/** What the commands so far would have changed. */
class Effects {
	readonly #present: PresentState;
	/** By key; null for a key that would be missing. */
	readonly #changed = new Map<string, Kept | null>();
	readonly #cuts: string[] = [];
	/** How many keys are read below prefixes, in all. */
	#treeKeys = 0;
	/** How many bytes of values are read, in all. */
	#readBytes = 0;
	/** How many keys are acquired. What is deleted or released makes no room for them. */
	#acquired = 0;

	constructor(present: PresentState) {
		this.#present = present;
	}

	/** @returns whether the condition of the command holds; where it does not, the command would change nothing */
	foresee(command: BatchReader, revision: number): boolean {
		const { kind, key, keyHash, cas } = command;
		switch (kind) {
			case KIND_PUT:
				return this.#put(command, revision);
			case KIND_DELETE: {
				const found = this.#get(key, keyHash);
				if (!found) return true;
				if (cas !== null && cas !== found.modifyRevision) return false;
				this.#changed.set(key, null);
				return true;
			}
			case KIND_DELETE_PREFIX:
				for (const changed of this.#changed.keys()) if (changed.startsWith(key)) this.#changed.set(changed, null);
				this.#cuts.push(key);
				return true;
			case KIND_CHECK: {
				const found = this.#get(key, keyHash);
				// Only that a key is there is asked for together with its value.
				return checkHolds(cas, found?.modifyRevision ?? 0) && (cas !== null || this.#mayRead(found));
			}
			case KIND_READ:
				return this.#mayRead(this.#get(key, keyHash));
			case KIND_READ_TREE:
				return this.#readTree(key);
			case KIND_ACQUIRE:
				return this.#acquire(command, revision);
			case KIND_RELEASE: {
				const found = this.#get(key, keyHash);
				if (found?.lock.session !== command.session) return false;
				return this.#write(command, found, released(found.lock), revision);
			}
			case KIND_CHECK_SESSION:
				return this.#get(key, keyHash)?.lock.session === command.session;
			default:
				return true;
		}
	}

	#put(command: BatchReader, revision: number): boolean {
		const found = this.#get(command.key, command.keyHash);
		if (command.cas !== null && command.cas !== (found?.modifyRevision ?? 0)) return false;
		return this.#write(command, found, found?.lock ?? NEVER_HELD, revision);
	}

	#acquire(command: BatchReader, revision: number): boolean {
		const found = this.#get(command.key, command.keyHash);
		const room = this.#present.roomOf(command.session) - this.#acquired;
		const lock = lockAcquired(command, found, room, (key) => this.#present.holdsBack(key));
		if (lock === null) return false;
		if (lock !== found?.lock) this.#acquired++;
		return this.#write(command, found, lock, revision);
	}

	#write(
		{ key, keyHash, bytes, valueStart, valueEnd, flags }: BatchReader,
		found: Kept | null,
		lock: Lock,
		revision: number,
	): true {
		if (found?.flags === flags && found.lock === lock && found.holds(bytes, valueStart, valueEnd)) return true;
		const changed = new Kept(key, keyHash);
		changed.modifyRevision = revision;
		changed.flags = flags;
		changed.lock = lock;
		changed.bytes = bytes;
		changed.start = valueStart;
		changed.end = valueEnd;
		this.#changed.set(key, changed);
		return true;
	}

	#get(key: string, hash: number): Kept | null {
		const changed = this.#changed.get(key);
		if (changed !== undefined) return changed;
		if (this.#cuts.some((prefix) => key.startsWith(prefix))) return null;
		return this.#present.get(key, hash) ?? null;
	}

	#readTree(prefix: string): boolean {
		for (const found of this.#mayBeBelow(prefix)) {
			this.#treeKeys++;
			if (!this.#mayRead(found) || this.#treeKeys > TREE_KEYS_MAX) return false;
		}
		return true;
	}

	#mayRead(found: Kept | null): boolean {
		if (found) this.#readBytes += found.end - found.start;
		return this.#readBytes <= READ_BYTES_MAX;
	}

	/** Without a look at what was deleted, so that the bound on what is read is one on the steps that it takes. */
	*#mayBeBelow(prefix: string): Iterable<Kept> {
		for (const [key, changed] of this.#changed) if (changed && key.startsWith(prefix)) yield changed;
		yield* this.#present.startingWith(prefix);
	}
}
