/** Arguments in JavaScript may be of any type: a wrong one fails its own call at once, with a typed error. */
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from 'vitest';
import { SwarmClient } from '../../shared/client/client.ts';
import { BadKeyError, BadOptionsError, BadValueError } from '../../shared/client/errors.ts';
import { VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import { TestSwarm } from './nodes.ts';

let swarm: TestSwarm | undefined;

afterEach(() => swarm?.stop());

/** The client without its types. */
type Untyped = Record<'get' | 'put' | 'delete', (...args: unknown[]) => Promise<unknown>>;

function detached(): Uint8Array {
	const bytes = new Uint8Array(8);
	structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
	return bytes;
}

const keys: readonly unknown[] = [
	undefined,
	null,
	1,
	1n,
	true,
	Symbol('a'),
	{},
	[],
	['a'],
	{ toString: () => 'a' },
	Object.create(null),
	() => 'a',
	new Uint8Array(1),
	'',
	'\ud800',
	'a\udfff',
	'k'.repeat(4097),
	'é'.repeat(4096),
	'k'.repeat(2 ** 28),
	'/a',
	'a/../b',
];

const values: readonly unknown[] = [
	undefined,
	null,
	1,
	1n,
	true,
	Symbol('a'),
	{},
	[1, 2],
	{ length: 3 },
	new ArrayBuffer(8),
	new SharedArrayBuffer(8),
	new Uint8Array(new SharedArrayBuffer(8)),
	new Uint16Array(4),
	new Uint8ClampedArray(4),
	new DataView(new ArrayBuffer(8)),
	detached(),
	'half \ud83d',
	'v'.repeat(VALUE_BYTES_MAX + 1),
	'é'.repeat(VALUE_BYTES_MAX),
	'v'.repeat(2 ** 28),
	new Uint8Array(VALUE_BYTES_MAX + 1),
];

const options: readonly unknown[] = [
	null,
	1,
	'cas',
	true,
	{ flags: 1 },
	{ flags: '1' },
	{ flags: null },
	{ flags: -1n },
	{ flags: 2n ** 64n },
	{ cas: Number.NaN },
	{ cas: -1 },
	{ cas: 1.5 },
	{ cas: 2 ** 53 },
	{ cas: 2 ** 53 - 1 },
	{ cas: Number.POSITIVE_INFINITY },
	{ cas: '1' },
	{ cas: 1n },
	{ cas: null },
	{ signal: null },
	{ signal: {} },
	{ signal: 'abort' },
	{ signal: new EventTarget() },
];

function raise(): never {
	throw new RangeError('no trace');
}

const errors = [BadKeyError, BadValueError, BadOptionsError];

describe('a wrong argument', () => {
	it('rejects, alone and typed, and nothing else of its turn is harmed', async () => {
		swarm = await TestSwarm.start(1);
		const client = swarm.client();
		const untyped = client as unknown as Untyped;
		const wrong: [unknown, Promise<unknown>][] = [];
		const good: Promise<unknown>[] = [];
		const call = (what: unknown, promise: Promise<unknown>): void => {
			wrong.push([
				what,
				promise.then(
					() => 'settled',
					(error: unknown) => error,
				),
			]);
			good.push(client.put(`good ${good.length}`, 'v'), client.get('nothing'), client.delete('nothing'));
		};
		for (const key of keys) {
			for (const promise of [untyped.get(key), untyped.put(key, 'v'), untyped.delete(key)]) call(key, promise);
		}
		for (const value of values) call(value, untyped.put('a', value));
		for (const each of options) {
			call(each, untyped.put('a', 'v', each));
			if (!(typeof each === 'object' && each !== null && 'flags' in each)) call(each, untyped.delete('a', each));
		}
		for (const each of [null, 1, { stale: 1 }, { stale: null }, { signal: 1 }]) call(each, untyped.get('a', each));
		for (const [what, promise] of wrong) {
			const error = await promise;
			expect(
				errors.some((type) => error instanceof type),
				`${typeof what} ${JSON.stringify(error)}`,
			).toBe(true);
			expect((error as Error).message.length).toBeLessThan(200);
		}
		expect(await Promise.all(good)).toHaveLength(good.length);
	}, 60_000);

	it('is not what only looks unusual: views, other realms, empty values and options left out', async () => {
		swarm = await TestSwarm.start(1);
		const client = swarm.client();
		const untyped = client as unknown as Untyped;
		const foreign: unknown = runInNewContext('Uint8Array.of(7, 8)');
		await untyped.put('foreign', foreign, undefined);
		await client.put('view', new Uint8Array(Uint8Array.of(1, 2, 3, 4).buffer, 1, 2), { cas: 0 });
		await client.put('node', Buffer.from('bytes'), { flags: 2n ** 64n - 1n });
		await client.put('empty', new Uint8Array(0));
		await untyped.put('left out', '', { cas: undefined, flags: undefined, signal: undefined, other: 1 });
		const got = await Promise.all(['foreign', 'view', 'node', 'empty', 'left out'].map((key) => client.get(key)));
		expect(got.map((entry) => Buffer.from(entry?.value ?? []).toString('latin1'))).toEqual([
			'\x07\x08',
			'\x02\x03',
			'bytes',
			'',
			'',
		]);
	});

	it.each([
		['throws', () => raise()],
		['returns nothing', () => undefined],
		['returns a number', () => 5],
		['returns a text of another form', () => 'x'.repeat(300)],
	])('of a write is no traceparent that %s: the write has no trace, and happens', async (_, traceparent) => {
		swarm = await TestSwarm.start(1);
		const client = swarm.client({ traceparent: traceparent as never });
		const session = await client.session();
		const [put, deleted, txn] = await Promise.all([
			client.put('a', 'x', { cas: 0 }),
			client.delete('b'),
			client.txn([{ kind: 'check', key: 'c', cas: 0 }]),
			session.destroy(),
		]);
		expect([put.ok, deleted.ok, txn.ok]).toEqual([true, true, true]);
		client.close();
	});

	it('does not change what it was when the value is written over after the call', async () => {
		swarm = await TestSwarm.start(1);
		const client = swarm.client();
		const bytes = Uint8Array.of(1, 2, 3);
		const put = client.put('a', bytes);
		bytes.fill(9);
		await put;
		expect([...((await client.get('a'))?.value ?? [])]).toEqual([1, 2, 3]);
	});
});

describe('an address', () => {
	const good = 'http://127.0.0.1:7101';
	const connect = (): never => {
		throw new Error('nobody dials here');
	};
	const addresses: readonly unknown[] = [
		'',
		'http://',
		'127.0.0.1:7101',
		'localhost:7101',
		'ws://127.0.0.1:7101',
		'ftp://127.0.0.1',
		'http://127.0.0.1:99999',
		'http://[::1',
		'http://a b',
		'http://127.0.0.1:7101/?a',
		'http://127.0.0.1:7101/#a',
		'http://127.0.0.1:7101?',
		'http://user:password@127.0.0.1:7101',
		undefined,
		null,
		7101,
		{},
		Symbol('a'),
	];

	it.each(addresses.map((address) => [typeof address === 'string' ? address : typeof address, address]))(
		'that cannot be one makes the constructor throw, by name: %s',
		(name, address) => {
			for (const nodes of [[address], [good, address]]) {
				const make = (): SwarmClient => new SwarmClient({ nodes: nodes as string[], connect });
				expect(make).toThrow(RangeError);
				expect(make).toThrow(`nodes[${nodes.length - 1}]`);
				expect(make).toThrow(name === '' ? '""' : String(name));
			}
		},
	);

	it('is one of at least one, and the other options are what they should be', () => {
		const make = (options: unknown) => () => new SwarmClient(options as never);
		expect(make({ nodes: [], connect })).toThrow('nodes');
		expect(make({ nodes: good, connect })).toThrow('nodes');
		expect(make({ connect })).toThrow('nodes');
		expect(make({ nodes: [good] })).toThrow('connect');
		for (const timeoutMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '5', null]) {
			expect(make({ nodes: [good], connect, timeoutMs })).toThrow('timeoutMs');
		}
	});

	it('that cannot be dialed fails calls in time and says why, and the client can be closed', async () => {
		const client = new SwarmClient({ nodes: [good, 'https://[::1]:7102/swarm/'], connect, timeoutMs: 100 });
		await expect(client.put('a', 'x')).rejects.toThrow('nobody dials here');
		client.close();
	});
});
