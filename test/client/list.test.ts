/** Lists of keys, and the deletion of many, at a real node. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BadKeyError, BadOptionsError } from '../../shared/client/errors.ts';
import { PAGE_KEYS_MAX } from '../../shared/client/protocol.ts';
import { VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import { type TestClient, TestSwarm } from './nodes.ts';

let swarm: TestSwarm;
let client: TestClient;
beforeAll(async () => {
	swarm = await TestSwarm.start(1);
	client = swarm.client();
});
afterAll(() => swarm.stop());

async function keysOf(prefix: string, stale = false): Promise<string[]> {
	const keys: string[] = [];
	for await (const { key } of client.list(prefix, { stale })) keys.push(key);
	return keys;
}

it('lists entries below a prefix page by page, in the order of UTF-8', async () => {
	const count = 2 * PAGE_KEYS_MAX + 500;
	const keys = Array.from({ length: count }, (_, at) => `many/${String(at).padStart(5, '0')}`);
	await Promise.all(keys.map((key) => client.put(key, key, { flags: 7n })));
	for (const key of ['before', 'order/\u{1f600}', 'order/\uffee', 'order/a']) await client.put(key, '');
	const { sent } = client.frames;
	expect(await keysOf('many/')).toEqual(keys);
	expect(client.frames.sent - sent).toBe(3);
	expect(await keysOf('many/', true)).toEqual(keys);
	expect(await keysOf('order/')).toEqual(['order/a', 'order/\uffee', 'order/\u{1f600}']);
	expect(await keysOf('none/')).toEqual([]);
	const [first] = keys as [string];
	for await (const entry of client.list('many/')) {
		expect(entry).toEqual({ key: first, ...(await client.get(first)) });
		break;
	}
	expect((await client.deletePrefix('many/')).ok).toBe(true);
	expect(await keysOf('many/')).toEqual([]);
	expect((await client.deletePrefix('many/')).ok).toBe(true);
	expect((await keysOf('')).length).toBe(4);
});

it('puts fewer entries on a page where their values are large', async () => {
	const value = new Uint8Array(VALUE_BYTES_MAX).fill(7);
	await Promise.all(Array.from({ length: 5 }, (_, at) => client.put(`large/${at}`, value)));
	let bytes = 0;
	for await (const entry of client.list('large/')) bytes += entry.value.length;
	expect(bytes).toBe(5 * VALUE_BYTES_MAX);
});

it('goes on though the connection breaks, and ends with the signal', async () => {
	const abort = new AbortController();
	const list = client.list('large/', { signal: abort.signal });
	expect((await list.next()).value?.key).toBe('large/0');
	client.cut();
	while (!(await list.next()).done);
	const aborted = client.list('large/', { signal: abort.signal });
	abort.abort(new Error('enough'));
	await expect(aborted.next()).rejects.toThrow('enough');
});

it('with wrong arguments fails', async () => {
	await expect(client.list('/a').next()).rejects.toThrow(BadKeyError);
	await expect(client.list('a', { stale: 1 } as never).next()).rejects.toThrow(BadOptionsError);
	await expect(client.deletePrefix(5 as never)).rejects.toThrow(BadKeyError);
	await expect(client.deletePrefix('a', { signal: 1 } as never)).rejects.toThrow(BadOptionsError);
	expect((await keysOf('large/')).length).toBe(5);
});
