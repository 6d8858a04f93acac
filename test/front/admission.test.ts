/** However many connections there are, none keeps a place by doing nothing, and none with a request is cut off. */
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { addressKey } from '../../server/front/connection.ts';
import { type ConnectionLimits, connectionLimits } from '../../server/front/limits.ts';
import { TestNode } from '../api/node.ts';
import { request, Wire } from './wire.ts';

const LIMITS: ConnectionLimits = {
	...connectionLimits(1024),
	arrivingMax: 3,
	connectionsMax: 8,
	connectionsPerAddressMax: 6,
	clientsMax: 4,
};
/** These times are so long that no test reaches them. */
const NEVER_MS = 1_000_000;
const OTHER = { localAddress: '127.0.0.2' };

let node: TestNode;
let doors: WebSocketServer;
let sockets: WebSocket[];
/** The node's ends of the connections. */
let served: WebSocket[];

async function start(
	limits: Partial<ConnectionLimits> = {},
	timings = { greetingMs: NEVER_MS, pingEveryMs: NEVER_MS },
) {
	node = await new TestNode().start({}, { limits: { ...LIMITS, ...limits }, timings });
	node.upgrade = () => ({
		name: 'client',
		handleUpgrade: (asked, socket: Duplex, head, place) =>
			doors.handleUpgrade(asked, socket, head, (ws) => {
				place.opened(ws);
				served.push(ws);
				ws.on('message', (message) => {
					place.greeted();
					ws.send(message);
				});
			}),
	});
}

beforeEach(async () => {
	doors = new WebSocketServer({ noServer: true });
	sockets = [];
	served = [];
	await start();
});
afterEach(async () => {
	for (const socket of sockets) socket.terminate();
	await node.stop();
});

const get = (path = '/v1/kv/a') => request('GET', path);

/** A plain connection that has sent one request and got its answer. */
async function used(options = {}): Promise<Wire> {
	const wire = new Wire(node.port, options);
	expect((await wire.write(get()).answer()).status).toBe(404);
	return wire;
}

async function client(options: { localAddress?: string; autoPong?: boolean } = {}): Promise<WebSocket> {
	const socket = new WebSocket(`ws://127.0.0.1:${node.port}/client`, options);
	socket.on('error', () => undefined);
	sockets.push(socket);
	await once(socket, 'open');
	return socket;
}

async function greeted(options = {}): Promise<WebSocket> {
	const socket = await client(options);
	await echo(socket);
	return socket;
}

/** Runs one round of pings, and waits for the pong of each client. */
async function pingAll(): Promise<void> {
	const answers = served.map((ws) => once(ws, 'pong'));
	node.front.pingClients();
	await Promise.all(answers);
}

async function echo(socket: WebSocket): Promise<void> {
	socket.send('hello');
	await once(socket, 'message');
}

const gone = (socket: WebSocket) => once(socket, 'close') as Promise<[number]>;

async function restart(...options: Parameters<typeof start>): Promise<void> {
	await node.stop();
	await start(...options);
}

