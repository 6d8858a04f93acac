/** Sessions and locks: who holds a key, what the end of a session does to its keys, and how many there may be. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sameBytes } from '../../shared/bytes/bytes.ts';
import { encodeCommand, type Operation, type PartOfTransaction, readCommands } from '../../shared/store/command.ts';
import { describeValue } from '../../shared/store/describe.ts';
import { LOCKS_MAX, SESSION_KEYS_MAX } from '../../shared/store/locks.ts';
import { restoredStore } from '../../shared/store/restore.ts';
import type { Result } from '../../shared/store/result.ts';
import {
	CHANGED_NODES_MAX,
	LOCK_DELAY_MS_MAX,
	SESSION_NAME_BYTES_MAX,
	SESSION_TTL_MS_MAX,
	SESSIONS_MAX,
	type SessionAttributes,
} from '../../shared/store/sessions.ts';
import { Store } from '../../shared/store/store.ts';
import type { View } from '../../shared/store/views.ts';
import { acquire, Client, encodeTransaction, identity, put, release, sessionId, textOf } from './commands.ts';
import { LockModel } from './lock-model.ts';

const PLAIN: SessionAttributes = { name: '', node: 'n1', ttlMs: 0, lockDelayMs: 0, behavior: 'release' };

function create(session: string, attributes: Partial<SessionAttributes> = {}): Operation {
	return { kind: 'createSession', session, attributes: { ...PLAIN, ...attributes } };
}

function end(session: string, renewed: number | null = null): Operation {
	return { kind: 'endSession', session, renewed };
}

const [A, B] = [sessionId(1), sessionId(2)];
const ok = (result: Result): boolean => 'ok' in result && result.ok;

describe('a lock', () => {
	it('is held by one session at a time, and its index grows with each change of the holder', () => {
		const client = new Client();
		for (const id of [A, B]) client.apply(create(id));
		expect(ok(client.apply(acquire('k', A, 'one')))).toBe(true);
		expect(client.store.get('k')).toMatchObject({
			lock: { session: A, index: 1 },
			createRevision: 4,
			modifyRevision: 4,
		});
		expect(ok(client.apply(acquire('k', B, 'two')))).toBe(false);
		expect(textOf(client.store.get('k')?.value)).toBe('one');
		// The holder writes again: the index stays, and where nothing changes the revision does too.
		expect(ok(client.apply(acquire('k', A, 'three')))).toBe(true);
		expect(client.store.get('k')).toMatchObject({ lock: { session: A, index: 1 }, modifyRevision: 6 });
		expect(ok(client.apply(acquire('k', A, 'three')))).toBe(true);
		expect(client.store.get('k')?.modifyRevision).toBe(6);
		expect(ok(client.apply(release('k', B, 'four')))).toBe(false);
		expect(ok(client.apply(release('k', A, 'three')))).toBe(true);
		expect(client.store.get('k')).toMatchObject({ lock: { session: '', index: 1 }, modifyRevision: 9 });
		expect(ok(client.apply(release('k', A, 'three')))).toBe(false);
		expect(ok(client.apply(acquire('k', B, 'five')))).toBe(true);
		expect(client.store.get('k')).toMatchObject({ lock: { session: B, index: 2 }, modifyRevision: 11 });
		// A write of somebody else leaves the lock as it is: it is advisory.
		client.apply(put('k', 'six'));
		expect(client.store.get('k')).toMatchObject({ lock: { session: B, index: 2 }, modifyRevision: 12 });
	});

	it('is nobody’s where the session is not there, and never that of a key that is deleted', () => {
		const client = new Client();
		expect(ok(client.apply(acquire('k', A, '')))).toBe(false);
		expect(client.store.get('k')).toBeUndefined();
		client.apply(create(A));
		for (const operation of [
			{ kind: 'delete', key: 'k', cas: null },
			{ kind: 'deletePrefix', prefix: '' },
		] as const) {
			client.apply(acquire('k', A, ''));
			expect(client.store.heldBy(A)).toBe(1);
			client.apply(operation);
			expect(client.store.heldBy(A)).toBe(0);
			client.apply(put('k', ''));
			expect(client.store.get('k')?.lock).toEqual({ session: '', index: 0 });
		}
	});
});

describe('a session', () => {
	it('lets its keys go when it ends, or deletes them, and nobody acquires them before the lock delay is over', () => {
		for (const behavior of ['release', 'delete'] as const) {
			const client = new Client();
			client.apply(create(A, { behavior, lockDelayMs: 15_000 }));
			client.apply(create(B));
			for (const key of ['x', 'y']) client.apply(acquire(key, A, key));
			client.apply(release('y', A, 'y'));
			client.apply(end(A));
			expect(client.store.session(A)).toBeUndefined();
			const x = client.store.get('x');
			if (behavior === 'delete') expect(x).toBeUndefined();
			else expect(x).toMatchObject({ lock: { session: '', index: 1 }, modifyRevision: 7 });
			expect(client.store.changeOfKey('x')).toBe(7);
			// What was let go before the end does not wait.
			expect(ok(client.apply(acquire('y', B, '')))).toBe(true);
			client.wait(14_999);
			expect([ok(client.apply(acquire('x', B, ''))), client.store.holdsBack('x')]).toEqual([false, true]);
			client.wait(1);
			expect([ok(client.apply(acquire('x', B, ''))), client.store.hasLockDelays]).toEqual([true, false]);
		}
	});

	it('ends by its time-out only where it was not renewed since', () => {
		const client = new Client();
		client.apply(create(A, { ttlMs: 10_000 }));
		client.apply({ kind: 'renewSession', session: A });
		expect(client.store.session(A)).toMatchObject({ createRevision: 2, renewedRevision: 3 });
		expect(client.store.changeOfSessions).toBe(2);
		expect(ok(client.apply(end(A, 2)))).toBe(false);
		expect(client.store.sessionsCount).toBe(1);
		expect(ok(client.apply(end(A, 3)))).toBe(true);
		expect([client.store.sessionsCount, client.store.changeOfSessions]).toEqual([0, 5]);
		expect(ok(client.apply(end(A, 3)))).toBe(false);
		expect(ok(client.apply(end(A)))).toBe(true);
		expect(ok(client.apply({ kind: 'renewSession', session: A }))).toBe(false);
		expect(client.store.changeOfSessions).toBe(5);
	});

	it('is told by its node when it last changed, exactly for so many nodes, and never too low', () => {
		const client = new Client();
		client.apply(create(A, { node: 'n1' }));
		client.apply(create(B, { node: 'n2' }));
		client.apply(put('k', 'x'));
		const changes = (store: Store) => [
			store.changeOfSession(A),
			store.changeOfSession(B),
			store.changeOfSessionsOf('n1'),
			store.changeOfSessionsOf('n2'),
			store.changeOfSessionsOf('n3'),
		];
		expect(changes(client.store)).toEqual([2, 3, 2, 3, 0]);
		client.apply(end(A));
		expect(changes(client.store)).toEqual([5, 3, 5, 3, 0]);
		expect(changes(restoredStore(client.store.save()))).toEqual([5, 3, 5, 5, 5]);
		for (let i = 2; i < CHANGED_NODES_MAX; i++) client.apply(create(sessionId(1 + i), { node: `other ${i}` }));
		expect(changes(client.store).slice(2)).toEqual([5, 3, 0]);
		const { changeOfSessions } = client.store;
		client.apply(create(A, { node: 'n3' }));
		expect(changes(client.store).slice(2)).toEqual([changeOfSessions, changeOfSessions, changeOfSessions + 1]);
	});

	it('is there once, and there are so many at most', () => {
		const client = new Client();
		for (let i = 0; i < SESSIONS_MAX; i++) client.apply(create(sessionId(i)));
		expect(client.store.sessionsCount).toBe(SESSIONS_MAX);
		expect(ok(client.apply(create(sessionId(SESSIONS_MAX))))).toBe(false);
		client.apply(end(A));
		expect(ok(client.apply(create(B)))).toBe(false);
		expect(ok(client.apply(create(sessionId(SESSIONS_MAX))))).toBe(true);
		const saved = client.store.save();
		expect(sameBytes(restoredStore(saved).save(), saved)).toBe(true);
	});

	it('holds so many keys at most, and all sessions together with the keys that wait', () => {
		const client = new Client();
		let session = 0;
		for (let i = 0; i < LOCKS_MAX; i++) {
			if (i % SESSION_KEYS_MAX === 0)
				client.apply(create(sessionId(++session), { lockDelayMs: 1000, behavior: 'delete' }));
			client.apply(acquire(`k${i}`, sessionId(session), ''));
			if (i === SESSION_KEYS_MAX - 1) {
				expect(ok(client.apply(acquire('one more', sessionId(session), '')))).toBe(false);
				expect(ok(client.apply(acquire('k0', sessionId(session), 'again')))).toBe(true);
			}
		}
		for (let i = 1; i <= session; i++) expect(client.store.heldBy(sessionId(i))).toBe(SESSION_KEYS_MAX);
		const last = sessionId(session + 1);
		client.apply(create(last));
		expect(ok(client.apply(acquire('one more', last, '')))).toBe(false);
		client.apply(end(A));
		expect(ok(client.apply(acquire('one more', last, '')))).toBe(false);
		const saved = client.store.save();
		expect(sameBytes(restoredStore(saved).save(), saved)).toBe(true);
		client.wait(1000);
		// Its delay is over, and was not dropped yet.
		expect(ok(client.apply(acquire('k999', last, '')))).toBe(true);
		const again = client.store.save();
		expect(sameBytes(restoredStore(again).save(), again)).toBe(true);
		expect(ok(client.apply(acquire('one more', last, '')))).toBe(true);
		// Each command drops few of those that wait no more.
		for (let i = 0; i < SESSION_KEYS_MAX / 4; i++) client.apply({ kind: 'tick' });
		expect(client.store.hasLockDelays).toBe(false);
		expect(client.store.roomOf(last)).toBe(SESSION_KEYS_MAX - 2);
	});
});

/** Few keys, of which some are prefixes of others, and few sessions. */
const key = fc.constantFrom('a', 'a/b', 'a/c', 'ç');
const session = fc.integer({ min: 1, max: 3 }).map(sessionId);
const value = fc.constantFrom('x', 'y');
const operation: fc.Arbitrary<Operation> = fc.oneof(
	{ weight: 5, arbitrary: fc.tuple(key, session, value).map(([key, session, value]) => acquire(key, session, value)) },
	{ weight: 2, arbitrary: fc.tuple(key, session, value).map(([key, session, value]) => release(key, session, value)) },
	{ weight: 2, arbitrary: fc.tuple(key, value).map(([key, value]) => put(key, value)) },
	{ weight: 1, arbitrary: key.map((key) => ({ kind: 'delete' as const, key, cas: null })) },
	{ weight: 1, arbitrary: key.map((prefix) => ({ kind: 'deletePrefix' as const, prefix })) },
	{
		weight: 1,
		arbitrary: fc.record({
			kind: fc.constant('checkSession' as const),
			key,
			session: fc.oneof(session, fc.constant('')),
		}),
	},
	{
		weight: 4,
		arbitrary: fc
			.tuple(session, fc.constantFrom(0, 900, 5000), fc.constantFrom('release' as const, 'delete' as const))
			.map(([id, lockDelayMs, behavior]) => create(id, { lockDelayMs, behavior, name: 'ç' })),
	},
	{ weight: 1, arbitrary: session.map((session) => ({ kind: 'renewSession' as const, session })) },
	{ weight: 2, arbitrary: fc.tuple(session, fc.option(fc.nat({ max: 20 }))).map(([id, renewed]) => end(id, renewed)) },
	{ weight: 1, arbitrary: fc.constant<Operation>({ kind: 'tick' }) },
);
const step = fc.oneof(
	{ weight: 12, arbitrary: operation },
	{ weight: 2, arbitrary: fc.nat({ max: 2000 }) },
	{ weight: 2, arbitrary: fc.constantFrom('open' as const, 'restore' as const) },
);

