/** The lock of a key to bytes and back: one byte for a key that was never acquired, which most are. */
import { MalformedError, type Reader, type Writer } from '../bytes/bytes.ts';
import { type Lock, NEVER_HELD } from '../store/locks.ts';
import { isSessionId } from '../store/sessions.ts';

export function writeLock(out: Writer, { index, session }: Lock): void {
	out.int(index);
	if (index > 0) out.id(session);
}

/** @throws MalformedError */
export function readLock(from: Reader): Lock {
	const index = from.int();
	if (index === 0) return NEVER_HELD;
	const session = from.id();
	if (session !== '' && !isSessionId(session)) throw new MalformedError('no id of a session');
	return { session, index };
}
