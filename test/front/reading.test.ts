/** Of one connection a bounded part is read in each turn of the event loop, however much has come. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { PARSED_AT_ONCE_MAX, PIPELINED_MAX, UPGRADES_AT_ONCE_MAX } from '../../server/front/front.ts';
import { FRAMES_OF_TURN, readInTurns } from '../../server/front/reading.ts';
import { TestNode } from '../api/node.ts';
import { TestNode as MeshNode } from '../mesh/node.ts';
import { request, Wire } from './wire.ts';

/** What one read takes at most, and so many may lie between two of our own timers. */
const READ_BYTES = 65_536;
const READS_MAX = 3;

let node: TestNode;
let wire: Wire;

beforeEach(async () => {
	node = await new TestNode().start();
	wire = new Wire(node.port);
});
afterEach(() => {
	wire.socket.destroy();
	return node.stop();
});

/** Watches how much `count` grows in a turn. @returns a function that ends that, and tells the most */
function mostOfATurn(count: () => number): () => number {
	let most = 0;
	let before = count();
	const look = (): void => {
		most = Math.max(most, count() - before);
		before = count();
		timer = setImmediate(look);
	};
	let timer = setImmediate(look);
	return () => {
		clearImmediate(timer);
		return most;
	};
}

/** The same of the bytes that are read from the connection of the next request. */
async function mostBytesOfATurn(): Promise<() => number> {
	const [{ socket }] = (await once(node.events, 'request')) as [IncomingMessage];
	return mostOfATurn(() => socket.bytesRead);
}

const CHUNKED = { headers: ['Transfer-Encoding: chunked'] };
const chunks = (count: number, chunk: string): string =>
	`${`${chunk.length.toString(16)}\r\n${chunk}\r\n`.repeat(count)}0\r\n\r\n`;

describe('in one turn of the event loop', () => {
	it('a bounded number of requests that were sent ahead is parsed, on however many connections', async () => {
		let parsed = 0;
		const count = (): void => {
			parsed++;
		};
		const wires = Array.from({ length: 14 }, () => new Wire(node.port));
		// A node lets one connection in in each turn.
		await Promise.all(wires.map((each) => each.write(request('GET', '/livez')).answer()));
		subscribe('http.server.request.start', count);
		const most = mostOfATurn(() => parsed);
		for (const each of wires) each.write(request('GET', '/v1/kv/a').repeat(PIPELINED_MAX));
		for (const each of wires) expect(await each.bodies(PIPELINED_MAX)).toHaveLength(PIPELINED_MAX);
		unsubscribe('http.server.request.start', count);
		for (const { socket } of wires) socket.destroy();
		expect(parsed).toBe(wires.length * PIPELINED_MAX);
		// The connection whose request is the last one may go on to the end of its read.
		expect(most()).toBeLessThanOrEqual(READS_MAX * (PARSED_AT_ONCE_MAX + PIPELINED_MAX));
	});

	it('a bounded number of upgrades is ignored', async () => {
		let served = 0;
		node.events.on('request', () => {
			served++;
		});
		const most = mostOfATurn(() => served);
		const headers = ['Connection: Upgrade', 'Upgrade: h2c'];
		wire.write(request('GET', '/livez', { headers }).repeat(100));
		expect(await wire.bodies(100)).toHaveLength(100);
		expect(most()).toBeLessThanOrEqual(READS_MAX * UPGRADES_AT_ONCE_MAX);
	});

	it('one read of requests that are sent ahead is taken', async () => {
		const watching = mostBytesOfATurn();
		wire.write(request('GET', '/livez').repeat(2 * PIPELINED_MAX));
		const most = await watching;
		await wire.bodies(2 * PIPELINED_MAX).catch(() => undefined);
		expect(most()).toBeLessThanOrEqual(READS_MAX * READ_BYTES);
	});

	it.each([
		['of a value', 'PUT', '/v1/kv/a', 40_000, 'ten letter', 200],
		['of more than a value', 'PUT', '/v1/kv/a', 60_000, 'ten letter', 413],
		['of a byte each', 'PUT', '/v1/kv/a', 300_000, 'x', 400],
		['that nobody looks at', 'PUT', '/nowhere', 300_000, 'x', 404],
	])('a part of the small chunks %s is taken', async (_, method, path, count, chunk, status) => {
		const watching = mostBytesOfATurn();
		wire.write(request(method, path, CHUNKED) + chunks(count, chunk));
		const most = await watching;
		expect((await wire.answer()).status).toBe(status);
		if (status === 413) expect((await wire.write(request('GET', '/livez')).answer()).status).toBe(200);
		if (chunk === 'x') await wire.closed;
		expect(most()).toBeLessThanOrEqual(READS_MAX * READ_BYTES);
	});

	it('a part of the small frames of a WebSocket is taken', async () => {
		const came = takeWebSockets();
		await becomeWebSocket(wire);
		const most = mostOfATurn(came);
		wire.write(Buffer.concat([Buffer.alloc(200_000 * FRAME.length, FRAME), CLOSE]));
		await wire.closed;
		expect(came()).toBe(200_000);
		expect(most() * FRAME.length).toBeLessThanOrEqual(READS_MAX * READ_BYTES);
	});

	it('a bounded number of small frames is taken, on however many WebSockets', async () => {
		const came = takeWebSockets();
		const wires = Array.from({ length: 15 }, () => new Wire(node.port));
		await Promise.all(wires.map(becomeWebSocket));
		const most = mostOfATurn(came);
		for (const each of wires)
			each.write(Buffer.concat([Buffer.alloc(10_000 * FRAME.length, FRAME), CLOSE])).socket.end();
		await Promise.all(wires.map(({ closed }) => closed));
		expect(came()).toBe(wires.length * 10_000);
		expect(most()).toBeLessThanOrEqual(READS_MAX * (FRAMES_OF_TURN + READ_BYTES / FRAME.length));
	});

	it('a part of what a stranger at the mesh sends is taken', async () => {
		const peer = await MeshNode.listen('n1');
		peer.start([]);
		const upgrades = vi.spyOn(peer.mesh, 'handleUpgrade');
		const stranger = new Wire(peer.port);
		await becomeWebSocket(stranger);
		const socket = upgrades.mock.lastCall?.[1] as Socket;
		const most = mostOfATurn(() => socket.bytesRead);
		stranger.write(Buffer.concat([Buffer.alloc(200_000 * FRAME.length, FRAME), CLOSE]));
		await stranger.closed;
		expect(most()).toBeLessThanOrEqual(READS_MAX * READ_BYTES);
		stranger.socket.destroy();
		await peer.close();
	});
});

/** A small frame without anything in it, and the one that ends a connection. */
const FRAME = Buffer.from([0x82, 0x80, 0, 0, 0, 0]);
const CLOSE = Buffer.from([0x88, 0x80, 0, 0, 0, 0]);

/** Lets the node take WebSockets. @returns how many frames have come */
function takeWebSockets(): () => number {
	const server = new WebSocketServer({ noServer: true });
	let frames = 0;
	node.upgrade = () => ({
		name: 'client',
		handleUpgrade: (asked, socket: Duplex, head) =>
			server.handleUpgrade(asked, socket, head, (ws) => {
				readInTurns(ws, socket);
				ws.on('message', () => frames++);
			}),
	});
	return () => frames;
}

async function becomeWebSocket(of: Wire): Promise<void> {
	const headers = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
	of.write(request('GET', '/client', { headers: [...headers, `Sec-WebSocket-Key: ${'A'.repeat(22)}==`] }));
	expect((await of.answer()).status).toBe(101);
}
