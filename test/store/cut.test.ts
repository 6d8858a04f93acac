import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedError, Writer } from '../../shared/bytes/bytes.ts';
import { OUTCOMES_OF_PIECE_MAX } from '../../shared/store/client-cut.ts';
import { CLIENT_LIMITS, type ClientLimits } from '../../shared/store/client-limits.ts';
import { encodeCommand, type Operation } from '../../shared/store/command.ts';
import type { Cut } from '../../shared/store/cut.ts';
import { PART } from '../../shared/store/cut-format.ts';
import { CHUNK_ITEMS_MAX } from '../../shared/store/key-index.ts';
import { restoredStore, StoreRestore } from '../../shared/store/restore.ts';
import { FORGOTTEN, UNKNOWN_CLIENT } from '../../shared/store/result.ts';
import type { SessionAttributes } from '../../shared/store/sessions.ts';
import { Store } from '../../shared/store/store.ts';
import { TOMBSTONE_MS_MIN } from '../../shared/store/tombstones.ts';
import { VIEWS_MAX } from '../../shared/store/views.ts';
import { acquire, Client, identity, opening, put, release, sessionId, textOf } from './commands.ts';

/** Few enough that clients are evicted, names are forgotten, and outcomes are dropped in each run. */
const FEW: ClientLimits = { clientsMax: 4, evictedMax: 3, outcomesMax: 5, outcomesOfAllMax: 12 };

