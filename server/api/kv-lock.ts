/** Writes of `/v1/kv` for a session: `acquire` and `release`. */
import type { Acquire, Release } from '../../shared/store/command.ts';
import { isSessionId } from '../../shared/store/sessions.ts';
import type { ReplicaService } from '../replica/service.ts';
import { HttpError } from './answer.ts';
import type { Unapplied } from './unapplied.ts';

/**
 * @returns whether the session holds the key now, or has let it go
 * @throws HttpError 500 where the session cannot acquire any key
 */
export async function changeLock(
	service: ReplicaService,
	operation: Acquire | Release,
	timeoutMs: number,
): Promise<boolean | Unapplied> {
	const { kind, key, session } = operation;
	const { store } = service;
	if (isSessionId(session)) {
		const submitted = await service.submit(operation, { route: 'leader', contest: 0, timeoutMs });
		if (submitted.outcome !== 'chosen') return submitted;
		if (submitted.ok) return true;
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
