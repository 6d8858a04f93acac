/** Watches over a real socket: the events, where they begin and go on, and what ends them. */
import type { IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectionLimits } from '../../server/front/limits.ts';
import { request, Wire } from '../front/wire.ts';
import { EventStream } from './event-stream.ts';
import { LoneReplica, TestNode } from './node.ts';
import { countPrints } from './prints.ts';

let node: TestNode;
const streams: EventStream[] = [];
beforeEach(async () => {
	node = await new TestNode().start();
});
afterEach(async () => {
	for (const stream of streams.splice(0)) stream.close();
	await node.stop();
	expect(node.errors).toEqual([]);
});

/** Begins a watch at the node. */
async function open(path: string, headers: Record<string, string> = {}): Promise<EventStream> {
	const stream = await EventStream.open(`http://127.0.0.1:${node.port}${path}`, headers);
	streams.push(stream);
	expect([stream.status, stream.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
	return stream;
}

const entry = (Key: string, value: string, CreateIndex: number, ModifyIndex: number) => ({
	LockIndex: 0,
	Key,
	Flags: 0,
	Value: value === '' ? null : Buffer.from(value).toString('base64'),
	CreateIndex,
	ModifyIndex,
});

describe('a watch', () => {
	it('tells every change below its prefix, each with its index as id', async () => {
		await node.put('/v1/kv/app/a', 'before');
		const stream = await open('/v1/watch/app/');
		expect(stream.headers).toMatchObject({ 'x-consul-index': '2', 'cache-control': 'no-store' });
		expect(await stream.nextId()).toBe('2');
		await node.put('/v1/kv/other', 'x');
		await node.put('/v1/kv/app/a?flags=18446744073709551615', 'one');
		await node.put('/v1/kv/app/b', '');
		await node.ask('DELETE', '/v1/kv/app/a');
		await node.ask('DELETE', '/v1/kv/app?recurse');
		const event = await stream.next();
		expect(event).toMatchObject({
			event: 'message',
			id: '4',
			data: [{ ...entry('app/a', 'one', 2, 4), Flags: 2 ** 64 }],
		});
		expect(await stream.next()).toEqual({ event: 'message', id: '5', data: [entry('app/b', '', 5, 5)] });
		expect(await stream.next()).toMatchObject({ id: '6', data: [{ Key: 'app/a', Deleted: true, ModifyIndex: 6 }] });
		expect(await stream.next()).toMatchObject({ id: '7', data: [{ Prefix: 'app', Deleted: true, ModifyIndex: 7 }] });
	});

	it('tells a transaction as one event, with the index of its last operation', async () => {
		const stream = await open('/v1/watch/a');
		const body = ['a/1', 'b', 'a/2', 'c'].map((Key) => ({ KV: { Verb: 'set', Key, Value: 'eA==' } }));
		expect((await node.put('/v1/txn', JSON.stringify(body))).status).toBe(200);
		await node.put('/v1/kv/a', 'y');
		const data = [entry('a/1', 'x', 2, 2), entry('a/2', 'x', 4, 4)];
		expect(await stream.next()).toEqual({ event: 'message', id: '5', data });
		expect(await stream.next()).toMatchObject({ id: '6' });
	});

	it.each([
		['index', '/v1/watch/a?index=3', {}],
		['Last-Event-ID', '/v1/watch/a?index=1', { 'Last-Event-ID': '3' }],
	])('goes on behind the %s', async (_, path, headers) => {
		for (const value of ['2', '3', '4', '5']) await node.put('/v1/kv/a', value);
		const stream = await open(path, headers);
		expect([(await stream.next())?.id, (await stream.next())?.id]).toEqual(['4', '5']);
		await node.put('/v1/kv/a', '6');
		expect((await stream.next())?.id).toBe('6');
	});

	it('begins with everything where the index is 0', async () => {
		await node.put('/v1/kv/a', 'x');
		const stream = await open('/v1/watch?index=0');
		expect(await stream.next()).toMatchObject({ id: '2', data: [{ Key: 'a' }] });
	});

	it('follows a list without a gap, from the index of its answer', async () => {
		await node.put('/v1/kv/app/a', 'x');
		await node.put('/v1/kv/other', 'x');
		const { headers } = await node.get('/v1/kv/app/?recurse');
		await node.put('/v1/kv/app/b', 'x');
		const stream = await open(`/v1/watch/app/?index=${headers['x-consul-index']}`);
		expect(await stream.next()).toMatchObject({ id: '4', data: [{ Key: 'app/b' }] });
	});

	it('waits for an index that this node has yet to reach, and tells nothing before it', async () => {
		const stream = await open('/v1/watch/?index=3');
		for (const key of ['b', 'c', 'd']) await node.put(`/v1/kv/${key}`, 'x');
		expect(await stream.next()).toMatchObject({ id: '4', data: [{ Key: 'd' }] });
	});

	it('says how far it is while nothing below its prefix changes', async () => {
		await node.stop();
		await node.start({ watchBeatMs: 5 });
		const stream = await open('/v1/watch/quiet');
		expect(await stream.nextId()).toBe('1');
		await node.put('/v1/kv/busy', 'x');
		let position = await stream.nextId();
		while (position === '1') position = await stream.nextId();
		expect(position).toBe('2');
	});

	it.each([
		['/v1/watch/a?index=x', {}, 400, 'Invalid index'],
		['/v1/watch/a?index=-1', {}, 400, 'Invalid index'],
		['/v1/watch/a?index=18446744073709551616', {}, 400, 'Invalid index'],
		['/v1/watch/a', { 'Last-Event-ID': '1.5' }, 400, 'Invalid Last-Event-ID'],
		['/v1/watch/%ff', {}, 400, 'Invalid key name: the key is not percent-encoded UTF-8'],
		['/v1/watch/a?dc=other', {}, 500, 'No path to datacenter'],
	])('is refused: %s %j', async (path, headers, status, text) => {
		expect(await node.get(path, headers)).toMatchObject({ status, text });
	});

	it('is asked for by GET only', async () => {
		const answer = await node.put('/v1/watch/a');
		expect([answer.status, answer.text, answer.headers.allow]).toEqual([405, 'method PUT not allowed', 'OPTIONS, GET']);
	});
});

describe('a watch ends', () => {
	it('with an event that says so, where changes behind its index are not kept any more', async () => {
		await node.stop();
		node = await new TestNode(new LoneReplica({ historyChangesMax: 2 })).start();
		for (const value of ['2', '3', '4', '5']) await node.put('/v1/kv/a', value);
		const stream = await open('/v1/watch/a?index=2');
		expect(await stream.next()).toMatchObject({ event: 'compacted', data: { Index: 2 } });
		expect(await stream.next()).toBeUndefined();
		const kept = await open('/v1/watch/a?index=3');
		expect(await kept.next()).toMatchObject({ event: 'message', id: '4' });
	});

	it('where it is too slow: it is sent what its connection holds, and then that it has missed changes', async () => {
		await node.stop();
		node = await new TestNode(new LoneReplica({ historyChangesMax: 4 })).start();
		const wire = new Wire(node.port);
		wire.write(request('GET', '/v1/watch/', { host: `127.0.0.1:${node.port}` }));
		await wire.receives();
		wire.socket.pause();
		// More than the buffers of the two sockets hold.
		for (let i = 0; i < 64; i++) await node.put('/v1/kv/a', `${i}`.padEnd(500_000, '.'));
		wire.socket.resume();
		await wire.receives('event: compacted');
		wire.socket.destroy();
		const ids = [...wire.received.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
		expect(ids.slice(1)).toEqual(ids.slice(1).map((_, i) => i + 2));
		expect(ids.length).toBeLessThan(64);
	});

	it('where its client takes nothing', async () => {
		await node.stop();
		await node.start({ watchBeatMs: 5 });
		const wire = new Wire(node.port);
		wire.write(request('GET', '/v1/watch/', { host: `127.0.0.1:${node.port}` }));
		await wire.receives();
		wire.socket.pause();
		for (let i = 0; i < 64; i++) await node.put('/v1/kv/a', `${i}`.padEnd(500_000, '.'));
		await noWatches();
		wire.socket.destroy();
	});

	it.each(['destroy', 'end'] as const)('when its client is gone (%s)', async (how) => {
		const wire = new Wire(node.port);
		wire.write(request('GET', '/v1/watch/', { host: `127.0.0.1:${node.port}` }));
		await wire.receives();
		expect(node.replica.watches.count).toBe(1);
		wire.socket[how]();
		await noWatches();
		await node.put('/v1/kv/a', 'x');
	});

	it('at once when its client had gone before it began, while an earlier request was carried out', async () => {
		const { replica } = node;
		const submit = replica.submit.bind(replica);
		const ended = new Promise<void>((resolve) => {
			node.events.once('request', ({ socket }: IncomingMessage) => socket.once('end', resolve));
		});
		replica.submit = (...asked) => ended.then(() => submit(...asked));
		const wire = new Wire(node.port);
		const host = `127.0.0.1:${node.port}`;
		wire.write(request('PUT', '/v1/kv/a', { host, body: 'x' }) + request('GET', '/v1/watch/', { host }));
		wire.socket.end();
		expect(await wire.answer()).toMatchObject({ status: 200, body: 'true' });
		await wire.receives('id: 2\n');
		expect(replica.watches.count).toBe(0);
		expect(await wire.closed).toBe('end');
	});

	it('with an event that says so, when the node is going to stop', async () => {
		const stream = await open('/v1/watch/a');
		await node.put('/v1/kv/a', 'x');
		expect(await stream.next()).toMatchObject({ id: '2' });
		node.replica.watches.stop();
		expect(await stream.next()).toMatchObject({ event: 'end', data: { Index: 2 } });
		expect(await stream.next()).toBeUndefined();
		expect((await node.get('/v1/watch/a')).status).toBe(503);
	});
});

describe('many watches', () => {
	it('are each told what concerns them, a thousand at one node', async () => {
		await node.stop();
		const limits = connectionLimits(9000);
		await node.start({ waitsMax: limits.waitsMax }, { limits });
		const all = await Promise.all(Array.from({ length: 1000 }, (_, i) => open(`/v1/watch/${i % 10}/`)));
		expect(node.replica.watches.count).toBe(1000);
		for (let i = 0; i < 10; i++) await node.put(`/v1/kv/${i}/a`, 'x');
		for (const [i, stream] of all.entries()) {
			expect(await stream.next()).toMatchObject({ id: `${(i % 10) + 2}`, data: [{ Key: `${i % 10}/a` }] });
		}
	});

	it('of several prefixes are told a change that is printed once', async () => {
		const all = await Promise.all(['', 'a', 'a/'].map((prefix) => open(`/v1/watch/${prefix}`)));
		const ended = countPrints();
		await node.put('/v1/kv/a/1', 'x');
		const body = ['a/1', 'a/2'].map((Key) => ({ KV: { Verb: 'set', Key, Value: 'eQ==' } }));
		await node.put('/v1/txn', JSON.stringify(body));
		for (const stream of all) {
			expect(await stream.next()).toMatchObject({ data: [{ Key: 'a/1', Value: 'eA==' }] });
			expect(await stream.next()).toMatchObject({ data: [{ Key: 'a/1' }, { Key: 'a/2', Value: 'eQ==' }] });
		}
		expect(ended().reduce((sum, count) => sum + count, 0)).toBe(3);
	});

	it('and blocking reads share a bound, and those above it are refused', async () => {
		await node.stop();
		await node.start({ waitsMax: 2 });
		await open('/v1/watch/a');
		const second = await open('/v1/watch/b');
		const text = 'This node has 2 blocking reads and watches, and takes no more; try again later.';
		expect(await node.get('/v1/watch/a')).toMatchObject({ status: 503, text });
		expect(await node.get('/v1/kv/a?index=9')).toMatchObject({ status: 503, text });
		second.close();
		await watchesAre(1);
		await open('/v1/watch/a');
	});
});

async function noWatches(): Promise<void> {
	await watchesAre(0);
}

/** Resolves when the node has so many watches. */
async function watchesAre(count: number): Promise<void> {
	while (node.replica.watches.count !== count) await new Promise((resolve) => setImmediate(resolve));
}
