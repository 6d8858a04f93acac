/**
 * Sessions and locks as they have to be, by simple code: each command is judged when the first node applies it. A key has
 * one holder, its index grows by one when the holder changes, and a session that has ended holds nothing. A session does
 * not end for its time-out before that has passed since the last renewal that was acknowledged.
 */
import {
	KIND_ACQUIRE,
	KIND_CREATE_SESSION,
	KIND_DELETE,
	KIND_DELETE_PREFIX,
	KIND_END_SESSION,
	KIND_RELEASE,
	KIND_RENEW_SESSION,
	KIND_TICK,
} from '../store/batch-format.ts';
import type { BatchReader } from '../store/batch-reader.ts';
import { type Lock, NEVER_HELD } from '../store/locks.ts';
import type { SessionAttributes } from '../store/sessions.ts';
import type { Store } from '../store/store.ts';
import { STEADY_ERROR_MAX } from './clock.ts';
import type { Counters } from './counters.ts';
import { Violation } from './ledger.ts';
import { type Instant, US_PER_MS } from './schedule.ts';

interface KnownSession {
	readonly attributes: SessionAttributes;
	readonly renewed: number;
}

export class LockRules {
	readonly #counters: Counters;
	readonly #sessions = new Map<string, KnownSession>();
	/** The locks of the keys that are there and were acquired once. */
	readonly #locks = new Map<string, Lock>();
	/** By key: the log's time before which nobody may acquire it. */
	readonly #delays = new Map<string, number>();
	/** By session: when the last renewal was asked for that was acknowledged, or its creation. */
	readonly #askedAt = new Map<string, Instant>();

	constructor(counters: Counters) {
		this.#counters = counters;
	}

	/** A client has the answer to a renewal, or to the creation of a session, that it asked for at that time. */
	acknowledged(session: string, askedAt: Instant): void {
		this.#askedAt.set(session, askedAt);
	}

	/** @param store it has applied the command, and no later one @param ok what it has made of it */
	applied(
		command: BatchReader,
		revision: number,
		ok: boolean,
		store: Pick<Store, 'get' | 'timeMs'>,
		now: Instant,
	): void {
		const { kind, key, session } = command;
		switch (kind) {
			case KIND_CREATE_SESSION:
				this.#mustBe(ok, !this.#sessions.has(key), command);
				this.#sessions.set(key, { attributes: command.attributes as SessionAttributes, renewed: revision });
				this.#counters.sessionsCreated++;
				return;
			case KIND_RENEW_SESSION: {
				const known = this.#sessions.get(key);
				this.#mustBe(ok, known !== undefined, command);
				if (known) this.#sessions.set(key, { ...known, renewed: revision });
				this.#counters.sessionsRenewed += known ? 1 : 0;
				return;
			}
			case KIND_END_SESSION:
				return this.#ends(command, ok, store, now);
			case KIND_ACQUIRE: {
				const lock = this.#lockOf(key);
				const isHeldBack = store.timeMs < (this.#delays.get(key) ?? 0);
				const isFree = lock.session === '' && !isHeldBack && this.#sessions.has(session);
				if (ok && lock.session !== session && lock.session !== '') {
					throw new Violation('OneHolder', `${key} is acquired by ${session} and held by ${lock.session}`);
				}
				this.#mustBe(ok, isFree || lock.session === session, command);
				if (isFree) this.#locks.set(key, { session, index: lock.index + 1 });
				this.#counters[ok ? 'locksAcquired' : isHeldBack ? 'locksHeldBack' : 'locksRefused']++;
				return this.#mustMatch(key, store);
			}
			case KIND_RELEASE: {
				const lock = this.#lockOf(key);
				this.#mustBe(ok, lock.session === session, command);
				if (ok) this.#locks.set(key, { ...lock, session: '' });
				this.#counters.locksReleased += ok ? 1 : 0;
				return this.#mustMatch(key, store);
			}
			case KIND_DELETE:
				if (ok) this.#locks.delete(key);
				return;
			case KIND_DELETE_PREFIX:
				for (const each of [...this.#locks.keys()]) if (each.startsWith(key)) this.#locks.delete(each);
				return;
			case KIND_TICK:
				this.#counters.ticks++;
				return;
			default:
		}
	}

	#ends(command: BatchReader, ok: boolean, store: Pick<Store, 'get' | 'timeMs'>, now: Instant): void {
		const { key: id, cas } = command;
		const known = this.#sessions.get(id);
		this.#mustBe(ok, cas === null || cas === known?.renewed, command);
		if (!ok) this.#counters.sessionsKept += known ? 1 : 0;
		if (!ok || !known) return;
		const { ttlMs, lockDelayMs, behavior } = known.attributes;
		if (cas !== null) this.#mustBeDue(id, ttlMs, now);
		this.#counters[cas === null ? 'sessionsEnded' : 'sessionsTimedOut']++;
		this.#sessions.delete(id);
		for (const [key, lock] of [...this.#locks]) {
			if (lock.session === id) {
				this.#delays.set(key, store.timeMs + lockDelayMs);
				if (behavior === 'delete') this.#locks.delete(key);
				else this.#locks.set(key, { ...lock, session: '' });
			}
			this.#mustMatch(key, store);
		}
	}

	#mustBeDue(id: string, ttlMs: number, now: Instant): void {
		const askedAt = this.#askedAt.get(id);
		if (askedAt === undefined) return;
		const passedMs = ((now - askedAt) / US_PER_MS) * (1 + STEADY_ERROR_MAX);
		if (passedMs >= ttlMs) return;
		throw new Violation('SessionsLast', `session ${id} ends ${passedMs} ms after its renewal, and has ${ttlMs} ms`);
	}

	#lockOf(key: string): Lock {
		return this.#locks.get(key) ?? NEVER_HELD;
	}

	#mustBe(is: boolean, should: boolean, command: BatchReader): void {
		if (is === should) return;
		const { kind, key, session } = command;
		throw new Violation('LocksAreTrue', `command of kind ${kind} on ${key} for "${session}" is told ${is}`);
	}

	/** The lock in the store is the one that it has to be. */
	#mustMatch(key: string, store: Pick<Store, 'get'>): void {
		const { session, index } = store.get(key)?.lock ?? NEVER_HELD;
		const expected = this.#lockOf(key);
		if (session !== expected.session) {
			throw new Violation('OneHolder', `${key} is held by "${session}" and has to be by "${expected.session}"`);
		}
		if (index === expected.index) return;
		throw new Violation('LockIndexGrows', `the lock of ${key} has index ${index}, and not ${expected.index}`);
	}
}
