/** Blocking reads: what ends a wait and what does not, over a real socket, by a clock of the test. */
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BlockingReads } from '../../server/api/blocking.ts';
import { HeldPlaces } from '../../server/api/held.ts';
import { WAIT_MS_DEFAULT, WAIT_MS_MAX } from '../../server/api/query.ts';
import type { ReplicaService } from '../../server/replica/service.ts';
import { Store } from '../../shared/store/store.ts';
import { request, Wire } from '../front/wire.ts';
import { type Answer, TestNode } from './node.ts';

let node: TestNode;
beforeEach(async () => {
	node = await new TestNode().start();
	await node.put('/v1/kv/a', 'x');
});
afterEach(async () => {
	await node.stop();
	expect(node.errors).toEqual([]);
});

/** Begins a read that must wait. It has begun to wait when this resolves. */
async function begin(path: string): Promise<{ readonly answer: Promise<Answer> }> {
	const waits = node.replica.nextWait();
	const answer = node.get(path);
	await waits;
	return { answer };
}

const waiting = (): number => node.replica.waits.count;

it('thousands of waits that end together are answered in several turns of the event loop', async () => {
	const ends: (() => void)[] = [];
	const whenChanged: ReplicaService['whenChanged'] = (_subject, _after, _waitMs, end) => {
		ends.push(end);
		return () => undefined;
	};
	const reads = new BlockingReads({ whenChanged }, new HeldPlaces(1000));
	const req = new IncomingMessage(new Socket()).setMaxListeners(0);
	const res = new ServerResponse(req).setMaxListeners(0);
	let answered = 0;
	for (let count = 0; count < 300; count++) {
		void reads.wait(req, res, { kind: 'key', name: 'a' }, { after: 1, waitMs: 1 }).then(() => answered++);
	}
	for (const end of ends) end();
	const inTurns: number[] = [];
	for (let turn = 0; turn < 3; turn++) {
		await Promise.resolve();
		inTurns.push(answered);
		await setImmediate();
	}
	expect(inTurns).toEqual([128, 256, 300]);
});

describe('a blocking read of a key', () => {
	it.each(['', '?index=0', '?index=&wait=5s', '?index=1', '?wait=5s'])('with %j is answered at once', async (query) => {
		expect(await node.get(`/v1/kv/a${query}`)).toMatchObject({ status: 200, json: [{ ModifyIndex: 2 }] });
		expect(node.replica.barriers).toEqual([3000]);
	});

	it('waits until the key is written, and then answers the state of that moment', async () => {
		const { answer } = await begin('/v1/kv/a?index=2');
		await node.put('/v1/kv/b', 'y');
		await node.put('/v1/kv/a/b', 'y');
		await node.put('/v1/kv/a', 'x');
		await node.ask('DELETE', '/v1/kv/b');
		await node.ask('DELETE', '/v1/kv/none?recurse');
		expect(waiting()).toBe(1);
		await node.put('/v1/kv/a', 'z');
		const { status, json, headers } = await answer;
		expect([status, json]).toMatchObject([200, [{ Value: 'eg==', ModifyIndex: 8 }]]);
		expect(headers).toMatchObject({ 'x-consul-index': '8', 'x-consul-effective-consistency': 'leader' });
		expect(waiting()).toBe(0);
	});

	it('asks the leader again before it answers', async () => {
		const { answer } = await begin('/v1/kv/a?index=2&consistent');
		expect(node.replica.barriers).toEqual([3000]);
		await node.put('/v1/kv/a', 'z');
		expect((await answer).headers['x-consul-effective-consistency']).toBe('consistent');
		expect(node.replica.barriers).toEqual([3000, 3000]);
	});

	it('needs no leader while it waits, and one to answer', async () => {
		const { answer } = await begin('/v1/kv/a?index=2');
		node.replica.hasLeader = false;
		expect(waiting()).toBe(1);
		node.replica.pass(WAIT_MS_DEFAULT);
		expect(await answer).toMatchObject({ status: 500, text: 'No cluster leader' });
	});

	it('needs a leader when it comes', async () => {
		node.replica.hasLeader = false;
		expect(await node.get('/v1/kv/a?index=2')).toMatchObject({ status: 500, text: 'No cluster leader' });
		expect(waiting()).toBe(0);
	});

	it('that may be stale needs no leader at all', async () => {
		node.replica.hasLeader = false;
		const { answer } = await begin('/v1/kv/a?stale&index=2');
		await node.put('/v1/kv/a', 'z');
		expect((await answer).headers).toMatchObject({
			'x-consul-index': '3',
			'x-consul-effective-consistency': 'stale',
			'x-consul-lastcontact': '12',
		});
		expect(node.replica.barriers).toEqual([]);
	});

	it('that may be stale for some time is judged when it is answered', async () => {
		const { answer } = await begin('/v1/kv/a?max_stale=13ms&index=2');
		node.replica.override = { lastContactMs: 14 };
		await node.put('/v1/kv/a', 'z');
		expect((await answer).headers['x-consul-effective-consistency']).toBe('leader');
		expect(node.replica.barriers).toEqual([3000]);
	});

	it.each(['/v1/kv/a', '/v1/kv/?recurse'])('ends when DELETE %s removes the key', async (path) => {
		const { answer } = await begin('/v1/kv/a?index=2');
		await node.ask('DELETE', path);
		const { status, headers } = await answer;
		expect([status, headers['x-consul-index']]).toEqual([404, '3']);
	});

	it('of a missing key waits until it is there, whatever else is written', async () => {
		const { headers } = await node.get('/v1/kv/none');
		expect(headers['x-consul-index']).toBe('2');
		// Other keys may be written between two reads of a client, too.
		await node.put('/v1/kv/b', 'y');
		const { answer } = await begin(`/v1/kv/none?index=${headers['x-consul-index']}`);
		for (const value of ['1', '2', '3']) await node.put('/v1/kv/b', value);
		expect(waiting()).toBe(1);
		await node.put('/v1/kv/none', 'new');
		expect(await answer).toMatchObject({ status: 200, json: [{ ModifyIndex: 7 }] });
	});

	it('of a missing key misses no deletion: one that came and went since is a change', async () => {
		await node.put('/v1/kv/short', 'y');
		await node.ask('DELETE', '/v1/kv/short');
		const { status, headers } = await node.get('/v1/kv/short?index=2');
		expect([status, headers['x-consul-index']]).toEqual([404, '4']);
	});

	it('with an index that is not there yet waits for a higher one', async () => {
		const { answer } = await begin('/v1/kv/a?index=18446744073709551615&wait=1s');
		await node.put('/v1/kv/a', 'z');
		expect(waiting()).toBe(1);
		node.replica.pass(1000);
		expect(await answer).toMatchObject({ status: 200, json: [{ ModifyIndex: 3 }] });
	});
});