it('whatever sessions and locks do, the store does what simple code does, and its views stay as they were', () => {
	fc.assert(
		fc.property(fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), (steps) => {
			const model = new LockModel();
			const client = new Client();
			let views: { readonly view: View; readonly expected: unknown[] }[] = [];
			for (const each of steps) {
				if (typeof each === 'number') {
					model.timeMs += each;
					client.wait(each);
				} else if (each === 'open') {
					views.push({ view: client.store.view('') as View, expected: shownBy(client.store) });
				} else if (each === 'restore') {
					const saved = client.store.save();
					const restored = restoredStore(saved);
					expect(restored.save()).toEqual(saved);
					for (const { view } of views) view.close();
					views = [];
					client.store = restored;
				} else {
					expect(ok(client.apply(each))).toBe(model.apply(each));
				}
			}
			const { store } = client;
			expect(shownBy(store)).toEqual(store.list('').map(({ key }) => ({ key, ...model.entries.get(key) })));
			expect(store.keysCount).toBe(model.entries.size);
			expect(
				store
					.sessions()
					.map(({ id, name, lockDelayMs, behavior, renewedRevision }) => [
						id,
						name,
						lockDelayMs,
						behavior,
						renewedRevision,
					]),
			).toEqual(
				[...model.sessions].map(([id, { name, lockDelayMs, behavior, renewed }]) => [
					id,
					name,
					lockDelayMs,
					behavior,
					renewed,
				]),
			);
			expect(store.changeOfSessions).toBe(model.changeOfSessions);
			for (const each of ['a', 'a/b', 'a/c', 'ç']) expect(store.holdsBack(each)).toBe(model.holdsBack(each));
			for (const id of model.sessions.keys()) {
				const held = [...model.entries.values()].filter(({ session }) => session === id);
				expect(store.heldBy(id)).toBe(held.length);
			}
			for (const { view, expected } of views) {
				const seen: unknown[] = [];
				for (let entry = view.next(); entry; entry = view.next()) {
					seen.push(shown({ ...entry, value: entry.bytes.slice(entry.start, entry.end) }));
				}
				expect(seen).toEqual(expected);
			}
		}),
		{ numRuns: 500 },
	);
});

