/** Transactions: all commands have their effect, or none has, and the conditions are judged as one by one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IS_TRANSACTION, TRANSACTION_COMMANDS_MAX } from '../../shared/store/batch-format.ts';
import { CLIENT_LIMITS } from '../../shared/store/client-limits.ts';
import { type PartOfTransaction, readCommands } from '../../shared/store/command.ts';
import { describeValue } from '../../shared/store/describe.ts';
import { restoredStore } from '../../shared/store/restore.ts';
import type { Result } from '../../shared/store/result.ts';
import { Store } from '../../shared/store/store.ts';
import { READ_BYTES_MAX, TREE_KEYS_MAX } from '../../shared/store/transaction.ts';
import { bytesOf, CLIENT, Client, encodeTransaction, identity, opening, put, savedState } from './commands.ts';

/** Few letters, so that keys are each other's prefixes and are often the same. */
const key = fc.string({ unit: fc.constantFrom('a', '/', 'ç'), minLength: 1, maxLength: 2 });
/** Revisions that keys may have. */
const cas = fc.oneof(fc.constant(null), fc.constant(0), fc.integer({ min: 2, max: 5 }));
const write: fc.Arbitrary<PartOfTransaction> = fc.oneof(
	fc
		.record({ key, value: fc.constantFrom('x', 'y'), cas, flags: fc.constantFrom(0n, 7n) })
		.map(({ key, value, cas, flags }) => put(key, value, cas, flags) as PartOfTransaction),
	fc.record({ kind: fc.constant('delete' as const), key, cas }),
	key.map((prefix): PartOfTransaction => ({ kind: 'deletePrefix', prefix })),
);
const part: fc.Arbitrary<PartOfTransaction> = fc.oneof(
	{ weight: 3, arbitrary: write },
	{ weight: 2, arbitrary: fc.record({ kind: fc.constant('check' as const), key, cas }) },
	{ weight: 1, arbitrary: key.map((key): PartOfTransaction => ({ kind: 'read', key })) },
	{ weight: 1, arbitrary: key.map((prefix): PartOfTransaction => ({ kind: 'readTree', prefix })) },
);
const parts = fc.array(part, { minLength: 1, maxLength: 6 });

/** Applies a transaction. @param first the sequence of its first command */
function transact(store: Store, first: number, operations: readonly PartOfTransaction[]): Result[] {
	const results: Result[] = [];
	const value = encodeTransaction(identity(first, first - 1), operations);
	expect(store.apply(value, (_client, _sequence, result) => results.push(result))).toBe(true);
	expect(results).toHaveLength(operations.length);
	return results;
}

const oksOf = (results: readonly Result[]): boolean[] => results.map((result) => 'ok' in result && result.ok);

