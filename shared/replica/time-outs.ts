/**
 * What falls due in the store while this node leads: sessions that were not renewed in time, and keys that wait after the
 * end of a session. The store ends nothing by itself; the leader proposes it.
 *
 * A renewal is a command. So each node takes one in, an acknowledged one is not lost with a leader, and the end of a
 * session for its time-out carries the last renewal that its proposer knew: a later one that is chosen before it keeps the
 * session. The price is a command for each renewal, which shares its slot and its flush with others.
 *
 * The times are the leader's own, by its monotonic clock, and not the log's, because that stands still while nothing is
 * written. They begin anew with each leader, and where this node stood still, that time does not count. Only for keys
 * that wait, which the store counts by the log's time, the leader lets time pass by a command without any effect.
 *
 * What it must never do: propose the end of a session before its time-out has passed since this node saw the last renewal.
 */
import { type Ballot, NO_BALLOT, sameBallot } from '../paxos/ballot.ts';
import type { Operation } from '../store/command.ts';
import type { Session } from '../store/sessions.ts';
import type { Store } from '../store/store.ts';

/** The part of a state machine whose sessions and keys wait for a time. `hasLockDelays` tells that time has to pass. */
export type TimedStore = Pick<Store, 'sessions' | 'heldBy' | 'hasLockDelays'>;

export interface TimeOutsRuntime {
	/** Monotonic, milliseconds. */
	nowMs(): number;
	/** Calls `TimeOuts.fire` after so many milliseconds. */
	setTimer(afterMs: number): void;
	/** The ballot under which this node leads; NO_BALLOT where it does not. */
	leads(): Ballot;
	/** @param done called once, perhaps from inside this call, whatever has become of it */
	propose(operation: Operation, done: () => void): void;
}

/** How often the leader looks for what is due, milliseconds. */
export const TIME_OUTS_EVERY_MS = 500;
/**
 * A session is ended after its time-out and a half, so that a client may count from the answer to its renewal too, which
 * it gets a little later than the leader sees the renewal. It is less than two, and leaves time for the proposal.
 */
export const TTL_FACTOR = 1.5;
/** Where this node looks later than after so many milliseconds, it stood still, and the rest does not count. */
const PASSED_MS_MAX = 2 * TIME_OUTS_EVERY_MS;
/** So many sessions and keys of theirs are due at a time, so that their end is no long step. The others are due next. */
const ENDED_AT_ONCE_MAX = 2048;

/** A session that may end. */
interface Watched {
	/** The last renewal that was seen, and the time at which it was. */
	readonly renewed: number;
	readonly sinceMs: number;
	/** Whether its end is on its way. */
	isProposed: boolean;
}

export class TimeOuts {
	readonly #store: TimedStore;
	readonly #runtime: TimeOutsRuntime;
	#watched = new Map<string, Watched>();
	#ballot = NO_BALLOT;
	/** The time for which this node has not stood still, as far as it has looked, milliseconds. */
	#timeMs = 0;
	#lookedMs = 0;
	#isTickProposed = false;

	constructor(store: TimedStore, runtime: TimeOutsRuntime) {
		this.#store = store;
		this.#runtime = runtime;
	}

	start(): void {
		this.#lookedMs = this.#runtime.nowMs();
		this.#runtime.setTimer(TIME_OUTS_EVERY_MS);
	}

	/** The timer has fired. */
	fire(): void {
		const nowMs = this.#runtime.nowMs();
		this.#timeMs += Math.min(nowMs - this.#lookedMs, PASSED_MS_MAX);
		this.start();
		const ballot = this.#runtime.leads();
		if (!sameBallot(ballot, this.#ballot)) this.#watched.clear();
		this.#ballot = ballot;
		if (sameBallot(ballot, NO_BALLOT)) return;
		this.#letTimePass();
		this.#endSessions();
	}

	#letTimePass(): void {
		if (!this.#store.hasLockDelays || this.#isTickProposed) return;
		this.#isTickProposed = true;
		this.#runtime.propose({ kind: 'tick' }, () => {
			this.#isTickProposed = false;
		});
	}

	#endSessions(): void {
		const before = this.#watched;
		this.#watched = new Map();
		let ended = 0;
		for (const session of this.#store.sessions()) {
			if (session.ttlMs === 0) continue;
			const watched = this.#watchedOf(session, before);
			this.#watched.set(session.id, watched);
			if (watched.isProposed || this.#timeMs - watched.sinceMs < TTL_FACTOR * session.ttlMs) continue;
			if (ended >= ENDED_AT_ONCE_MAX) continue;
			ended += 1 + this.#store.heldBy(session.id);
			this.#end(session, watched);
		}
	}

	#watchedOf({ id, renewedRevision }: Session, before: ReadonlyMap<string, Watched>): Watched {
		const watched = before.get(id);
		if (watched?.renewed === renewedRevision) return watched;
		return { renewed: renewedRevision, sinceMs: this.#timeMs, isProposed: false };
	}

	#end({ id, renewedRevision }: Session, watched: Watched): void {
		watched.isProposed = true;
		this.#runtime.propose({ kind: 'endSession', session: id, renewed: renewedRevision }, () => {
			watched.isProposed = false;
		});
	}
}
