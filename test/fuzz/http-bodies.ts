/** Bad bodies of requests that take JSON. */
import assert from 'node:assert/strict';
import { request, type WireAnswer } from '../front/wire.ts';
import { isAnswered, type Kind, type Target, textOf } from './kind.ts';

const BODY_BYTES_MAX = 524_288;
const SESSION = '/v1/session/create';
const PROPOSE = '/v1/swarm/propose';

function txn(target: Target, body: string): Promise<WireAnswer> {
	return target.ask('PUT', '/v1/txn', { body });
}

/** A transaction with one operation, whose fields are JSON texts. */
function one(fields: Readonly<Record<string, string>>): string {
	const written = Object.entries({ Verb: '"set"', Key: '"fuzz/one"', ...fields });
	return `[{"KV":{${written.map(([name, text]) => `"${name}":${text}`).join(',')}}}]`;
}

const NO_JSON = [
	'',
	' ',
	'{',
	'[',
	'[1,]',
	"{'a':1}",
	'undefined',
	'NaN',
	'[01]',
	'["\\x"]',
	'[1] 2',
	'\ufeff[]',
	'"\u0001"',
	'[1e]',
	'//\n[]',
];

/** Texts that are large for what they say, each a little smaller than the largest body. */
function bombs({ random }: Target, bytes: number): readonly string[] {
	const size = Math.floor(bytes * random.between(0.9, 0.99));
	const names = Array.from({ length: size / 14 }, (_, index) => `"k${index}":{}`).join(',');
	return [
		'['.repeat(size),
		`${'['.repeat(size / 2)}${']'.repeat(size / 2)}`,
		'{"a":'.repeat(size / 5),
		`[${'0,'.repeat(size / 2 - 2)}0]`,
		`[${'{},'.repeat(size / 3 - 2)}{}]`,
		`[${'[],'.repeat(size / 3 - 2)}[]]`,
		`[${'"",'.repeat(size / 3 - 2)}""]`,
		`{${names.slice(0, size).replace(/,[^,]*$/, '')}}`,
		`"${'\\"'.repeat(size / 2 - 1)}`,
		`["${'\\u0001'.repeat(size / 6 - 1)}"]`,
		`[${'9'.repeat(size)}]`,
		`[${'1234567890123456,'.repeat(size / 17 - 1)}0]`,
		' '.repeat(size),
	];
}

