/** The errors of calls of `SwarmClient`. Each says whether the write may have happened. */
import type { PassingRefusal } from './protocol.ts';

/** The call surely did not and will not happen. */
export class RefusedError extends Error {
	override readonly name = 'RefusedError';
	/**
	 * The reason:
	 *
	 * - `noLeader`: no leader took the call in time.
	 * - `timeout`: no node could be reached in time.
	 * - `overloaded`: too much waits already, in the client or at the node.
	 * - `diskFull`: the disk of the node has no room.
	 * - `diskBehind`: the disk of the node does not keep up.
	 * - `denied`: the token of the client does not allow the call.
	 * - `closed`: the client, or the node inside the program, was closed.
	 */
	readonly why: PassingRefusal | 'closed' | 'denied' | 'timeout';

	constructor(why: RefusedError['why'], detail: string) {
		super(detail);
		this.why = why;
	}
}

/** The message of a RefusedError that is `denied`. */
export const DENIED = 'the token of this client is not for it, or it has none';

/** The write was sent. It may have happened or may yet happen: a read tells only what has happened so far. */
export class UnknownOutcomeError extends Error {
	override readonly name = 'UnknownOutcomeError';
}

/**
 * A transaction was applied, once, but what it read is not known: its first answer was lost with a connection, and the
 * keys have changed since. The caller can only read them again.
 */
export class ReadingsLostError extends Error {
	override readonly name = 'ReadingsLostError';
	/** The revision of its last operation. */
	readonly revision: number;

	constructor(revision: number) {
		super(`the transaction was applied at revision ${revision}, and what it read is not known`);
		this.revision = revision;
	}
}

/**
 * A watch cannot go on: changes behind its revision are not kept any more by the node. Read the present state, and watch
 * from there.
 */
export class CompactedError extends Error {
	override readonly name = 'CompactedError';
	/** Every change up to this revision was told. */
	readonly revision: number;

	constructor(revision: number) {
		super(`changes behind revision ${revision} are not kept any more`);
		this.revision = revision;
	}
}

/** A session is over, and with it everything that it held. */
export class SessionLostError extends Error {
	override readonly name = 'SessionLostError';
	/**
	 * How it ended:
	 *
	 * - `expired`: it surely was not renewed within its time-out, by the client's own clock.
	 * - `ended`: the store has it no more.
	 * - `destroyed`: its owner has ended it.
	 * - `closed`: the client was closed.
	 */
	readonly why: 'expired' | 'ended' | 'destroyed' | 'closed';

	constructor(why: SessionLostError['why']) {
		super(SESSION_LOST[why]);
		this.why = why;
	}
}

const SESSION_LOST: Readonly<Record<SessionLostError['why'], string>> = {
	expired: 'the session was not renewed within its time-out',
	ended: 'the swarm has ended the session',
	destroyed: 'the session was destroyed',
	closed: 'the client was closed',
};

/** A lock is not held any more, though nobody has called its `release`. */
export class LockLostError extends Error {
	override readonly name = 'LockLostError';
	/**
	 * What has ended it:
	 *
	 * - `session`: its session is over. The cause of this error is the SessionLostError.
	 * - `released`: somebody else has let the key go in the name of the session.
	 * - `deleted`: the key was deleted.
	 */
	readonly why: 'session' | 'released' | 'deleted';

	constructor(key: string, why: LockLostError['why'], options?: ErrorOptions) {
		super(`the lock of ${JSON.stringify(key)} was lost: ${LOCK_LOST[why]}`, options);
		this.why = why;
	}
}

const LOCK_LOST: Readonly<Record<LockLostError['why'], string>> = {
	session: 'its session is over',
	released: 'somebody else has let it go',
	deleted: 'the key was deleted',
};

/** The key is held, or waits out the lock delay of the session that held it, and the caller asked not to wait. */
export class LockHeldError extends Error {
	override readonly name = 'LockHeldError';

	constructor(key: string) {
		super(`${JSON.stringify(key)} is not free`);
	}
}

/** The key breaks the rules of `shared/store/key.ts`. The call had no effect. */
export class BadKeyError extends Error {
	override readonly name = 'BadKeyError';
}

/** The value, the flags or the condition are not allowed. The call had no effect. */
export class BadValueError extends Error {
	override readonly name = 'BadValueError';
}

/** The options of the call have the wrong type. The call had no effect. */
export class BadOptionsError extends Error {
	override readonly name = 'BadOptionsError';
}
