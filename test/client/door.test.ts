import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { connectionLimits, DESCRIPTORS_MIN } from '../../server/front/limits.ts';
import { Writer } from '../../shared/bytes/bytes.ts';
import { writeHello, writeRead, writeTrace } from '../../shared/client/client-frame.ts';
import { readNodeFrame } from '../../shared/client/node-frame.ts';
import {
	FRAME_BYTES_MAX,
	HELLO,
	IN_FLIGHT_MAX,
	LIST,
	PING,
	PROTOCOL_VERSION,
	PROTOCOL_VERSION_MIN,
	READ,
	READ_KEYS_MAX,
	type ReadMode,
	TRACES_PER_BATCH_MAX,
	WRITE,
} from '../../shared/client/protocol.ts';
import { encodeCommand } from '../../shared/store/command.ts';
import { TestSwarm } from './nodes.ts';

/** @source RFC 6455, 5.2 */
const CLOSE_FRAME = 0x88;

let swarm: TestSwarm;

beforeEach(async () => {
	swarm = await TestSwarm.start(1);
});

afterEach(() => swarm.stop());

describe('the clients’ door', () => {
	it.each([
		['nothing', new Uint8Array(0)],
		['a section of no kind', Uint8Array.of(99)],
		['half a greeting', Uint8Array.of(HELLO, 1)],
		['a greeting of a version that is too high', hello(PROTOCOL_VERSION + 1, 'client')],
		['a greeting of a version that is too low', hello(PROTOCOL_VERSION_MIN - 1, 'client')],
		['too many traces of a batch', concat(greeting('s'), traces(TRACES_PER_BATCH_MAX + 1))],
		['a greeting without a client', hello(1, '')],
		['a batch that is cut short', concat(greeting('s'), Uint8Array.of(WRITE, 200, 0, 0, 0, 1))],
		['a batch that is none', concat(greeting('s'), Uint8Array.of(WRITE, 3, 0, 0, 0, 1, 2, 3))],
		['a batch before the greeting', write('s')],
		['a batch of another client', concat(greeting('s'), write('another'))],
		[
			'a command of another state machine',
			concat(
				greeting('s'),
				Uint8Array.of(WRITE),
				encodeCommand({ client: 's', sequence: 2, receivedThrough: 0 }, { kind: 'command', bytes: Uint8Array.of(1) }),
			),
		],
		['a read before the greeting', Uint8Array.of(READ, 0, 1, 1, 1, 0x61)],
		['a list before the greeting', Uint8Array.of(LIST, 0, 1, 0, 0)],
		['a list of no mode', concat(greeting('s'), Uint8Array.of(LIST, 9, 1, 0, 0))],
		['a list of a prefix that no key has', concat(greeting('s'), Uint8Array.of(LIST, 0, 1, 1, 0x2f, 0))],
		['a read of no keys', concat(greeting('s'), Uint8Array.of(READ, 0, 1, 0))],
		['a read of no mode', concat(greeting('s'), Uint8Array.of(READ, 9, 1, 1, 1, 0x61))],
		['more sections than any client sends', concat(greeting('s'), new Uint8Array(IN_FLIGHT_MAX).fill(PING))],
		[
			'more keys than any client sends',
			concat(greeting('s'), ...Array.from({ length: 33 }, () => read('stale', 1, READ_KEYS_MAX))),
		],
		['a read of a key that is not UTF-8', concat(greeting('s'), Uint8Array.of(READ, 0, 1, 1, 1, 0xc3))],
	])('ends a connection that sends %s', async (_, frame) => {
		const socket = swarm.stranger('n1');
		await once(socket, 'open');
		socket.send(frame);
		const [code] = await once(socket, 'close');
		expect(code).toBe(1002);
		expect((await swarm.client().put('still', 'here')).ok).toBe(true);
	});

	it.each([PROTOCOL_VERSION_MIN, PROTOCOL_VERSION])(
		'welcomes a client of version %i in its own version',
		async (version) => {
			const socket = swarm.stranger('n1');
			await once(socket, 'open');
			socket.send(hello(version, 'client'));
			expect(await sections(socket, 1)).toMatchObject([{ kind: 'welcome', version }]);
			socket.terminate();
		},
	);

	it('ends a connection that sends text, or too much at once', async () => {
		const text = swarm.stranger('n1');
		await once(text, 'open');
		text.send('hello');
		expect((await once(text, 'close'))[0]).toBe(1002);
		const large = swarm.stranger('n1');
		await once(large, 'open');
		large.send(new Uint8Array(FRAME_BYTES_MAX + 1));
		expect((await once(large, 'close'))[0]).toBe(1009);
	});

	it('refuses by name a key that no door takes', async () => {
		const socket = swarm.stranger('n1');
		await once(socket, 'open');
		const command = encodeCommand(
			{ client: 's', sequence: 3, receivedThrough: 0 },
			{ kind: 'put', key: '/a', value: new Uint8Array(1), flags: 0n, cas: null },
		);
		socket.send(concat(greeting('s'), Uint8Array.of(WRITE), command));
		expect(await sections(socket, 2)).toMatchObject([
			{ kind: 'welcome', node: 'n1' },
			{ kind: 'refused', what: 'write', first: 3, count: 1, why: 'badKey', mayHaveLeft: false },
		]);
		socket.terminate();
	});

	it('refuses reads that no leader confirms in time, and then has room for others', async () => {
		await swarm.stop();
		swarm = await TestSwarm.start(3, 1, 50);
		const socket = swarm.stranger('n1');
		await once(socket, 'open');
		const full = IN_FLIGHT_MAX / READ_KEYS_MAX;
		const asks = Array.from({ length: full + 1 }, (_, index) =>
			read('linearizable', 1 + index * READ_KEYS_MAX, READ_KEYS_MAX),
		);
		socket.send(concat(greeting('s'), ...asks));
		const [, ...answers] = await sections(socket, 1 + full + 1);
		const refused = { kind: 'refused', what: 'read', count: READ_KEYS_MAX };
		expect(answers[0]).toMatchObject({ ...refused, first: 1 + full * READ_KEYS_MAX, why: 'overloaded' });
		expect(answers.slice(1)).toMatchObject(Array.from({ length: full }, () => ({ ...refused, why: 'noLeader' })));
		socket.send(read('stale', 1, READ_KEYS_MAX));
		expect(await sections(socket, 1)).toMatchObject([{ kind: 'values', first: 1 }]);
		socket.terminate();
	});

	it('has a place for those who say hello, however many do not', async () => {
		await swarm.stop();
		swarm = await TestSwarm.start(1, 1, 20_000, { descriptors: DESCRIPTORS_MIN });
		const { clientsMax } = connectionLimits(DESCRIPTORS_MIN);
		const first = swarm.client();
		await first.put('first', 'here');
		const silent = Array.from({ length: 3 * clientsMax }, () => swarm.stranger('n1'));
		await Promise.all(
			silent.map((socket) =>
				once(
					socket.on('error', () => undefined),
					'close',
				),
			),
		);
		const late = swarm.client();
		await late.put('late', 'here');
		await first.put('first', 'still here');
		expect([first.dials, late.dials]).toEqual([1, 1]);
	});

	it('does not let in a page from elsewhere', async () => {
		for (const origin of ['http://evil.example', 'null']) {
			const socket = swarm.stranger('n1', { origin });
			const [error] = await once(socket, 'error');
			expect((error as Error).message).toContain('403');
		}
		const page = swarm.stranger('n1', { origin: swarm.urls[0] as string });
		await once(page, 'open');
		page.terminate();
	});

	it.each([
		['/client', 'http://evil.example', '403 Forbidden'],
		['/nowhere', undefined, '404 Not Found'],
	])('keeps no connection of one that it refused at %s, though the other end stays', async (path, origin, status) => {
		const { host, port } = new URL(swarm.urls[0] as string);
		const socket = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
		socket.on('error', () => undefined);
		const headers = [
			`Host: ${host}`,
			'Connection: Upgrade',
			'Upgrade: websocket',
			...(origin ? [`Origin: ${origin}`] : []),
		];
		socket.write(`GET ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`);
		expect(String((await once(socket, 'data'))[0])).toContain(status);
		// Only a socket that is gone answers with a reset, which the next write notices.
		const isGone = (): boolean => {
			if (!socket.destroyed) socket.write('still here');
			return socket.destroyed;
		};
		await expect.poll(isGone).toBe(true);
	});

	it('is closed also where a client answers the closing frame with nonsense', async () => {
		const { host, port } = new URL(swarm.urls[0] as string);
		const socket = connect(Number(port), '127.0.0.1');
		const headers = [
			`Host: ${host}`,
			'Connection: Upgrade',
			'Upgrade: websocket',
			'Sec-WebSocket-Version: 13',
			'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
		];
		socket.write(`GET /client HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`);
		expect(String((await once(socket, 'data'))[0])).toContain('101 Switching Protocols');
		const closed = swarm.node('n1').close();
		const [frame] = (await once(socket, 'data')) as [Buffer];
		expect(frame[0]).toBe(CLOSE_FRAME);
		socket.end(Uint8Array.of(0xff, 0x80, 0, 0, 0, 0));
		await expect(closed).resolves.toBeUndefined();
	});

	it('tells a client whose client was dropped, and the client goes on under another', async () => {
		const client = swarm.client();
		await client.put('a', '1');
		const socket = swarm.stranger('n1');
		await once(socket, 'open');
		// Each registers a client, and the least recently used one, which is the client's, is evicted.
		for (let i = 0; i < 1024; i++) socket.send(concat(greeting(`client ${i}`), write(`client ${i}`)));
		await expect.poll(async () => (await client.get('a'))?.createRevision).toBe(2);
		socket.terminate();
		await expect.poll(async () => (await client.put('b', '2')).ok).toBe(true);
		expect((await client.put('c', '3')).ok).toBe(true);
	});
});

function hello(version: number, client: string): Uint8Array {
	const out = new Writer();
	out.u8(HELLO);
	out.int(version);
	out.id(client);
	return out.take();
}

function traces(count: number): Uint8Array {
	const out = new Writer();
	writeTrace(out, 's', 1, Array<string>(count).fill('one'));
	return out.take();
}

function greeting(client: string): Uint8Array {
	const out = new Writer();
	writeHello(out, client);
	return out.take();
}

/** The batch that registers a client. */
function write(client: string): Uint8Array {
	const command = encodeCommand({ client, sequence: 1, receivedThrough: 0 }, { kind: 'registerClient', client });
	return concat(Uint8Array.of(WRITE), command);
}

function read(mode: ReadMode, first: number, count: number): Uint8Array {
	const out = new Writer();
	writeRead(out, mode, first, Array<string>(count).fill('a'));
	return out.take();
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
	return Uint8Array.from(parts.flatMap((part) => [...part]));
}

async function sections(socket: WebSocket, count: number): Promise<unknown[]> {
	const all: unknown[] = [];
	while (all.length < count) {
		const [data] = await once(socket, 'message');
		all.push(...readNodeFrame(new Uint8Array(data as Buffer)));
	}
	return all;
}