const key = fc.string({ unit: fc.constantFrom('a', '/', 'ç', '\u{1f980}'), maxLength: 2 });
const session = fc.integer({ min: 1, max: 3 }).map(sessionId);
const DELETING: SessionAttributes = { name: 'ç', node: 'n', ttlMs: 10_000, lockDelayMs: 9000, behavior: 'delete' };
const operation: fc.Arbitrary<Operation> = fc.oneof(
	{ weight: 4, arbitrary: fc.tuple(key, fc.string({ maxLength: 3 })).map(([key, value]) => put(key, value)) },
	{ weight: 1, arbitrary: fc.tuple(key, fc.nat({ max: 40 })).map(([key, cas]) => put(key, 'cas', cas, 2n ** 40n)) },
	{ weight: 1, arbitrary: key.map((key) => put(key, new Uint8Array(1500).fill(key.length))) },
	{ weight: 3, arbitrary: key.map((key) => ({ kind: 'delete' as const, key, cas: null })) },
	{ weight: 1, arbitrary: key.map((prefix) => ({ kind: 'deletePrefix' as const, prefix })) },
	{ weight: 2, arbitrary: fc.tuple(key, session).map(([key, session]) => acquire(key, session, 'held')) },
	{
		weight: 2,
		arbitrary: session.map((session) => ({ kind: 'createSession' as const, session, attributes: DELETING })),
	},
	{ weight: 1, arbitrary: session.map((session) => ({ kind: 'renewSession' as const, session })) },
	{ weight: 1, arbitrary: session.map((session) => ({ kind: 'endSession' as const, session, renewed: null })) },
);
const step = fc.oneof(
	{
		weight: 8,
		arbitrary: fc.record({
			do: fc.constant('send' as const),
			client: fc.nat({ max: 9 }),
			sequence: fc.integer({ min: 2, max: 12 }),
			/** The client has received so many fewer. */
			unreceived: fc.nat({ max: 8 }),
			operation,
		}),
	},
	{ weight: 3, arbitrary: fc.record({ do: fc.constant('register' as const), client: fc.nat({ max: 9 }) }) },
	{ weight: 1, arbitrary: fc.record({ do: fc.constant('fill' as const), client: fc.nat({ max: 9 }), key }) },
	{ weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: TOMBSTONE_MS_MIN }) }) },
	{ weight: 1, arbitrary: fc.record({ do: fc.constant('tidy' as const), items: fc.nat({ max: 1000 }) }) },
	{ weight: 1, arbitrary: fc.record({ do: fc.constant('view' as const), prefix: key, isClosed: fc.boolean() }) },
	{ weight: 5, arbitrary: fc.record({ do: fc.constant('write' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

describe('a cut', () => {
	it('has more bytes in a part where they are those of long values, which are only copied', () => {
		const lengthsOf = (valueBytes: number) => {
			const store = new Store();
			const client = new Client(store);
			for (let i = 0; i < 40; i++) client.apply(put(`k${i}`, new Uint8Array(valueBytes)));
			return partsOf(store.cut(), 8192).map((part) => part.length);
		};
		expect(Math.max(...lengthsOf(900))).toBeLessThan(8192);
		expect(Math.max(...lengthsOf(16_384))).toBeGreaterThan(2 * 16_384);
		expect(Math.max(...lengthsOf(16_384))).toBeLessThan(8 * 8192);
		expect(lengthsOf(200_000).filter((length) => length > 200_000)).toHaveLength(40);
	});

	it('written while commands go on is that of a store that stood still, and its store goes on the same', () => {
		const steps = fc.array(step, { minLength: 10, maxLength: 60, size: 'max' });
		fc.assert(
			fc.property(steps, steps, fc.integer({ min: 1, max: 600 }), (before, after, bytesGoal) => {
				const moving = new Store(FEW);
				const still = new Store(FEW);
				for (const each of before) expect(carryOut(moving, each)).toEqual(carryOut(still, each));
				const expected = partsOf(still.cut(), bytesGoal);

				const cut = moving.cut();
				expect(cut.revision).toBe(still.revision);
				const restored = restoredOf(expected, FEW);
				const parts: Uint8Array[] = [];
				const out = new Writer();
				for (const each of after) {
					if (each.do === 'write' && cut.write(out, bytesGoal)) parts.push(out.take());
					expect(carryOut(moving, each)).toEqual(carryOut(restored, each));
				}
				parts.push(...partsOf(cut, bytesGoal));
				expect(parts).toEqual(expected);
				expect(moving.cutBytes).toBe(0);
				expect(restored.digest).toBe(moving.digest);
				expect(restored.save()).toEqual(moving.save());
			}),
			{ numRuns: 150 },
		);
	});

	it('has a client with many outcomes in pieces, also where it changes between them', () => {
		const client = new Client();
		const last = 3 * OUTCOMES_OF_PIECE_MAX + 7;
		for (let sequence = 2; sequence <= last; sequence++) client.send(identity(sequence), put('a', `${sequence}`));
		const expected = partsOf(restoredStore(client.store.save()).cut(), 1000);
		const cut = client.store.cut();
		const parts: Uint8Array[] = [];
		const out = new Writer();
		for (let sequence = last; cut.write(out, 1000); sequence++) {
			parts.push(out.take());
			client.send(identity(sequence, sequence - 5), put('a', ''));
		}
		expect(parts).toEqual(expected);
		expect(parts.filter(([kind]) => kind === PART.clients)).toHaveLength(4);
		cut.close();
		const restored = restoredOf(parts);
		expect(restored.outcomesCount).toBe(last - 1);
		expect(restored.outcomeOf(client.client, last)).toEqual({ kind: 'duplicate', revision: last, ok: true });
	});

	it('has parts of about the size that was asked for, but for single items that are larger', () => {
		const client = new Client();
		for (let i = 0; i < 3000; i++) client.apply(put(`k${i}`, new Uint8Array(i % 200)));
		client.apply(put('k7', new Uint8Array(100_000)));
		const lengths = partsOf(client.store.cut(), 8192).map(({ length }) => length);
		expect(lengths.filter((length) => length > 8192)).toEqual([lengths.reduce((a, b) => Math.max(a, b))]);
		// Only before the large value, and at the ends of sections, is there less than most of it.
		expect(lengths.filter((length) => length < 5000).length).toBeLessThan(6);
	});

	it('is the only one, and another one is taken once it is closed', () => {
		const { store } = new Client();
		const cut = store.cut();
		expect(() => store.cut()).toThrow('a cut of this store is open already');
		cut.close();
		cut.close();
		expect(() => cut.write(new Writer(), 100)).toThrow('the cut is closed');
		store.cut().close();
	});

	it('is no view of a reader: it counts against no bound, and bytes for it are counted apart until it is closed', () => {
		const client = new Client(new Store(), 'one');
		for (let i = 0; i < 2 * CHUNK_ITEMS_MAX; i++) client.apply(put(`k${i}`, 'before'));
		const { store } = client;
		const cut = store.cut();
		for (let i = 0; i < VIEWS_MAX; i++) expect(store.view('')).not.toBeNull();
		expect([store.view(''), store.viewsCount]).toEqual([null, VIEWS_MAX]);
		const opened = store.cutBytes;
		for (let i = 0; i < 10; i++) client.apply(put(`k${i}`, 'after'));
		client.send(identity(1000, 999, 'one'), put('a', ''));
		expect(store.cutBytes).toBeGreaterThan(opened + 10 * 'before'.length);
		cut.close();
		expect([store.cutBytes, store.viewsCount]).toEqual([0, VIEWS_MAX]);
	});

	it.each([1, 2, 3, 4])('is the same where every entry changes after part %i', (changedAfter) => {
		const client = new Client(new Store(), 'one');
		const change = (value: string) => {
			for (let i = 10; i < 30; i++) client.apply(put(`k${i}`, value));
		};
		change('before');
		const expected = partsOf(client.store.cut(), 200);
		const cut = client.store.cut();
		const parts: Uint8Array[] = [];
		for (const out = new Writer(); cut.write(out, 200); ) {
			parts.push(out.take());
			if (parts.length === changedAfter) change('after');
		}
		cut.close();
		expect(parts).toEqual(expected);
	});

	it('holds nothing of the entries that it has passed, and leaves readers theirs', () => {
		const client = new Client(new Store(), 'one');
		for (let i = 10; i < 30; i++) client.apply(put(`k${i}`, 'before'));
		const { store } = client;
		const cut = store.cut();
		const out = new Writer();
		for (let parts = 0; parts < 3; parts++) cut.write(out, 200);
		client.apply(put('k10', 'after'));
		const none = store.cutBytes;
		client.apply(put('k11', 'after'));
		expect(store.cutBytes).toBe(none);
		client.apply(put('k29', 'after'));
		expect(store.cutBytes).toBeGreaterThan(none);
		const view = store.view('k12');
		client.apply(put('k12', 'after'));
		const shown = view?.next();
		expect(textOf(shown?.bytes.slice(shown.start, shown.end))).toBe('before');
		cut.close();
	});

	it('keeps one copy of a client however often that changes, and none of clients that come later', () => {
		const client = new Client();
		const cut = client.store.cut();
		client.apply(put('a', ''));
		const once = client.store.cutBytes;
		for (let i = 0; i < 9; i++) client.apply(put('a', ''));
		const later = new Client(client.store, 'later');
		for (let i = 0; i < 9; i++) later.apply(put('a', ''));
		expect(client.store.cutBytes).toBe(once);
		cut.close();
	});
});

describe('a restore', () => {
	const parts = partsOf(busyStore().cut(), 40);

	it('of all parts gives the store, part by part or several at once', () => {
		const store = busyStore();
		expect(parts.length).toBeGreaterThan(10);
		expect(new Set(parts.map(([kind]) => kind))).toEqual(new Set(Object.values(PART)));
		expect(restoredOf(parts, FEW).save()).toEqual(store.save());
		expect(partsOf(restoredStore(store.save(), FEW).cut(), 40)).toEqual(parts);
	});

	it('refuses parts that are missing, doubled or out of order', () => {
		for (let at = 0; at < parts.length; at++) {
			const [before, part, after] = [parts.slice(0, at), parts.slice(at, at + 1), parts.slice(at + 1)];
			expect(() => restoredOf([...before, ...after], FEW)).toThrow(MalformedError);
			expect(() => restoredOf([...before, ...part, ...part, ...after], FEW)).toThrow(MalformedError);
			for (let to = 0; to < after.length; to++) {
				const moved = [...before, ...after.slice(0, to + 1), ...part, ...after.slice(to + 1)];
				expect(() => restoredOf(moved, FEW)).toThrow(MalformedError);
			}
		}
	});

	it('takes no byte for another one: what it takes in, a cut of its store writes again', () => {
		let taken = 0;
		for (const [at, part] of parts.entries()) {
			for (let byte = 0; byte < part.length; byte++) {
				for (const flip of [1, 2, 4, 8, 16, 32, 64, 128, 255]) {
					const changed = Uint8Array.from(part);
					changed[byte] = (part[byte] as number) ^ flip;
					const all = parts.with(at, changed);
					const store = restoredOrNull(all);
					if (store === null) continue;
					expect(partsOf(store.cut(), 40)).toEqual(all);
					taken++;
				}
			}
		}
		expect(taken).toBeGreaterThan(100);
	});

	it('refuses a state of a store with more room', () => {
		const limits = [{ clientsMax: 3 }, { evictedMax: 1 }, { outcomesMax: 2 }, { outcomesOfAllMax: 4 }];
		for (const limit of limits) expect(() => restoredOf(parts, { ...FEW, ...limit })).toThrow(MalformedError);
	});

	it('of no parts is none', () => {
		expect(() => new StoreRestore().finish()).toThrow(MalformedError);
	});
});

describe('a store that becomes another one', () => {
	it('has its state from then on, and closes its own cut and views', () => {
		const mine = new Client();
		mine.apply(put('mine', ''));
		const other = busyStore();
		const saved = other.save();
		const { store } = mine;
		const [cut, view] = [store.cut(), store.view('')];
		store.become(restoredStore(saved, FEW));
		expect([cut.isClosed, view?.isClosed, view?.next(), store.viewsCount, store.cutBytes]).toEqual([
			true,
			true,
			undefined,
			0,
			0,
		]);
		expect([store.revision, store.timeMs, store.digest]).toEqual([other.revision, other.timeMs, other.digest]);
		expect(store.save()).toEqual(saved);
		// It goes on as the other one does, with its limits, and with views and cuts of its own.
		const open = store.view('');
		expect(open).not.toBeNull();
		const next = store.cut();
		for (const each of ['x', 'y', 'z']) {
			expect(resultsOf(store, opening(each))).toEqual(resultsOf(other, opening(each)));
		}
		expect(store.save()).toEqual(other.save());
		expect(partsOf(next, 60)).toEqual(parts(saved));
	});

	function parts(saved: Uint8Array): Uint8Array[] {
		return partsOf(restoredStore(saved, FEW).cut(), 60);
	}
});

describe('the outcome of a command', () => {
	it('is known while it is kept, also after a restore', () => {
		const client = new Client();
		client.send(identity(2), put('a', '1'));
		client.send(identity(4), put('a', '2', 9));
		client.send(identity(3), put('a', '3'));
		const restored = restoredStore(client.store.save());
		for (const store of [client.store, restored]) {
			const outcomes = [1, 2, 3, 4, 5].map((sequence) => store.outcomeOf(client.client, sequence));
			expect(outcomes).toEqual([
				undefined,
				{ kind: 'duplicate', revision: 2, ok: true },
				{ kind: 'duplicate', revision: 4, ok: true },
				{ kind: 'duplicate', revision: 3, ok: false },
				undefined,
			]);
			expect(store.registrationOf(client.client)).toEqual({ kind: 'duplicate', revision: 1, ok: true });
			expect([store.outcomeOf('none', 2), store.registrationOf('none')]).toEqual([UNKNOWN_CLIENT, undefined]);
			store.apply(encodeCommand(identity(5, 3), put('a', '')));
			expect([2, 3].map((sequence) => store.outcomeOf(client.client, sequence))).toEqual([FORGOTTEN, FORGOTTEN]);
			expect(store.outcomeOf(client.client, 4)).toMatchObject({ revision: 3 });
		}
	});
});

/** A store with entries, deletions, clients with outcomes, and evicted clients, all within `FEW`. */
function busyStore(): Store {
	const store = new Store(FEW);
	const clients = ['p', 'q', 'r', 's', 't', 'u'].map((id) => new Client(store, id));
	const client = clients.at(-1) as Client;
	client.apply(put('ç', 'one', null, 0x2ddccbc058a50c18n));
	for (const each of ['a', 'b', 'c/1', 'c/2', 'd', 'e']) client.apply(put(each, `value of ${each}`));
	for (const each of ['a', 'd']) client.apply({ kind: 'delete', key: each, cas: null });
	client.wait(1000);
	client.apply({ kind: 'deletePrefix', prefix: 'c/' });
	const quiet = clients.at(-2) as Client;
	for (const sequence of [5, 3, 4]) quiet.send(identity(sequence, 2, quiet.client), put('k', `${sequence}`, sequence));
	for (const each of [1, 2, 3]) {
		const attributes = { ...DELETING, ttlMs: each, behavior: each === 3 ? ('release' as const) : DELETING.behavior };
		client.apply({ kind: 'createSession', session: sessionId(each), attributes });
	}
	client.apply({ kind: 'renewSession', session: sessionId(2) });
	for (const each of ['m', 'l', 'n']) client.apply(acquire(each, sessionId(3), 'waits'));
	client.apply(release('n', sessionId(3), 'not'));
	client.apply(acquire('o', sessionId(1), 'deleted'));
	client.apply(acquire('e', sessionId(2), 'held'));
	for (const each of [1, 3]) client.apply({ kind: 'endSession', session: sessionId(each), renewed: null });
	client.send(identity(30, 28, client.client), put('f', ''));
	client.send(identity(29, 28, client.client), put('g', ''));
	return store;
}

function carryOut(store: Store, each: Step): unknown {
	switch (each.do) {
		case 'register':
			return resultsOf(store, opening(`c${each.client}`));
		case 'send': {
			const receivedThrough = Math.max(0, each.sequence - 1 - each.unreceived);
			return resultsOf(
				store,
				encodeCommand(identity(each.sequence, receivedThrough, `c${each.client}`), each.operation),
			);
		}
		case 'fill': {
			const results: unknown[] = [];
			for (let i = 0; i < CHUNK_ITEMS_MAX; i++) {
				const operation = put(`${each.key}${(i * 211) % CHUNK_ITEMS_MAX}`, `${i}`);
				results.push(...resultsOf(store, encodeCommand(identity(100 + i, 99 + i, `c${each.client}`), operation)));
			}
			return results;
		}
		case 'wait':
			return store.passTime(each.ms);
		case 'tidy':
			return store.tidy(each.items);
		case 'view': {
			const view = store.view(each.prefix);
			if (each.isClosed) view?.close();
		}
	}
	return undefined;
}

function resultsOf(store: Store, batch: Uint8Array): unknown[] {
	const results: unknown[] = [];
	store.apply(batch, (...result) => results.push(result));
	return results;
}

/** The parts that are left of the cut, which is closed then. */
function partsOf(cut: Cut, bytesGoal: number): Uint8Array[] {
	const parts: Uint8Array[] = [];
	const out = new Writer();
	while (cut.write(out, bytesGoal)) parts.push(out.take().slice());
	cut.close();
	return parts;
}

function restoredOf(parts: readonly Uint8Array[], limits = CLIENT_LIMITS): Store {
	const restore = new StoreRestore(limits);
	for (const part of parts) restore.add(part);
	return restore.finish();
}

/** null where the parts are refused. Nothing but a `MalformedError` refuses them. */
function restoredOrNull(parts: readonly Uint8Array[]): Store | null {
	try {
		return restoredOf(parts, FEW);
	} catch (error) {
		expect(error).toBeInstanceOf(MalformedError);
		return null;
	}
}
