/** Requests whose framing is bad: what stands around a path and a body on the connection. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { HEADERS_MAX, PIPELINED_MAX } from '../../server/front/front.ts';
import { VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import { request } from '../front/wire.ts';
import { bytesOf, isAnswered, type Kind, type Target, textOf } from './kind.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const EVIL = 'http://evil.example';

/** Checks that nothing was written below the target's key, and that the node serves on. */
async function isNotWritten(target: Target, key: string): Promise<void> {
	assert.equal(await target.read(key), null);
}

export const FRAMING: readonly Kind[] = [
	{
		name: 'bytes that are no HTTP',
		answer: '400, and the connection is closed',
		async throwAt(target) {
			const { random } = target;
			const starts = ['\x16\x03\x01\x02\x00\x01', 'SSH-2.0-x\r\n', '\0', '\r\n\0', ' GET / HTTP/1.1\r\n'];
			for (const start of starts) {
				const wire = target.wire();
				target.inputs++;
				wire.write(Buffer.concat([Buffer.from(start, 'latin1'), bytesOf(random, random.integer(1, 4000))]));
				isAnswered(await wire.answer(), 400);
				await wire.closed;
			}
		},
	},
	{
		name: 'other versions of HTTP',
		answer: '400; 1.0 is answered and closed, and 0.9 and 2.0, written as 1.1 is, are answered as 1.1',
		async throwAt(target) {
			for (const version of ['HTTP/3.0', 'HTTP/1.9', 'http/1.1', 'HTTP/1.10', 'HTTQ/1.1', '']) {
				isAnswered(await target.send(`GET /livez ${version}\r\nHost: localhost\r\n\r\n`), 400);
			}
			for (const version of ['HTTP/0.9', 'HTTP/2.0']) {
				isAnswered(await target.send(`GET /livez ${version}\r\nHost: localhost\r\n\r\n`), 200);
			}
			isAnswered(await target.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), 400);
			const old = target.wire().write('GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n');
			isAnswered(await old.answer(), 200);
			await old.closed;
		},
	},
	{
		name: 'a request that is cut anywhere by a reset',
		answer: 'nothing is written',
		async throwAt(target) {
			for (let count = 0; count < 5; count++) {
				const key = target.key();
				const text = request('PUT', `/v1/kv/${key}`, { body: textOf(target.random, 40, LETTERS) });
				const wire = target.wire();
				target.inputs++;
				wire.socket.write(text.slice(0, target.random.integer(1, text.length - 1)), () =>
					wire.socket.resetAndDestroy(),
				);
				await wire.closed;
				await isNotWritten(target, key);
			}
		},
	},
	{
		name: 'a request that is cut anywhere by the end of its side',
		answer: '400, or nothing where no line came, and nothing is written',
		async throwAt(target) {
			for (let count = 0; count < 5; count++) {
				const key = target.key();
				const text = request('PUT', `/v1/kv/${key}`, { body: textOf(target.random, 40, LETTERS) });
				const wire = target.wire();
				target.inputs++;
				wire.write(text.slice(0, target.random.integer(1, text.length - 1))).socket.end();
				isAnswered(await wire.answer(), 400);
				await wire.closed;
				await isNotWritten(target, key);
			}
		},
	},
	{
		name: 'a client that is done with sending',
		answer: 'all its answers in order, and then the end',
		async throwAt(target) {
			const wire = target.wire();
			const keys = Array.from({ length: target.random.integer(1, 20) }, () => target.key());
			target.inputs += keys.length;
			wire.write(keys.map((key) => request('PUT', `/v1/kv/${key}`, { body: key })).join('')).socket.end();
			assert.deepEqual(
				await wire.bodies(keys.length),
				keys.map(() => 'true'),
			);
			assert.equal(await wire.closed, 'end');
		},
	},
	{
		name: 'a request byte by byte',
		answer: 'as if it had come at once',
		async throwAt(target) {
			const key = target.key();
			const wire = target.wire();
			wire.socket.setNoDelay(true);
			target.inputs++;
			for (const letter of request('PUT', `/v1/kv/${key}`, { body: 'slow' })) {
				wire.write(letter);
				await turn();
			}
			isAnswered(await wire.answer(), 200, 'true');
			assert.equal(await target.read(key), 'slow');
		},
	},
	{
		name: 'writes and reads that are sent ahead',
		answer: 'each read has the value of the write before it',
		async throwAt(target) {
			const key = target.key();
			const wire = target.wire();
			const values = Array.from({ length: target.random.integer(20, 100) }, (_, index) => `${index}`);
			target.inputs += 2 * values.length;
			for (const value of values) {
				wire.write(request('PUT', `/v1/kv/${key}`, { body: value }) + request('GET', `/v1/kv/${key}?raw`));
			}
			assert.deepEqual(
				await wire.bodies(2 * values.length),
				values.flatMap((value) => ['true', value]),
			);
		},
	},
	{
		name: 'more requests sent ahead than may wait',
		answer: 'the first of them are answered, then one 503 that says how many may wait, and the end',
		async throwAt(target) {
			const wire = target.wire();
			const count = PIPELINED_MAX + target.random.integer(1, 200);
			target.inputs += count + 1;
			// All of them wait: answers that are ready would keep the node from reading on.
			wire.write(request('GET', `/v1/kv/${target.key()}?index=1000000000000&wait=1s`).repeat(count + 1));
			for (let answered = 0; answered <= PIPELINED_MAX; answered++) isAnswered(await wire.answer(), 404);
			isAnswered(
				await wire.answer(),
				503,
				`More than ${PIPELINED_MAX} requests were sent ahead; this one is not done.`,
			);
			await wire.closed;
		},
	},
	{
		name: 'more after the last request',
		answer: 'what comes behind Connection: close is not done',
		async throwAt(target) {
			const [first, second] = [target.key(), target.key()];
			const wire = target.wire();
			target.inputs += 2;
			const close = { headers: ['Connection: close'], body: 'x' };
			wire.write(request('PUT', `/v1/kv/${first}`, close) + request('PUT', `/v1/kv/${second}`, close));
			isAnswered(await wire.answer(), 200, 'true');
			assert.equal(await wire.rest(), '');
			await isNotWritten(target, second);
		},
	},
	{
		name: 'too many headers',
		answer: '431 with the bound, whatever stands behind them',
		async throwAt(target) {
			const count = target.random.integer(HEADERS_MAX, 4000);
			const headers = [...Array.from({ length: count }, () => 'a:'), `Origin: ${EVIL}`];
			const answer = await target.ask('PUT', `/v1/kv/${target.key()}`, { headers, body: 'x' });
			isAnswered(answer, 431, `The request has more than ${HEADERS_MAX} headers.`);
		},
	},
	{
		name: 'headers of too many bytes',
		answer: '431',
		async throwAt(target) {
			const header = `${textOf(target.random, 10, LETTERS)}: ${'x'.repeat(target.random.integer(16_384, 100_000))}`;
			isAnswered(await target.ask('GET', '/v1/swarm', { headers: [header] }), 431);
		},
	},
	{
		name: 'a URL of too many bytes',
		answer: '431',
		async throwAt(target) {
			const long = 'x'.repeat(target.random.integer(16_400, 100_000));
			isAnswered(await target.ask('GET', `/v1/kv/${long}`), 431);
			isAnswered(await target.ask('GET', `/v1/kv/x?${long}`), 431);
		},
	},
	{
		name: 'lengths that two parsers might read in two ways',
		answer: '400, and what follows is not served',
		async throwAt(target) {
			const lengths = [
				['Content-Length: 4', 'Transfer-Encoding: chunked'],
				['Content-Length: 4', 'Content-Length: 5'],
				['Content-Length: 4, 4'],
				['Content-Length: +4'],
				['Content-Length: -4'],
				['Content-Length: 0x4'],
				['Content-Length: 4 4'],
				['Content-Length: 4.0'],
				['Content-Length: 18446744073709551616'],
				['Transfer-Encoding: chunked, identity'],
				['Transfer-Encoding: \x0bchunked'],
				['Transfer-Encoding: xchunked'],
			];
			for (const headers of lengths) {
				const [key, smuggled] = [target.key(), target.key()];
				const wire = target.wire();
				target.inputs++;
				wire.write(request('PUT', `/v1/kv/${key}`, { headers }));
				wire.write(`0\r\n\r\n${request('PUT', `/v1/kv/${smuggled}`, { body: 'x' })}`);
				isAnswered(await wire.answer(), 400);
				assert.equal(await wire.rest(), '', headers.join());
				await isNotWritten(target, smuggled);
			}
		},
	},
	{
		name: 'chunks that are none',
		answer: '400, or 413 for what is too long, and nothing is written',
		async throwAt(target) {
			const { random } = target;
			const long = 'x'.repeat(random.integer(20_000, 60_000));
			const bodies = [
				'xyz\r\n',
				'-1\r\na\r\n',
				'3\r\nredX\r\n0\r\n\r\n',
				'ffffffffffffffffff\r\n',
				'\0\r\n',
				`3;${long}\r\nred\r\n`,
			];
			for (const body of [...bodies, `1${textOf(random, 4, 'ghijkxyz')}\r\n`]) {
				const key = target.key();
				const head = request('PUT', `/v1/kv/${key}`, { headers: ['Transfer-Encoding: chunked'] });
				const { status } = await target.send(head + body);
				assert.equal(status, body.includes(long) ? 413 : 400, body.slice(0, 20));
				await isNotWritten(target, key);
			}
		},
	},
	{
		name: 'a trailer that would be refused as a header',
		answer: 'the body is written, the trailer is not looked at',
		async throwAt(target) {
			const key = target.key();
			const head = request('PUT', `/v1/kv/${key}`, { headers: ['Transfer-Encoding: chunked', 'Trailer: Origin'] });
			isAnswered(await target.send(`${head}3\r\nred\r\n0\r\nOrigin: ${EVIL}\r\n\r\n`), 200, 'true');
			assert.equal(await target.read(key), 'red');
		},
	},
	{
		name: 'a huge length and nothing sent',
		answer: '413 at once, with both sizes',
		async throwAt(target) {
			for (const length of [VALUE_BYTES_MAX + 1, target.random.integer(VALUE_BYTES_MAX + 1, 2 ** 31), 2 ** 53 - 1]) {
				const head = request('PUT', `/v1/kv/${target.key()}`, { headers: [`Content-Length: ${length}`] });
				const text = `Request body(${length} bytes) too large, max size: ${VALUE_BYTES_MAX} bytes.`;
				isAnswered(await target.send(head), 413, text);
			}
		},
	},
	{
		name: 'a value of one byte too many',
		answer: '413 with both sizes; the largest value is kept byte for byte',
		async throwAt(target) {
			const key = target.key();
			const full = textOf(target.random, 64, LETTERS).repeat(VALUE_BYTES_MAX / 64);
			isAnswered(await target.ask('PUT', `/v1/kv/${key}`, { body: full }), 200, 'true');
			const text = `Request body(${VALUE_BYTES_MAX + 1} bytes) too large, max size: ${VALUE_BYTES_MAX} bytes.`;
			isAnswered(await target.ask('PUT', `/v1/kv/${key}`, { body: `${full}x` }), 413, text);
			assert.equal(await target.read(key), full);
			isAnswered(await target.ask('DELETE', `/v1/kv/${key}`), 200, 'true');
		},
	},
	{
		name: 'chunks of more than a value',
		answer: '413 with the size so far, and the rest is read and dropped',
		async throwAt(target) {
			const key = target.key();
			const wire = target.wire();
			target.inputs++;
			const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
			wire.write(request('PUT', `/v1/kv/${key}`, { headers: ['Transfer-Encoding: chunked'] }));
			wire.write(`${chunk.repeat(target.random.integer(9, 20))}0\r\n\r\n`);
			const max = `max size: ${VALUE_BYTES_MAX} bytes\\.$`;
			isAnswered(await wire.answer(), 413, new RegExp(`^Request body\\(\\d+ bytes\\) too large, ${max}`));
			await isNotWritten(target, key);
			isAnswered(await wire.write(request('GET', '/livez')).answer(), 200);
		},
	},
	{
		name: 'a value in very small chunks',
		answer: 'it is written, without a long step',
		async throwAt(target) {
			const key = target.key();
			const value = textOf(target.random, target.random.integer(200_000, VALUE_BYTES_MAX), LETTERS);
			const head = request('PUT', `/v1/kv/${key}`, { headers: ['Transfer-Encoding: chunked'] });
			let chunks = '';
			for (let at = 0; at < value.length; ) {
				const chunk = value.slice(at, at + target.random.integer(4, 15));
				chunks += `${chunk.length.toString(16)}\r\n${chunk}\r\n`;
				at += chunk.length;
			}
			isAnswered(await target.send(`${head}${chunks}0\r\n\r\n`), 200, 'true');
			assert.equal(await target.read(key), value);
			isAnswered(await target.ask('DELETE', `/v1/kv/${key}`), 200, 'true');
		},
	},
	{
		name: 'expectations',
		answer: '100 and then the answer; 417 for another one',
		async throwAt(target) {
			const key = target.key();
			const wire = target.wire();
			target.inputs += 2;
			wire.write(request('PUT', `/v1/kv/${key}`, { headers: ['Expect: 100-continue', 'Content-Length: 3'] }));
			isAnswered(await wire.answer(), 100);
			isAnswered(await wire.write('red').answer(), 200, 'true');
			wire.write(
				request('PUT', `/v1/kv/${key}`, { headers: [`Expect: ${textOf(target.random, 9, LETTERS)}`], body: 'x' }),
			);
			isAnswered(await wire.answer(), 417);
			assert.equal(await target.read(key), 'red');
		},
	},
	{
		name: 'a coding that the body does not have',
		answer: 'the bytes are written as they are',
		async throwAt(target) {
			for (const coding of ['gzip', 'br', 'deflate', 'zstd', 'identity', 'x,y,z']) {
				const key = target.key();
				const body = textOf(target.random, 50, LETTERS);
				const headers = [`Content-Encoding: ${coding}`, 'Content-Type: multipart/form-data; boundary=x'];
				isAnswered(await target.ask('PUT', `/v1/kv/${key}`, { headers, body }), 200, 'true');
				assert.equal(await target.read(key), body);
			}
		},
	},
	{
		name: 'methods',
		answer: '405 with Allow for those that HTTP knows; 400 for others',
		async throwAt(target) {
			const key = target.key();
			for (const method of ['POST', 'PATCH', 'TRACE', 'PROPFIND', 'MKCOL', 'LOCK', 'SUBSCRIBE', 'PURGE', 'SEARCH']) {
				const answer = await target.ask(method, `/v1/kv/${key}`);
				isAnswered(answer, 405, `method ${method} not allowed`);
				assert.equal(answer.headers.allow, 'OPTIONS, GET, HEAD, PUT, DELETE');
			}
			isAnswered(await target.ask('OPTIONS', `/v1/kv/${key}`), 200, '');
			for (const method of ['FOO', 'get', 'GETT', 'PUT\tX', textOf(target.random, 30, 'ABCXYZ')]) {
				isAnswered(await target.ask(method, `/v1/kv/${key}`), 400);
			}
		},
	},
	{
		name: 'a tunnel',
		answer: 'the connection is closed without an answer',
		async throwAt(target) {
			const wire = target.wire();
			target.inputs++;
			wire.write(`CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n`);
			assert.equal(await wire.rest(), '');
		},
	},
	{
		name: 'hosts that are not ours',
		answer: '403 that names the host, and 400 for two',
		async throwAt(target) {
			const ask = (...hosts: readonly string[]) =>
				target.send(`GET /v1/swarm HTTP/1.1\r\n${hosts.map((host) => `Host: ${host}\r\n`).join('')}\r\n`);
			for (const host of [
				'evil.example',
				`evil.example:${target.node.port}`,
				'127.0.0.1:1',
				'localhost@evil',
				'[::2]',
				'x'.repeat(8000),
			]) {
				isAnswered(await ask(host), 403, /^The host ".{1,100}" is not an address of this swarm; /);
			}
			isAnswered(await ask('localhost', 'localhost'), 400);
			isAnswered(await ask('localhost, evil.example'), 400, 'The request has more than one Host header.');
			isAnswered(await ask(''), 403);
			isAnswered(await ask(), 400);
			isAnswered(await target.send(`GET /livez HTTP/1.1\r\nHost: evil.example\r\n\r\n`), 200);
		},
	},
	{
		name: 'URLs that name a host',
		answer: 'the host in the URL counts, and the header does not',
		async throwAt(target) {
			const key = target.key();
			const ours = `http://127.0.0.1:${target.node.port}/v1/kv/${key}`;
			const put = request('PUT', ours, { host: 'evil.example', body: 'x' });
			isAnswered(await target.send(put), 200, 'true');
			const others = [
				'http://evil.example',
				'HTTP://EVIL.EXAMPLE',
				'http://x@evil.example',
				'https://localhost.evil.example',
			];
			for (const other of others) isAnswered(await target.ask('DELETE', `${other}/v1/kv/${key}`), 403);
			assert.equal(await target.read(key), 'x');
		},
	},
	{
		name: 'pages from elsewhere',
		answer: '403 that names the origin, and no header that lets a page read it',
		async throwAt(target) {
			const key = target.key();
			const { port } = target.node;
			for (const origin of [
				EVIL,
				'null',
				'',
				`https://127.0.0.1:${port}`,
				`http://127.0.0.1:${port}.evil.example`,
				'http://localhost',
			]) {
				const headers = [`Origin: ${origin}`];
				const answer = await target.ask('PUT', `/v1/kv/${key}`, { headers, body: 'x' });
				isAnswered(answer, 403, `A page of the origin "${origin}" may not use this swarm.`);
				assert.equal(answer.headers['access-control-allow-origin'], undefined);
				isAnswered(await target.ask('OPTIONS', '/v1/swarm', { headers }), 403);
			}
			await isNotWritten(target, key);
		},
	},
	{
		name: 'headers with line breaks and zeros in them',
		answer: '400',
		async throwAt(target) {
			const key = target.key();
			const headers = [`a: b\n${EVIL}`, 'a:\r\n folded', 'a: b\0c', 'a b: c', ': c', 'a\x01: c', 'a: b\rc: d'];
			for (const header of headers) {
				isAnswered(await target.ask('PUT', `/v1/kv/${key}`, { headers: [header], body: 'x' }), 400);
			}
			await isNotWritten(target, key);
		},
	},
	{
		name: 'upgrades to something else',
		answer: 'ignored, and the request is served',
		async throwAt(target) {
			for (const upgrade of ['h2c', 'TLS/1.0', 'websocket', 'websocket, h2c', textOf(target.random, 20, LETTERS)]) {
				const key = target.key();
				const headers = ['Connection: Upgrade', `Upgrade: ${upgrade}`];
				isAnswered(await target.ask('PUT', `/v1/kv/${key}`, { headers, body: 'x' }), 200, 'true');
				assert.equal(await target.read(key), 'x');
			}
		},
	},
	{
		name: 'WebSockets that are none',
		answer: '400, 405 or 426 by the WebSocket server, and the connection is closed',
		async throwAt(target) {
			const good = ['Connection: Upgrade', 'Upgrade: websocket'];
			const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
			const version = 'Sec-WebSocket-Version: 13';
			const bad = [
				[key],
				[version],
				[key, 'Sec-WebSocket-Version: 99'],
				[key, 'Sec-WebSocket-Version: x'],
				['Sec-WebSocket-Key: short', version],
				[key, version, 'Sec-WebSocket-Protocol: a,,b'],
			];
			for (const path of ['/client', '/mesh']) {
				for (const headers of bad) {
					const wire = target.wire();
					target.inputs++;
					wire.write(request('GET', path, { headers: [...good, ...headers] }));
					assert.ok([400, 426].includes((await wire.answer()).status), `${path} ${headers}`);
					await wire.closed;
				}
			}
		},
	},
	{
		name: 'bodies where none belong',
		answer: 'they are not taken for the next request',
		async throwAt(target) {
			const [key, hidden] = [target.key(), target.key()];
			const wire = target.wire();
			target.inputs += 3;
			const body = request('PUT', `/v1/kv/${hidden}`, { body: 'x' });
			wire.write(request('PUT', `/v1/kv/${key}`, { body: 'red' }));
			for (const method of ['GET', 'DELETE']) wire.write(request(method, `/v1/kv/${key}?raw`, { body }));
			assert.deepEqual(await wire.bodies(3), ['true', 'red', 'true']);
			await isNotWritten(target, hidden);
		},
	},
	{
		name: 'headers that make one method of another',
		answer: 'not looked at',
		async throwAt(target) {
			const key = target.key();
			isAnswered(await target.ask('PUT', `/v1/kv/${key}`, { body: 'red' }), 200, 'true');
			const names = ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'];
			const headers = names.map((name) => `${name}: DELETE`);
			isAnswered(await target.ask('GET', `/v1/kv/${key}?raw&_method=DELETE`, { headers }), 200, 'red');
		},
	},
];
