import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SubmitAnswer } from '../../shared/replica/submit-answer.ts';
import { BALLOT, TestNode } from './node.ts';
import { countPrints } from './prints.ts';

let node: TestNode;
beforeEach(async () => {
	node = await new TestNode().start();
});
afterEach(async () => {
	await node.stop();
	expect(node.errors).toEqual([]);
});

const keys = (): string[] => node.replica.store.list('').map(({ key }) => key);

describe('the path', () => {
	it('is what it is and all below it, also where a proxy sends the whole URL', async () => {
		await node.put('/v1/kv/color', 'red');
		expect((await node.get(`http://127.0.0.1:${node.port}/v1/kv/color?raw`)).text).toBe('red');
		expect((await node.get('/v1/kv?keys')).json).toEqual(['color']);
		expect(await node.get('/v1/kvs/color')).toMatchObject({ status: 404, text: 'Not supported by this swarm.' });
		expect(await node.get('/V1/kv/color')).toMatchObject({ status: 404, text: 'Not found.' });
	});

	it('has answers that no page of another site can use, whatever they look like', async () => {
		for (const { headers } of [
			await node.put('/v1/kv/a', '<html>'),
			await node.get('/v1/kv/a'),
			await node.get('/v1/kv/'),
		]) {
			expect(headers).toMatchObject({
				'x-content-type-options': 'nosniff',
				'content-security-policy': 'sandbox',
				'cross-origin-resource-policy': 'same-origin',
				vary: 'Origin',
			});
		}
	});
});

