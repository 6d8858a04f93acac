import { afterEach, describe, expect, it } from 'vitest';
import type { SwarmClient, WriteResult } from '../../shared/client/client.ts';
import { BadKeyError, BadValueError, RefusedError, UnknownOutcomeError } from '../../shared/client/errors.ts';
import { VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import { TestSwarm } from './nodes.ts';

let swarm: TestSwarm;

afterEach(() => swarm.stop());

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && new TextDecoder().decode(bytes);

describe('a client', () => {
	it('reads what it has written, with flags and revisions', async () => {
		swarm = await TestSwarm.start(3);
		const client = swarm.client();
		const { ok, revision } = await client.put('a/ключ', 'red', { flags: 2n ** 63n });
		expect(ok).toBe(true);
		const entry = await client.get('a/ключ');
		expect(entry).toMatchObject({ flags: 2n ** 63n, createRevision: revision, modifyRevision: revision });
		expect(text(entry?.value)).toBe('red');
		expect(await client.get('missing')).toBeNull();
		expect(await client.delete('a/ключ')).toMatchObject({ ok: true });
		expect(await client.get('a/ключ')).toBeNull();
	});

	it('writes under a condition, or is told that it did not hold', async () => {
		swarm = await TestSwarm.start(3);
		const client = swarm.client();
		const first = await client.put('a', '1', { cas: 0 });
		expect(first.ok).toBe(true);
		expect((await client.put('a', '2', { cas: 0 })).ok).toBe(false);
		expect((await client.put('a', '2', { cas: first.revision })).ok).toBe(true);
		expect((await client.delete('a', { cas: first.revision })).ok).toBe(false);
		expect(text((await client.get('a'))?.value)).toBe('2');
	});

	it('sends what is called in one turn as one frame, on one connection', async () => {
		swarm = await TestSwarm.start(1);
		const client = swarm.client();
		await client.put('first', '');
		const { dials } = client;
		const { sent } = client.frames;
		const results = await Promise.all(Array.from({ length: 1000 }, (_, i) => client.put(`key ${i}`, `${i}`)));
		expect(client.frames.sent - sent).toBe(1);
		const [first] = results as [WriteResult];
		expect(results).toEqual(results.map((_, i) => ({ ok: true, revision: first.revision + i })));
		const entries = await Promise.all(results.map((_, i) => client.get(`key ${i}`)));
		expect(entries.map((entry) => text(entry?.value))).toEqual(results.map((_, i) => `${i}`));
		expect(client.frames.sent - sent).toBe(2);
		expect(client.dials).toBe(dials);
	});

	it('finds the leader from any node', async () => {
		swarm = await TestSwarm.start(3);
		const clients = swarm.urls.map((url) => swarm.client({ nodes: [url] }));
		await Promise.all(clients.map((client, i) => client.put(`${i}`, 'x')));
		await expect.poll(() => new Set(clients.map(({ node }) => node)).size).toBe(1);
		expect(clients[0]?.node).toMatch(/^n[123]$/);
	});

	it('carries values of the largest size, many at once', async () => {
		swarm = await TestSwarm.start(3);
		const client = swarm.client();
		const values = Array.from({ length: 30 }, (_, i) => new Uint8Array(VALUE_BYTES_MAX).fill(i));
		await Promise.all(values.map((value, i) => client.put(`large ${i}`, value)));
		const entries = await Promise.all(values.map((_, i) => client.get(`large ${i}`)));
		for (const [i, entry] of entries.entries()) {
			expect(entry?.value.length).toBe(VALUE_BYTES_MAX);
			expect(entry?.value.every((byte) => byte === i)).toBe(true);
		}
	});

	it('is given 100,000 calls at once, of which those that the node has no room for wait in line', async () => {
		swarm = await TestSwarm.start(1);
		const client = swarm.client();
		const puts = await Promise.all(Array.from({ length: 100_000 }, (_, i) => client.put(`key ${i % 1000}`, `${i}`)));
		expect(puts.every(({ ok }) => ok)).toBe(true);
		expect(new Set(puts.map(({ revision }) => revision)).size).toBe(100_000);
		const entries = await Promise.all(Array.from({ length: 100_000 }, (_, i) => client.get(`key ${i % 1000}`)));
		expect(entries.every((entry, i) => text(entry?.value) === `${99_000 + (i % 1000)}`)).toBe(true);
	});

	it('reads from the node itself where it asks for that', async () => {
		swarm = await TestSwarm.start(1);
		const client = swarm.client();
		await client.put('a', '1');
		expect(text((await client.get('a', { stale: true }))?.value)).toBe('1');
	});
});

describe('every write is applied once', () => {
	it('though connections break again and again while writes are unanswered', async () => {
		swarm = await TestSwarm.start(3);
		const client = swarm.client();
		await client.put('first', '');
		const results = await whileCalling(client, 3000, async (answered) => {
			for (let cuts = 1; cuts <= 20; cuts++) {
				await answered(cuts * 120);
				client.cut();
			}
		});
		expect(client.dials).toBeGreaterThan(20);
		await expectAppliedOnce(client, results);
	});

	it('though the node that it talks to stops, and another one leads', async () => {
		swarm = await TestSwarm.start(3);
		const client = swarm.client();
		await client.put('first', '');
		await expect.poll(() => client.node).not.toBe('');
		const before = client.node;
		const results = await whileCalling(client, 3000, async (answered) => {
			await answered(500);
			await swarm.node(before).close();
			swarm.nodes.delete(before);
		});
		expect(client.node).not.toBe(before);
		await expectAppliedOnce(client, results);
	});
});

describe('a call', () => {
	it('with a bad key, value, flags or condition fails, and nothing is sent', async () => {
		swarm = await TestSwarm.start(1);
		const client = swarm.client();
		await client.put('first', '');
		const { sent } = client.frames;
		await expect(client.put('', 'x')).rejects.toThrow(BadKeyError);
		await expect(client.get('/a')).rejects.toThrow(BadKeyError);
		await expect(client.delete('a\ud800')).rejects.toThrow(BadKeyError);
		await expect(client.put('k'.repeat(5000), 'x')).rejects.toThrow(BadKeyError);
		await expect(client.put('a', new Uint8Array(VALUE_BYTES_MAX + 1))).rejects.toThrow(BadValueError);
		await expect(client.put('a', 'x', { flags: -1n })).rejects.toThrow(BadValueError);
		await expect(client.put('a', 'x', { cas: 1.5 })).rejects.toThrow(BadValueError);
		await expect(client.delete('a', { cas: -1 })).rejects.toThrow(BadValueError);
		expect(client.frames.sent).toBe(sent);
		expect((await client.put('a', 'x')).ok).toBe(true);
	});

	it('fails with the reason of its signal, and the others go on', async () => {
		swarm = await TestSwarm.start(3, 1);
		const client = swarm.client();
		const abort = new AbortController();
		const put = client.put('a', 'x', { signal: abort.signal });
		const get = client.get('a', { signal: abort.signal });
		const other = client.put('b', 'x');
		abort.abort(new Error('enough'));
		await expect(put).rejects.toThrow('enough');
		await expect(get).rejects.toThrow('enough');
		await expect(client.put('a', 'x', { signal: abort.signal })).rejects.toThrow('enough');
		client.close();
		await expect(other).rejects.toThrow(/closed/);
	});

	it('is refused where no node can be reached in time', async () => {
		swarm = await TestSwarm.start(1, 0);
		const client = swarm.client({ timeoutMs: 50 });
		const refused = {
			name: 'RefusedError',
			why: 'timeout',
			message: expect.stringContaining(`${swarm.urls[0]}: the node cannot be reached`),
		};
		await expect(client.put('a', 'x')).rejects.toMatchObject(refused);
		await expect(client.get('a')).rejects.toMatchObject(refused);
	});

	it('is refused where the node finds no leader in time: it surely did not happen', async () => {
		swarm = await TestSwarm.start(3, 1, 50);
		const client = swarm.client({ timeoutMs: 500 });
		await expect(client.put('a', 'x')).rejects.toMatchObject({ name: 'RefusedError', why: 'noLeader' });
		await expect(client.get('a')).rejects.toMatchObject({ name: 'RefusedError', why: 'noLeader' });
		expect(await client.get('a', { stale: true })).toBeNull();
	});

	it('that was sent and not answered is of unknown outcome', async () => {
		swarm = await TestSwarm.start(3, 1);
		const client = swarm.client({ timeoutMs: 200 });
		await connected(client);
		await expect(client.put('a', 'x')).rejects.toThrow(UnknownOutcomeError);
	});

	it('of a closed client is refused', async () => {
		swarm = await TestSwarm.start(3, 1);
		const client = swarm.client();
		const unsent = client.put('a', 'x');
		client.close();
		await expect(unsent).rejects.toThrow(RefusedError);
		await expect(client.get('a')).rejects.toMatchObject({ why: 'closed' });
		client.close();
	});
});

/** Puts to so many keys, a few at a time. @returns the result of each */
async function whileCalling(
	client: ReturnType<TestSwarm['client']>,
	calls: number,
	meanwhile: (answered: (count: number) => Promise<void>) => Promise<void>,
): Promise<WriteResult[]> {
	const results: WriteResult[] = [];
	let next = 0;
	let watchers: { readonly count: number; readonly resolve: () => void }[] = [];
	const answered = (count: number): Promise<void> =>
		new Promise((resolve) => {
			watchers.push({ count, resolve });
		});
	const worker = async (): Promise<void> => {
		for (let i = next++; i < calls; i = next++) {
			results[i] = await client.put(`key ${i}`, `${i}`);
			const done = next;
			for (const { resolve } of watchers.filter(({ count }) => count <= done)) resolve();
			watchers = watchers.filter(({ count }) => count > done);
		}
	};
	await Promise.all([meanwhile(answered), ...Array.from({ length: 32 }, worker)]);
	return results;
}

/** Expects consecutive revisions, because each applied command takes one: no other command was applied between them. */
async function expectAppliedOnce(
	client: ReturnType<TestSwarm['client']>,
	results: readonly WriteResult[],
): Promise<void> {
	expect(results.every(({ ok }) => ok)).toBe(true);
	const revisions = results.map(({ revision }) => revision).sort((a, b) => a - b);
	const [first] = revisions as [number];
	expect(revisions).toEqual(revisions.map((_, i) => first + i));
	for (const [i, { revision }] of results.entries()) {
		expect(await client.get(`key ${i}`)).toMatchObject({ createRevision: revision, modifyRevision: revision });
	}
	expect((await client.put('last', '')).revision).toBe(first + results.length);
}

/** Waits until the client is connected, by a stale read, which needs no leader. */
async function connected(client: SwarmClient): Promise<void> {
	for (;;) {
		const answered = await client.get('a', { stale: true }).then(
			() => true,
			() => false,
		);
		if (answered) return;
	}
}
