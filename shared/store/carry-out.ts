/**
 * Carries out one command: looks whether its condition holds, and changes the state. What it finds is taken into the
 * digest, so that a store that finds something else is noticed.
 */
import {
	KIND_ACQUIRE,
	KIND_CHECK,
	KIND_CHECK_SESSION,
	KIND_COMMAND,
	KIND_CREATE_SESSION,
	KIND_DELETE,
	KIND_DELETE_PREFIX,
	KIND_END_SESSION,
	KIND_PUT,
	KIND_RELEASE,
	KIND_RENEW_SESSION,
} from './batch-format.ts';
import type { BatchReader } from './batch-reader.ts';
import type { ChangeListener, DeleteCause, WriteCause } from './change-listener.ts';
import { digestOf } from './digest.ts';
import type { Kept } from './entry.ts';
import { type Lock, NEVER_HELD, released } from './locks.ts';
import type { Session, SessionAttributes } from './sessions.ts';
import { roomOf, type StoreState } from './state.ts';
import { checkHolds, lockAcquired } from './transaction.ts';

/**
 * @param command not the registration of a client
 * @param state its revision is that of the command already
 * @param listener is told of each change
 * @returns false where the condition of the command does not hold, and it changes nothing
 */
export function carryOut(command: BatchReader, state: StoreState, listener: ChangeListener | null): boolean {
	const { kind, key, cas } = command;
	switch (kind) {
		case KIND_PUT: {
			const kept = find(command, state);
			if (cas !== null && cas !== (kept?.modifyRevision ?? 0)) return false;
			write(command, kept, kept?.lock ?? NEVER_HELD, state, listener, 'put');
			return true;
		}
		case KIND_DELETE: {
			const kept = find(command, state);
			if (!kept) return true;
			if (cas !== null && cas !== kept.modifyRevision) return false;
			state.locks.letGo(kept);
			remove(kept, state, listener, 'delete');
			return true;
		}
		case KIND_DELETE_PREFIX:
			cut(key, state, listener);
			return true;
		case KIND_CHECK:
			return checkHolds(cas, find(command, state)?.modifyRevision ?? 0);
		case KIND_ACQUIRE:
			return acquire(command, state, listener);
		case KIND_RELEASE: {
			const kept = find(command, state);
			if (kept?.lock.session !== command.session) return false;
			state.locks.letGo(kept);
			write(command, kept, released(kept.lock), state, listener, 'release');
			return true;
		}
		case KIND_CHECK_SESSION:
			return find(command, state)?.lock.session === command.session;
		case KIND_CREATE_SESSION: {
			const attributes = command.attributes as SessionAttributes;
			const isCreated = state.sessions.create(key, attributes, state.revision);
			if (isCreated) listener?.sessionChanged(key, attributes.node);
			return isCreated;
		}
		case KIND_RENEW_SESSION: {
			const session = findSession(key, state);
			if (session) state.sessions.renew(session, state.revision);
			return session !== undefined;
		}
		case KIND_END_SESSION: {
			const session = findSession(key, state);
			if (cas !== null && cas !== session?.renewedRevision) return false;
			if (session) endSession(session, state, listener, cas !== null);
			return true;
		}
		default:
			// The command of another machine has no effect.
			return kind !== KIND_COMMAND;
	}
}

function acquire(command: BatchReader, state: StoreState, listener: ChangeListener | null): boolean {
	const { key, keyHash, session } = command;
	const kept = find(command, state);
	const { delays } = state.locks;
	const holdsBack = (each: string): boolean => delays.holdsBack(each, state.timeMs);
	const lock = lockAcquired(command, kept ?? null, roomOf(state, session), holdsBack);
	if (lock === null) return false;
	if (lock !== kept?.lock) state.locks.hold(key, keyHash, session);
	write(command, kept, lock, state, listener, 'acquire');
	return true;
}

/** The keys that it holds are let go, or deleted, and nobody acquires them for as long as its lock delay says. */
function endSession(session: Session, state: StoreState, listener: ChangeListener | null, isOverdue: boolean): void {
	const { sessions, locks, keys, revision, timeMs } = state;
	sessions.end(session, revision);
	listener?.together(revision);
	for (const key of locks.letGoOf(session.id)) {
		const kept = keys.get(key) as Kept;
		noteEntry(kept, state);
		if (session.lockDelayMs > 0) locks.delays.add(key, timeMs + session.lockDelayMs);
		if (session.behavior === 'delete') remove(kept, state, listener, isOverdue ? 'deletedAtTimeOut' : 'deletedAtEnd');
		else {
			const changed = keys.relock(kept, released(kept.lock), revision);
			listener?.put(changed, isOverdue ? 'letGoAtTimeOut' : 'letGoAtEnd');
		}
	}
	listener?.sessionChanged(session.id, session.node);
}

function write(
	command: BatchReader,
	kept: Kept | undefined,
	lock: Lock,
	{ keys, revision }: StoreState,
	listener: ChangeListener | null,
	cause: WriteCause,
): void {
	const changed = keys.put(kept, command, revision, lock);
	if (changed !== null) listener?.put(changed, cause);
}

function remove(
	kept: Kept,
	{ keys, revision, timeMs }: StoreState,
	listener: ChangeListener | null,
	cause: DeleteCause,
): void {
	keys.remove(kept, revision, timeMs);
	listener?.deleted(kept.key, revision, cause);
}

function cut(prefix: string, state: StoreState, listener: ChangeListener | null): void {
	state.locks.letGoBelow(prefix);
	const count = state.keys.cut(prefix, state.revision, state.timeMs);
	state.digest = digestOf(state.digest, count);
	if (count > 0) listener?.cut(prefix, state.revision);
}

function find({ key, keyHash }: BatchReader, state: StoreState): Kept | undefined {
	const kept = state.keys.get(key, keyHash);
	noteEntry(kept, state);
	return kept;
}

function findSession(id: string, state: StoreState): Session | undefined {
	const session = state.sessions.get(id);
	state.digest = digestOf(state.digest, session?.renewedRevision ?? 0);
	return session;
}

function noteEntry(kept: Kept | undefined, state: StoreState): void {
	state.digest = digestOf(state.digest, kept?.modifyRevision ?? 0);
}
