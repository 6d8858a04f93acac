import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IN_FLIGHT_MAX } from '../../shared/client/protocol.ts';
import { MEMBERS_MAX } from '../../shared/paxos/quorum.ts';
import { CLIENT_LIMITS, CONNECTIONS_OF_NODE_MAX, NODES_MAX, REQUEST_MARK } from '../../shared/store/client-limits.ts';
import { encodeCommand, type PartOfTransaction } from '../../shared/store/command.ts';
import { restoredStore } from '../../shared/store/restore.ts';
import type { Result } from '../../shared/store/result.ts';
import { Store } from '../../shared/store/store.ts';
import { CLIENT, Client, concat, encodeTransaction, identity, opening, put, savedState, textOf } from './commands.ts';

describe('a command', () => {
	it('that is chosen twice is applied once, and told its first outcome', () => {
		const client = new Client();
		expect(client.send(identity(2), put('a', '1', 0))).toEqual({ kind: 'applied', revision: 2, ok: true });
		expect(client.send(identity(2), put('a', '1', 0))).toEqual({ kind: 'duplicate', revision: 2, ok: true });
		expect(client.send(identity(3), put('a', '2', 0))).toEqual({ kind: 'applied', revision: 3, ok: false });
		client.send(identity(4), { kind: 'delete', key: 'a', cas: null });
		expect(client.send(identity(3), put('a', '2', 0))).toEqual({ kind: 'duplicate', revision: 3, ok: false });
		expect(client.store.revision).toBe(4);
	});

	it('that was overtaken by a later one of its client is still applied', () => {
		const client = new Client();
		client.send(identity(5), put('a', 'later'));
		expect(client.send(identity(3), put('a', 'earlier'))).toMatchObject({ kind: 'applied' });
		expect(textOf(client.store.get('a')?.value)).toBe('earlier');
	});

	it('whose answer was received is forgotten, and a late copy of it not applied', () => {
		const client = new Client();
		client.send(identity(2), put('a', '1'));
		client.send(identity(3, 2), put('a', '2'));
		expect(client.send(identity(2), put('a', '1'))).toEqual({ kind: 'forgotten' });
		expect(client.send(identity(3), put('a', '3'))).toMatchObject({ kind: 'duplicate' });
		expect(textOf(client.store.get('a')?.value)).toBe('2');
	});

	it('of a client that was never opened is not applied', () => {
		const store = new Store();
		const results: Result[] = [];
		const value = encodeCommand(identity(1), put('a', '1'));
		store.apply(value, (_client, _sequence, result) => results.push(result));
		expect(results).toEqual([{ kind: 'unknownClient' }]);
		expect([store.keysCount, store.revision]).toEqual([0, 0]);
	});

	it('tells its result by client and sequence', () => {
		const results: unknown[] = [];
		const value = concat(opening('s'), encodeCommand(identity(2, 0, 's'), put('a', '')));
		new Store().apply(value, (...result) => results.push(result));
		expect(results).toEqual([
			['s', 1, { kind: 'applied', revision: 1, ok: true }],
			['s', 2, { kind: 'applied', revision: 2, ok: true }],
		]);
	});
});