describe('a blocking read of many', () => {
	it.each([
		['/v1/kv/a/?recurse&index=2', [{ Key: 'a/1' }]],
		['/v1/kv/a/?keys&index=2', ['a/1']],
		['/v1/kv/?recurse&index=2', [{ Key: 'a' }, { Key: 'a/1' }]],
		['/v1/kv?keys&separator=/&index=2', ['a', 'a/']],
	])('GET %s waits for a key below its prefix', async (path, json) => {
		const { answer } = await begin(path);
		if (!path.startsWith('/v1/kv?') && !path.startsWith('/v1/kv/?')) await node.put('/v1/kv/b', 'y');
		expect(waiting()).toBe(1);
		await node.put('/v1/kv/a/1', 'y');
		expect(await answer).toMatchObject({ status: 200, json });
	});

	it.each(['a/1', 'a/?recurse', '?recurse'])('ends when DELETE %s empties its prefix', async (path) => {
		await node.put('/v1/kv/a/1', 'y');
		const { answer } = await begin('/v1/kv/a/?recurse&index=3');
		await node.ask('DELETE', `/v1/kv/${path}`);
		const { status, headers } = await answer;
		expect([status, headers['x-consul-index']]).toEqual([404, '4']);
	});
});

describe('the time of a blocking read', () => {
	it.each([
		['', WAIT_MS_DEFAULT],
		['&wait=0', WAIT_MS_DEFAULT],
		['&wait=1h', WAIT_MS_MAX],
		['&wait=10m', WAIT_MS_MAX],
		['&wait=1m30s', 90_000],
		['&wait=250ms', 250],
	])('with index=2%s is so long, and up to a sixteenth more', async (query, waitMs) => {
		node.replica.random = 0.5;
		const { answer } = await begin(`/v1/kv/a?index=2${query}`);
		const wholeMs = waitMs * (1 + 1 / 32);
		node.replica.pass(wholeMs - 1);
		expect(waiting()).toBe(1);
		node.replica.pass(1);
		expect(waiting()).toBe(0);
		const { status, json, headers } = await answer;
		expect([status, json, headers['x-consul-index']]).toMatchObject([200, [{ Key: 'a', ModifyIndex: 2 }], '2']);
	});

	it('is five minutes by default, and ten at most', () => {
		expect([WAIT_MS_DEFAULT, WAIT_MS_MAX]).toEqual([300_000, 600_000]);
	});
});

