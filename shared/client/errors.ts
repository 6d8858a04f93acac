/** The errors of calls of `SwarmClient`. Each says whether the write may have happened. */
import type { PassingRefusal } from './protocol.ts';

/**
 * The call surely did not and will not happen. `why` says what kept it from happening: `noLeader` and `timeout`, that
 * no leader or no node could be reached in time; `overloaded`, that too much waits already, in the client or at the
 * node; `diskFull` and `diskBehind`, that the disk of the node has no room or does not keep up; `denied`, that
 * the client has no token for it; `closed`, that the client was closed.
 */
export class RefusedError extends Error {
	override readonly name = 'RefusedError';
	readonly why: PassingRefusal | 'closed' | 'denied' | 'timeout';

	constructor(why: RefusedError['why'], detail: string) {
		super(detail);
		this.why = why;
	}
}

/** What is told of a call for which the client has no token. */
export const DENIED = 'the token of this client is not for it, or it has none';

/** The write was sent, and may have happened or may yet happen. A read tells. */
export class UnknownOutcomeError extends Error {
	override readonly name = 'UnknownOutcomeError';
}

/**
 * A transaction was applied, once, but what it read is not known: its first answer was lost with a connection, and the
 * keys have changed since. To read them again is all that is left.
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

/**
 * A session is over, and with it everything that it held. `why` says how it ended: `expired`, that it surely was not
 * renewed within its time-out, by the client's own clock; `ended`, that the store has it no more; `destroyed`, that its
 * owner has ended it; `closed`, that the client was closed.
 */
export class SessionLostError extends Error {
	override readonly name = 'SessionLostError';
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

/**
 * A lock is not held any more, though nobody has called its `release`. `why` says what has ended it: `session`, its
 * session, with a SessionLostError as the cause; `released`, that somebody else has let the key go in the name of the
 * session; `deleted`, that the key was deleted.
 */
export class LockLostError extends Error {
	override readonly name = 'LockLostError';
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

/** A lock that was not to wait: the key is held, or waits out the lock delay of the session that held it. */
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