describe("a client's commands", () => {
	/** The steps of a proposer: which command it sends (again), and how far it has received answers by then. */
	const schedule = fc.array(fc.nat({ max: 15 }), { maxLength: 80 });

	it('in any order and any number of copies apply exactly once each, on all replicas alike', () => {
		fc.assert(
			fc.property(schedule, (order) => {
				const one = new Client();
				const other = new Store();
				other.apply(opening());
				const applied: number[] = [];
				for (const step of order) {
					const sequence = step + 2;
					const value = encodeCommand(identity(sequence), put(`k${sequence}`, `${applied.length}`));
					one.store.apply(value, (_client, told, result) => {
						if (result.kind === 'applied') applied.push(told);
					});
					other.apply(value);
				}
				const sent = new Set(order.map((step) => step + 2));
				expect(new Set(applied)).toEqual(sent);
				expect(applied).toHaveLength(sent.size);
				expect(one.store.revision).toBe(1 + sent.size);
				expect(other.save()).toEqual(one.store.save());
			}),
		);
	});

	it('never apply twice, also while the client acknowledges what it has received', () => {
		fc.assert(
			fc.property(schedule, (order) => {
				const client = new Client();
				const applied = new Set<number>();
				for (const step of order) {
					const sequence = step + 2;
					let receivedThrough = 1;
					while (applied.has(receivedThrough + 1)) receivedThrough++;
					const result = client.send(identity(sequence, receivedThrough), put('a', `${sequence}`));
					if (sequence <= receivedThrough) expect(result.kind).toBe('forgotten');
					else expect(result.kind).toBe(applied.has(sequence) ? 'duplicate' : 'applied');
					applied.add(sequence);
				}
				expect(client.store.revision).toBe(1 + applied.size);
			}),
		);
	});

	it('cost no memory once their answers are received', () => {
		const client = new Client();
		for (let i = 0; i < 70; i++) client.apply(put('a', 'x'));
		const after70 = client.store.save().length;
		for (let i = 0; i < 50; i++) client.apply(put('a', 'x'));
		expect(client.store.save().length).toBe(after70);
	});

	it('cost bounded memory though nothing is ever acknowledged, and even then none applies twice', () => {
		const client = new Client(new Store({ ...CLIENT_LIMITS, outcomesMax: 100 }));
		const send = (sequence: number) => client.send(identity(sequence), { kind: 'delete', key: 'none', cas: null });
		for (let sequence = 2; sequence <= 101; sequence++) expect(send(sequence).kind).toBe('applied');
		expect(send(2)).toEqual({ kind: 'duplicate', revision: 2, ok: true });
		const full = client.store.save().length;
		for (let sequence = 102; sequence <= 1000; sequence++) {
			if (sequence % 7 > 0) expect(send(sequence).kind).toBe('applied');
		}
		expect(client.store.save().length).toBeLessThan(1.5 * full);
		const { revision } = client.store;
		expect(send(900)).toEqual({ kind: 'forgotten' });
		// It was never applied, and never will be.
		expect(send(700)).toEqual({ kind: 'forgotten' });
		expect(send(901)).toMatchObject({ kind: 'duplicate' });
		expect(client.store.revision).toBe(revision);
		expect(send(903)).toMatchObject({ kind: 'applied' });
	});

	it('of all clients together have bounded outcomes: those of the client used least recently go first', () => {
		const store = new Store({ ...CLIENT_LIMITS, outcomesMax: 10, outcomesOfAllMax: 20 });
		const clients = ['idle', 'greedy', 'greedier', 'modest'].map((id) => new Client(store, id));
		const [idle, greedy, greedier, modest] = clients as [Client, Client, Client, Client];
		const send = (of: Client, sequence: number) => of.send(identity(sequence, 0, of.client), put('a', `${sequence}`));
		send(idle, 2);
		for (let sequence = 2; sequence < 40; sequence++) {
			send(greedy, sequence);
			if (sequence === 2) send(modest, 2);
			else expect(send(modest, 2).kind).toBe(sequence < 12 ? 'duplicate' : 'forgotten');
			send(greedier, sequence);
			expect(store.outcomesCount).toBeLessThanOrEqual(20);
		}
		expect(send(idle, 2)).toEqual({ kind: 'forgotten' });
		expect(send(greedier, 39)).toMatchObject({ kind: 'duplicate' });
		expect(send(modest, 3)).toMatchObject({ kind: 'applied' });
		const restored = restoredStore(store.save(), { ...CLIENT_LIMITS, outcomesMax: 10, outcomesOfAllMax: 20 });
		for (const each of [store, restored]) {
			const again = new Client(each, 'greedy');
			for (let sequence = 40; sequence < 60; sequence++) again.send(identity(sequence, 0, 'greedy'), put('b', ''));
		}
		expect(restored.save()).toEqual(store.save());
	});

	it('are forgotten alike by a store and by its copy, whatever the bounds on outcomes are', () => {
		const name = fc.constantFrom('a', 'b', 'c');
		const sends = fc.array(fc.tuple(name, fc.integer({ min: 1, max: 2 })), { maxLength: 60 });
		const bound = fc.integer({ min: 1, max: 6 });
		fc.assert(
			fc.property(bound, bound, sends, sends, (outcomesMax, outcomesOfAllMax, before, after) => {
				const limits = { ...CLIENT_LIMITS, outcomesMax, outcomesOfAllMax };
				const store = new Store(limits);
				const highest = new Map<string, number>();
				const send = (stores: readonly Store[], [id, leap]: readonly [string, number]) => {
					const sequence = (highest.get(id) ?? 1) + leap;
					highest.set(id, sequence);
					for (const each of stores) each.apply(encodeCommand(identity(sequence, 0, id), put('key', `${sequence}`)));
				};
				for (const id of ['a', 'b', 'c']) store.apply(opening(id));
				for (const each of before) send([store], each);
				const copy = restoredStore(store.save(), limits);
				for (const each of after) send([store, copy], each);
				expect(copy.save()).toEqual(store.save());
			}),
			{
				examples: [
					[
						6,
						1,
						[
							['a', 1],
							['a', 1],
							['a', 1],
						],
						[['b', 1]],
					],
				],
			},
		);
	});

	it('may acknowledge a leap of any size at once', () => {
		const client = new Client();
		client.send(identity(2), put('a', '1'));
		expect(client.send(identity(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - 1), put('a', '2'))).toMatchObject({
			kind: 'applied',
		});
		expect(client.send(identity(2), put('a', '1'))).toEqual({ kind: 'forgotten' });
	});
});

