/** An upgrade to another protocol than WebSocket is ignored, and the request is served without it. */
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { TestNode } from '../api/node.ts';
import { request, Wire } from './wire.ts';

/** The headers of each first request of `curl --http2` and Java's HttpClient. */
const H2C = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'];
const WEB_SOCKET = [
	'Connection: Upgrade',
	'Upgrade: websocket',
	'Sec-WebSocket-Version: 13',
	`Sec-WebSocket-Key: ${'A'.repeat(22)}==`,
];

let node: TestNode;
let wire: Wire;

beforeEach(async () => {
	node = await new TestNode().start();
	wire = new Wire(node.port);
});
afterEach(() => node.stop());

const get = (key: string, headers: readonly string[] = []) => request('GET', `/v1/kv/${key}?raw`, { headers });
const put = (key: string, body: string, headers: readonly string[] = []) =>
	request('PUT', `/v1/kv/${key}`, { body, headers });

describe('an upgrade to HTTP/2', () => {
	it('of a GET is answered, and the connection serves on', async () => {
		await node.put('/v1/kv/a', 'red');
		expect(await wire.write(get('a', H2C)).answer()).toMatchObject({ status: 200, body: 'red' });
		expect(await wire.write(get('a')).answer()).toMatchObject({ status: 200, body: 'red' });
		expect(node.refused).toEqual([]);
	});

	it('of a PUT with a body is done', async () => {
		expect(await wire.write(put('a', 'red', H2C)).answer()).toMatchObject({ status: 200, body: 'true' });
		expect((await node.get('/v1/kv/a?raw')).text).toBe('red');
	});

	it('of a PUT whose body comes later is done', async () => {
		const whole = put('a', 'red and blue', H2C);
		const asked = node.replica.nextSubmitted();
		wire.write(whole.slice(0, -8));
		wire.write(whole.slice(-8, -4));
		wire.write(whole.slice(-4));
		await asked;
		expect((await wire.answer()).body).toBe('true');
		expect((await node.get('/v1/kv/a?raw')).text).toBe('red and blue');
	});

	it('of a chunked PUT is done', async () => {
		const headers = [...H2C, 'Transfer-Encoding: chunked'];
		wire.write(`${request('PUT', '/v1/kv/a', { headers })}3\r\nred\r\n5\r\n blue\r\n0\r\n\r\n`);
		expect((await wire.answer()).body).toBe('true');
		expect((await node.get('/v1/kv/a?raw')).text).toBe('red blue');
	});

	it('has what is sent behind it answered too, and what was sent before it first', async () => {
		wire.write(put('a', 'red') + get('a', H2C) + put('a', 'blue') + get('a', H2C) + get('b') + put('b', 'x'));
		expect(await wire.bodies(4)).toEqual(['true', 'red', 'true', 'blue']);
		expect((await wire.answer()).status).toBe(404);
		expect((await wire.answer()).body).toBe('true');
	});

	it('has all that are sent ahead answered, each one with an upgrade of its own', async () => {
		await node.put('/v1/kv/a', 'red');
		wire.write(get('a', H2C).repeat(100));
		expect(await wire.bodies(100)).toEqual(Array.from({ length: 100 }, () => 'red'));
	});

	it('of a PUT has what is sent behind it answered, or the connection ends behind its answer', async () => {
		wire.write(put('a', 'red', H2C) + get('a'));
		const first = await wire.answer();
		expect(first.body).toBe('true');
		// Newer versions of Node.js lose the bytes that follow. The answer closes the connection, and the client asks again.
		if (first.headers.connection === 'close') expect(await wire.rest()).toBe('');
		else expect((await wire.answer()).body).toBe('red');
	});

	it('is refused where the request would be, and its body is not taken for a request', async () => {
		const headers = [...H2C, 'Origin: http://evil.example'];
		wire.write(put('a', put('b', 'x'), headers));
		expect((await wire.answer()).status).toBe(403);
		wire.socket.end();
		expect(await wire.rest()).toBe('');
		expect(node.replica.submitted).toEqual([]);
	});

	it.each(['/client', '/mesh', '/socket.io/', '/'])('at %s is answered as any request is', async (path) => {
		node.upgrade = () => ({ name: 'client', handleUpgrade: () => expect.unreachable() });
		expect((await wire.write(request('GET', path, { headers: H2C })).answer()).status).toBe(404);
	});
});

describe('an upgrade to a WebSocket', () => {
	it('where nobody takes one is answered as any request is', async () => {
		await node.put('/v1/kv/a', 'red');
		expect((await wire.write(get('a', WEB_SOCKET)).answer()).body).toBe('red');
		expect((await wire.write(request('GET', '/nowhere', { headers: WEB_SOCKET })).answer()).status).toBe(404);
	});

	it('becomes one only after what was asked before is answered', async () => {
		const server = new WebSocketServer({ noServer: true });
		node.upgrade = (path) =>
			path === '/client'
				? {
						name: 'client',
						handleUpgrade: (asked, socket: Duplex, head) =>
							server.handleUpgrade(asked, socket, head, (ws) => ws.close(1000)),
					}
				: null;
		wire.write(put('a', 'red') + get('a') + request('GET', '/client', { headers: WEB_SOCKET }));
		expect(await wire.bodies(2)).toEqual(['true', 'red']);
		expect((await wire.answer()).status).toBe(101);
		wire.socket.end();
		await once(wire.socket, 'close');
	});

	it('is none with another method', async () => {
		node.upgrade = () => ({ name: 'client', handleUpgrade: () => expect.unreachable() });
		wire.write(put('a', 'red', WEB_SOCKET));
		expect((await wire.answer()).body).toBe('true');
	});
});