function shownBy(store: Store): unknown[] {
	return store.list('').map(shown);
}

function shown(entry: ReturnType<Store['list']>[number]): unknown {
	const { key, lock, createRevision, modifyRevision } = entry;
	const value = textOf(entry.value);
	return { key, value, session: lock.session, lockIndex: lock.index, createRevision, modifyRevision };
}

describe('a transaction with locks', () => {
	const part = operation.filter(
		(each): each is PartOfTransaction => !/Session$|tick/.test(each.kind) || each.kind === 'checkSession',
	);

	it('does what its commands would do one by one where all of these hold, and else nothing', () => {
		fc.assert(
			fc.property(
				fc.array(operation, { maxLength: 8 }),
				fc.array(part, { minLength: 1, maxLength: 6 }),
				(before, operations) => {
					const alone = new Client();
					for (const each of [1, 2].map((id) => create(sessionId(id), { lockDelayMs: 500 }))) alone.apply(each);
					for (const each of before) alone.apply(each);
					const store = restoredStore(alone.store.save());
					const unchanged = shownBy(store);
					const received = before.length + 3;
					const results: Result[] = [];
					const value = encodeTransaction(identity(received + 1, received), operations);
					store.apply(value, (_client, _sequence, result) => results.push(result));
					const expected = operations.map((each, at) => alone.send(identity(received + 1 + at, received), each));
					const held = expected.every(ok);
					if (held) expect(results).toEqual(expected);
					expect(results.every(ok)).toBe(held);
					expect(shownBy(store)).toEqual(held ? shownBy(alone.store) : unchanged);
					expect(restoredStore(store.save()).save()).toEqual(store.save());
				},
			),
			{ numRuns: 1000 },
		);
	});

	it('acquires no more keys than there is room for, whatever it lets go', () => {
		const client = new Client();
		client.apply(create(A));
		for (let i = 0; i < SESSION_KEYS_MAX - 1; i++) client.apply(acquire(`k${i}`, A, ''));
		const first = SESSION_KEYS_MAX + 2;
		const transact = (at: number, ...operations: Operation[]): boolean[] => {
			const results: Result[] = [];
			const value = encodeTransaction(identity(at, at - 1), operations as PartOfTransaction[]);
			client.store.apply(value, (_client, _sequence, result) => results.push(result));
			return results.map(ok);
		};
		expect(transact(first, acquire('x', A, ''), acquire('k0', A, 'again'), acquire('y', A, ''))).toEqual([
			true,
			true,
			false,
		]);
		expect(client.store.heldBy(A)).toBe(SESSION_KEYS_MAX - 1);
		expect(transact(first + 3, release('k0', A, ''), acquire('x', A, ''))).toEqual([true, true]);
		expect(transact(first + 5, release('k1', A, ''), acquire('y', A, ''), acquire('z', A, ''))).toEqual([
			true,
			true,
			false,
		]);
	});
});

