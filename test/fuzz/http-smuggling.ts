/** Requests that another parser in front of a node might take for others: targets, lengths, chunks and trailers. */
import assert from 'node:assert/strict';
import { request } from '../front/wire.ts';
import { isAnswered, type Kind, type Target, textOf } from './kind.ts';

/** Throws each text in front of a request that must not be served, and checks that the node ends the connection. */
async function endsWith400(target: Target, heads: readonly string[]): Promise<void> {
	for (const head of heads) {
		const hidden = target.key();
		const wire = target.wire();
		target.inputs++;
		wire.write(head + request('PUT', `/v1/kv/${hidden}`, { body: 'x' }));
		const { status } = await wire.answer();
		assert.equal(status, 400, `${JSON.stringify(head.slice(0, 200))}: ${status}`);
		assert.equal(await wire.rest(), '', JSON.stringify(head.slice(0, 200)));
		assert.equal(await target.read(hidden), null);
	}
}

function chunked(target: Target, body: string, headers: readonly string[] = []): string {
	const all = ['Transfer-Encoding: chunked', ...headers];
	return request('PUT', `/v1/kv/${target.key()}`, { headers: all }) + body;
}

export const SMUGGLING: readonly Kind[] = [
	{
		name: 'sizes of chunks in other notations',
		answer: '400, and what follows is not served; zeros in front are taken',
		async throwAt(target) {
			const sizes = ['0x3', '+3', '-3', '3 ', ' 3', '3\t', '3_', '3.', '٣', '3\0', '3\x0b', '\r\n3', '3,3'];
			await endsWith400(
				target,
				sizes.map((size) => chunked(target, `${size}\r\nred\r\n0\r\n\r\n`)),
			);
			const key = target.key();
			const zeros = '0'.repeat(target.random.integer(1, 300));
			const head = request('PUT', `/v1/kv/${key}`, { headers: ['Transfer-Encoding: chunked'] });
			isAnswered(await target.send(`${head}${zeros}3\r\nred\r\n${zeros}\r\n\r\n`), 200, 'true');
			assert.equal(await target.read(key), 'red');
		},
	},
	{
		name: 'ends of lines that are none',
		answer: '400, and what follows is not served',
		throwAt: (target) =>
			endsWith400(target, [
				'GET /livez HTTP/1.1\nHost: localhost\n\n',
				'GET /livez HTTP/1.1\r\nHost: localhost\n\n',
				'GET /livez HTTP/1.1\r\nHost: localhost\r\r\n\r\n',
				'GET /livez HTTP/1.1\r\nHost: localhost\r\n \r\n\r\n',
				chunked(target, '3\nred\n0\n\n'),
				chunked(target, '3\r\nred\n0\r\n\r\n'),
				chunked(target, '3\rred\r0\r\r'),
				chunked(target, '3\r\nred\r\n0\r\n\rX'),
			]),
	},
	{
		name: 'chunks with more behind their sizes',
		answer: 'it is not looked at; 400 where it cannot be that',
		async throwAt(target) {
			const key = target.key();
			const head = request('PUT', `/v1/kv/${key}`, { headers: ['Transfer-Encoding: chunked'] });
			const name = textOf(target.random, 30, 'abc');
			isAnswered(await target.send(`${head}3;${name}=1;b="x;y"\r\nred\r\n0;last\r\n\r\n`), 200, 'true');
			assert.equal(await target.read(key), 'red');
			await endsWith400(
				target,
				['3;a="\r\nred', '3;a=\nred', '3;=b\nred', '3;a\0\r\nred'].map((body) =>
					chunked(target, `${body}\r\n0\r\n\r\n`),
				),
			);
		},
	},
	{
		name: 'codings of a message that we do not know',
		answer: '400, and what follows is not served',
		throwAt: (target) =>
			endsWith400(
				target,
				[
					'chunked, gzip',
					'identity',
					'gzip',
					'',
					',',
					'chunked;q=1',
					'"chunked"',
					'chunked\0',
					`${textOf(target.random, 20, 'abc')}`,
				].map((coding) =>
					request('PUT', `/v1/kv/${target.key()}`, { headers: [`Transfer-Encoding: ${coding}`] }).concat('0\r\n\r\n'),
				),
			),
	},
	{
		name: 'trailers that say how to read the message',
		answer: '400, and what follows is not served; 431 for very many; others are not looked at',
		async throwAt(target) {
			const ofLength = ['Content-Length: 100', 'Transfer-Encoding: gzip', 'Transfer-Encoding: chunked'];
			await endsWith400(
				target,
				ofLength.map((trailer) => chunked(target, `3\r\nred\r\n0\r\n${trailer}\r\n\r\n`)),
			);
			const key = target.key();
			const wire = target.wire();
			target.inputs += 2;
			const trailers = ['Host: evil.example', 'Upgrade: websocket', 'Expect: x', 'Idempotency-Key: x'];
			const text = chunked(target, `3\r\nred\r\n0\r\n${trailers.join('\r\n')}\r\n\r\n`);
			wire.write(text + request('PUT', `/v1/kv/${key}`, { body: 'blue' }));
			assert.deepEqual(await wire.bodies(2), ['true', 'true']);
			assert.equal(await target.read(key), 'blue');
			const many = 'a: b\r\n'.repeat(target.random.integer(12_000, 20_000));
			isAnswered(await target.send(chunked(target, `3\r\nred\r\n0\r\n${many}\r\n`)), 431);
		},
	},
	{
		name: 'targets that only a proxy takes',
		answer: '400, or 403 where they name a host, and nothing is written',
		async throwAt(target) {
			const key = target.key();
			for (const [written, status] of [
				[`127.0.0.1:${target.node.port}/v1/kv/${key}`, 400],
				[`localhost:${target.node.port}`, 400],
				[`?raw`, 400],
				[`v1/kv/${key}`, 400],
				[`http:///v1/kv/${key}`, 403],
				[`http:/v1/kv/${key}`, 400],
				[`http://user:word@127.0.0.1:${target.node.port}/v1/kv/${key}`, 403],
				[`http://127.0.0.1:${target.node.port}.evil.example/v1/kv/${key}`, 403],
				[`http://[::ffff:7f00:1]:${target.node.port}/v1/kv/${key}`, 403],
				[`*`, 404],
			] as const) {
				const answer = await target.ask('PUT', written, { body: 'x' });
				assert.equal(answer.status, status, `${written}: ${answer.status} ${answer.body}`);
			}
			assert.equal(await target.read(key), null);
		},
	},
	{
		name: 'URLs that name our host, without a Host header',
		answer: '400, because HTTP/1.1 asks for one',
		async throwAt(target) {
			const key = target.key();
			const url = `http://127.0.0.1:${target.node.port}/v1/kv/${key}`;
			isAnswered(await target.send(`PUT ${url} HTTP/1.1\r\nContent-Length: 1\r\n\r\nx`), 400);
			isAnswered(await target.send(`PUT ${url} HTTP/1.0\r\nContent-Length: 1\r\n\r\nx`), 200, 'true');
			assert.equal(await target.read(key), 'x');
		},
	},
	{
		name: 'headers that come twice and contradict each other',
		answer: 'what they say together, joined by a comma',
		async throwAt(target) {
			const key = target.key();
			const names = [`Idempotency-Key: ${key}`, 'Idempotency-Key: two'];
			isAnswered(await target.ask('PUT', `/v1/kv/${key}`, { headers: names, body: 'x' }), 200, 'true');
			const joined = [`Idempotency-Key: ${key}, two`];
			isAnswered(await target.ask('PUT', `/v1/kv/${key}`, { headers: joined, body: 'y' }), 422);
			const events = ['Last-Event-ID: 1', 'Last-Event-ID: 2'];
			isAnswered(await target.ask('GET', `/v1/watch/${key}`, { headers: events }), 400, 'Invalid Last-Event-ID');
			const types = ['Content-Type: text/plain', 'Content-Type: application/json', 'Accept: a/b', 'Accept: */*'];
			isAnswered(await target.ask('PUT', `/v1/kv/${key}`, { headers: types, body: 'x' }), 200, 'true');
			const origins = [`Origin: ${target.node.url}`, 'Origin: http://evil.example'];
			isAnswered(await target.ask('PUT', `/v1/kv/${key}`, { headers: origins, body: 'y' }), 403);
			const both = ['Connection: close', 'Connection: keep-alive'];
			const wire = target.wire().write(request('GET', `/v1/kv/${key}?raw`, { headers: both }));
			target.inputs++;
			isAnswered(await wire.answer(), 200, 'x');
			await wire.closed;
		},
	},
	{
		name: 'writes without a length',
		answer: 'the value is empty, and what follows is a request',
		async throwAt(target) {
			const [key, next] = [target.key(), target.key()];
			const wire = target.wire();
			target.inputs += 2;
			wire.write(request('PUT', `/v1/kv/${key}`) + request('PUT', `/v1/kv/${next}`, { body: 'x' }));
			assert.deepEqual(await wire.bodies(2), ['true', 'true']);
			assert.equal(await target.read(key), '');
			assert.equal(await target.read(next), 'x');
		},
	},
	{
		name: 'reads that wait for an index that will never be',
		answer: 'the present state once their time is over',
		async throwAt(target) {
			const key = target.key();
			isAnswered(await target.ask('PUT', `/v1/kv/${key}`, { body: 'x' }), 200, 'true');
			for (const index of [2n ** 53n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
				isAnswered(await target.ask('GET', `/v1/kv/${key}?raw&index=${index}&wait=10ms`), 200, 'x');
				isAnswered(await target.ask('GET', `/v1/kv/${key}/none?index=${index}&wait=10ms`), 404);
			}
		},
	},
];