describe('a transaction', () => {
	it('does what its commands would do one by one where all of these hold, and else nothing', () => {
		fc.assert(
			fc.property(fc.array(write, { maxLength: 4 }), parts, (before, operations) => {
				const alone = new Client();
				for (const operation of before) alone.apply(operation);
				const saved = alone.store.save();
				const store = restoredStore(saved);
				const results = transact(store, before.length + 2, operations);
				const unchanged = alone.store.list('');
				const indexes = ['', 'a', 'ç', '/'].map((prefix) => store.changeOfPrefix(prefix));
				const received = before.length + 1;
				const expected = operations.map((operation, at) =>
					alone.send(identity(received + 1 + at, received), operation),
				);
				expect(results).toEqual(expected);
				if (!oksOf(expected).includes(false)) {
					expect(savedState(store)).toEqual(savedState(alone.store));
					return;
				}
				expect(store.list('')).toEqual(unchanged);
				expect(['', 'a', 'ç', '/'].map((prefix) => restoredStore(saved).changeOfPrefix(prefix))).toEqual(indexes);
				expect(store.revision).toBe(alone.store.revision);
			}),
			{ numRuns: 1000 },
		);
	});

	it.each<[string, PartOfTransaction[]]>([
		[
			'a write of the same value keeps the index',
			[put('a', 'x') as PartOfTransaction, { kind: 'check', key: 'a', cas: 2 }],
		],
		['a key that it has written', [put('b/c', 'x') as PartOfTransaction, { kind: 'check', key: 'b/c', cas: null }]],
		[
			'a key that it has written and deleted with a prefix',
			[
				put('b/c', 'x') as PartOfTransaction,
				{ kind: 'deletePrefix', prefix: 'b' },
				{ kind: 'check', key: 'b/c', cas: 0 },
			],
		],
		[
			'a key that it has deleted and written',
			[
				{ kind: 'deletePrefix', prefix: '' },
				put('a', 'y', 0) as PartOfTransaction,
				{ kind: 'check', key: 'a', cas: null },
			],
		],
		['a key that it has deleted', [{ kind: 'delete', key: 'a', cas: 2 }, put('a', 'x', 0) as PartOfTransaction]],
	])('judges a condition behind the commands before it: %s', (_, operations) => {
		const client = new Client();
		client.apply(put('a', 'x'));
		expect(oksOf(transact(client.store, 3, operations))).not.toContain(false);
	});

	it('that comes again has no second effect, and is told what became of each command', () => {
		fc.assert(
			fc.property(parts, parts, (operations, others) => {
				const store = new Client().store;
				const first = transact(store, 2, operations);
				const restored = restoredStore(store.save());
				transact(store, 100, others.slice(0, 1));
				for (const each of [store, restored]) {
					const saved = each.list('');
					const value = encodeTransaction(identity(2, 0), operations);
					const again: Result[] = [];
					each.apply(value, (_client, _sequence, result) => again.push(result));
					if (each === restored) expect(oksOf(again)).toEqual(oksOf(first));
					for (const result of again) expect(result.kind).not.toBe('applied');
					expect(each.list('')).toEqual(saved);
				}
			}),
		);
	});

	it('of a client that is not open has no effect', () => {
		const store = new Store();
		expect(transact(store, 2, [put('a', 'x') as PartOfTransaction])).toEqual([{ kind: 'unknownClient' }]);
		expect(store.keysCount).toBe(0);
	});

	it('of which some commands were applied before has no effect', () => {
		const { store } = new Client();
		transact(store, 3, [put('a', 'x') as PartOfTransaction]);
		const results = transact(store, 2, [put('b', 'x'), put('c', 'x'), put('d', 'x')] as PartOfTransaction[]);
		expect(results.map(({ kind }) => kind)).toEqual(['forgotten', 'duplicate', 'forgotten']);
		expect(store.list('').map(({ key }) => key)).toEqual(['a']);
	});

	it('is carried out as a whole where there is no room for its outcomes', () => {
		for (const outcomesOfAllMax of [1, 2, 3]) {
			const store = new Store({ ...CLIENT_LIMITS, outcomesMax: 4, outcomesOfAllMax });
			store.apply(opening());
			// An outcome above those of the transaction, so that all of them are forgotten at once.
			const later = encodeTransaction(identity(100, 0), [put('later', 'x') as PartOfTransaction]);
			store.apply(later);
			const operations = ['a', 'b', 'c'].map((name) => put(name, 'x') as PartOfTransaction);
			const value = encodeTransaction(identity(97, 0), operations);
			const results: Result[] = [];
			store.apply(value, (_client, _sequence, result) => results.push(result));
			expect(['a', 'b', 'c'].filter((name) => store.get(name)).length).toBe(results[0]?.kind === 'applied' ? 3 : 0);
			expect(new Set(results.map(({ kind }) => kind)).size).toBe(1);
			expect(restoredStore(store.save(), { ...CLIENT_LIMITS, outcomesMax: 4, outcomesOfAllMax }).save()).toEqual(
				store.save(),
			);
		}
	});

	it('reads prefixes only up to a bound, over all of them', () => {
		const client = new Client();
		const { store } = client;
		for (let i = 0; i < TREE_KEYS_MAX; i++) client.apply(put(`many/${i}`, 'x'));
		for (const name of ['a', 'b']) client.apply(put(`large/${name}`, new Uint8Array(READ_BYTES_MAX / 2)));
		const first = TREE_KEYS_MAX + 4;
		const tree = (prefix: string): PartOfTransaction => ({ kind: 'readTree', prefix });
		expect(oksOf(transact(store, first, [tree('many/')]))).toEqual([true]);
		expect(oksOf(transact(store, first + 1, [tree('large/')]))).toEqual([true]);
		expect(oksOf(transact(store, first + 2, [tree('large/a'), tree('many/')]))).toEqual([true, false]);
		const more = [put('many/new', 'x') as PartOfTransaction, tree('many/')];
		expect(oksOf(transact(store, first + 4, more))).toEqual([true, false]);
		const byOne = [put('large/c', 'x') as PartOfTransaction, tree('large/')];
		expect(oksOf(transact(store, first + 6, byOne))).toEqual([true, false]);
		expect(store.get('many/new') ?? store.get('large/c')).toBeUndefined();
	});
});