describe('a client', () => {
	it('that is open is not opened again', () => {
		const client = new Client();
		client.apply(put('a', '1'));
		const again = client.send(identity(7), { kind: 'registerClient', client: CLIENT });
		expect(again).toEqual({ kind: 'duplicate', revision: 1, ok: true });
		expect(client.send(identity(2), put('a', '2'))).toMatchObject({ kind: 'duplicate', revision: 2 });
	});

	const few = { ...CLIENT_LIMITS, clientsMax: 50, evictedMax: 100 };

	it('finds a place beside one at every connection of the largest swarm', () => {
		expect(NODES_MAX).toBe(MEMBERS_MAX);
		expect(CLIENT_LIMITS.clientsMax).toBeGreaterThanOrEqual(2 * MEMBERS_MAX * CONNECTIONS_OF_NODE_MAX);
		expect(CLIENT_LIMITS.evictedMax).toBeGreaterThanOrEqual(CLIENT_LIMITS.clientsMax);
		expect(CLIENT_LIMITS.outcomesOfAllMax).toBeGreaterThanOrEqual(2 * CLIENT_LIMITS.outcomesMax);
		// A client uses as many sequences before it waits for its first answer.
		expect(CLIENT_LIMITS.outcomesMax).toBeGreaterThanOrEqual(2 * IN_FLIGHT_MAX);
	});

	it('makes room when there are too many: the one used least recently', () => {
		const { store } = new Client(new Store(few), 'first');
		new Client(store, 'second');
		for (let i = 2; i < few.clientsMax; i++) new Client(store, `s${i}`);
		expect(store.clientsCount).toBe(few.clientsMax);
		const first = new Client(store, 'first');
		expect(first.apply(put('a', '1'))).toMatchObject({ kind: 'applied' });
		const second = new Client(store, 'second');
		new Client(store, 'one more');
		expect(store.clientsCount).toBe(few.clientsMax);
		expect(first.apply(put('a', '2'))).toMatchObject({ kind: 'applied' });
		expect(second.apply(put('a', '3'))).toEqual({ kind: 'unknownClient' });
	});

	it('evicts the least recently used client, as a table that was restored does', () => {
		const id = fc.nat({ max: 70 }).map((i) => `s${i}`);
		fc.assert(
			fc.property(fc.array(id, { minLength: 60, maxLength: 300 }), fc.nat({ max: 299 }), (used, restoredAt) => {
				let store = new Store(few);
				/** The client that was used last is the last one. */
				let open: string[] = [];
				const evicted = new Set<string>();
				const sequences = new Map<string, number>();
				for (const [at, client] of used.entries()) {
					if (at === restoredAt) store = restoredStore(store.save(), few);
					const sequence = (sequences.get(client) ?? 1) + 1;
					sequences.set(client, sequence);
					const results: string[] = [];
					const value = concat(opening(client), encodeCommand(identity(sequence, 0, client), put('a', '')));
					store.apply(value, (_client, _sequence, { kind }) => results.push(kind));
					if (evicted.has(client)) expect(results).toEqual(['unknownClient', 'unknownClient']);
					else expect(results).toEqual([open.includes(client) ? 'duplicate' : 'applied', 'applied']);
					if (evicted.has(client)) continue;
					open = [...open.filter((other) => other !== client), client];
					if (open.length > few.clientsMax) evicted.add(open.shift() as string);
				}
				expect(store.clientsCount).toBe(open.length);
				// No outcome was acknowledged, so those of all open clients are kept, and no others.
				const kept = open.reduce((sum, client) => sum + (sequences.get(client) as number) - 1, 0);
				expect(store.outcomesCount).toBe(kept);
			}),
		);
	});

	it('once closed never opens again: a late copy of everything it did applies as nothing', () => {
		const store = new Store(few);
		const everything = concat(opening(), encodeCommand(identity(2), put('a', 'first')));
		store.apply(everything);
		for (let i = 0; i < few.clientsMax + few.evictedMax - 1; i++) new Client(store, `s${i}`);
		const restored = restoredStore(store.save(), few);
		for (const each of [store, restored]) {
			const before = savedState(each);
			const results: Result[] = [];
			each.apply(everything, (_client, _sequence, result) => results.push(result));
			expect(results).toEqual([{ kind: 'unknownClient' }, { kind: 'unknownClient' }]);
			expect(savedState(each)).toEqual(before);
		}
	});

	it('that is a request takes one batch and never another one, also after a restore', () => {
		const name = `${REQUEST_MARK}request`;
		const single = (sequence: number) => encodeCommand(identity(sequence, 0, name), put('a', String(sequence)));
		const both = (sequence: number) =>
			encodeTransaction(identity(sequence, 0, name), [put('a', 'x'), put('b', 'y', sequence)] as PartOfTransaction[]);
		for (const [first, others] of [
			[single(128), [single(64), single(192), both(64), both(192)]],
			[both(128), [single(64), single(192), both(64), both(192), single(129)]],
		] as const) {
			const store = new Store(few);
			const resultsOf = (each: Store, value: Uint8Array): string[] => {
				const kinds: string[] = [];
				each.apply(value, (_client, _sequence, { kind }) => kinds.push(kind));
				return kinds;
			};
			store.apply(opening(name));
			expect(store.keepsOutcomesOf(name)).toBe(false);
			expect(new Set(resultsOf(store, first))).toEqual(new Set(['applied']));
			expect([store.keepsOutcomesOf(name), store.keepsOutcomesOf('another')]).toEqual([true, false]);
			for (const each of [store, restoredStore(store.save(), few)]) {
				const before = savedState(each);
				for (const other of others) {
					const told = new Set(resultsOf(each, other));
					expect(told).toEqual(new Set(other === others[4] ? ['duplicate'] : ['forgotten']));
				}
				expect(new Set(resultsOf(each, first))).toEqual(new Set(['duplicate']));
				expect(savedState(each)).toEqual(before);
			}
		}
	});

	it('costs bounded memory, however many come and go', () => {
		const store = new Store(few);
		const nameOf = (i: number): string => `client ${String(i).padStart(8, '0')}`;
		const total = few.clientsMax + few.evictedMax;
		const openings = Array.from({ length: total }, (_, i) => opening(nameOf(1_000_000 + i)));
		store.apply(concat(...openings));
		const full = store.save().length;
		store.apply(concat(opening(nameOf(9_000_000)), opening(nameOf(9_000_001))));
		expect(store.save().length).toBeLessThan(full + 10);
	});
});