describe('the bytes of sessions and locks', () => {
	const operations: Operation[] = [
		acquire('ç', A, 'x', 2n ** 63n),
		release('b', B, ''),
		{ kind: 'checkSession', key: 'c', session: '' },
		{ kind: 'checkSession', key: 'c', session: A },
		create(A, { name: 'ç', node: 'n2', ttlMs: SESSION_TTL_MS_MAX, lockDelayMs: LOCK_DELAY_MS_MAX, behavior: 'delete' }),
		{ kind: 'renewSession', session: A },
		end(A),
		end(A, 7),
		{ kind: 'tick' },
	];

	it('come back as they were', () => {
		for (const each of operations) {
			const [command] = readCommands(batchOf(each));
			expect(command?.operation).toEqual(each);
		}
	});

	it('are described', () => {
		expect(operations.map((each) => describeValue(batchOf(each)).text)).toEqual([
			'acquire ç = x for session 00000001…',
			'release b = "" of session 00000002…',
			'check that nobody holds c',
			'check that session 00000001… holds c',
			'create session 00000001… "ç"',
			'renew session 00000001…',
			'end session 00000001…',
			'end session 00000001…, which was not renewed',
			'let time pass',
		]);
	});

	it('are not made of what names no session, or has attributes out of bounds', () => {
		const wrong: Operation[] = [
			acquire('k', '', ''),
			acquire('k', A.toUpperCase().replace('0', 'A'), ''),
			release('k', 'x', ''),
			{ kind: 'checkSession', key: 'k', session: 'x' },
			{ kind: 'renewSession', session: '' },
			end('x'),
			create('x'),
			create(A, { name: 'x'.repeat(SESSION_NAME_BYTES_MAX + 1) }),
			create(A, { node: 'ç'.repeat(SESSION_NAME_BYTES_MAX / 2 + 1) }),
			create(A, { name: '\ud800' }),
			create(A, { ttlMs: SESSION_TTL_MS_MAX + 1 }),
			create(A, { ttlMs: -1 }),
			create(A, { lockDelayMs: LOCK_DELAY_MS_MAX + 1 }),
			create(A, { lockDelayMs: 0.5 }),
		];
		for (const each of wrong) expect(() => batchOf(each)).toThrow(RangeError);
	});

	it('are void where a byte of an id, of a kind or of the attributes is another one', () => {
		const value = batchOf(create(A, { name: 'name' }));
		const at = Buffer.from(value).indexOf(A);
		for (const [offset, byte] of [
			[at, 0x67],
			[at + 8, 0x30],
			// The length of the name, and the behavior in the last byte.
			[at + A.length + 1, 40],
			[value.length - 1, 2],
		] as const) {
			expect(new Store().apply(value.with(offset, byte))).toBe(false);
		}
		for (const each of [create(A), { kind: 'renewSession', session: A }, end(A), { kind: 'tick' }] as Operation[]) {
			const transaction = encodeTransaction(identity(2), [each as PartOfTransaction]);
			expect(() => readCommands(transaction)).toThrow('a session or a tick in a transaction');
		}
		const held = batchOf(acquire('k', A, ''));
		expect(new Store().apply(held.with(held.length - 1, 0x2d))).toBe(false);
		expect(new Store().apply(held.with(held.length - 1 - A.length, 37))).toBe(false);
	});

	function batchOf(each: Operation): Uint8Array {
		return encodeCommand(identity(2), each);
	}
});
