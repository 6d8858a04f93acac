/** Writes of `/v1/kv` for a session: `acquire` and `release`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Acquire, Release } from '../../shared/store/command.ts';
import { isSessionId } from '../../shared/store/sessions.ts';
import { HttpError } from './answer.ts';
import { submitWrite, type WriteOptions } from './idempotency.ts';
import type { Unapplied } from './unapplied.ts';

/**
 * @returns whether the session has acquired the key, or has let it go
 * @throws HttpError 500 where the session cannot acquire any key
 */
export async function changeLock(
	options: WriteOptions,
	req: IncomingMessage,
	res: ServerResponse,
	operation: Acquire | Release,
): Promise<boolean | Unapplied> {
	const { kind, key, value, session } = operation;
	const { store } = options.service;
	if (isSessionId(session)) {
		let isCopy = false;
		const submitted = await submitWrite(options, req, res, value, operation, (_, result) => {
			isCopy = result.kind === 'duplicate';
		});
		if (submitted.outcome !== 'chosen') return submitted;
		if (submitted.ok) return true;
		// Why an earlier copy acquired nothing is not kept, and what is there now may be something else.
		if (isCopy) return false;
	}
	if (kind === 'release') return false;
	// A session that was there and has ended meanwhile is not there any more either, and nothing was acquired.
	if (!store.session(session)) throw new HttpError(500, invalidSession(session));
	const isFree = (store.get(key)?.lock.session ?? '') === '' && !store.holdsBack(key);
	if (isFree && store.roomOf(session) <= 0) throw new HttpError(500, `session ${session} can hold no more keys`);
	return false;
}

/** What is told of a session that is not there. */
export function invalidSession(session: string): string {
	return `invalid session ${JSON.stringify(session)}`;
}
