import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CLIENTS_MAX, EVICTED_CLIENTS_MAX, OUTCOMES_MAX } from '../../shared/store/client-table.ts';
import { encodeBatch, encodeCommand } from '../../shared/store/command.ts';
import { type Result, Store } from '../../shared/store/store.ts';
import { CLIENT, Client, identity, opening, put, textOf } from './commands.ts';

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
		const value = encodeBatch(1, [encodeCommand(identity(1), put('a', '1'))]);
		store.apply(value, (_session, _sequence, result) => results.push(result));
		expect(results).toEqual([{ kind: 'unknownClient' }]);
		expect([store.keysCount, store.revision]).toEqual([0, 0]);
	});

	it('tells its result by client and sequence', () => {
		const results: unknown[] = [];
		const value = encodeBatch(1, [opening('s'), encodeCommand(identity(2, 0, 's'), put('a', ''))]);
		new Store().apply(value, (...result) => results.push(result));
		expect(results).toEqual([
			['s', 1, { kind: 'applied', revision: 1, ok: true }],
			['s', 2, { kind: 'applied', revision: 2, ok: true }],
		]);
	});
});

describe("a client's commands", () => {
	/** Steps of a proposer: which of its commands goes out (again), and how far it has its answers by then. */
	const schedule = fc.array(fc.nat({ max: 15 }), { maxLength: 80 });

	it('in any order and any number of copies apply exactly once each, on all replicas alike', () => {
		fc.assert(
			fc.property(schedule, (order) => {
				const one = new Client();
				const other = new Store();
				other.apply(encodeBatch(one.timeMs, [opening()]));
				const applied: number[] = [];
				for (const step of order) {
					const sequence = step + 2;
					const value = encodeBatch(2000, [
						encodeCommand(identity(sequence), put(`k${sequence}`, `${applied.length}`)),
					]);
					one.store.apply(value, (_session, told, result) => {
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
		for (let i = 0; i < 50; i++) client.apply(put('a', 'x'));
		const after50 = client.store.save().length;
		for (let i = 0; i < 50; i++) client.apply(put('a', 'x'));
		expect(client.store.save().length).toBe(after50);
	});

	it('cost bounded memory though nothing is ever acknowledged, and even then none applies twice', () => {
		const client = new Client();
		const noted = Array.from({ length: OUTCOMES_MAX + 1 }, (_, i) =>
			encodeCommand(identity(i + 2), { kind: 'delete', key: 'none', cas: null }),
		);
		client.store.apply(encodeBatch(1, noted.slice(0, -1)));
		expect(client.send(identity(2), put('a', 'y'))).toEqual({ kind: 'duplicate', revision: 2, ok: true });
		const full = client.store.save().length;
		client.store.apply(encodeBatch(1, noted.slice(-1)));
		expect(client.store.save().length).toBeLessThan(0.6 * full);
		const { revision } = client.store;
		expect(client.send(identity(2), put('a', 'y'))).toEqual({ kind: 'forgotten' });
		expect(client.send(identity(OUTCOMES_MAX / 2 + 3), put('a', 'y'))).toMatchObject({ kind: 'duplicate' });
		expect(client.store.revision).toBe(revision);
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

	it('makes room when there are too many: the one used least recently', () => {
		const { store } = new Client(new Store(), 'first');
		new Client(store, 'second');
		for (let i = 2; i < CLIENTS_MAX; i++) new Client(store, `s${i}`);
		expect(store.clientsCount).toBe(CLIENTS_MAX);
		const first = new Client(store, 'first');
		expect(first.apply(put('a', '1'))).toMatchObject({ kind: 'applied' });
		const second = new Client(store, 'second');
		new Client(store, 'one more');
		expect(store.clientsCount).toBe(CLIENTS_MAX);
		expect(first.apply(put('a', '2'))).toMatchObject({ kind: 'applied' });
		expect(second.apply(put('a', '3'))).toEqual({ kind: 'unknownClient' });
	});

	it('once closed never opens again: a late copy of everything it did applies as nothing', () => {
		const store = new Store();
		const everything = encodeBatch(1, [opening(), encodeCommand(identity(2), put('a', 'first'))]);
		store.apply(everything);
		for (let i = 0; i < CLIENTS_MAX; i++) new Client(store, `s${i}`);
		const restored = Store.restore(store.save());
		for (const each of [store, restored]) {
			const before = each.save();
			const results: Result[] = [];
			each.apply(everything, (_session, _sequence, result) => results.push(result));
			expect(results).toEqual([{ kind: 'unknownClient' }, { kind: 'unknownClient' }]);
			expect(each.save()).toEqual(before);
		}
	});

	it('costs bounded memory, however many come and go', () => {
		const store = new Store();
		const nameOf = (i: number): string => `client ${String(i).padStart(8, '0')}`;
		const total = CLIENTS_MAX + EVICTED_CLIENTS_MAX;
		const openings = Array.from({ length: total }, (_, i) => opening(nameOf(1_000_000 + i)));
		store.apply(encodeBatch(1, openings));
		const full = store.save().length;
		store.apply(encodeBatch(1, [opening(nameOf(9_000_000)), opening(nameOf(9_000_001))]));
		expect(store.save().length).toBe(full);
	});
});
