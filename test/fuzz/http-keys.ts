/** Bad keys and paths in URLs, and good ones that look bad. */
import assert from 'node:assert/strict';
import { KEY_BYTES_MAX } from '../../shared/store/key.ts';
import { request } from '../front/wire.ts';
import { isAnswered, type Kind, type Target, textOf } from './kind.ts';

/** Checks that no request may name the key that is written so in the URL. @param text of the refusal */
async function isRefused(target: Target, written: string, text: string | RegExp): Promise<void> {
	isAnswered(await target.ask('PUT', `/v1/kv/${written}`, { body: 'x' }), 400, text);
	isAnswered(await target.ask('GET', `/v1/kv/${written}`), 400, text);
	isAnswered(await target.ask('DELETE', `/v1/kv/${written}`), 400, text);
	isAnswered(await target.ask('GET', `/v1/watch/${written}`), 400, text);
}

/** Checks that the key is written and read as it is. @param written the key as it is in the URL */
async function isTaken(target: Target, key: string, written: string): Promise<void> {
	const value = `of ${key}`;
	isAnswered(await target.send(Buffer.from(request('PUT', `/v1/kv/${written}`, { body: value }))), 200, 'true');
	assert.equal(await target.read(key), value);
	const listed = await target.ask('GET', `/v1/kv/${encodeURIComponent(key)}?keys&limit=1`);
	isAnswered(listed, 200);
	assert.deepEqual(JSON.parse(listed.body), [key]);
}

