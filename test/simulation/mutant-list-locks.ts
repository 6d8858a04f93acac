/** Bugs in sessions, locks and requests with a name that this project has made up, as patches. */
import { type Mutant, one } from '../../shared/simulation/mutant.ts';

const CARRY_OUT = 'shared/store/carry-out.ts';
const DELAYS = 'shared/store/lock-delays.ts';
const LOCKS = 'shared/store/locks.ts';
const NAMED_REQUESTS = 'shared/replica/named-requests.ts';
const RESTORE = 'shared/store/restore.ts';
const APPLIED_ONCE = 'shared/store/applied-once.ts';
const TIME_OUTS = 'shared/replica/time-outs.ts';
const TRANSACTION = 'shared/store/transaction.ts';

export const LOCK_MUTANTS: readonly Mutant[] = [
	one(
		0,
		'a key that another session holds is acquired',
		TRANSACTION,
		"return lock.session === '' && room > 0",
		'return room > 0',
	),
	one(
		0,
		'the index of a lock stays when its holder changes',
		LOCKS,
		'return { session, index: index + 1 };',
		'return { session, index: Math.max(1, index) };',
	),
	one(
		0,
		'a session that has ended holds one key still',
		CARRY_OUT,
		'for (const key of locks.letGoOf(session.id)) {',
		'for (const key of locks.letGoOf(session.id).slice(1)) {',
	),
	one(
		0,
		'a session that was renewed is ended for its time-out',
		CARRY_OUT,
		'cas !== session?.renewedRevision',
		'cas < (session?.createRevision ?? cas + 1)',
	),
	one(0, 'a key waits 100 ms less', DELAYS, 'timeMs < delay.untilMs;', 'timeMs < delay.untilMs - 100;'),
	one(
		0,
		'a session is ended after half its time-out',
		TIME_OUTS,
		'TTL_FACTOR * session.ttlMs)',
		'(TTL_FACTOR * session.ttlMs) / 3)',
	),
	one(0, 'nobody ends a session that is not renewed', TIME_OUTS, '		this.#endSessions();\n', ''),
	one(
		0,
		'an end of a session that came to nothing is not proposed again',
		TIME_OUTS,
		'			watched.isProposed = false;\n',
		'',
	),
	one(
		0,
		'another request under the name of one that has happened happens too',
		APPLIED_ONCE,
		'if (command.isTransaction || client.isSpent) return FORGOTTEN;',
		'if (command.isTransaction) return FORGOTTEN;',
		[APPLIED_ONCE, 'if (!client || client.isSpent) return null;', 'if (!client) return null;'],
	),
	one(
		0,
		'a copy of a request has other sequences',
		NAMED_REQUESTS,
		'this.#first = firstOfRequest(request);',
		'this.#first = firstOfRequest(request) + (Math.floor(this.#endsMs) % 2);',
	),
	one(
		0,
		'a name that another request has at this node is taken',
		NAMED_REQUESTS,
		'		const begun = new OpenRequest(this, request);\n',
		"		if (name.requests.length > 0) return answer({ outcome: 'taken' });\n		const begun = new OpenRequest(this, request);\n",
	),
	one(
		0,
		'a request that was not taken in now surely did not happen',
		NAMED_REQUESTS,
		"this.#end({ outcome: 'unknown', detail: why });",
		"this.#end(kind === 'unknown' ? { outcome: 'unknown', detail: why } : { outcome: 'taken' });",
	),
	one(
		0,
		'a restored session has forgotten its renewal',
		RESTORE,
		'renewedRevision: this.revision(from.int()) });',
		'renewedRevision: Math.min(createRevision, this.revision(from.int())) });',
	),
	one(
		0,
		'each part of a request is told as the first one',
		NAMED_REQUESTS,
		'for (const { onPart } of this.#waiting) onPart(index, result);',
		'for (const { onPart } of this.#waiting) onPart(0, result);',
	),
	one(
		0,
		'only the first copy of a request is told its parts',
		NAMED_REQUESTS,
		'for (const { onPart } of this.#waiting) onPart(index, result);',
		'this.#waiting[0]?.onPart(index, result);',
	),
];