describe('plain connections', () => {
	it('that are idle make room, the one that was used least recently first', async () => {
		const idle = [await used(), await used(), await used(), await used(), await used(), await used()];
		await idle[0]?.write(get()).answer();
		await used();
		expect(await idle[1]?.closed).toBe('end');
		await idle[0]?.write(get()).answer();
		await idle[2]?.write(get()).answer();
	});

	it('that say nothing make room for those that do', async () => {
		const silent = Array.from({ length: 3 }, () => new Wire(node.port));
		await expect.poll(() => silent.every(({ socket }) => socket.readyState === 'open')).toBe(true);
		const asked = await used();
		const half = new Wire(node.port).write('GET /v1/kv/a HTTP/1.1\r\n');
		await Promise.race([...silent.map(({ closed }) => closed), half.closed]);
		await used();
		await asked.write(get()).answer();
	});

	it('that wait for an answer are never cut off: the newcomer is told to come again', async () => {
		const confirm: (() => void)[] = [];
		node.replica.readBarrier = () => new Promise((resolve) => confirm.push(() => resolve(true)));
		const busy = Array.from({ length: 6 }, () => new Wire(node.port).write(get()));
		await expect.poll(() => confirm.length).toBe(6);
		const late = await new Wire(node.port).write(get()).answer();
		expect([late.status, late.headers.connection, late.headers['retry-after']]).toEqual([503, 'close', '1']);
		for (const [headers, outcome] of [
			[[], 'not-applied'],
			[['Idempotency-Key: k'], 'unknown'],
		] as const) {
			const write = new Wire(node.port).write(request('PUT', '/v1/kv/a', { headers, body: 'x' }));
			expect(await write.answer()).toMatchObject({ status: 503, headers: { 'x-swarm-outcome': outcome } });
		}
		expect(node.replica.submitted).toEqual([]);
		for (const answer of confirm) answer();
		for (const wire of busy) expect((await wire.answer()).status).toBe(404);
	});

	it('that ask whether the node is well are told, however many others there are', async () => {
		node.replica.readBarrier = () => new Promise(() => undefined);
		for (let index = 0; index < 6; index++) {
			const asked = once(node.events, 'request');
			new Wire(node.port).write(get());
			await asked;
		}
		const probe = await new Wire(node.port).write(get('/livez')).answer();
		expect([probe.status, probe.headers.connection]).toEqual([200, 'close']);
	});

	it('that send a body slowly make room', async () => {
		const slow = Array.from({ length: 6 }, () =>
			new Wire(node.port).write(request('PUT', '/v1/kv/a', { body: 'red' }).slice(0, -1)),
		);
		await expect.poll(() => node.front.connections.http).toBe(6);
		const quick = await used();
		await Promise.race(slow.map(({ closed }) => closed));
		await quick.write(get()).answer();
		expect(node.replica.submitted).toEqual([]);
	});

	it('of one address leave room for those of others', async () => {
		node.replica.readBarrier = () => new Promise(() => undefined);
		for (let index = 0; index < 6; index++) {
			const asked = once(node.events, 'request');
			new Wire(node.port).write(get());
			await asked;
		}
		expect((await new Wire(node.port).write(get()).answer()).status).toBe(503);
		const other = new Wire(node.port, OTHER).write(request('OPTIONS', '/v1/kv/a'));
		expect((await other.answer()).status).toBe(200);
	});
});

describe('WebSockets of clients', () => {
	it('that say no hello make room, the oldest first, and those that did stay', async () => {
		const first = await greeted();
		const silent = [await client(), await client(), await client()];
		const oldest = gone(silent[0] as WebSocket);
		await client();
		await oldest;
		const flood = await Promise.all(Array.from({ length: 20 }, () => client()));
		await echo(first);
		await greeted();
		expect(flood).toHaveLength(20);
	});

	it('that say no hello in time lose their place', async () => {
		await restart({}, { greetingMs: 50, pingEveryMs: NEVER_MS });
		const stays = await greeted();
		await gone(await client());
		await echo(stays);
		expect(node.refused).toEqual(['no hello within 50 ms']);
	});

	it('that are idle make room after a while, the one that was idle for longest first, and are told so', async () => {
		const clients = [await greeted(), await greeted(), await greeted(), await greeted()];
		for (let round = 0; round < 5; round++) await pingAll();
		await echo(clients[0] as WebSocket);
		await pingAll();
		const second = gone(clients[1] as WebSocket);
		await greeted();
		expect((await second)[0]).toBe(1013);
		await echo(clients[0] as WebSocket);
	});

	it('that all are busy stay, and a newcomer is told to come again', async () => {
		const clients = [await greeted(), await greeted(), await greeted(), await greeted()];
		const late = new WebSocket(`ws://127.0.0.1:${node.port}/client`);
		sockets.push(late);
		const [error] = (await once(late, 'error')) as [Error];
		expect(error.message).toContain('503');
		for (const socket of clients) await echo(socket);
	});

	it('whose client has vanished without a word are noticed', async () => {
		const [alive, vanished] = [await greeted(), await greeted({ autoPong: false })];
		const noticed = gone(vanished);
		for (let round = 0; round < 3; round++) {
			const answered = once(served[0] as WebSocket, 'pong');
			node.front.pingClients();
			await answered;
		}
		await noticed;
		await echo(alive);
		expect(node.refused).toEqual(['vanished: it answers no ping']);
	});

	it('leave their place when they are closed', async () => {
		for (let index = 0; index < 20; index++) {
			const socket = await greeted();
			socket.terminate();
			await gone(socket);
			await expect.poll(() => node.front.connections.clients).toBe(0);
		}
	});
});

describe('an address, for limits,', () => {
	it.each([
		['127.0.0.1', '127.0.0.1'],
		['::ffff:10.1.2.3', '10.1.2.3'],
		['::1', '0:0:0:0::/64'],
		['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
		['2001:db8::6', '2001:db8:0:0::/64'],
		['fe80::1%eth0', 'fe80:0:0:0::/64'],
		[undefined, 'unknown'],
	])('of %s is %s', (address, key) => {
		expect(addressKey(address)).toBe(key);
	});
});