export const BODIES: readonly Kind[] = [
	{
		name: 'transactions that are no JSON',
		answer: '400 Failed to parse body',
		async throwAt(target) {
			for (const body of [...NO_JSON, textOf(target.random, 100, '{}[]":,01 a\\')]) {
				isAnswered(await txn(target, body), 400, /^Failed to parse body: /);
			}
			const latin = Buffer.from(one({ Key: '"fuzz/ç"' }), 'latin1');
			const head = Buffer.from(request('PUT', '/v1/txn', { headers: [`Content-Length: ${latin.length}`] }));
			isAnswered(await target.send(Buffer.concat([head, latin])), 400, /^Failed to parse body: /);
		},
	},
	{
		name: 'transactions that are another JSON',
		answer: '400 Failed to parse body, or 413 for a list that is too long',
		async throwAt(target) {
			for (const body of [
				'null',
				'true',
				'1',
				'"[]"',
				'{}',
				'[null]',
				'[[]]',
				'[{}]',
				'[{"KV":[]}]',
				'[{"Service":{}}]',
				'[{"kv":{"Verb":"get"}}]',
			]) {
				isAnswered(await txn(target, body), 400, /^Failed to parse body: /);
			}
			isAnswered(await txn(target, '[]'), 200, '{"Results":[],"Errors":null}');
		},
	},
	{
		name: 'transactions that are large for what they say',
		answer: '400 or 413, at once',
		async throwAt(target) {
			for (const body of bombs(target, BODY_BYTES_MAX)) {
				const { status, body: text } = await txn(target, body);
				assert.ok([400, 413].includes(status), `${body.slice(0, 20)}: ${status} ${text.slice(0, 100)}`);
			}
		},
	},
	{
		name: 'operations that are large for what they say',
		answer: 'fields that are not known are ignored, or 413, at once',
		async throwAt(target) {
			const key = target.key();
			for (const bomb of bombs(target, BODY_BYTES_MAX - 200)) {
				const { status } = await txn(target, one({ Key: JSON.stringify(key), More: bomb }));
				assert.ok([200, 400, 413].includes(status), `${bomb.slice(0, 20)}: ${status}`);
			}
		},
	},
	{
		name: 'transactions of too many bytes',
		answer: '413 with both sizes',
		async throwAt(target) {
			const body = ' '.repeat(BODY_BYTES_MAX + target.random.integer(1, 1000));
			const text = `Request body(${body.length} bytes) too large, max size: ${BODY_BYTES_MAX} bytes.`;
			isAnswered(await txn(target, body), 413, text);
		},
	},
	{
		name: 'transactions of too many operations',
		answer: '413 with both numbers; 64 are carried out',
		async throwAt(target) {
			const keys = Array.from({ length: 64 }, () => target.key());
			const set = (key: string): object => ({ KV: { Verb: 'set', Key: key, Value: 'eA==' } });
			const count = target.random.integer(65, 500);
			const many = Array.from({ length: count }, () => set(keys[0] as string));
			isAnswered(
				await txn(target, JSON.stringify(many)),
				413,
				`Transaction contains too many operations (${count} > 64)`,
			);
			assert.equal(await target.read(keys[0] as string), null);
			isAnswered(await txn(target, JSON.stringify(keys.map(set))), 200);
			assert.equal(await target.read(keys[63] as string), 'x');
		},
	},
	{
		name: 'operations with fields of other types',
		answer: '400 that names the field',
		async throwAt(target) {
			const texts = ['1', '-1', '1.5', '{}', '[]', 'true', '"1"'];
			for (const [field, good] of Object.entries({
				Verb: '"1"',
				Key: '"1"',
				Value: '',
				Flags: '1',
				Index: '1',
				Session: '"1"',
			})) {
				for (const text of texts.filter((each) => each !== good)) {
					if (field === 'Value' && text === '""') continue;
					isAnswered(
						await txn(target, one({ [field]: text })),
						400,
						new RegExp(`^Failed to parse body: 0\\.KV\\.${field}: `),
					);
				}
			}
		},
	},
	{
		name: 'numbers of operations that are too large or no whole ones',
		answer: '400; all of 64 bits are taken, and come back whole',
		async throwAt(target) {
			const key = target.key();
			for (const text of [
				'18446744073709551616',
				'-1',
				'1.5',
				'1e30',
				'1e400',
				'-0.1',
				'99999999999999999999',
				'1E2.5',
				'0x10',
				'01',
			]) {
				isAnswered(await txn(target, one({ Flags: text })), 400, /^Failed to parse body/);
			}
			for (const flags of [2n ** 53n + 1n, 2n ** 63n + 1n, 2n ** 64n - 1n]) {
				const answer = await txn(target, one({ Key: JSON.stringify(key), Flags: `${flags}` }));
				isAnswered(answer, 200, new RegExp(`"Flags":${flags},`));
			}
		},
	},
	{
		name: 'operations that cannot be carried out',
		answer: '409 that names each of them, and nothing is written',
		async throwAt(target) {
			const key = target.key();
			const bad = [
				{ Verb: 'frobnicate', Key: key },
				{ Verb: '__proto__', Key: key },
				{ Verb: 'set', Key: '' },
				{ Verb: 'set', Key: '/a' },
				{ Verb: 'set', Key: 'a/../b' },
				{ Verb: 'set', Key: '\ud800' },
				{ Verb: 'set', Key: 'a\u0000b' },
				{ Verb: 'set', Key: '\u0000integer 1234567890123456' },
				{ Verb: 'set', Key: 'k'.repeat(target.random.integer(4097, 10_000)) },
				{ Verb: 'lock', Key: key },
				{ Verb: 'lock', Key: key, Session: 'none' },
				{ Verb: 'unlock', Key: key, Session: 'none' },
				{ Verb: 'get-tree', Key: ' ' },
			].map((KV) => ({ KV }));
			const answer = await txn(target, JSON.stringify([{ KV: { Verb: 'set', Key: key, Value: 'eA==' } }, ...bad]));
			isAnswered(answer, 409);
			const { Errors } = JSON.parse(answer.body) as { readonly Errors: readonly { readonly OpIndex: number }[] };
			assert.deepEqual(
				Errors.map(({ OpIndex }) => OpIndex),
				bad.map((_, index) => index + 1),
			);
			assert.equal(await target.read(key), null);
		},
	},
	{
		name: 'values that are no base64',
		answer: '400 that names the field',
		async throwAt(target) {
			for (const value of ['x', 'eA', 'eA=', '====', 'e A==', 'eA==\n', '_-==', '%%%%', 'eA==eA==', '\u0000']) {
				const answer = await txn(target, one({ Value: JSON.stringify(value) }));
				isAnswered(answer, 400, /^Failed to parse body: 0\.KV\.Value: /);
			}
		},
	},
	{
		name: 'names of objects that programs have of their own',
		answer: 'they are names as all others, and are ignored',
		async throwAt(target) {
			const key = JSON.stringify(target.key());
			for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'toJSON', 'then']) {
				const polluted = `{"Verb":"delete","isAdmin":true}`;
				const answer = await txn(
					target,
					`[{"KV":{"Verb":"set","Key":${key},"${name}":${polluted}},"${name}":${polluted}}]`,
				);
				isAnswered(answer, 200);
			}
			assert.notEqual(await target.read(JSON.parse(key) as string), null);
		},
	},
	{
		name: 'time-outs of sessions that are none',
		answer: '500 Invalid Session TTL with the bounds, at once however long it is',
		async throwAt(target) {
			const long = target.random.integer(30_000, 65_000);
			const bad = [
				'-10s',
				'1ms',
				'25h',
				'10',
				'1e3s',
				'NaN',
				'10s ',
				'\u0000',
				'10x',
				'１０s',
				'9'.repeat(30),
				'1'.repeat(long),
				`${'1h'.repeat(long / 2)}x`,
				'.'.repeat(long),
			];
			for (const TTL of bad) {
				const answer = await target.ask('PUT', SESSION, { body: JSON.stringify({ TTL }) });
				isAnswered(answer, 500, /^Invalid Session TTL '[\s\S]*', must be between \[\w+=24h0m0s\]$/);
			}
		},
	},
	{
		name: 'lock delays that are none',
		answer: '400 Request decode failed; one that is too long is cut to 60 s',
		async throwAt(target) {
			const long = target.random.integer(30_000, 65_000);
			for (const delay of ['-1', '1e400', '"x"', '"-1s"', 'true', '[]', '{}', `"${'1'.repeat(long)}"`]) {
				isAnswered(
					await target.ask('PUT', SESSION, { body: `{"LockDelay":${delay}}` }),
					400,
					/^Request decode failed: /,
				);
			}
			for (const delay of ['1e300', '999.999', '"99999999h"', '1e-300', '0']) {
				const made = await target.ask('PUT', SESSION, { body: `{"lockdelay":${delay},"TTL":"10s"}` });
				isAnswered(made, 200);
				const { ID } = JSON.parse(made.body) as { readonly ID: string };
				const { body } = await target.ask('GET', `/v1/session/info/${ID}`);
				const [session] = JSON.parse(body) as [{ readonly LockDelay: number }];
				assert.ok(session.LockDelay >= 0 && session.LockDelay <= 60_000_000_000, body);
				isAnswered(await target.ask('PUT', `/v1/session/destroy/${ID}`), 200, 'true');
			}
		},
	},
	{
		name: 'other fields of sessions',
		answer: '500 or 400 as documented, and no session is made',
		async throwAt(target) {
			const ask = (body: object) => target.ask('PUT', SESSION, { body: JSON.stringify(body) });
			isAnswered(await ask({ Behavior: 'explode' }), 500, "Invalid Behavior setting 'explode'");
			for (const Node of ['n9', '__proto__', '\u0000', 'n1~x'])
				isAnswered(await ask({ Node }), 500, 'Missing node registration');
			isAnswered(
				await ask({ Name: '\ud800' }),
				400,
				'Request decode failed: the session has half a surrogate pair in a name',
			);
			const Name = 'n'.repeat(target.random.integer(257, 1000));
			isAnswered(await ask({ Name }), 400, 'Request decode failed: the session has a name above 256 bytes');
			for (const wrong of [{ Name: 1 }, { Node: [] }, { TTL: 15 }, { Behavior: {} }]) {
				isAnswered(await ask(wrong), 400, /^Request decode failed: \w+: /);
			}
		},
	},
	{
		name: 'sessions that are no JSON or another one',
		answer: '400 Request decode failed, 413 above 65,536 bytes',
		async throwAt(target) {
			for (const body of [...NO_JSON.filter((each) => each !== ''), 'null', '[]', '1', '"x"']) {
				isAnswered(await target.ask('PUT', SESSION, { body }), 400, /^Request decode failed: /);
			}
			for (const body of bombs(target, 65_536)) {
				const { status } = await target.ask('PUT', SESSION, { body });
				assert.ok([200, 400].includes(status), `${body.slice(0, 20)}: ${status}`);
			}
			isAnswered(await target.ask('PUT', SESSION, { body: ' '.repeat(65_537) }), 413);
		},
	},
	{
		name: 'locks for sessions that are none',
		answer: '500 invalid session for acquire, false for release, 500 missing session for none',
		async throwAt(target) {
			const key = target.key();
			const uuid = '00000000-0000-0000-0000-000000000000';
			for (const session of [
				'x',
				uuid,
				uuid.toUpperCase().replaceAll('0', 'A'),
				'__proto__',
				'"',
				'x'.repeat(target.random.integer(37, 8000)),
			]) {
				const written = encodeURIComponent(session);
				const acquired = await target.ask('PUT', `/v1/kv/${key}?acquire=${written}`, { body: 'x' });
				isAnswered(acquired, 500, `invalid session ${JSON.stringify(session)}`);
				isAnswered(await target.ask('PUT', `/v1/kv/${key}?release=${written}`, { body: 'x' }), 200, 'false');
				isAnswered(await target.ask('PUT', `/v1/session/renew/${written}`), 404, `Session id '${session}' not found`);
				isAnswered(await target.ask('PUT', `/v1/session/destroy/${written}`), 200, 'true');
			}
			for (const way of ['acquire', 'release', 'acquire=']) {
				isAnswered(await target.ask('PUT', `/v1/kv/${key}?${way}`, { body: 'x' }), 500, 'missing session');
			}
			for (const path of ['renew', 'renew/', 'destroy'])
				isAnswered(await target.ask('PUT', `/v1/session/${path}`), 400, 'Missing session');
			assert.equal(await target.read(key), null);
		},
	},
	{
		name: 'proposals that are none',
		answer: '400 with the outcome refused, and what is wrong with each field',
		async throwAt(target) {
			const good = { key: target.key(), value: 'x', route: 'leader', contest: 0 };
			const bad = [
				null,
				[],
				1,
				{},
				{ ...good, key: '' },
				{ ...good, key: '\ud800' },
				{ ...good, key: 7 },
				{ ...good, value: 7 },
				{ ...good, value: '\udc00' },
				{ ...good, value: 'x'.repeat(524_289) },
				{ ...good, route: 'x' },
				{ ...good, contest: -1 },
				{ ...good, contest: 1.5 },
				{ ...good, route: 'self', contest: 2 ** 48 + 1 },
				{ ...good, route: 'self', contest: 2 ** 53 - 1 },
				{ ...good, contest: 2 ** 60 },
				{ ...good, contest: 1 },
				{ ...good, more: 1 },
			];
			for (const body of [...NO_JSON, ...bad.map((each) => JSON.stringify(each))]) {
				const answer = await target.ask('POST', PROPOSE, { body });
				isAnswered(answer, 400, /^\{"outcome":"refused","why":".+","attempts":\[\]\}$/);
				assert.equal(answer.headers['x-swarm-outcome'], 'not-applied');
			}
			assert.equal(await target.read(good.key), null);
		},
	},
	{
		name: 'proposals that are large for what they say',
		answer: '400 in few words, at once',
		async throwAt(target) {
			for (const body of bombs(target, 3_000_000)) {
				const answer = await target.ask('POST', PROPOSE, { body });
				isAnswered(answer, 400);
				assert.ok(answer.body.length < 2000, `${body.slice(0, 20)} is answered with ${answer.body.length} bytes`);
			}
		},
	},
	{
		name: 'slots to contest that nobody can',
		answer: 'refused or kept in words, and the command does not happen',
		async throwAt(target) {
			for (const contest of [1, 2 ** 48, target.random.integer(1, 100)]) {
				const body = JSON.stringify({ key: target.key(), value: 'x', route: 'self', contest });
				const answer = await target.ask('POST', PROPOSE, { body });
				const { outcome } = JSON.parse(answer.body) as { readonly outcome: string };
				assert.ok(['kept', 'refused'].includes(outcome), `${contest}: ${answer.status} ${answer.body}`);
			}
		},
	},
	{
		name: 'transfers of the leadership that make no sense',
		answer: '400 or 413, and the leader stays',
		async throwAt(target) {
			const path = '/v1/leader/transfer';
			for (const body of [
				...NO_JSON.filter((each) => each !== ''),
				'[]',
				'{"to":1}',
				'{"to":null}',
				'{"to":"n1","more":1}',
				'{"__proto__":1}',
			]) {
				isAnswered(
					await target.ask('POST', path, { body }),
					400,
					'The body must be JSON such as {"to":"n2"}, or empty.',
				);
			}
			for (const to of ['n9', '', '__proto__', 'x'.repeat(target.random.integer(100, 4000))]) {
				isAnswered(await target.ask('POST', path, { body: JSON.stringify({ to }) }), 400);
			}
			isAnswered(await target.ask('POST', path, { body: ' '.repeat(4097) }), 413);
		},
	},
	{
		name: 'changes of the members that make no sense',
		answer: '400, 404 or 413, and the members stay',
		async throwAt(target) {
			const url = 'http://10.1.2.3:7101';
			const bad = [
				{},
				{ id: 'n4' },
				{ url },
				{ id: '', url },
				{ id: 'n 4', url },
				{ id: 'n'.repeat(100), url },
				{ id: 'n4', url: 'nowhere' },
				{ id: 'n4', url: 'ftp://x' },
				{ id: 'n4', url: `${url}/path` },
				{ id: 'n4', url: `http://u:p@x` },
				{ id: 'n4', url: `http://${'x'.repeat(3000)}` },
				{ id: 'n4', url, more: 1 },
				{ id: 'n4', url, asks: 'ñ' },
				[],
				null,
			];
			const rule = 'The body must be JSON such as {"id":"n4","url":"http://10.1.2.3:7101"}.';
			for (const body of [...NO_JSON, ...bad.map((each) => JSON.stringify(each))]) {
				isAnswered(await target.ask('POST', '/v1/members', { body }), 400, rule);
			}
			for (const name of ['n9', '__proto__', '%20', 'n1~x', 'x'.repeat(1000)]) {
				isAnswered(await target.ask('DELETE', `/v1/members/${name}`), 404);
				isAnswered(await target.ask('POST', `/v1/members/${name}/replace`), 404);
			}
			isAnswered(await target.ask('POST', '/v1/members', { body: ' '.repeat(4097) }), 413);
		},
	},
	{
		name: 'faults at a node that is no lab',
		answer: '404 that says how to start one',
		async throwAt(target) {
			const text = 'This node was started without a lab. Start the swarm with --lab.';
			for (const path of ['/v1/lab', '/v1/lab/links', '/v1/lab/links/n1', '/v1/lab/nodes/n1/kill']) {
				isAnswered(await target.ask('POST', path, { body: '{"cut":true}' }), 404, text);
			}
		},
	},
];