describe('what a transaction reads', () => {
	it('is bounded in bytes of values, over keys and prefixes', () => {
		const client = new Client();
		const { store } = client;
		const half = new Uint8Array(READ_BYTES_MAX / 2);
		for (const name of ['a', 'b']) client.apply(put(`large/${name}`, half));
		client.apply(put('small', 'x'));
		const check = (key: string): PartOfTransaction => ({ kind: 'check', key, cas: null });
		const read = (key: string): PartOfTransaction => ({ kind: 'read', key });
		let sequence = 5;
		const oks = (...operations: PartOfTransaction[]): boolean[] => {
			const held = oksOf(transact(store, sequence, operations));
			sequence += operations.length;
			return held;
		};
		expect(oks(check('large/a'), read('large/b'), read('missing'))).toEqual([true, true, true]);
		expect(oks(read('large/a'), check('large/b'), read('small'))).toEqual([true, true, false]);
		expect(oks(read('large/a'), read('large/a'), check('small'))).toEqual([true, true, false]);
		expect(oks({ kind: 'readTree', prefix: 'large/' }, read('small'))).toEqual([true, false]);
		// A value that the transaction itself has written counts as it is then.
		expect(oks(put('large/a', 'x') as PartOfTransaction, read('large/a'), read('large/b'))).toEqual([true, true, true]);
		// What is not read is not counted.
		const cas = store.get('large/b')?.modifyRevision ?? 0;
		const unread: PartOfTransaction = { kind: 'check', key: 'large/b', cas };
		expect(oks(unread, unread, unread, read('small'))).toEqual([true, true, true, true]);
	});
});

describe('the bytes of a transaction', () => {
	const operations: PartOfTransaction[] = [
		put('a', 'x', 5, 7n) as PartOfTransaction,
		{ kind: 'check', key: 'ç', cas: 0 },
		{ kind: 'check', key: 'b', cas: null },
		{ kind: 'read', key: 'c' },
		{ kind: 'readTree', prefix: '' },
		{ kind: 'delete', key: 'd', cas: 3 },
		{ kind: 'deletePrefix', prefix: 'e/' },
	];

	it('come back as they were', () => {
		const read = readCommands(encodeTransaction(identity(2), operations));
		expect(read.map(({ operation }) => operation)).toEqual(operations);
		expect(read.map(({ identity }) => identity.sequence)).toEqual([2, 3, 4, 5, 6, 7, 8]);
	});

	it('are described', () => {
		for (const [operation, text] of [
			[operations[1], 'check ç if absent'],
			[operations[2], 'check b'],
			[operations[3], 'read c'],
			[operations[4], 'read all under ""'],
		] as [PartOfTransaction, string][]) {
			expect(describeValue(encodeTransaction(identity(2), [operation])).text).toBe(text);
		}
	});

	it('are void where it is too long, or registers a client', () => {
		const many = Array.from({ length: TRANSACTION_COMMANDS_MAX + 1 }, () => put('a', 'x') as PartOfTransaction);
		expect(() => readCommands(encodeTransaction(identity(2), many))).toThrow('a transaction that is too long');
		expect(readCommands(encodeTransaction(identity(2), many.slice(1)))).toHaveLength(TRANSACTION_COMMANDS_MAX);
		const registers = opening();
		new DataView(registers.buffer).setUint32(4, IS_TRANSACTION + 1, true);
		expect(() => readCommands(registers)).toThrow('a registration in a transaction');
		expect(CLIENT.length).toBeGreaterThan(0);
		expect(bytesOf('x')).toHaveLength(1);
	});
});
