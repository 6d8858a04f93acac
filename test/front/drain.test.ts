/** A node that is told to stop loses no answer and resets no connection, so that rolling restarts lose nothing. */
import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createDoors } from '../../server/front/doors.ts';
import { Front } from '../../server/front/front.ts';
import { connectionLimits } from '../../server/front/limits.ts';
import { Writer } from '../../shared/bytes/bytes.ts';
import { writeHello, writeRead } from '../../shared/client/client-frame.ts';
import { readNodeFrame } from '../../shared/client/node-frame.ts';
import { TestNode } from '../api/node.ts';
import { TestSwarm } from '../client/nodes.ts';
import { request, Wire, type WireAnswer } from './wire.ts';

let swarm: TestSwarm | undefined;
let node: TestNode | undefined;

afterEach(async () => {
	await swarm?.stop();
	await node?.stop();
	swarm = undefined;
	node = undefined;
});

const put = (value: string) => request('PUT', '/v1/kv/a', { body: value });
const get = (path: string) => request('GET', path);

async function startSwarm(...options: Parameters<typeof TestSwarm.start>): Promise<{ swarm: TestSwarm; port: number }> {
	swarm = await TestSwarm.start(...options);
	return { swarm, port: Number(new URL(swarm.urls[0] as string).port) };
}

async function startNode(): Promise<TestNode> {
	node = await new TestNode().start();
	return node;
}

describe('a node that is told to stop', () => {
	it('answers each request of clients that keep their connections, and says on each that it is the last', async () => {
		const { swarm, port } = await startSwarm(1);
		await swarm.client().put('a', 'ready');
		const last: WireAnswer[] = [];
		let answered = 0;
		let loaded: () => void = () => undefined;
		const underLoad = new Promise<void>((resolve) => {
			loaded = resolve;
		});
		const clients = Array.from({ length: 12 }, async () => {
			const wire = new Wire(port);
			let answer: WireAnswer;
			do {
				answer = await wire.write(put('x')).answer();
				expect(answer).toMatchObject({ status: 200, body: 'true' });
				if (++answered === 100) loaded();
			} while (answer.headers.connection !== 'close');
			last.push(answer);
			expect(await wire.closed).toBe('end');
		});
		await underLoad;
		await Promise.all([swarm.node('n1').close(), ...clients]);
		expect(last).toHaveLength(12);
	});

	it('answers reads that wait for a change with the present state, and says that it is the last', async () => {
		const { swarm, port } = await startSwarm(1);
		await swarm.client().put('a', 'ready');
		const wire = new Wire(port);
		const { headers } = await wire.write(get('/v1/kv/a')).answer();
		wire.write(get(`/v1/kv/a?raw&index=${headers['x-consul-index']}`));
		const closed = swarm.node('n1').close();
		const answer = await wire.answer();
		expect(answer).toMatchObject({ status: 200, body: 'ready' });
		expect(answer.headers.connection).toBe('close');
		await closed;
	});

	it('is not ready any more, and serves on until then', async () => {
		const { swarm, port } = await startSwarm(1);
		await swarm.client().put('a', 'ready');
		const wire = new Wire(port);
		expect((await wire.write(get('/readyz')).answer()).status).toBe(200);
		const closed = swarm.node('n1').close();
		expect(await wire.write(get('/readyz')).answer()).toMatchObject({
			status: 503,
			body: expect.stringContaining('about to stop'),
		});
		expect((await new Wire(port).write(get('/livez')).answer()).status).toBe(200);
		await closed;
		// A request for its state may have waited for the leader until then.
		expect(await swarm.node('n1').replica.openSnapshot()).toBe('the node stops');
	});

	it('closes what is not used, without a reset', async () => {
		const node = await startNode();
		const [idle, silent] = [new Wire(node.port), new Wire(node.port)];
		await idle.write(get('/livez')).answer();
		await node.front.drain();
		expect(await idle.closed).toBe('end');
		expect(await silent.closed).toBe('end');
		await expect(new Wire(node.port).closed).resolves.toBe('reset');
	});

	it('finishes the answers under way, which say that they are the last', async () => {
		const node = await startNode();
		let confirm: (confirmed: boolean) => void = () => undefined;
		node.replica.readBarrier = () =>
			new Promise((resolve) => {
				confirm = resolve;
			});
		const begun = once(node.events, 'request');
		const [asked, another] = [new Wire(node.port).write(get('/v1/kv/a')), new Wire(node.port)];
		await begun;
		await another.write(get('/livez')).answer();
		const drained = node.front.drain();
		expect((await another.write(get('/livez')).answer()).headers.connection).toBe('close');
		confirm(true);
		const answer = await asked.answer();
		expect([answer.status, answer.headers.connection]).toEqual([404, 'close']);
		await drained;
	});

	it('waits only so long for an answer that does not come', async () => {
		const node = await startNode();
		const begun = once(node.events, 'request');
		node.replica.readBarrier = () => new Promise(() => undefined);
		const wire = new Wire(node.port).write(get('/v1/kv/a'));
		await begun;
		await node.front.drain();
		await node.front.close();
		await expect(wire.answer()).rejects.toThrow('closed');
	});

	it('cuts also a connection whose upgrade waits behind such an answer', async () => {
		const node = await startNode();
		const begun = once(node.events, 'request');
		node.replica.readBarrier = () => new Promise(() => undefined);
		const upgrade = request('GET', '/client', { headers: ['Connection: Upgrade', 'Upgrade: websocket'] });
		const wire = new Wire(node.port).write(get('/v1/kv/a') + upgrade);
		await begun;
		await node.front.close();
		await expect(wire.answer()).rejects.toThrow('closed');
	});

	it('does nothing for a client to whom it has said goodbye', async () => {
		const node = await startNode();
		const wire = new Wire(node.port);
		await wire.write(get('/livez')).answer();
		await node.front.drain();
		await wire.closed;
		wire.write(put('late')).socket.end();
		await node.front.close();
		expect(node.replica.submitted).toEqual([]);
	});

	it('closes WebSockets with 1001, after what was asked on them is answered', async () => {
		// No other node runs, so a read waits until its time limit.
		const { swarm } = await startSwarm(3, 1, 500);
		const socket = swarm.stranger('n1');
		await once(socket, 'open');
		const kinds: string[] = [];
		socket.on('message', (data) => {
			for (const { kind } of readNodeFrame(new Uint8Array(data as Buffer))) kinds.push(kind);
		});
		const out = new Writer();
		writeHello(out, 'client');
		writeRead(out, 'linearizable', 1, ['a']);
		socket.send(out.take());
		await once(socket, 'message');
		const closed = once(socket, 'close') as Promise<[number]>;
		await swarm.node('n1').close();
		expect((await closed)[0]).toBe(1001);
		expect(kinds).toEqual(['welcome', 'refused']);
	});
});

it('a front that cannot listen leaves no timer behind', async () => {
	const { port } = await startNode();
	vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
	try {
		const limits = connectionLimits(1024);
		const front = new Front({ doors: createDoors([]), limits, refused: () => undefined, failed: () => undefined });
		await expect(front.listen('127.0.0.1', port)).rejects.toThrow('EADDRINUSE');
		expect(vi.getTimerCount()).toBe(0);
	} finally {
		vi.useRealTimers();
	}
});