export const KEYS: readonly Kind[] = [
	{
		name: 'percent signs without two digits',
		answer: '400, not percent-encoded UTF-8',
		async throwAt(target) {
			for (const bad of ['%', '%a', '%g1', '%%', '%u0041', '%0', `x%${textOf(target.random, 2, 'ghijkxyz')}`]) {
				await isRefused(target, `fuzz/${bad}`, 'Invalid key name: the key is not percent-encoded UTF-8');
			}
		},
	},
	{
		name: 'percent-encoded bytes that are no UTF-8',
		answer: '400, not percent-encoded UTF-8',
		async throwAt(target) {
			for (const bad of ['%ff', '%c0%af', '%e0%80%80', '%ed%a0%80', '%f4%90%80%80', '%c3', '%80']) {
				await isRefused(target, `fuzz/${bad}`, 'Invalid key name: the key is not percent-encoded UTF-8');
			}
		},
	},
	{
		name: 'ways to write the segment ".."',
		answer: '400, also where it is encoded once more inside the key',
		async throwAt(target) {
			const dots = ['..', '%2e%2e', '.%2E', '%2E.', '%252e%252e', '.%252E', '%252E.'];
			for (const written of dots) {
				for (const key of [written, `fuzz/${written}`, `fuzz/${written}/x`, `fuzz%2f${written}%2fx`]) {
					await isRefused(target, key, 'Invalid key name: the key has the segment ".."');
				}
			}
		},
	},
	{
		name: 'keys that begin with a slash',
		answer: '400',
		async throwAt(target) {
			for (const written of ['/a', '%2Fa', '//', '%2f%2f']) {
				await isRefused(target, written, 'Invalid key name: the key begins with a slash');
			}
		},
	},
	{
		name: 'keys with spaces at an end',
		answer: '400',
		async throwAt(target) {
			for (const written of ['%20a', 'a%20', '%20', 'a/%20']) {
				await isRefused(target, written, 'Invalid key name: the key begins or ends with a space');
			}
		},
	},
	{
		name: 'keys with what cannot be printed',
		answer: '400',
		async throwAt(target) {
			const control = encodeURIComponent(String.fromCodePoint(target.random.integer(0, 31)));
			const bad = [
				'%00',
				'%0d%0aX-Evil:%201',
				'%09',
				'%7f',
				'%c2%80',
				'%e2%80%ae',
				'%e2%80%8b',
				'%ef%bb%bf',
				'%e2%80%a8',
			];
			for (const written of [...bad, control, '%ef%bf%bf', '%f3%a0%80%81']) {
				const [code] = [...decodeURIComponent(written)].map((character) => character.codePointAt(0) as number);
				const name = `U+${(code as number).toString(16).toUpperCase().padStart(4, '0')}`;
				const text = `Invalid key name: the key has the character ${name}, which cannot be printed`;
				await isRefused(target, `fuzz/a${written}b`, text);
			}
		},
	},
	{
		name: 'keys of letters from everywhere',
		answer: 'they are written and read as they are',
		async throwAt(target) {
			const alphabet = 'aäçßøłжщΩאبहไ한漢字🐝🜁é́';
			for (let count = 0; count < 5; count++) {
				const key = `${target.key()}/x${textOf(target.random, target.random.integer(1, 200), alphabet)}`;
				await isTaken(target, key, encodeURIComponent(key));
			}
		},
	},
	{
		name: 'bytes in a URL that should be percent-encoded',
		answer: '400',
		async throwAt(target) {
			for (const bytes of [[0xff], [0xc3], [0xc3, 0xa7], [0xed, 0xa0, 0x80], [0xc0, 0xaf]]) {
				const head = Buffer.from(`PUT /v1/kv/${target.key()}`);
				const rest = Buffer.from(' HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n');
				isAnswered(await target.send(Buffer.concat([head, Buffer.from(bytes), rest])), 400);
			}
		},
	},
	{
		name: 'keys above the largest size',
		answer: '400 with both sizes, counted in bytes of UTF-8; the largest is taken',
		async throwAt(target) {
			for (const letter of ['k', 'ж', '漢', '🐝']) {
				const begin = `${target.key()}/`;
				const room = KEY_BYTES_MAX - begin.length;
				const bytes = Buffer.byteLength(letter);
				const fits = begin + letter.repeat(Math.floor(room / bytes)) + 'k'.repeat(room % bytes);
				await isTaken(target, fits, encodeURIComponent(fits));
				const more = target.random.integer(1, 50);
				const text = `Invalid key name: the key has ${KEY_BYTES_MAX + more} bytes, max size: ${KEY_BYTES_MAX} bytes`;
				isAnswered(await target.ask('PUT', `/v1/kv/${encodeURIComponent(fits)}${'k'.repeat(more)}`), 400, text);
				isAnswered(await target.ask('DELETE', `/v1/kv/${encodeURIComponent(fits)}`), 200, 'true');
			}
		},
	},
	{
		name: 'no key',
		answer: '400 Missing key name',
		async throwAt(target) {
			for (const path of ['/v1/kv', '/v1/kv/', '/v1/kv?raw', '/v1/kv/?cas=0']) {
				for (const method of ['GET', 'PUT', 'DELETE']) {
					isAnswered(await target.ask(method, path), 400, 'Missing key name');
				}
			}
		},
	},
	{
		name: 'keys that mean something elsewhere',
		answer: 'they are keys as all others',
		async throwAt(target) {
			const begin = target.key();
			const names = [
				'__proto__',
				'constructor',
				'.',
				'...',
				'a//b',
				'a;b=c',
				'a+b',
				'a%2B',
				'?',
				'#',
				'&',
				'%',
				'\\..',
				'<b>',
				'"',
				"'",
				'$(x)',
				'{{x}}',
				'.hidden',
				'con',
				'*',
			];
			for (const name of names) await isTaken(target, `${begin}/${name}`, `${begin}/${encodeURIComponent(name)}`);
		},
	},
	{
		name: 'paths that look like others',
		answer: '404, in a sentence',
		async throwAt(target) {
			for (const path of [
				'/V1/kv/a',
				'/v1/KV/a',
				'/v1//kv/a',
				'/./v1/kv/a',
				'/v1/kv%2Fa',
				'/v1/./kv/a',
				'/v1/kvx/a',
				'/v2/kv/a',
			]) {
				isAnswered(await target.ask('PUT', path, { body: 'x' }), 404, /^Not (found|supported by this swarm)\.$/);
			}
			for (const path of [
				'/v1/acl/list',
				'/v1/agent/services',
				'/v1/event/fire/x',
				'/v1/query',
				'/v1/connect/ca/roots',
			]) {
				isAnswered(await target.ask('GET', path), 404, 'Not supported by this swarm.');
			}
		},
	},
	{
		name: 'ways out of the folder of the page',
		answer: '404, or 400 for what cannot be decoded',
		async throwAt(target) {
			const ways = [
				'/../../etc/passwd',
				'/%2e%2e/%2e%2e/etc/passwd',
				'/..%2f..%2fetc%2fpasswd',
				'/..%5c..%5cx',
				'/.git/config',
				'/assets/../../package.json',
			];
			for (const path of [...ways, '/assets/', `/${'../'.repeat(target.random.integer(1, 500))}etc/passwd`]) {
				isAnswered(await target.ask('GET', path), 404, 'Not found.');
			}
			for (const path of ['/%', '/%00', '/%ff', '/a%00.js']) {
				const { status, body } = await target.ask('GET', path);
				assert.ok([400, 404].includes(status), `${path}: ${status} ${body}`);
			}
		},
	},
];
