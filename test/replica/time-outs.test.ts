/** What the leader proposes because its time has passed: the end of sessions that were not renewed, and ticks. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type Ballot, NO_BALLOT } from '../../shared/paxos/ballot.ts';
import { TIME_OUTS_EVERY_MS, TimeOuts, TTL_FACTOR } from '../../shared/replica/time-outs.ts';
import { encodeCommand, type Operation } from '../../shared/store/command.ts';
import { Store } from '../../shared/store/store.ts';
import { acquire, sessionId } from '../store/commands.ts';

const TTL_MS = 10_000;
const DUE_MS = TTL_FACTOR * TTL_MS;
const [A, B] = [sessionId(1), sessionId(2)];

describe('the time-outs of a leader', () => {
	let nowMs: number;
	let timerMs: number;
	let ballot: Ballot;
	let sequence: number;
	let store: Store;
	let timeOuts: TimeOuts;
	/** What was proposed and is not answered yet. */
	let proposed: { readonly operation: Operation; readonly done: () => void }[];

	beforeEach(() => {
		nowMs = 1000;
		ballot = { ms: 1, ns: 0, node: 'n1' };
		sequence = 0;
		store = new Store();
		proposed = [];
		timeOuts = new TimeOuts(store, {
			nowMs: () => nowMs,
			setTimer: (afterMs) => {
				timerMs = nowMs + afterMs;
			},
			leads: () => ballot,
			propose: (operation, done) => proposed.push({ operation, done }),
		});
		apply({ kind: 'registerClient', client: 'c' });
		timeOuts.start();
	});

	function apply(operation: Operation): void {
		sequence++;
		store.apply(encodeCommand({ client: 'c', sequence, receivedThrough: sequence - 1 }, operation));
	}

	function create(session: string, ttlMs: number, lockDelayMs = 0): void {
		const attributes = { name: '', node: 'n1', ttlMs, lockDelayMs, behavior: 'release' } as const;
		apply({ kind: 'createSession', session, attributes });
	}

	/** Time passes, and the timer fires as often as it is due. */
	function pass(ms: number): void {
		const untilMs = nowMs + ms;
		while (timerMs <= untilMs) {
			nowMs = timerMs;
			timeOuts.fire();
		}
		nowMs = untilMs;
	}

	function takeProposed(): Operation[] {
		const taken = proposed;
		proposed = [];
		for (const { done } of taken) done();
		return taken.map(({ operation }) => operation);
	}

	it('end a session after its time-out, and before twice that, and none that has no time-out', () => {
		create(A, TTL_MS);
		create(B, 0);
		pass(DUE_MS);
		expect(takeProposed()).toEqual([]);
		pass(2 * TTL_MS - DUE_MS);
		expect(proposed.map(({ operation }) => operation)).toEqual([{ kind: 'endSession', session: A, renewed: 2 }]);
		pass(100 * TTL_MS);
		// It is on its way. Where nothing has come of that, it is proposed again.
		expect(takeProposed()).toHaveLength(1);
		pass(TIME_OUTS_EVERY_MS);
		expect(takeProposed()).toHaveLength(1);
		apply({ kind: 'endSession', session: A, renewed: 2 });
		pass(100 * TTL_MS);
		expect(takeProposed()).toEqual([]);
	});

	it('begin anew with each renewal', () => {
		create(A, TTL_MS);
		for (let i = 0; i < 10; i++) {
			pass(TTL_MS);
			apply({ kind: 'renewSession', session: A });
		}
		expect(takeProposed()).toEqual([]);
		pass(2 * TTL_MS);
		expect(takeProposed()).toEqual([{ kind: 'endSession', session: A, renewed: 12 }]);
	});

	it('begin anew at another leader, and when this one leads under another ballot', () => {
		create(A, TTL_MS);
		pass(TTL_MS);
		ballot = { ms: 2, ns: 0, node: 'n1' };
		pass(TTL_MS);
		ballot = NO_BALLOT;
		pass(10 * TTL_MS);
		expect(takeProposed()).toEqual([]);
		ballot = { ms: 3, ns: 0, node: 'n1' };
		pass(DUE_MS);
		expect(takeProposed()).toEqual([]);
		pass(2 * TTL_MS - DUE_MS);
		expect(takeProposed()).toHaveLength(1);
	});

	it('do not count the time for which the node stood still', () => {
		create(A, TTL_MS);
		pass(TIME_OUTS_EVERY_MS);
		nowMs += 100 * TTL_MS;
		timeOuts.fire();
		pass(TTL_MS);
		expect(takeProposed()).toEqual([]);
		pass(TTL_MS);
		expect(takeProposed()).toHaveLength(1);
	});

	it('are so many at a time at most', () => {
		for (let i = 0; i < 3000; i++) create(sessionId(i), TTL_MS);
		pass(DUE_MS + TIME_OUTS_EVERY_MS);
		expect(proposed).toHaveLength(2048);
		pass(TIME_OUTS_EVERY_MS);
		expect(proposed).toHaveLength(3000);
		expect(new Set(proposed.map(({ operation }) => JSON.stringify(operation))).size).toBe(3000);
		// Keys that a session holds count too.
		takeProposed();
		for (let i = 0; i < 3000; i++) apply({ kind: 'endSession', session: sessionId(i), renewed: null });
		for (let i = 4000; i < 4004; i++) {
			create(sessionId(i), TTL_MS);
			for (let at = 0; at < 1023; at++) apply(acquire(`${i}/${at}`, sessionId(i), ''));
		}
		pass(DUE_MS + TIME_OUTS_EVERY_MS);
		expect(proposed).toHaveLength(2);
	});

	it('let the log’s time pass while a key waits after the end of a session, one tick after the other', () => {
		create(A, 0, 1000);
		apply(acquire('k', A, ''));
		pass(TTL_MS);
		expect(proposed).toEqual([]);
		apply({ kind: 'endSession', session: A, renewed: null });
		pass(3 * TIME_OUTS_EVERY_MS);
		expect(takeProposed()).toEqual([{ kind: 'tick' }]);
		store.passTime(500);
		apply({ kind: 'tick' });
		pass(TIME_OUTS_EVERY_MS);
		expect(takeProposed()).toEqual([{ kind: 'tick' }]);
		store.passTime(500);
		apply({ kind: 'tick' });
		pass(TTL_MS);
		expect([takeProposed(), store.hasLockDelays]).toEqual([[], false]);
	});
});