describe('GET of a key', () => {
	it('answers the entry as Consul-KV clients read it', async () => {
		await node.put('/v1/kv/color?flags=7', 'red');
		const { status, headers, text } = await node.get('/v1/kv/color');
		expect(status).toBe(200);
		expect(text).toBe('[{"LockIndex":0,"Key":"color","Flags":7,"Value":"cmVk","CreateIndex":2,"ModifyIndex":2}]');
		expect(headers).toMatchObject({
			'content-type': 'application/json; charset=utf-8',
			'x-consul-index': '2',
			'x-consul-knownleader': 'true',
			'x-consul-lastcontact': '0',
			'x-consul-effective-consistency': 'leader',
		});
		expect(headers).not.toHaveProperty('etag');
	});

	it('answers an empty value as null', async () => {
		await node.put('/v1/kv/empty');
		expect((await node.get('/v1/kv/empty')).json).toMatchObject([{ Key: 'empty', Value: null }]);
	});

	it('carries flags of 64 bits whole, there and back', async () => {
		for (const flags of [0x2ddccbc058a50c18n, 2n ** 64n - 1n]) {
			await node.put(`/v1/kv/lock?flags=${flags}`, 'x');
			expect((await node.get('/v1/kv/lock')).text).toContain(`"Flags":${flags},`);
		}
	});

	it.each(['?raw', '?raw=true'])('with %s answers the bytes, which no browser may take for a page', async (query) => {
		await node.put('/v1/kv/page', '<script>');
		const { text, headers } = await node.get(`/v1/kv/page${query}`);
		expect(text).toBe('<script>');
		expect(headers).toMatchObject({
			'x-content-type-options': 'nosniff',
			'content-security-policy': 'sandbox',
			'x-consul-index': '2',
		});
		expect(headers['content-type']).toMatch(/^text\/plain/);
	});

	it('with ?raw answers bytes that are no text unchanged', async () => {
		const value = Uint8Array.of(0, 255, 254, 10);
		await node.put('/v1/kv/bytes', value);
		const { headers } = await node.get('/v1/kv/bytes?raw');
		expect(headers['content-length']).toBe('4');
		expect((await node.get('/v1/kv/bytes')).json).toMatchObject([{ Value: Buffer.from(value).toString('base64') }]);
	});

	it('with ?pretty indents', async () => {
		await node.put('/v1/kv/a', 'b');
		expect((await node.get('/v1/kv/a?pretty')).text).toMatch(/^\[\n {4}\{\n {8}"LockIndex": 0,\n/);
	});

	it('with ?raw answers an empty value with nothing', async () => {
		await node.put('/v1/kv/empty');
		const { status, text, headers } = await node.get('/v1/kv/empty?raw');
		expect([status, text, headers['content-length'], headers['x-consul-index']]).toEqual([200, '', '0', '2']);
	});

	it('has an index of 1 or more, also before anything was written', async () => {
		for (const path of ['a', '?recurse', '?keys']) {
			expect((await node.get(`/v1/kv/${path}`)).headers['x-consul-index']).toBe('1');
		}
	});

	it('that is missing answers 404, empty, with the headers of a read', async () => {
		await node.put('/v1/kv/other', '');
		const { status, text, headers } = await node.get('/v1/kv/none');
		expect([status, text]).toEqual([404, '']);
		expect(headers).toMatchObject({ 'x-consul-index': '2', 'x-consul-knownleader': 'true' });
	});

	it('without a name answers 400', async () => {
		for (const path of ['/v1/kv/', '/v1/kv', '/v1/kv/?raw']) {
			expect(await node.get(path)).toMatchObject({ status: 400, text: 'Missing key name' });
		}
	});

	it('as HEAD answers the same without a body', async () => {
		await node.put('/v1/kv/a', 'b');
		const { status, text, headers } = await node.ask('HEAD', '/v1/kv/a');
		expect([status, text]).toEqual([200, '']);
		expect(headers['x-consul-index']).toBe('2');
		const missing = await node.ask('HEAD', '/v1/kv/none');
		expect([missing.status, missing.headers['x-consul-index']]).toEqual([404, '2']);
	});
});

describe('GET of many', () => {
	beforeEach(async () => {
		for (const key of ['a/1', 'a/b/2', 'a/b/3', 'b', 'z%C3%A7']) await node.put(`/v1/kv/${key}`, 'v');
	});

	it('with ?recurse answers the entries of the prefix, in the order of their bytes', async () => {
		const { status, json, headers } = await node.get('/v1/kv/a/?recurse');
		expect(status).toBe(200);
		expect(json).toMatchObject([{ Key: 'a/1' }, { Key: 'a/b/2' }, { Key: 'a/b/3' }]);
		expect(headers['x-consul-index']).toBe('4');
		expect((await node.get('/v1/kv/?recurse')).json).toHaveLength(5);
		expect((await node.get('/v1/kv?recurse')).json).toHaveLength(5);
	});

	it('with ?keys answers the keys, cut after the separator, once each', async () => {
		expect((await node.get('/v1/kv/?keys')).json).toEqual(['a/1', 'a/b/2', 'a/b/3', 'b', 'zç']);
		expect((await node.get('/v1/kv/?keys&separator=/')).json).toEqual(['a/', 'b', 'zç']);
		expect((await node.get('/v1/kv/a/?keys&separator=%2F')).json).toEqual(['a/1', 'a/b/']);
		expect((await node.get('/v1/kv/a?keys&separator=/')).json).toEqual(['a/']);
	});

	it('answers in the order of the bytes of UTF-8, which is not that of JavaScript', async () => {
		for (const key of ['%F0%9F%A6%80', '%EF%AC%80']) await node.put(`/v1/kv/${key}`, 'v');
		const order = ['a/1', 'a/b/2', 'a/b/3', 'b', 'z\u00e7', '\ufb00', '\u{1f980}'];
		expect((await node.get('/v1/kv/?keys')).json).toEqual(order);
		expect((await node.get('/v1/kv/?recurse')).json).toMatchObject(order.map((Key) => ({ Key })));
	});

	it('with ?pretty indents, and takes a prefix that is encoded', async () => {
		expect((await node.get('/v1/kv/a%2Fb%2F?keys&pretty')).text).toBe('[\n    "a/b/2",\n    "a/b/3"\n]');
		expect((await node.get('/v1/kv/z%C3?keys')).status).toBe(400);
	});

	it('answers 404 where there is none, and an empty root has the keys []', async () => {
		expect(await node.get('/v1/kv/none?recurse')).toMatchObject({ status: 404, text: '' });
		expect(await node.get('/v1/kv/none?keys')).toMatchObject({ status: 404, text: '' });
		await node.ask('DELETE', '/v1/kv/?recurse');
		expect(await node.get('/v1/kv/?keys')).toMatchObject({ status: 200, text: '[]' });
		const { status, headers } = await node.get('/v1/kv/?recurse');
		expect([status, headers['x-consul-index']]).toEqual([404, '7']);
	});
});

describe('PUT', () => {
	it('stores the body of any content type and answers true', async () => {
		const headers = { 'content-type': 'application/x-www-form-urlencoded' };
		const answer = await node.ask('PUT', '/v1/kv/a', { headers, body: 'b=%20c' });
		expect(answer).toMatchObject({ status: 200, text: 'true' });
		expect(answer.headers['content-type']).toMatch(/^application\/json/);
		expect((await node.get('/v1/kv/a?raw')).text).toBe('b=%20c');
	});

	it('with cas=0 only creates, with cas=N only writes over ModifyIndex N', async () => {
		expect((await node.put('/v1/kv/a?cas=5', '0')).text).toBe('false');
		expect((await node.put('/v1/kv/a?cas=0', '1')).text).toBe('true');
		expect((await node.put('/v1/kv/a?cas=0', '2')).text).toBe('false');
		expect((await node.put('/v1/kv/a?cas=3', '3')).text).toBe('true');
		expect((await node.put('/v1/kv/a?cas=3', '4')).text).toBe('false');
		expect((await node.put('/v1/kv/a?cas=18446744073709551615', '5')).text).toBe('false');
		expect((await node.get('/v1/kv/a')).json).toMatchObject([{ CreateIndex: 3, ModifyIndex: 5 }]);
	});

	it('takes no two of cas, acquire and release', async () => {
		expect(await node.put('/v1/kv/a?cas=0&acquire=s', 'x')).toMatchObject({
			status: 400,
			text: 'Conflicting flags: acquire=s&cas=0',
		});
		expect(await node.put('/v1/kv/a?release=s&acquire=t', 'x')).toMatchObject({
			status: 400,
			text: 'Conflicting flags: acquire=t&release=s',
		});
		expect(keys()).toEqual([]);
	});

	it('takes no lock for a session that does not exist, and never answers as if it had', async () => {
		expect(await node.put('/v1/kv/a?acquire=s1', 'x')).toMatchObject({ status: 500, text: 'invalid session "s1"' });
		expect(await node.put('/v1/kv/a?acquire=', 'x')).toMatchObject({ status: 500, text: 'missing session' });
		expect(await node.put('/v1/kv/a?release=s1', 'x')).toMatchObject({ status: 200, text: 'false' });
		expect(keys()).toEqual([]);
	});

	it.each([
		'cas=',
		'cas=x',
		'cas=-1',
		'cas=1.5',
		'cas=18446744073709551616',
		'flags=',
		'flags=0x7',
		'flags=-1',
		'flags=1e3',
	])('with %s answers 400 and writes nothing', async (query) => {
		const { status, text } = await node.put(`/v1/kv/a?${query}`, 'x');
		expect(status).toBe(400);
		expect(text).toMatch(/^Invalid (cas|flags) ".*": not an unsigned 64-bit integer$/);
		expect(keys()).toEqual([]);
	});

	it('takes a value of 524,288 bytes and not one more', async () => {
		expect(await node.put('/v1/kv/full', new Uint8Array(524_288))).toMatchObject({ status: 200, text: 'true' });
		expect(await node.put('/v1/kv/over', new Uint8Array(524_289))).toMatchObject({
			status: 413,
			text: 'Request body(524289 bytes) too large, max size: 524288 bytes.',
		});
		expect(keys()).toEqual(['full']);
	});

	it('refuses a body that only says that it is too large, without waiting for it', async () => {
		const socket = connect(node.port, '127.0.0.1');
		socket.write(`PUT /v1/kv/a HTTP/1.1\r\nHost: 127.0.0.1:${node.port}\r\nContent-Length: 99999999999\r\n\r\nx`);
		const [answer] = (await once(socket, 'data')) as [Buffer];
		expect(answer.toString()).toContain('HTTP/1.1 413');
		expect(answer.toString()).toContain('Request body(99999999999 bytes) too large, max size: 524288 bytes.');
		socket.destroy();
		expect(keys()).toEqual([]);
	});

	it('refuses a body of unknown length once it is too large, and reads the rest so that the answer arrives', async () => {
		const socket = connect(node.port, '127.0.0.1');
		socket.write(`PUT /v1/kv/a HTTP/1.1\r\nHost: 127.0.0.1:${node.port}\r\nTransfer-Encoding: chunked\r\n\r\n`);
		const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
		for (let i = 0; i < 40; i++) socket.write(chunk);
		socket.write('0\r\n\r\n');
		const [answer] = (await once(socket, 'data')) as [Buffer];
		expect(answer.toString()).toMatch(
			/^HTTP\/1\.1 413 [\s\S]*Request body\(\d+ bytes\) too large, max size: 524288 bytes\.$/,
		);
		// The connection still serves.
		socket.write(`GET /v1/kv/a HTTP/1.1\r\nHost: 127.0.0.1:${node.port}\r\n\r\n`);
		expect(String(await once(socket, 'data'))).toContain('HTTP/1.1 404');
		socket.destroy();
		expect(keys()).toEqual([]);
	});

	it.each(['Content-Length: 10', 'Transfer-Encoding: chunked'])(
		'that is half sent (%s) and then cut off writes nothing',
		async (header) => {
			const socket = connect(node.port, '127.0.0.1');
			const arrived = once(node.events, 'request');
			socket.write(`PUT /v1/kv/a HTTP/1.1\r\nHost: 127.0.0.1:${node.port}\r\n${header}\r\n\r\n5\r\nhello`);
			const [request] = (await arrived) as [NodeJS.ReadableStream];
			const closed = new Promise((resolve) => request.once('close', resolve));
			socket.destroy();
			await closed;
			// A request that comes after it is answered after it.
			expect(await node.put('/v1/kv/b', 'x')).toMatchObject({ text: 'true' });
			expect(keys()).toEqual(['b']);
			expect(node.replica.submitted).toHaveLength(1);
		},
	);
});

describe('DELETE', () => {
	it('answers true, also where there is nothing', async () => {
		await node.put('/v1/kv/a', 'x');
		expect(await node.ask('DELETE', '/v1/kv/a')).toMatchObject({ status: 200, text: 'true' });
		expect(await node.ask('DELETE', '/v1/kv/a')).toMatchObject({ status: 200, text: 'true' });
		expect(keys()).toEqual([]);
	});

	it('with cas removes only that ModifyIndex', async () => {
		await node.put('/v1/kv/a', 'x');
		expect((await node.ask('DELETE', '/v1/kv/a?cas=9')).text).toBe('false');
		expect((await node.ask('DELETE', '/v1/kv/a?cas=0')).text).toBe('false');
		expect(keys()).toEqual(['a']);
		expect((await node.ask('DELETE', '/v1/kv/a?cas=2')).text).toBe('true');
		expect(keys()).toEqual([]);
		// As Consul does: what was to be deleted is not there.
		expect((await node.ask('DELETE', '/v1/kv/a?cas=2')).text).toBe('true');
	});

	it('with recurse removes the prefix only', async () => {
		for (const key of ['a/1', 'a/2', 'ab', 'b']) await node.put(`/v1/kv/${key}`, 'x');
		expect((await node.ask('DELETE', '/v1/kv/a/?recurse')).text).toBe('true');
		expect(keys()).toEqual(['ab', 'b']);
	});

	it('takes no recurse together with cas, and a name unless it recurses', async () => {
		await node.put('/v1/kv/a', 'x');
		expect(await node.ask('DELETE', '/v1/kv/a?recurse&cas=2')).toMatchObject({
			status: 400,
			text: 'Conflicting flags: cas=2&recurse=',
		});
		expect(await node.ask('DELETE', '/v1/kv/')).toMatchObject({ status: 400, text: 'Missing key name' });
		expect(await node.ask('DELETE', '/v1/kv/a?cas=x')).toMatchObject({ status: 400 });
		expect(keys()).toEqual(['a']);
	});
});

describe('a key', () => {
	it.each([
		['a%2Fb', 'a/b'],
		['a/b', 'a/b'],
		['a/', 'a/'],
		['a%2F', 'a/'],
		['a//b', 'a//b'],
		['%C3%A7', 'ç'],
		['%F0%9F%A6%80', '\u{1f980}'],
		['a%20b', 'a b'],
		['a+b', 'a+b'],
		['a%3Fraw', 'a?raw'],
		['%25', '%'],
		['..a', '..a'],
		['.', '.'],
		['livez', 'livez'],
		['constructor', 'constructor'],
	])('written %s is %j, and comes back', async (written, key) => {
		expect(await node.put(`/v1/kv/${written}`, 'x')).toMatchObject({ text: 'true' });
		expect(keys()).toEqual([key]);
		expect((await node.get(`/v1/kv/${written}`)).json).toMatchObject([{ Key: key }]);
	});

	it.each([
		['one byte', 'k'.repeat(4096), 'k'.repeat(4096)],
		['two bytes', '%C3%A7'.repeat(2048), '\u00e7'.repeat(2048)],
		['four bytes', '%F0%9F%A6%80'.repeat(1024), '\u{1f980}'.repeat(1024)],
	])('has 4,096 bytes at most, in letters of %s', async (_, written, key) => {
		expect(await node.put(`/v1/kv/${written}`, 'x')).toMatchObject({ status: 200, text: 'true' });
		expect((await node.get(`/v1/kv/${written}`)).json).toMatchObject([{ Key: key }]);
		expect((await node.put(`/v1/kv/${written}k`, 'x')).text).toBe(
			'Invalid key name: the key has 4097 bytes, max size: 4096 bytes',
		);
	});

	it('is the same in an address that a proxy sends whole', async () => {
		await node.put(`http://127.0.0.1:${node.port}/v1/kv/a%2Fb?cas=0`, 'x');
		expect(keys()).toEqual(['a/b']);
	});

	it.each([
		['%', 'is not percent-encoded UTF-8'],
		['a%zz', 'is not percent-encoded UTF-8'],
		['%ff', 'is not percent-encoded UTF-8'],
		['%ED%A0%80', 'is not percent-encoded UTF-8'],
		['/a', 'begins with a slash'],
		['%2Fa', 'begins with a slash'],
		['a/../b', 'has the segment ".."'],
		['a%2F..%2Fb', 'has the segment ".."'],
		['%2e%2E/b', 'has the segment ".."'],
		['..', 'has the segment ".."'],
		['a/%252e%252E/b', 'has the segment ".."'],
		['a%252F..%252fb', 'has the segment ".."'],
		['%20a', 'begins or ends with a space'],
		['a%20', 'begins or ends with a space'],
		['a%00', 'has the character U+0000, which cannot be printed'],
		['a%0Ab', 'has the character U+000A, which cannot be printed'],
		['%7F', 'has the character U+007F, which cannot be printed'],
		['x'.repeat(4097), 'has 4097 bytes, max size: 4096 bytes'],
	])('written %s is refused: it %s', async (written, fault) => {
		const text = `Invalid key name: the key ${fault}`;
		expect(await node.put(`/v1/kv/${written}`, 'x')).toMatchObject({ status: 400, text });
		expect(await node.get(`/v1/kv/${written}`)).toMatchObject({ status: 400, text });
		expect(await node.ask('DELETE', `/v1/kv/${written}?recurse`)).toMatchObject({ status: 400, text });
		expect(node.replica.submitted).toEqual([]);
	});
});

describe('a read', () => {
	beforeEach(() => node.put('/v1/kv/a', 'x'));

	it.each([
		['', 'leader'],
		['?consistent', 'consistent'],
	])('with %j waits until a quorum confirms the leader', async (query, consistency) => {
		const { status, headers } = await node.get(`/v1/kv/a${query}`);
		expect([status, headers['x-consul-effective-consistency']]).toEqual([200, consistency]);
		expect(node.replica.barriers).toEqual([3000]);
	});

	it('without a leader answers 500 No cluster leader', async () => {
		node.replica.hasLeader = false;
		for (const query of ['', '?consistent', '?recurse', '?max_stale=1ms']) {
			expect(await node.get(`/v1/kv/a${query}`)).toMatchObject({ status: 500, text: 'No cluster leader' });
		}
	});

	it('is answered in one of several turns where a leader confirms many that read much', async () => {
		await node.put('/v1/kv/a', 'x'.repeat(49_000));
		const { replica } = node;
		const confirmed: ((isConfirmed: boolean) => void)[] = [];
		replica.readBarrier = () =>
			new Promise((resolve) => {
				if (confirmed.push(resolve) === 12) for (const confirm of confirmed) confirm(true);
			});
		const ended = countPrints();
		const answers = await Promise.all(Array.from({ length: 12 }, () => node.get('/v1/kv/a')));
		expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
		expect(ended()).toEqual([6, 6]);
	});

	it('that may be stale answers from this node alone, also without a leader', async () => {
		node.replica.hasLeader = false;
		for (const query of ['?stale', '?max_stale=10s', '?stale&max_stale=13ms']) {
			const { status, headers } = await node.get(`/v1/kv/a${query}`);
			expect(status).toBe(200);
			expect(headers).toMatchObject({
				'x-consul-effective-consistency': 'stale',
				'x-consul-knownleader': 'false',
				'x-consul-lastcontact': '12',
			});
		}
		expect(node.replica.barriers).toEqual([]);
		node.replica.override = { lastContactMs: Number.POSITIVE_INFINITY };
		expect((await node.get('/v1/kv/a?stale')).headers['x-consul-lastcontact']).toMatch(/^\d+$/);
	});

	it.each([
		['max_stale=12ms', 12.7],
		['max_stale=0', 0],
		['stale&max_stale=0s', 0],
		['max_stale=10s', 10_000],
	])('with %s goes to the leader where the last contact is %d ms old', async (query, lastContactMs) => {
		node.replica.override = { lastContactMs };
		const { headers } = await node.get(`/v1/kv/a?${query}`);
		expect(headers).toMatchObject({ 'x-consul-effective-consistency': 'leader', 'x-consul-lastcontact': '0' });
		expect(node.replica.barriers).toEqual([3000]);
	});

	it('of the leader itself may be stale too, and its last contact is now', async () => {
		node.replica.override = { lastContactMs: 0 };
		for (const query of ['stale', 'max_stale=1ms', 'stale&max_stale=']) {
			const { headers } = await node.get(`/v1/kv/a?${query}`);
			expect(headers).toMatchObject({ 'x-consul-effective-consistency': 'stale', 'x-consul-lastcontact': '0' });
		}
		expect(node.replica.barriers).toEqual([]);
	});

	it.each([
		['stale&consistent', 'Cannot specify ?stale with ?consistent, conflicting semantics.'],
		['max_stale=10s&consistent', 'Cannot specify ?stale with ?consistent, conflicting semantics.'],
		['max_stale=soon', 'Invalid max_stale value "soon"'],
		['max_stale=10', 'Invalid max_stale value "10"'],
		['index=x', 'Invalid index'],
		['index=-1', 'Invalid index'],
		['wait=x', 'Invalid wait time'],
		['wait=5', 'Invalid wait time'],
		['wait=5d', 'Invalid wait time'],
		['wait=1s1', 'Invalid wait time'],
		['wait=1.1.1s', 'Invalid wait time'],
	])('with ?%s answers 400', async (query, text) => {
		expect(await node.get(`/v1/kv/a?${query}`)).toMatchObject({ status: 400, text });
	});

	it.each(['wait=1h30m', 'wait=1.5s', 'wait=500ms', 'wait=10us', 'wait=0', 'index=0&wait=', 'index=1'])(
		'with ?%s answers what is there',
		async (query) => {
			expect((await node.get(`/v1/kv/a?${query}`)).status).toBe(200);
		},
	);
});

describe('a write', () => {
	const attempts = [] as const;
	const failures: readonly [string, SubmitAnswer, string, string, string?][] = [
		[
			'has no leader',
			{ outcome: 'refused', why: 'noLeader', detail: 'none', attempts },
			'No cluster leader',
			'not-applied',
			'noLeader',
		],
		[
			'meets a node that stops',
			{ outcome: 'refused', why: 'stopping', detail: 'the node is stopping', attempts },
			'The write did not happen: the node is stopping',
			'not-applied',
			'stopping',
		],
		[
			'meets a full disk',
			{ outcome: 'refused', why: 'diskFull', detail: 'no space left on device', attempts },
			'The write did not happen: no space left on device',
			'not-applied',
			'diskFull',
		],
		[
			'meets a disk that hangs',
			{ outcome: 'refused', why: 'diskBehind', detail: 'the disk does not keep up', attempts },
			'The write did not happen: the disk does not keep up',
			'not-applied',
			'diskBehind',
		],
		[
			'was proposed and not answered',
			{ outcome: 'unknown', why: 'timeout', detail: 'not chosen in time', attempts },
			'It is unknown whether the write happened: not chosen in time',
			'unknown',
		],
	];

	it.each(failures)('that %s answers 500 and says what is known', async (_, given, text, outcome, refused) => {
		for (const method of ['PUT', 'DELETE']) {
			node.replica.answerNext = given;
			const answer = await node.ask(method, '/v1/kv/a');
			expect(answer).toMatchObject({ status: 500, text });
			expect(answer.headers['x-swarm-outcome']).toBe(outcome);
			expect(answer.headers['x-swarm-refused']).toBe(refused);
		}
	});

	it('goes by the leader, and is held for three seconds', async () => {
		await node.put('/v1/kv/a', 'x');
		expect(node.replica.submitted).toMatchObject([{ options: { route: 'leader', contest: 0, timeoutMs: 3000 } }]);
	});
});

describe('the rest of /v1/kv', () => {
	it('answers other methods 405, and OPTIONS with those there are', async () => {
		const allow = 'OPTIONS, GET, HEAD, PUT, DELETE';
		for (const method of ['POST', 'PATCH', 'PROPFIND']) {
			const answer = await node.ask(method, '/v1/kv/a');
			expect(answer).toMatchObject({ status: 405, text: `method ${method} not allowed` });
			expect(answer.headers.allow).toBe(allow);
		}
		const { status, headers } = await node.ask('OPTIONS', '/v1/kv/a');
		expect([status, headers.allow]).toEqual([200, allow]);
	});

	it('tells errors as plain text', async () => {
		for (const path of ['', 'a?index=x', 'a?dc=elsewhere', '/a']) {
			expect((await node.get(`/v1/kv/${path}`)).headers['content-type']).toBe('text/plain; charset=utf-8');
		}
	});

	it('knows one datacenter: the swarm itself', async () => {
		const elsewhere = { status: 500, text: 'No path to datacenter' };
		expect(await node.get('/v1/kv/a?dc=elsewhere')).toMatchObject(elsewhere);
		expect(await node.put('/v1/kv/a?dc=elsewhere', 'x')).toMatchObject(elsewhere);
		expect(await node.put('/v1/kv/a?dc=test&ns=x&partition=y&token=z', 'x')).toMatchObject({ text: 'true' });
		expect((await node.get('/v1/kv/a?dc=')).status).toBe(200);
	});

	it('is not there in another case, nor under a longer name', async () => {
		expect((await node.put('/V1/KV/a', 'x')).status).toBe(404);
		expect((await node.put('/v1/kvs/a', 'x')).status).toBe(404);
		expect(node.replica.submitted).toEqual([]);
	});
});

it('a handler that fails tells the client nothing of it, and the log all', async () => {
	const failure = new Error('the secret inside');
	node.replica.submit = () => Promise.reject(failure);
	const { status, text, headers } = await node.put('/v1/kv/a', 'x');
	expect([status, text]).toEqual([500, 'Something went wrong at this node; it is in its log.']);
	expect(headers['x-swarm-outcome']).toBe('unknown');
	expect(node.errors.splice(0)).toEqual([failure]);
	expect(BALLOT.node).toBe('n1');
});
