/**
 * Which session holds which keys, and which keys nobody may acquire yet. The lock of a key is in its entry (`Lock`); here
 * is how the keys of a session are found when it ends, and those below a prefix when it is deleted.
 *
 * The keys that are held or wait are bounded, all together and for each session, so that the end of a session is a short
 * step. A deleted prefix costs a short step for each held key below it: no more than it took commands to acquire them.
 */
import { MalformedError } from '../bytes/bytes.ts';
import { compareUtf8 } from '../bytes/text.ts';
import { type Indexed, KeyIndex, NOWHERE } from './key-index.ts';
import type { Hashed } from './key-table.ts';
import { LockDelays } from './lock-delays.ts';

/** The keys of one session. To let them go takes a few milliseconds. */
export const SESSION_KEYS_MAX = 1024;
/** The keys that are held by all sessions, or wait after the end of one. */
export const LOCKS_MAX = 65_536;
/** Each command drops so many of the keys that were below a deleted prefix. It is more than a command can add. */
const TIDIED_PER_COMMAND = 4;

/** The lock of a key. It never changes: a key gets another one. */
export interface Lock {
	/** The session that holds the key; '' for none. */
	readonly session: string;
	/** How often the key was acquired by one that did not hold it. */
	readonly index: number;
}

/** The lock of a key that was never acquired. */
export const NEVER_HELD: Lock = { session: '', index: 0 };

/** The lock once `session` has acquired it. */
export function acquired({ index }: Lock, session: string): Lock {
	return { session, index: index + 1 };
}

/** The lock once nobody holds it. */
export function released({ index }: Lock): Lock {
	return { session: '', index };
}

class HeldKey implements Indexed<HeldKey> {
	readonly key: string;
	readonly hash: number;
	readonly session: string;
	modifyRevision = 0;
	chunk: Indexed<HeldKey>['chunk'] = NOWHERE;

	constructor(key: string, hash: number, session: string) {
		this.key = key;
		this.hash = hash;
		this.session = session;
	}
}

export class Locks {
	readonly delays = new LockDelays();
	readonly #held = new KeyIndex<HeldKey>();
	readonly #ofSession = new Map<string, Set<HeldKey>>();

	/** The number of keys that the session holds. */
	countOf(session: string): number {
		return this.#ofSession.get(session)?.size ?? 0;
	}

	/** The keys that the session holds, in no order. */
	keysOf(session: string): string[] {
		return [...(this.#ofSession.get(session) ?? [])].map(({ key }) => key);
	}

	/** Called before each command. */
	begin(timeMs: number): void {
		if (this.delays.size > 0) this.delays.drop(timeMs);
		if (this.#held.isUntidy) this.#held.tidy(TIDIED_PER_COMMAND);
	}

	/** How many more keys the session may acquire. */
	roomOf(session: string): number {
		return Math.min(SESSION_KEYS_MAX - this.countOf(session), LOCKS_MAX - this.#held.size - this.delays.size);
	}

	/** @param key one that nobody holds @param hash `hashOf(key)` */
	hold(key: string, hash: number, session: string): void {
		this.delays.remove(key);
		const held = new HeldKey(key, hash, session);
		this.#held.add(held);
		const keys = this.#ofSession.get(session);
		if (keys) keys.add(held);
		else this.#ofSession.set(session, new Set([held]));
	}

	/** Nobody holds the key any more. Nothing happens where nobody did. */
	letGo({ key, hash }: Hashed): void {
		const held = this.#held.get(key, hash);
		if (held) this.#remove(held);
	}

	/** Nobody holds a key below the prefix any more. */
	letGoBelow(prefix: string): void {
		if (this.#held.size === 0) return;
		for (const held of this.#held.startingWith(prefix)) this.#leave(held);
		this.#held.cut(prefix, 1);
	}

	/** Nobody holds the keys of the session any more. @returns them in the order of their UTF-8 bytes */
	letGoOf(session: string): string[] {
		const keys = [...(this.#ofSession.get(session) ?? [])];
		for (const held of keys) this.#remove(held);
		return keys.map(({ key }) => key).sort(compareUtf8);
	}

	/** Adds a key of a cut that is held. @throws MalformedError where it cannot be held too */
	restoreHeld({ key, hash }: Hashed, session: string): void {
		if (this.roomOf(session) <= 0) throw new MalformedError('a session with too many keys');
		this.hold(key, hash, session);
	}

	/** Adds the next delay of a cut. @throws MalformedError where the key waits or is held already */
	restoreDelay(key: string, untilMs: number): void {
		const isKnown = this.delays.has(key) || this.#held.get(key) !== undefined;
		if (isKnown || this.#held.size + this.delays.size >= LOCKS_MAX) {
			throw new MalformedError('a lock delay of a key that is held or waits already');
		}
		this.delays.add(key, untilMs);
	}

	#remove(held: HeldKey): void {
		this.#held.delete(held);
		this.#leave(held);
	}

	#leave(held: HeldKey): void {
		const keys = this.#ofSession.get(held.session) as Set<HeldKey>;
		keys.delete(held);
		if (keys.size === 0) this.#ofSession.delete(held.session);
	}
}
