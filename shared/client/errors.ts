/** What a call of `SwarmClient` fails with. Each says whether the write may have happened. */

/** It surely did not happen and will not. `why` is what kept it from happening. */
export class RefusedError extends Error {
	override readonly name = 'RefusedError';
	readonly why: 'noLeader' | 'overloaded' | 'closed' | 'timeout';

	constructor(why: RefusedError['why'], detail: string) {
		super(detail);
		this.why = why;
	}
}

/** It was sent: it may have happened, and may yet. Read to find out. */
export class UnknownOutcomeError extends Error {
	override readonly name = 'UnknownOutcomeError';
}

/** No door takes such a key; nothing was sent. */
export class BadKeyError extends Error {
	override readonly name = 'BadKeyError';
}

/** No door takes such a value, flags or condition; nothing was sent. */
export class BadValueError extends Error {
	override readonly name = 'BadValueError';
}

/** The options of the call are none; nothing was sent. */
export class BadOptionsError extends Error {
	override readonly name = 'BadOptionsError';
}
