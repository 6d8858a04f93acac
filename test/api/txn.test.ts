/** Transactions over HTTP. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Answer, TestNode } from './node.ts';
import { countPrints } from './prints.ts';

let node: TestNode;
beforeEach(async () => {
	node = await new TestNode().start();
	await node.put('/v1/kv/a?flags=7', 'red');
	await node.put('/v1/kv/b', 'blue');
});
afterEach(async () => {
	await node.stop();
	expect(node.errors).toEqual([]);
});

const txn = (operations: readonly object[], query = ''): Promise<Answer> =>
	node.put(`/v1/txn${query}`, JSON.stringify(operations.map((KV) => ({ KV }))));
const encoded = (text: string): string => Buffer.from(text).toString('base64');
const keys = (): string[] => node.replica.store.list('').map(({ key }) => key);
const entry = (Key: string, ModifyIndex: number, more: object = {}): object => ({
	KV: { LockIndex: 0, Key, Flags: 0, Value: null, CreateIndex: ModifyIndex, ModifyIndex, ...more },
});

describe('a transaction', () => {
	it('does all, and answers each operation by the state behind those before it', async () => {
		const answer = await txn([
			{ Verb: 'get', Key: 'a' },
			{ Verb: 'set', Key: 'c', Value: encoded('green'), Flags: 3 },
			{ Verb: 'cas', Key: 'b', Value: encoded('black'), Index: 3 },
			{ Verb: 'get', Key: 'b' },
			{ Verb: 'get-or-empty', Key: 'none' },
			{ Verb: 'check-index', Key: 'a', Index: 2 },
			{ Verb: 'check-not-exists', Key: 'none' },
			{ Verb: 'delete-cas', Key: 'a', Index: 2 },
			{ Verb: 'get-tree', Key: '' },
			{ Verb: 'delete-tree', Key: 'c' },
			{ Verb: 'delete', Key: 'none' },
		]);
		expect(answer.status).toBe(200);
		const red = { Flags: 7, CreateIndex: 2 };
		expect(answer.json).toEqual({
			Results: [
				entry('a', 2, { ...red, Value: encoded('red') }),
				entry('c', 5, { Flags: 3 }),
				entry('b', 6, { CreateIndex: 3 }),
				entry('b', 6, { CreateIndex: 3, Value: encoded('black') }),
				entry('none', 0),
				entry('a', 2, red),
				entry('b', 6, { CreateIndex: 3, Value: encoded('black') }),
				entry('c', 5, { Flags: 3, Value: encoded('green') }),
			],
			Errors: null,
		});
		expect(keys()).toEqual(['b']);
		expect(node.replica.transactions).toMatchObject([{ timeoutMs: 3000 }]);
	});

	it('with conditions that do not hold changes nothing, and answers all of them', async () => {
		const { status, json } = await txn(
			[
				{ Verb: 'set', Key: 'new', Value: encoded('x') },
				{ Verb: 'cas', Key: 'a', Value: '', Index: 9 },
				{ Verb: 'cas', Key: 'a', Value: '', Index: 0 },
				{ Verb: 'get', Key: 'none' },
				{ Verb: 'check-index', Key: 'a', Index: 0 },
				{ Verb: 'check-index', Key: 'none', Index: 0 },
				{ Verb: 'check-not-exists', Key: 'new' },
				{ Verb: 'delete-cas', Key: 'b', Index: '18446744073709551615' },
				{ Verb: 'delete', Key: 'a' },
			].map((each) => (each.Index === '18446744073709551615' ? { ...each, Index: 9_007_199_254_740_991 } : each)),
		);
		expect(status).toBe(409);
		expect(json).toEqual({
			Results: null,
			Errors: [
				{ OpIndex: 1, What: 'the key "a" does not have the index 9' },
				{ OpIndex: 2, What: 'the key "a" is there already' },
				{ OpIndex: 3, What: 'the key "none" is missing, or more than 1048576 bytes of values are to be read' },
				{ OpIndex: 4, What: 'the key "a" does not have the index 0' },
				{ OpIndex: 5, What: 'the key "none" does not have the index 0' },
				{ OpIndex: 6, What: 'the key "new" is there' },
				{ OpIndex: 7, What: 'the key "b" does not have the index 9007199254740991' },
			],
		});
		expect(keys()).toEqual(['a', 'b']);
	});

	it('carries flags and indexes of 64 bits whole', async () => {
		for (const flags of ['3304740253564472344', '18446744073709551615', '9007199254740993']) {
			const body = `[{"KV":{"Verb":"set","Key":"l\\"1234567890123456789","Value":"eA==","Flags":${flags}}}]`;
			expect((await node.put('/v1/txn', body)).text).toContain(`"Flags":${flags},`);
			expect((await node.get('/v1/kv/l%221234567890123456789')).text).toContain(`"Flags":${flags},`);
		}
		const body = '[{"KV":{"Verb":"check-index","Key":"a","Index":18446744073709551615}}]';
		expect(await node.put('/v1/txn', body)).toMatchObject({
			status: 409,
			json: { Errors: [{ What: 'the key "a" does not have the index 18446744073709551615' }] },
		});
	});

	it('without operations has no results, and with ?pretty is indented', async () => {
		expect(await txn([])).toMatchObject({ status: 200, text: '{"Results":[],"Errors":null}' });
		expect((await txn([{ Verb: 'get', Key: 'a' }], '?pretty')).text).toMatch(/^\{\n {4}"Results": \[\n/);
		expect(await txn([], '?dc=elsewhere')).toMatchObject({ status: 500, text: 'No path to datacenter' });
	});

	it.each(['LOCK', 'delete-session', 'SET', ''])('knows no verb %j, and then does nothing', async (Verb) => {
		const { status, json } = await txn([
			{ Verb: 'set', Key: 'new', Value: '' },
			{ Verb, Key: 'a', Session: 's' },
			{ Verb: 'set', Key: '/new', Value: '' },
			{ Verb: 'set', Value: '' },
			{ Verb: 'get-tree', Key: 'a/../' },
		]);
		expect([status, json]).toEqual([
			409,
			{
				Results: null,
				Errors: [
					{ OpIndex: 1, What: `unknown verb ${JSON.stringify(Verb)}` },
					{ OpIndex: 2, What: 'the key begins with a slash' },
					{ OpIndex: 3, What: 'the key is empty' },
					{ OpIndex: 4, What: 'the key has the segment ".."' },
				],
			},
		]);
		expect(node.replica.transactions).toEqual([]);
	});

	it.each([
		'',
		'x',
		'{}',
		'[1]',
		'[{}]',
		'[{"KV":{"Key":"a"}}]',
		'[{"KV":{"Verb":"set","Key":"a","Value":"not base64!"}}]',
		'[{"KV":{"Verb":"set","Key":"a","Flags":-1}}]',
		'[{"KV":{"Verb":"set","Key":"a","Flags":18446744073709551616}}]',
		'[{"KV":{"Verb":"cas","Key":"a","Index":1.5}}]',
		'[{"KV":{"Verb":"set","Key":5}}]',
		'[{"KV":{"Verb":"set","Key":1234567890123456}}]',
		'[{"KV":{"Verb":1234567890123456,"Key":"a"}}]',
		'[{"KV":{"Verb":"lock","Key":"a","Session":1234567890123456}}]',
		'[{"KV":{"Verb":"set","Key":"a","Flags":01234567890123456}}]',
	])('whose body is %j answers 400', async (body) => {
		const { status, text } = await node.put('/v1/txn', body);
		expect(status).toBe(400);
		expect(text).toMatch(/^Failed to parse body: ./);
	});

	it.each([
		['x', /JSON/],
		['[{"KV":', /JSON/],
		['[{"KV":{"Flags":1234567890123456', /^Failed to parse body: (?!.*integer).*JSON/],
		[Buffer.from([0xff]), /is not UTF-8$/],
	])('whose body %j is no JSON says so', async (body, message) => {
		expect((await node.put('/v1/txn', body)).text).toMatch(message);
	});

	it('takes no text of a client for a long integer', async () => {
		const forged = '\\u0000integer 1234567890123456';
		const flags = await node.put('/v1/txn', `[{"KV":{"Verb":"set","Key":"a","Flags":"${forged}"}}]`);
		expect([flags.status, flags.text]).toEqual([400, expect.stringMatching(/0\.KV\.Flags: /)]);
		expect((await node.put('/v1/txn', `[{"KV":{"Verb":"set","Key":"${forged}"}}]`)).status).toBe(409);
	});

	// Nothing in it may be looked at twice: then a body of this size would keep the node busy for minutes.
	it.each([
		['a string that does not end', `1234567890123456"${'\\"'.repeat(262_000)}`, 400],
		['lists in lists', '['.repeat(524_288), 413],
		['very many numbers', `[${'1234567890123456,'.repeat(30_000)}0]`, 413],
		['very many things that are no operations', `[${'{},'.repeat(170_000)}{}]`, 413],
	])('whose body is %s is refused', async (_, body, status) => {
		expect((await node.put('/v1/txn', body)).status).toBe(status);
		expect(node.replica.transactions).toEqual([]);
	});

	it('takes a field that is not known for no more than that, whatever is in it', async () => {
		const more = `{"__proto__":[${'1234567890123456,'.repeat(4_000)}"\\"1234567890123456"]}`;
		const body = `[{"KV":{"Verb":"set","Key":"c","Flags":9007199254740993,"More":${more}}}]`;
		expect(await node.put('/v1/txn', body)).toMatchObject({ status: 200 });
		expect((await node.get('/v1/kv/c')).text).toContain('"Flags":9007199254740993,');
	});

	it('has 64 operations and 524,288 bytes at most', async () => {
		const set = { Verb: 'set', Key: 'a', Value: '' };
		expect((await txn(Array.from({ length: 64 }, () => set))).status).toBe(200);
		expect(await txn(Array.from({ length: 65 }, () => set))).toMatchObject({
			status: 413,
			text: 'Transaction contains too many operations (65 > 64)',
		});
		expect(await node.put('/v1/txn', ' '.repeat(524_289))).toMatchObject({
			status: 413,
			text: 'Request body(524289 bytes) too large, max size: 524288 bytes.',
		});
		expect(await node.get('/v1/txn')).toMatchObject({ status: 405, text: 'method GET not allowed' });
		const { status, headers } = await node.ask('OPTIONS', '/v1/txn');
		expect([status, headers.allow]).toEqual([200, 'OPTIONS, PUT']);
	});

	it('takes operations of keys only', async () => {
		for (const kind of ['Node', 'Service', 'Check', 'Session']) {
			const body = JSON.stringify([{ [kind]: { Verb: 'delete', Session: { ID: 'x' } } }]);
			const { status, text, headers } = await node.put('/v1/txn', body);
			expect([status, headers['content-type']]).toEqual([400, 'text/plain; charset=utf-8']);
			expect(text).toMatch(/^Failed to parse body: 0\.KV: /);
		}
	});

	it('that is not chosen is answered as another write', async () => {
		const { replica } = node;
		replica.answerNext = { outcome: 'refused', why: 'noLeader', detail: 'none', attempts: [] };
		const refused = await txn([{ Verb: 'delete', Key: 'a' }]);
		expect(refused).toMatchObject({ status: 500, text: 'No cluster leader' });
		expect(refused.headers).toMatchObject({ 'x-swarm-outcome': 'not-applied', 'x-swarm-refused': 'noLeader' });
		replica.answerNext = { outcome: 'unknown', why: 'timeout', detail: 'not chosen in time', attempts: [] };
		expect((await txn([{ Verb: 'delete', Key: 'a' }])).headers['x-swarm-outcome']).toBe('unknown');
	});

	it('does not look at what lies below a prefix where that is too much to be read', async () => {
		for (let from = 0; from < 1088; from += 64) {
			await txn(Array.from({ length: 64 }, (_, at) => ({ Verb: 'set', Key: `many/${from + at}` })));
		}
		const looks = vi.spyOn(node.replica.store, 'list');
		const { status, json } = await txn([
			{ Verb: 'get-tree', Key: 'many/1' },
			{ Verb: 'get-tree', Key: '' },
			{ Verb: 'get-tree', Key: '' },
		]);
		expect([status, (json as { Errors: unknown[] }).Errors.length]).toEqual([409, 2]);
		expect(looks.mock.calls).toEqual([['many/1']]);
		// What was asked for at first may have grown since, where the transaction was applied before.
		node.replica.appliedFirst = { kind: 'put', key: 'many/1/1', value: new Uint8Array(1), flags: 0n, cas: null };
		expect((await txn([{ Verb: 'get-tree', Key: 'many/1' }])).headers['x-swarm-outcome']).toBe('applied');
		expect(looks.mock.calls).toEqual([['many/1']]);
	});

	it('that does not happen prints nothing of what it would have read', async () => {
		const ended = countPrints();
		// The deletion leaves nothing to be read, so no bound on what is read stops it.
		const { status } = await txn([
			{ Verb: 'delete-tree', Key: '' },
			...['a', 'b', 'a', 'b'].map((Key) => ({ Verb: 'get-or-empty', Key })),
			{ Verb: 'check-not-exists', Key: 'a' },
			{ Verb: 'check-index', Key: 'none', Index: 9 },
		]);
		expect([status, ended()]).toEqual([409, []]);
	});

	it('is printed in a turn of its own where it reads much and others are chosen with it', async () => {
		await node.put('/v1/kv/large', 'x'.repeat(300_000));
		const { replica } = node;
		const transact = replica.transact.bind(replica);
		const gathered: (() => void)[] = [];
		replica.transact = async (...asked) => {
			await new Promise<void>((resolve) => {
				if (gathered.push(resolve) === 3) for (const goOn of gathered) goOn();
			});
			return transact(...asked);
		};
		const ended = countPrints();
		const answers = await Promise.all([1, 2, 3].map(() => txn([{ Verb: 'get', Key: 'large' }])));
		expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
		expect(ended()).toEqual([1, 1, 1]);
	});

	it('of which this node has only seen a snapshot has happened, and tells no later state as what it read', async () => {
		const asked = [
			{ Verb: 'set', Key: 'a', Value: encoded('x') },
			{ Verb: 'get-tree', Key: 'b/' },
			{ Verb: 'delete', Key: 'c' },
		];
		for (const [key, isChanged] of [
			['a', true],
			['b/1', true],
			['c', false],
			['b', false],
		] as const) {
			node.replica.appliedFirst = { kind: 'put', key, value: new Uint8Array(1), flags: 0n, cas: null };
			const answer = await txn(asked);
			const { Results, Errors } = answer.json as { Results: unknown; Errors: unknown };
			expect([answer.status, Results === null, Errors], key).toEqual([200, isChanged, null]);
			expect(answer.headers['x-swarm-outcome'], key).toBe(isChanged ? 'applied' : undefined);
			await node.ask('DELETE', '/v1/kv/b/?recurse');
		}
		expect((await txn([{ Verb: 'get', Key: 'none' }])).status).toBe(409);
	});

	it('ends the waits of the keys that it writes', async () => {
		const waits = node.replica.nextWait();
		const answer = node.get('/v1/kv/b?index=3');
		await waits;
		await txn([
			{ Verb: 'set', Key: 'b', Value: encoded('x') },
			{ Verb: 'check-index', Key: 'a', Index: 9 },
		]);
		expect(node.replica.waits.count).toBe(1);
		await txn([{ Verb: 'set', Key: 'b', Value: encoded('y') }]);
		expect((await answer).json).toMatchObject([{ Value: encoded('y') }]);
	});
});
