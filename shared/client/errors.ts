/** The errors of calls of `SwarmClient`. Each says whether the write may have happened. */
import type { PassingRefusal } from './protocol.ts';

/**
 * The call surely did not and will not happen. `why` says what kept it from happening: `noLeader` and `timeout`, that
 * no leader or no node could be reached in time; `overloaded`, that too much waits already, in the client or at the
 * node; `diskFull` and `diskBehind`, that the disk of the node has no room or does not keep up; `closed`, that the
 * client was closed.
 */
export class RefusedError extends Error {
	override readonly name = 'RefusedError';
	readonly why: PassingRefusal | 'closed' | 'timeout';

	constructor(why: RefusedError['why'], detail: string) {
		super(detail);
		this.why = why;
	}
}

/** The write was sent, and may have happened or may yet happen. A read tells. */
export class UnknownOutcomeError extends Error {
	override readonly name = 'UnknownOutcomeError';
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
