/** The adapter of keyv: keyv's own tests of adapters, and the adapter's own, at a real node. */
import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite';
import { Keyv, type KeyvStoreAdapter } from 'keyv';
import * as vitest from 'vitest';
import { BadKeyError, BadOptionsError } from '../../shared/client/errors.ts';
import { KeyvSwarm } from '../../shared/client/keyv.ts';
import { type TestClient, TestSwarm } from './nodes.ts';

const { afterAll, beforeAll, describe, expect, it, vi } = vitest;

let swarm: TestSwarm;
let client: TestClient;
beforeAll(async () => {
	swarm = await TestSwarm.start(1);
	client = swarm.client();
});
afterAll(() => swarm.stop());

function store(prefix?: string): KeyvStoreAdapter {
	return new KeyvSwarm({ client, prefix });
}

describe('keyv tests it', () => {
	keyvTestSuite(vitest, Keyv, store);
	keyvIteratorTests(vitest, Keyv, store);
});

describe('the adapter', () => {
	it('keeps what it is given under its prefix and namespace, and clears no more than that', async () => {
		const keyv = new Keyv({ store: store('cache/'), namespace: 'pages' });
		await keyv.set('a', { b: 1 });
		expect(await client.get('cache/pages:a')).not.toBeNull();
		await client.put('cache/other:a', 'x');
		await client.put('elsewhere', 'x');
		await keyv.clear();
		expect(await keyv.has('a')).toBe(false);
		expect((await client.get('cache/other:a'))?.lock.session).toBe('');
		await store('cache/').clear();
		expect([await client.get('cache/other:a'), (await client.get('elsewhere'))?.flags]).toEqual([null, 0n]);
	});

	it('takes an entry that is over for missing, and deletes it', async () => {
		const adapter = new KeyvSwarm({ client });
		await adapter.clear();
		vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 });
		try {
			await Promise.all(['a', 'b', 'd'].map((key) => adapter.set(key, key, 1000)));
			await adapter.set('c', '3');
			vi.setSystemTime(1_001_000);
			expect(await adapter.hasMany(['a', 'b', 'c'])).toEqual([true, true, true]);
			vi.setSystemTime(1_001_001);
			expect(await adapter.getMany(['a', 'c'])).toEqual([undefined, '3']);
			expect(await adapter.has('b')).toBe(false);
			expect(await client.get('keyv/a')).toBeNull();
			const all: unknown[] = [];
			for await (const entry of adapter.iterator()) all.push(entry);
			expect(all).toEqual([['c', '3']]);
			expect(await client.get('keyv/d')).toBeNull();
			expect(await adapter.deleteMany(['c', 'd'])).toBe(false);
		} finally {
			vi.useRealTimers();
		}
	});

	it('keeps an entry for ever whose time never ends, and takes no time that is none', async () => {
		const adapter = new KeyvSwarm({ client });
		for (const ttl of [Number.POSITIVE_INFINITY, Number.MAX_VALUE]) {
			await adapter.set('ever', 'x', ttl);
			expect((await client.get('keyv/ever'))?.flags).toBe(0n);
		}
		await expect(adapter.set('never', 'x', Number.NaN)).rejects.toThrow(BadOptionsError);
		await adapter.set('over', 'x', Number.NEGATIVE_INFINITY);
		expect(await adapter.hasMany(['ever', 'never', 'over'])).toEqual([true, false, false]);
	});

	it('gives back a text that begins with the sign of a byte order', async () => {
		const adapter = new KeyvSwarm({ client });
		await adapter.set('marked', '\ufeffx');
		expect(await adapter.getMany(['marked'])).toEqual(['\ufeffx']);
	});

	it('clears what it has written without a namespace', async () => {
		const keyv = new Keyv({ store: store('plain/') });
		keyv.namespace = '';
		await keyv.set('a', 1);
		expect(await client.get('plain/a')).not.toBeNull();
		await keyv.clear();
		expect(await client.get('plain/a')).toBeNull();
	});

	it('carries many at once in one frame', async () => {
		const keyv = new Keyv({ store: store() });
		const keys = ['1', '2', '3'];
		const { sent } = client.frames;
		expect(await keyv.setMany(keys.map((key) => ({ key, value: key })))).toEqual([true, true, true]);
		expect(client.frames.sent - sent).toBe(1);
		expect(await keyv.getMany(keys)).toEqual(keys);
		expect(await keyv.hasMany(keys)).toEqual([true, true, true]);
		expect(await keyv.deleteMany(keys)).toBe(true);
		expect(await keyv.hasMany(keys)).toEqual([false, false, false]);
	});

	it('tells by keyv’s event what a call has failed with, and closes its client', async () => {
		const own = swarm.client();
		const keyv = new Keyv({ store: new KeyvSwarm({ client: own }), namespace: 'n' });
		const failed = vi.fn();
		keyv.on('error', failed);
		expect(await keyv.set('bad\u0000key', 1)).toBe(false);
		expect(failed).toHaveBeenCalledWith(expect.any(BadKeyError));
		await keyv.disconnect();
		await expect(own.get('a')).rejects.toMatchObject({ why: 'closed' });
		expect(() => store('')).toThrow(BadOptionsError);
	});
});
