/** Requests of every shape, whether HTTP allows it or not, are answered, or refused before anything is done. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HEADERS_MAX } from '../../server/front/front.ts';
import { TestNode } from '../api/node.ts';
import { request, Wire } from './wire.ts';

let node: TestNode;
let wire: Wire;

beforeEach(async () => {
	node = await new TestNode().start();
	wire = new Wire(node.port);
});
afterEach(() => node.stop());

const EVIL = 'Origin: http://evil.example';

describe('a client that is done with sending', () => {
	it('has its answer: of a PUT', async () => {
		wire.write(request('PUT', '/v1/kv/a', { body: 'red' })).socket.end();
		expect((await wire.answer()).body).toBe('true');
		expect(await wire.closed).toBe('end');
	});

	it('has all of its answers, in order', async () => {
		const put = request('PUT', '/v1/kv/a', { body: 'red' });
		wire.write(put + request('GET', '/v1/kv/a?raw') + put + request('GET', '/v1/kv/a?raw')).socket.end();
		expect(await wire.bodies(4)).toEqual(['true', 'red', 'true', 'red']);
		expect(await wire.closed).toBe('end');
	});

	it('has its answer also where that takes a while', async () => {
		let confirm: (confirmed: boolean) => void = () => undefined;
		node.replica.readBarrier = () =>
			new Promise((resolve) => {
				confirm = resolve;
			});
		const begun = once(node.events, 'request') as Promise<[IncomingMessage]>;
		wire.write(request('GET', '/v1/kv/a'));
		const [{ socket }] = await begun;
		const heard = once(socket, 'end');
		wire.socket.end();
		await heard;
		confirm(true);
		expect((await wire.answer()).status).toBe(404);
		expect(await wire.closed).toBe('end');
	});

	it('has its answers to what it sent ahead also where they take a while', async () => {
		const confirm: (() => void)[] = [];
		node.replica.readBarrier = () => new Promise((resolve) => confirm.push(() => resolve(true)));
		const begun = once(node.events, 'request') as Promise<[IncomingMessage]>;
		wire.write(request('GET', '/v1/kv/a') + request('PUT', '/v1/kv/a', { body: 'red' }));
		const [{ socket }] = await begun;
		const heard = once(socket, 'end');
		wire.socket.end();
		await heard;
		for (const go of confirm) go();
		expect((await wire.answer()).status).toBe(404);
		expect((await wire.answer()).body).toBe('true');
	});

	it('in the middle of a request is told that it is none, and nothing is done', async () => {
		wire.write(request('PUT', '/v1/kv/a', { body: 'red' }).slice(0, -1)).socket.end();
		expect((await wire.answer()).status).toBe(400);
		expect(await wire.closed).toBe('end');
		expect(node.replica.submitted).toEqual([]);
	});
});

describe('many headers', () => {
	it.each([HEADERS_MAX - 3, HEADERS_MAX - 2, 1000, 1050, 2100])('%s of them hide no Origin', async (count) => {
		const headers = [...Array.from({ length: count }, () => 'a:'), EVIL];
		wire.write(request('PUT', '/v1/kv/a', { body: 'x', headers }));
		const { status } = await wire.answer();
		expect(status).toBe(count < HEADERS_MAX - 2 ? 403 : 431);
		expect(node.replica.submitted).toEqual([]);
		expect(node.refused).toHaveLength(1);
	});

	it('hide no Host either', async () => {
		const many = Array.from({ length: 2100 }, () => 'a:').join('\r\n');
		wire.write(`GET /v1/swarm HTTP/1.1\r\n${many}\r\nHost: evil.example\r\n\r\n`);
		expect((await wire.answer()).status).toBe(431);
	});

	it('hide nothing from a WebSocket', async () => {
		node.upgrade = () => ({ name: 'client', handleUpgrade: () => expect.unreachable() });
		const headers = ['Connection: Upgrade', 'Upgrade: websocket', ...Array.from({ length: 2100 }, () => 'a:'), EVIL];
		expect((await wire.write(request('GET', '/client', { headers })).answer()).status).toBe(431);
	});

	it('of more bytes than there may be are refused', async () => {
		const headers = [`a: ${'x'.repeat(16_384)}`, EVIL];
		expect((await wire.write(request('GET', '/v1/kv/a', { headers })).answer()).status).toBe(431);
		expect(await wire.closed).not.toBeUndefined();
	});

	it('a URL of more bytes than there may be is refused', async () => {
		expect((await wire.write(request('GET', `/v1/kv/${'x'.repeat(20_000)}`)).answer()).status).toBe(431);
	});

	it('leave room for a key of the largest size', async () => {
		const key = `x${'%20'.repeat(4094)}x`;
		expect((await wire.write(request('PUT', `/v1/kv/${key}`, { body: 'x' })).answer()).body).toBe('true');
	});
});

describe('Host and Origin', () => {
	const head = (...headers: string[]) =>
		`PUT /v1/kv/a HTTP/1.1\r\n${headers.join('\r\n')}\r\nContent-Length: 1\r\n\r\nx`;

	it.each([
		['two Hosts', ['Host: localhost', 'Host: evil.example'], 400],
		['two Hosts, the good one last', ['Host: evil.example', 'Host: localhost'], 400],
		['twice the same Host', ['Host: localhost', 'hOST: localhost'], 400],
		['no Host', [], 400],
		['an Origin in odd case', ['Host: localhost', 'oRiGiN: http://evil.example'], 403],
		['two Origins', ['Host: localhost', 'Origin: http://localhost:7101', EVIL], 403],
		['an Origin of upper case', ['Host: localhost', 'Origin: HTTP://EVIL.EXAMPLE'], 403],
		['a folded Origin', ['Host: localhost', 'Origin:\r\n http://evil.example'], 400],
		['an Origin behind a bare line feed', ['Host: localhost', `a: b\n${EVIL}`], 400],
	])('%s are refused', async (_, headers, status) => {
		expect((await wire.write(head(...headers)).answer()).status).toBe(status);
		expect(node.replica.submitted).toEqual([]);
	});

	it('that are refused tell a page from elsewhere nothing', async () => {
		const { headers } = await wire.write(head('Host: localhost', EVIL)).answer();
		expect(headers).not.toHaveProperty('access-control-allow-origin');
		expect(headers).toMatchObject({
			'cross-origin-resource-policy': 'same-origin',
			'x-content-type-options': 'nosniff',
		});
	});

	it('of an absolute URL the host in it counts, not the header', async () => {
		wire.write(request('PUT', 'http://localhost/v1/kv/a', { host: 'evil.example', body: 'red' }));
		expect((await wire.answer()).body).toBe('true');
		wire.write(request('GET', `http://127.0.0.1:${node.port}/v1/kv/a?raw`));
		expect((await wire.answer()).body).toBe('red');
		wire.write(request('GET', 'http://evil.example/v1/kv/a', { host: 'localhost' }));
		expect((await wire.answer()).status).toBe(403);
		wire.write(request('GET', 'http://localhost?x', { host: 'evil.example' }));
		expect((await wire.answer()).status).toBe(404);
	});
});

describe('a request that two parsers might read in two ways', () => {
	it.each([
		['a length and chunks', ['Content-Length: 4', 'Transfer-Encoding: chunked']],
		['two lengths', ['Content-Length: 4', 'Content-Length: 5']],
		['two lengths in one', ['Content-Length: 4, 4']],
		['a length with a sign', ['Content-Length: +4']],
		['an unknown coding', ['Transfer-Encoding: chunked, identity']],
		['a coding in disguise', ['Transfer-Encoding: \x0bchunked']],
		['a coding before HTTP/1.1', ['Transfer-Encoding: xchunked']],
	])('(%s) is refused, and what follows is not served', async (_, headers) => {
		const smuggled = request('PUT', '/v1/kv/smuggled', { body: 'x' });
		wire.write(`${request('PUT', '/v1/kv/a', { headers })}0\r\n\r\n${smuggled}`);
		expect((await wire.answer()).status).toBe(400);
		expect(await wire.rest()).toBe('');
		expect(node.replica.submitted).toEqual([]);
	});

	it('(a chunk of no size) is refused, though its head was fine', async () => {
		const headers = ['Transfer-Encoding: chunked'];
		wire.write(`${request('PUT', '/v1/kv/a', { headers })}3\r\nred\r\nxyz\r\n`);
		expect((await wire.answer()).status).toBe(400);
		expect(node.replica.submitted).toEqual([]);
	});
});

describe('what is no HTTP', () => {
	it('is told from what was asked before it, which is answered first', async () => {
		wire.write(`${request('PUT', '/v1/kv/a', { body: 'red' })}${request('GET', '/v1/kv/a?raw')}NO HTTP AT ALL\r\n\r\n`);
		expect(await wire.bodies(2)).toEqual(['true', 'red']);
		expect((await wire.answer()).status).toBe(400);
		expect(await wire.rest()).toBe('');
		expect(node.refused).toHaveLength(1);
	});

	it.each(['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'SSH-2.0-OpenSSH_9.2\r\n', '\0'.repeat(100)])(
		'(%j) is refused and told once',
		async (bytes) => {
			wire.write(Buffer.from(bytes, 'latin1'));
			expect((await wire.answer()).status).toBe(400);
			await wire.closed;
			expect(node.refused).toHaveLength(1);
		},
	);

	it('a tunnel is not dug', async () => {
		wire.write('CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n');
		expect(await wire.rest()).toBe('');
	});
});

describe('a request that arrives too slowly', () => {
	const arrival = { headersTimeout: 50, requestTimeout: 100, connectionsCheckingInterval: 10 };
	beforeEach(async () => {
		await node.stop();
		node = await new TestNode().start({}, { arrival });
		wire = new Wire(node.port);
	});

	it.each([
		['with nothing of it', ''],
		['with half a line', 'PUT /v1'],
		['with half its headers', request('PUT', '/v1/kv/a', { body: 'red' }).slice(0, -9)],
		['with half its body', request('PUT', '/v1/kv/a', { body: 'red' }).slice(0, -1)],
		[
			'with a chunk and no more',
			`${request('PUT', '/v1/kv/a', { headers: ['Transfer-Encoding: chunked'] })}1\r\na\r\n`,
		],
	])('%s ends with 408, and is not done', async (_, text) => {
		wire.write(text);
		expect((await wire.answer()).status).toBe(408);
		expect(await wire.closed).toBe('end');
		expect(node.replica.submitted).toEqual([]);
	});

	it('behind one that is being answered does not disturb that answer', async () => {
		let confirm: (confirmed: boolean) => void = () => undefined;
		node.replica.readBarrier = () =>
			new Promise((resolve) => {
				confirm = resolve;
			});
		wire.write(`${request('GET', '/v1/kv/a')}PUT /v1/kv/a HTTP/1.1\r\n`);
		await expect.poll(() => node.refused).toHaveLength(1);
		confirm(true);
		expect((await wire.answer()).status).toBe(404);
		expect((await wire.answer()).status).toBe(408);
	});
});

describe('old and rare HTTP', () => {
	it('HTTP/1.0 is answered and closed, probes without a Host', async () => {
		wire.write('GET /livez HTTP/1.0\r\n\r\n');
		expect((await wire.answer()).status).toBe(200);
		expect(await wire.closed).toBe('end');
		const second = new Wire(node.port).write('GET /v1/kv/a HTTP/1.0\r\n\r\n');
		expect((await second.answer()).status).toBe(403);
		const third = new Wire(node.port).write('PUT /v1/kv/a HTTP/1.0\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx');
		expect((await third.answer()).body).toBe('true');
	});

	it('HTTP/1.1 without a Host is refused and ended, also where the URL names one, and a probe', async () => {
		for (const target of ['/v1/kv/a', `http://127.0.0.1:${node.port}/v1/kv/a`, '/livez']) {
			const without = new Wire(node.port).write(`GET ${target} HTTP/1.1\r\n\r\n`);
			expect(await without.answer()).toMatchObject({ status: 400, body: 'The request has no Host header.' });
			expect(await without.closed).toBe('end');
		}
	});

	it('an empty Transfer-Encoding is refused, and what follows is not served', async () => {
		const put = request('PUT', '/v1/kv/a', { headers: ['Transfer-Encoding: '] });
		wire.write(put + request('PUT', '/v1/kv/b', { body: 'x' }));
		expect((await wire.answer()).status).toBe(400);
		expect(await wire.rest()).toBe('');
		expect(node.replica.submitted).toEqual([]);
	});

	it('a Transfer-Encoding under the chunks is refused, and nothing is kept of what it encodes', async () => {
		const put = (coding: string) =>
			`${request('PUT', '/v1/kv/a', { headers: [`Transfer-Encoding: ${coding}`] })}1\r\nx\r\n0\r\n\r\n`;
		for (const coding of ['gzip, chunked', 'identity,chunked']) {
			expect((await new Wire(node.port).write(put(coding)).answer()).status).toBe(400);
		}
		expect(node.replica.submitted).toEqual([]);
		expect((await wire.write(put('Chunked')).answer()).body).toBe('true');
	});

	it('Connection: close is kept to, also where more was sent', async () => {
		const close = ['Connection: close'];
		const put = request('PUT', '/v1/kv/a', { body: 'x', headers: close });
		wire.write(put + put);
		expect((await wire.answer()).headers.connection).toBe('close');
		expect(await wire.rest()).toBe('');
		expect(node.replica.submitted).toHaveLength(1);
	});

	it('Expect: 100-continue is told to go on, and anything else to expect nothing', async () => {
		const [head, body] = [
			request('PUT', '/v1/kv/a', { headers: ['Expect: 100-continue', 'Content-Length: 3'] }),
			'red',
		];
		wire.write(head);
		expect((await wire.answer()).status).toBe(100);
		wire.write(body);
		expect((await wire.answer()).body).toBe('true');
		wire.write(request('PUT', '/v1/kv/a', { headers: ['Expect: the-unexpected'], body: 'x' }));
		expect((await wire.answer()).status).toBe(417);
	});

	it('a body where none belongs is not taken for the next request', async () => {
		await node.put('/v1/kv/a', 'red');
		const body = request('PUT', '/v1/kv/b', { body: 'x' });
		wire.write(request('HEAD', '/v1/kv/a', { body }) + request('GET', '/v1/kv/a?raw', { body }));
		expect((await wire.answer(true)).status).toBe(200);
		expect((await wire.answer()).body).toBe('red');
		expect(node.replica.submitted).toHaveLength(1);
	});

	it('no header makes one method of another', async () => {
		await node.put('/v1/kv/a', 'red');
		const names = ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'];
		const headers = names.map((name) => `${name}: DELETE`);
		wire.write(request('GET', '/v1/kv/a?raw&_method=DELETE', { headers }));
		expect((await wire.answer()).body).toBe('red');
		expect(node.replica.submitted).toHaveLength(1);
	});

	it('a question to the whole server is answered', async () => {
		expect((await wire.write(request('OPTIONS', '*')).answer()).status).toBeLessThan(500);
		expect(node.errors).toEqual([]);
	});
});