describe('many blocking reads', () => {
	it('are woken together, those of the key and of prefixes of it', async () => {
		const paths = ['a?index=2', 'a?index=2', '?recurse&index=2', 'a?keys&index=2'];
		const begun = [];
		for (const path of paths) begun.push(await begin(`/v1/kv/${path}`));
		const { answer: other } = await begin('/v1/kv/b?index=2&wait=1s');
		await node.put('/v1/kv/a', 'z');
		for (const { answer } of begun) expect((await answer).headers['x-consul-index']).toBe('3');
		expect(waiting()).toBe(1);
		node.replica.pass(1000);
		expect((await other).status).toBe(404);
	});

	it('wait up to a bound, and those above it are refused', async () => {
		await node.stop();
		await node.start({ waitsMax: 2 });
		const first = await begin('/v1/kv/a?index=2');
		const second = await begin('/v1/kv/a?index=2');
		const text = 'This node has 2 blocking reads and watches, and takes no more; try again later.';
		expect(await node.get('/v1/kv/a?index=2')).toMatchObject({ status: 503, text });
		expect((await node.get('/v1/kv/a?index=1')).status).toBe(200);
		expect(waiting()).toBe(2);
		await node.put('/v1/kv/a', 'z');
		expect([(await first.answer).status, (await second.answer).status]).toEqual([200, 200]);
		const third = await begin('/v1/kv/a?index=3');
		node.replica.waits.stop();
		expect((await third.answer).status).toBe(200);
	});

	it('on one connection are answered in their order', async () => {
		const wire = new Wire(node.port);
		const host = `127.0.0.1:${node.port}`;
		const waits = node.replica.nextWait();
		wire.write(request('GET', '/v1/kv/a?index=2', { host }));
		await waits;
		const waitsToo = node.replica.nextWait();
		wire.write(request('GET', '/v1/kv/b?index=2', { host }) + request('GET', '/v1/kv/a?raw', { host }));
		await waitsToo;
		await node.put('/v1/kv/b', 'second');
		await node.put('/v1/kv/a', 'first');
		const bodies = await wire.bodies(3);
		expect(bodies[0]).toContain(Buffer.from('first').toString('base64'));
		expect(bodies[1]).toContain(Buffer.from('second').toString('base64'));
		wire.socket.destroy();
	});
});

describe('a wait ends without a change', () => {
	it.each([
		['is gone', 'destroy', 1],
		['is gone', 'destroy', 3],
		['is cut off', 'resetAndDestroy', 1],
		['is cut off', 'resetAndDestroy', 3],
	] as const)('where its client %s (%s), also for each of %i on a connection', async (_, how, count) => {
		const wire = new Wire(node.port);
		const text = request('GET', '/v1/kv/a?index=2', { host: `127.0.0.1:${node.port}` });
		const closed: Promise<unknown>[] = [];
		node.events.on('request', ({ socket }: IncomingMessage) =>
			closed.push(new Promise((resolve) => socket.once('close', resolve))),
		);
		for (let i = 0; i < count; i++) {
			const waits = node.replica.nextWait();
			wire.write(text);
			await waits;
		}
		expect(waiting()).toBe(count);
		wire.socket[how]();
		await Promise.all(closed);
		expect(waiting()).toBe(0);
	});

	it('where its client has ended its side of the connection, and still reads', async () => {
		const wire = new Wire(node.port);
		const waits = node.replica.nextWait();
		wire.write(request('GET', '/v1/kv/a?raw&index=2', { host: `127.0.0.1:${node.port}` }));
		await waits;
		wire.socket.end();
		expect(await wire.answer()).toMatchObject({ status: 200, body: 'x' });
		expect(waiting()).toBe(0);
	});

	it('where the node is going to stop, and later reads do not wait', async () => {
		const { answer } = await begin('/v1/kv/a?index=2');
		node.replica.waits.stop();
		expect(await answer).toMatchObject({ status: 200, json: [{ ModifyIndex: 2 }] });
		expect((await node.get('/v1/kv/a?index=2')).status).toBe(200);
	});

	it('where another state is taken over, if it has another index of the key', async () => {
		const { answer } = await begin('/v1/kv/a?index=2');
		const { answer: other } = await begin('/v1/kv/b?index=2&wait=1s');
		const { replica } = node;
		const ahead = new TestNode();
		await ahead.start();
		for (const value of ['1', '2']) await ahead.put('/v1/kv/a', value);
		await ahead.stop();
		replica.store.become(ahead.replica.store);
		replica.waits.allChanged();
		replica.waits.endTurn();
		expect((await answer).headers['x-consul-index']).toBe('3');
		expect(waiting()).toBe(1);
		replica.pass(1000);
		expect((await other).headers['x-consul-index']).toBe('3');
		expect(replica.store).toBeInstanceOf(Store);
	});
});
