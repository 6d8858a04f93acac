/**
 * A swarm with a secret and tokens: attempts without the right one at every door, and a search for each secret in all
 * that the swarm has put out meanwhile.
 */

import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { digestOf } from '../../server/access/tokens.ts';
import type { SwarmClient } from '../../shared/client/client.ts';
import { request, Wire } from '../front/wire.ts';
import { Stranger } from '../mesh/stranger.ts';
import { callsOf, joinFeed, type RawAttempt, refusalsToldBy, sendRaw, WEB_SOCKET } from './attempts.ts';
import { Swarm, type TestNode } from './swarm.ts';

const SECRET = 'secret-of-the-mesh-7f3a';
const ADMIN = 'token-of-the-admin-c81b';
const APP = 'token-of-the-app-22d9';
const READER = 'token-of-the-reader-90ee';
const PAGE = 'token-of-the-page-41c7';
const WRONG = 'token-of-nobody-5c5c';
const LATER = 'secret-that-comes-later-b20e';
const ALL = [SECRET, LATER, ADMIN, APP, READER, PAGE, WRONG];

let swarm: Swarm;
let n1: TestNode;
/** What the nodes have answered to refused attempts, and what the feed has told. */
const heard: string[] = [];

beforeAll(async () => {
	swarm = await Swarm.create({
		size: 3,
		environment: { SWARM_TOKEN: ADMIN, SWARM_TOKEN_PAGE: PAGE, TOKEN_READER: READER },
	});
	writeFileSync(join(swarm.folder, 'app.token'), `${APP}\n`, { mode: 0o600 });
	writeFileSync(join(swarm.folder, 'admin.token'), `${ADMIN}\n`, { mode: 0o600 });
	const config = JSON.parse(readFileSync(swarm.configFile, 'utf8'));
	const tokens = [
		{ role: 'write', prefixes: ['app/'], file: 'app.token' },
		{ role: 'read', env: 'TOKEN_READER' },
	];
	writeFileSync(swarm.configFile, JSON.stringify({ ...config, tokens }));
	// One node has the secret from a file.
	writeFileSync(join(swarm.folder, 'secret'), `${SECRET}\n`, { mode: 0o600 });
	for (const node of swarm.nodes) {
		const isByFile = node.id === 'n3';
		node.launch({
			environment: {
				...(isByFile ? { SWARM_SECRET_FILE: join(swarm.folder, 'secret') } : { SWARM_SECRET: SECRET }),
				...(node.id === 'n2' && { SWARM_SECRET_OTHER: LATER }),
			},
		});
	}
	await Promise.all(swarm.nodes.map((node) => node.ready()));
	n1 = swarm.node('n1');
	for (const key of ['app/color', 'apple', 'other']) await write(key, 'kept');
});
afterAll(() => swarm.dispose());

function write(key: string, value: string): Promise<Response> {
	return n1.fetch(`/v1/kv/${key}`, { method: 'PUT', body: value, headers: { 'X-Consul-Token': ADMIN } });
}

async function state(): Promise<unknown> {
	const answer = await n1.fetch('/v1/kv/?recurse', { headers: { Authorization: `Bearer ${ADMIN}` } });
	const members = await n1.fetch('/v1/members', { headers: { Authorization: `Bearer ${ADMIN}` } });
	const { members: all } = (await members.json()) as { members: readonly { id: string }[] };
	return [await answer.json(), all.map(({ id }) => id)];
}

/** A client stays at this node. It moves from any other one, and what it then waits for has an unknown outcome. */
async function leader(): Promise<TestNode> {
	const { leader } = (await (await n1.fetch('/v1/swarm', { headers: { 'X-Consul-Token': ADMIN } })).json()) as {
		leader: string;
	};
	return swarm.node(leader);
}

const token = (text: string): string => `X-Consul-Token: ${text}`;
const txn = (...operations: object[]): string => JSON.stringify(operations.map((KV) => ({ KV })));
const session = '6f9d3c1e-7a0b-4c5d-8e2f-000000000000';

const RAW: readonly RawAttempt[] = [
	// No token
	{ line: 'GET /v1/kv/other' },
	{ line: 'HEAD /v1/kv/other' },
	{ line: 'GET /v1/kv/other?raw&stale' },
	{ line: 'GET /v1/kv/?recurse' },
	{ line: 'GET /v1/kv/?keys' },
	{ line: 'GET /v1/kv/other?index=1&wait=1s' },
	{ line: 'PUT /v1/kv/other', body: 'in' },
	{ line: 'PUT /v1/kv/other', headers: ['Idempotency-Key: once'], body: 'in' },
	{ line: 'DELETE /v1/kv/other' },
	{ line: 'DELETE /v1/kv/?recurse' },
	{ line: 'PUT /v1/txn', body: txn({ Verb: 'get', Key: 'other' }) },
	{ line: 'GET /v1/watch/' },
	{ line: 'PUT /v1/session/create' },
	{ line: 'GET /v1/session/list' },
	{ line: 'GET /v1/snapshot?stale' },
	{ line: 'GET /v1/members' },
	{ line: 'DELETE /v1/members/n3' },
	{ line: 'POST /v1/leader/transfer' },
	{ line: 'POST /v1/swarm/propose', body: '{"key":"other","value":"in","route":"self","contest":0}' },
	{ line: 'GET /metrics' },
	{ line: 'GET /v1/lab' },
	// A wrong one, or one that is not written as a token
	{ line: 'GET /v1/kv/other', headers: [token(WRONG)] },
	{ line: `GET /v1/kv/other?token=${WRONG}`, headers: [token(ADMIN)] },
	{ line: 'GET /v1/kv/other?token=', headers: [token('')] },
	{ line: 'GET /v1/kv/other', headers: [token(ADMIN.toUpperCase())] },
	{ line: 'GET /v1/kv/other', headers: [token(ADMIN.slice(0, -1))] },
	{ line: 'GET /v1/kv/other', headers: [token(`${ADMIN}x`)] },
	{ line: 'GET /v1/kv/other', headers: [token(WRONG), token(ADMIN)] },
	{ line: 'GET /v1/kv/other', headers: [token(ADMIN), token(WRONG)] },
	{ line: 'GET /v1/kv/other', headers: [`Authorization: Bearer ${WRONG}`, `Authorization: Bearer ${ADMIN}`] },
	{ line: 'GET /v1/kv/other', headers: [`Authorization: ${ADMIN}`] },
	{ line: 'GET /v1/kv/other', headers: [`Authorization: Basic ${ADMIN}`] },
	{ line: 'GET /v1/kv/other', headers: [`X_Consul_Token: ${ADMIN}`] },
	{ line: 'GET /v1/kv/other', headers: [`Cookie: token=${ADMIN}`] },
	{ line: 'GET /v1/kv/other', headers: [token(SECRET)] },
	{ line: `GET /v1/kv/other?Token=${ADMIN}` },
	{ line: `GET /v1/kv/other%3Ftoken=${ADMIN}` },
	// A token of too low a role
	{ line: 'PUT /v1/kv/other', headers: [token(READER)], body: 'in' },
	{ line: 'DELETE /v1/kv/other', headers: [token(READER)] },
	{ line: 'PUT /v1/txn', headers: [token(READER)], body: txn({ Verb: 'set', Key: 'other', Value: 'aW4=' }) },
	{ line: 'PUT /v1/session/create', headers: [token(READER)] },
	{ line: `PUT /v1/kv/other?acquire=${session}`, headers: [token(READER)], body: 'in' },
	{ line: 'GET /v1/snapshot', headers: [token(READER)] },
	{ line: 'DELETE /v1/members/n3', headers: [token(READER)] },
	{ line: 'POST /v1/leader/transfer', headers: [token(APP)] },
	{ line: 'GET /v1/kv/other', headers: [token(PAGE)] },
	{ line: 'PUT /v1/kv/other', headers: [token(PAGE)], body: 'in' },
	{ line: 'GET /v1/snapshot', headers: [token(PAGE)] },
	// Keys beside the prefix of the token
	{ line: 'GET /v1/kv/other', headers: [token(APP)] },
	{ line: 'GET /v1/kv/app', headers: [token(APP)] },
	{ line: 'GET /v1/kv/apple', headers: [token(APP)] },
	{ line: 'GET /v1/kv/app?recurse', headers: [token(APP)] },
	{ line: 'GET /v1/kv/ap?keys', headers: [token(APP)] },
	{ line: 'GET /v1/kv/?recurse', headers: [token(APP)] },
	{ line: 'GET /v1/kv?keys&separator=app/', headers: [token(APP)] },
	{ line: 'DELETE /v1/kv/app?recurse', headers: [token(APP)] },
	{ line: 'PUT /v1/kv/apple', headers: [token(APP)], body: 'in' },
	{ line: 'PUT /v1/kv/App/color', headers: [token(APP)], body: 'in' },
	{ line: 'GET /v1/watch/app', headers: [token(APP)] },
	{ line: 'GET /v1/watch/', headers: [token(APP)] },
	{ line: 'GET /v1/kv/app%252Fcolor', headers: [token(APP)] },
	{ line: 'GET /v1/kv/app/../other', headers: [token(APP)] },
	{ line: 'GET /v1/kv/app/%2e%2e/other', headers: [token(APP)] },
	{ line: 'PUT /v1/kv//app/color', headers: [token(APP)], body: 'in' },
	{ line: 'PUT /v1/txn', headers: [token(APP)], body: txn({ Verb: 'set', Key: 'app/a' }, { Verb: 'set', Key: 'b' }) },
	{ line: 'PUT /v1/txn', headers: [token(APP)], body: txn({ Verb: 'get-tree', Key: 'app' }) },
	{ line: 'GET /v1/session/list', headers: [token(APP)] },
	// Odd spellings of paths
	{ line: 'GET //v1/kv/other' },
	{ line: 'GET /v1//kv/other' },
	{ line: 'GET /v1/./kv/other' },
	{ line: 'GET /%76%31/kv/other' },
	{ line: 'GET /v1/%6bv/other' },
	{ line: 'GET /V1/KV/other' },
	{ line: 'GET /v1/snapshot/' },
	{ line: 'GET /v1/snapshot%2F' },
	{ line: 'GET /metrics/' },
	{ line: 'GET /livez/../v1/kv/other' },
	{ line: 'GET /assets/../v1/members' },
	{ line: 'GET http://127.0.0.1/v1/kv/other' },
	{ line: 'GET \\v1\\kv\\other' },
	// Another Host, or the page of another site
	{ line: 'GET /v1/kv/other', host: 'evil.example', headers: [token(ADMIN)] },
	{ line: 'GET /v1/kv/other', host: null, headers: [token(ADMIN)] },
	{ line: 'GET /v1/kv/other', host: '127.0.0.1:1', headers: [token(ADMIN)] },
	{ line: 'GET /v1/kv/other', headers: ['Host: evil.example', token(ADMIN)] },
	{ line: 'GET http://evil.example/v1/kv/other', headers: [token(ADMIN)] },
	{ line: 'PUT /v1/kv/other', headers: ['Origin: http://evil.example', token(ADMIN)], body: 'in' },
	{ line: 'GET /v1/kv/other', headers: ['Origin: null', token(ADMIN)] },
	// Other ways to write this host, and what a proxy would say of it
	{ line: 'GET /v1/kv/other', version: '1.0', host: null, headers: [token(ADMIN)] },
	{ line: 'GET /v1/kv/other', version: '1.0' },
	{ line: 'GET http://127.0.0.1.evil.example/v1/kv/other', headers: [token(ADMIN)] },
	{ line: 'GET HTTP://EVIL.EXAMPLE:{port}/v1/kv/other', headers: [token(ADMIN)] },
	{ line: 'GET http://127.0.0.1:{port}@evil.example/v1/kv/other', headers: [token(ADMIN)] },
	{ line: 'GET /v1/kv/other', host: '127.0.0.1.:{port}', headers: [token(ADMIN)] },
	{ line: 'GET /v1/kv/other', host: 'localhost.:{port}', headers: [token(ADMIN)] },
	{ line: 'GET /v1/kv/other', host: '[::ffff:127.0.0.1]:{port}', headers: [token(ADMIN)] },
	{ line: 'GET /v1/kv/other', host: '0.0.0.0:{port}', headers: [token(ADMIN)] },
	{ line: 'GET /v1/kv/other', host: '2130706433:{port}', headers: [token(ADMIN)] },
	{ line: 'GET /v1/kv/other', host: '127.1:{port}', headers: [token(ADMIN)] },
	{ line: 'GET /v1/kv/other', host: '127.0.0.1:{port}@evil.example', headers: [token(ADMIN)] },
	{ line: 'GET /v1/kv/other', host: 'evil.example', headers: ['X-Forwarded-Host: 127.0.0.1:{port}', token(ADMIN)] },
	{ line: 'GET /v1/kv/other', host: 'evil.example', headers: ['Forwarded: host=127.0.0.1:{port}', token(ADMIN)] },
	{ line: 'GET /v1/kv/other', headers: ['X-Forwarded-For: 127.0.0.1', 'X-Real-IP: 127.0.0.1'] },
	{ line: 'GET /v1/kv/other', headers: ['X-Original-URL: /livez', 'X-Rewrite-URL: /livez'] },
	{ line: 'PUT /v1/kv/other', headers: ['X-HTTP-Method-Override: GET', token(READER)], body: 'in' },
	{ line: 'GET /v1/kv/other', headers: ['Origin: http://127.0.0.1:{port}.evil.example', token(ADMIN)] },
	{ line: 'GET /v1/kv/other', headers: ['Origin: http://127.0.0.1:{port}@evil.example', token(ADMIN)] },
	{ line: 'GET /v1/kv/other', headers: ['Origin: https://127.0.0.1:{port}', token(ADMIN)] },
	{ line: 'GET /v1/kv/other', headers: ['Origin: http://127.0.0.1.:{port}', token(ADMIN)] },
	{
		line: 'GET /v1/kv/other',
		headers: ['Origin: http://evil.example', 'Origin: http://127.0.0.1:{port}', token(ADMIN)],
	},
	// Other ways to show a token, and other methods
	{ line: `GET /v1/kv/other?token[]=${ADMIN}` },
	{ line: `GET /v1/kv/other?token=${ADMIN}%00` },
	{ line: `GET /v1/kv/other?token=%20${ADMIN}` },
	{ line: `GET /v1/kv/other?token=${WRONG}&token=${ADMIN}` },
	{ line: 'GET /v1/kv/other', headers: [`Authorization: Bearer "${ADMIN}"`] },
	{ line: 'GET /v1/kv/other', headers: [`Authorization: Bearer ${Buffer.from(ADMIN).toString('base64')}`] },
	{ line: 'GET /v1/kv/other', headers: [`Proxy-Authorization: Bearer ${ADMIN}`] },
	{ line: 'GET /v1/kv/other', headers: [`Sec-WebSocket-Protocol: ${ADMIN}`, ...WEB_SOCKET] },
	{ line: 'GET /v1/kv/other', headers: [token(digestOf(ADMIN).toString('hex'))] },
	{ line: 'TRACE /v1/kv/other' },
	{ line: 'PATCH /v1/kv/other', headers: [token(READER)], body: 'in' },
	{ line: 'POST /v1/kv/other', headers: [token(READER)], body: 'in' },
	{ line: 'PROPFIND /v1/kv/' },
	{ line: 'GET /livez/%2e%2e/v1/kv/other' },
	{ line: 'GET /livez;/../v1/kv/other' },
	{ line: 'GET /v1/kv/other#/livez' },
	// A token where none is looked for
	{ line: 'GET /v1/kv/other', headers: ['X-Other: a', ` ${token(ADMIN)}`] },
	{ line: 'GET /v1/kv/other', headers: [`X-Consul-Token : ${ADMIN}`] },
	{ line: 'GET /v1/kv/other', headers: [`Authorization: Bearer ${ADMIN},${READER}`] },
	{ line: `GET /v1/kv/other;token=${ADMIN}` },
	{ line: `GET /v1/kv/other?a=1;token=${ADMIN}` },
	{ line: `GET http://token:${ADMIN}@127.0.0.1:{port}/v1/kv/other` },
	// Operations that each of two readers might take for another one
	{ line: 'PUT /v1/txn', body: '[]' },
	{ line: 'PUT /v1/txn', headers: [token(APP)], body: '[{"KV":{"Verb":"get","Key":"app/color","Key":"other"}}]' },
	{ line: 'PUT /v1/txn', headers: [token(APP)], body: '[{"KV":{"Verb":"get","__proto__":{"Key":"other"}}}]' },
	{ line: 'PUT /v1/txn', headers: [token(APP)], body: '[{"KV":{"Verb":"get","Key":"\\u0061pple"}}]' },
	{ line: 'PUT /v1/txn', headers: [token(APP)], body: '[{"KV":{"Verb":"get","Key":["app/color","other"]}}]' },
	{ line: 'PUT /v1/txn', headers: [token(APP)], body: txn({ Verb: 'get-tree' }) },
	{ line: 'PUT /v1/txn', headers: [token(APP)], body: txn({ Verb: 'get', Key: 'app/../other' }) },
	{ line: 'PUT /v1/txn', headers: [token(APP)], body: txn({ Verb: 'check-index', Key: 'other', Index: 2 }) },
	{ line: 'PUT /v1/txn', headers: [token(APP)], body: txn({ Verb: 'check-session', Key: 'other' }) },
	{ line: 'PUT /v1/txn', headers: [token(READER)], body: txn({ Verb: 'unlock', Key: 'other', Session: session }) },
	{ line: 'PUT /v1/txn', headers: [token(READER)], body: txn({ Verb: 'delete-cas', Key: 'other', Index: 2 }) },
	// Keys that some decoder might take for one beside the prefix, or within it
	...[
		'app%2f%2e%2e%2fother',
		'app%c0%afcolor',
		'app%EF%BC%8Fcolor',
		'app%00',
		'app%2',
		'app%5ccolor',
		'%61pp/../other',
	].map((key) => ({ line: `GET /v1/kv/${key}`, headers: [token(APP)] })),
	{ line: 'GET /v1/watch?prefix=app/', headers: [token(APP)] },
	{ line: 'GET /v1/kv?recurse&prefix=app/', headers: [token(APP)] },
	// Paths beside those of the page
	...['/v1/debug', '/v1/debug.json', '/a.js/../v1/debug', '/v1/members?.css', '/metrics;a.js', '/metrics%20'].map(
		(path) => ({
			line: `GET ${path}`,
		}),
	),
	{ line: 'GET /assets/%2e%2e/%2e%2e/swarm.json' },
	// What nodes ask of each other
	{ line: 'POST /v1/members/n3/replace', body: '{"asks":"n3~abcd","url":"http://127.0.0.1:1"}' },
	{ line: 'POST /v1/members/n3/replace', headers: [token(SECRET)], body: '{"asks":"n3~abcd"}' },
	{ line: 'POST /v1/members', headers: [token(APP)], body: '{"id":"n4","url":"http://127.0.0.1:1","asks":"n4"}' },
	{ line: 'POST /v1/leader/transfer', headers: ['X-Swarm-Passed-On: yes', token(READER)] },
	{ line: 'DELETE /v1/members/n3', headers: ['X-Swarm-Passed-On: yes', token(PAGE)] },
	{ line: 'PUT /v1/lab/links', headers: [token(READER)], body: '{}' },
	// Other numbers for this host, and origins that are none
	...[
		'0x7f000001:{port}',
		'017700000001:{port}',
		'127.0.0.1:0{port}',
		'127.0.0.1:{port}#a',
		':{port}',
		'[::1%25lo]:{port}',
	].map((host) => ({ line: 'GET /v1/kv/other', host, headers: [token(ADMIN)] })),
	...['', 'file://', 'http://127.0.0.1:{port}/', 'blob:http://127.0.0.1:{port}', 'ws://127.0.0.1:{port}'].map(
		(origin) => ({
			line: 'GET /v1/kv/other',
			headers: [`Origin: ${origin}`, token(ADMIN)],
		}),
	),
	// Upgrades
	{ line: 'GET /client', headers: ['Origin: null', ...WEB_SOCKET] },
	{ line: 'GET /%6desh', headers: WEB_SOCKET },
	{ line: 'GET /mesh/../client', headers: WEB_SOCKET },
	{ line: 'GET /socket.io%2f?EIO=4&transport=websocket', headers: WEB_SOCKET },
	{ line: 'GET /v1/kv/other', headers: WEB_SOCKET },
	{ line: 'GET /v1/kv/other', headers: ['Connection: Upgrade', 'Upgrade: h2c'] },
	{ line: 'GET /client', headers: ['Origin: http://evil.example', ...WEB_SOCKET] },
	{ line: 'GET /client', headers: WEB_SOCKET, host: 'evil.example' },
	{ line: 'GET /client/', headers: WEB_SOCKET },
	{ line: 'GET /mesh', headers: ['Origin: http://evil.example', ...WEB_SOCKET] },
	{ line: 'GET //mesh', headers: WEB_SOCKET },
	{ line: 'GET /socket.io/?EIO=4&transport=websocket', headers: ['Origin: http://evil.example', ...WEB_SOCKET] },
];

const CALLS: Readonly<Record<string, (client: SwarmClient) => Promise<unknown>>> = {
	put: (client) => client.put('other', 'in'),
	delete: (client) => client.delete('other'),
	deletePrefix: (client) => client.deletePrefix(''),
	get: (client) => client.get('other'),
	'stale get': (client) => client.get('other', { stale: true }),
	list: (client) => client.list('').next(),
	watch: (client) => client.watch('').next(),
	'a prefix without its slash': (client) => client.list('app').next(),
	'a watch without its slash': (client) => client.watch('app').next(),
	'a transaction that goes beyond the prefix': (client) =>
		client.txn([
			{ kind: 'put', key: 'app/color', value: 'in' },
			{ kind: 'get', key: 'other' },
		]),
	lock: (client) => client.lock('other', { signal: AbortSignal.timeout(20_000) }),
};

describe('a swarm with a secret and tokens', () => {
	test('refuses every attempt without the right token, Host or Origin', async () => {
		const before = await state();
		const answers = await Promise.all(RAW.map((attempt) => sendRaw(n1, attempt)));
		// In some attempts a token is part of the name of a key, which the answer tells again.
		heard.push(...answers.filter((_, index) => !/(%3F|;|\/)token[=:]/.test(RAW[index]?.line ?? '')));
		for (const [index, answer] of answers.entries()) {
			const what = `${JSON.stringify(RAW[index])}: ${answer.slice(0, 200)}`;
			expect(answer, what).toMatch(/^HTTP\/1\.1 4\d\d /);
			expect(answer, what).not.toMatch(/kept|a2VwdA|CreateIndex|isVoter|swarm_server/);
		}
		const calls = Object.values(CALLS);
		for (const shown of [undefined, WRONG, PAGE, SECRET, APP, '']) {
			expect([shown, await callsOf(await leader(), shown, calls)]).toEqual([shown, calls.map(() => 'denied')]);
		}
		const shownToFeed = [undefined, WRONG, APP, READER, SECRET, `${PAGE} `, PAGE.toUpperCase(), [PAGE], true, null];
		for (const auth of [...shownToFeed.map((shown) => ({ token: shown })), { Token: PAGE }]) {
			for (const transport of ['websocket', 'polling'] as const) {
				expect(await joinFeed(n1, auth, transport)).toBe('the feed asks for a token');
			}
		}
		expect(RAW.length).toBeGreaterThan(160);
		expect(await state()).toEqual(before);
	});

	test('asks each request of a connection, each copy of a write, and a page before all else', async () => {
		const read = (...headers: string[]): string =>
			request('GET', '/v1/kv/other?raw', { host: `127.0.0.1:${n1.port}`, headers });
		const wire = new Wire(n1.port).write(read(token(ADMIN)) + read());
		expect([await wire.answer(), await wire.answer()]).toMatchObject([{ status: 200, body: 'kept' }, { status: 403 }]);
		wire.socket.destroy();

		const body = txn({ Verb: 'get', Key: 'other' }, { Verb: 'set', Key: 'app/copy', Value: '' });
		const write = async (shown: string, operations: string): Promise<number> => {
			const headers = { 'X-Consul-Token': shown, 'Idempotency-Key': 'order-17' };
			return (await n1.fetch('/v1/txn', { method: 'PUT', body: operations, headers })).status;
		};
		expect(await write(ADMIN, body)).toBe(200);
		expect(await write(APP, body)).toBe(403);
		expect(await write(APP, txn({ Verb: 'get', Key: 'app/color' }))).toBe(422);

		const feed = new WebSocket(`ws://127.0.0.1:${n1.port}/socket.io/?EIO=4&transport=websocket`);
		const told: string[] = [];
		feed.on('message', (packet: Buffer) => told.push(packet.toString()));
		feed.once('open', () => {
			feed.send('420["propose",{"key":"other","value":"in","route":"leader","contest":0}]');
			feed.send('421["list",""]');
		});
		await once(feed, 'close');
		// Only the handshake below socket.io.
		expect(told).toEqual([expect.stringMatching(/^0\{"sid"/)]);
		expect(await (await n1.fetch('/v1/kv/other?raw', { headers: { 'X-Consul-Token': ADMIN } })).text()).toBe('kept');
	});

	test('lets nobody into the mesh who cannot prove the secret', async () => {
		const stranger = new WebSocket(`ws://127.0.0.1:${n1.port}/mesh`);
		const closed = new Promise<number>((resolve) => stranger.once('close', resolve));
		stranger.on('error', () => undefined);
		stranger.once('open', () => stranger.send(Buffer.from(ADMIN)));
		expect(await closed).not.toBe(1005);
	});

	test('lets nodes in by a second secret where it is being changed, says so, and nowhere else', async () => {
		const { id: swarmId } = (await (await n1.fetch('/v1/swarm')).json()) as { id: string };
		const prove = (node: TestNode, secret: string) => Stranger.proven(node, { self: 'n9', swarmId, secret });
		const n2 = swarm.node('n2');
		for (const secret of [SECRET, LATER]) await (await prove(n2, secret)).close();
		await expect(prove(n1, LATER)).rejects.toThrow('wrong secret');
		await expect(prove(n2, WRONG)).rejects.toThrow('wrong secret');
		const told = 'nodes are let in by the other secret too';
		expect([n1.output.includes(told), n2.output.includes(told)]).toEqual([false, true]);
	});

	test('serves those who have the right one, at every door', async () => {
		const ofApp = [
			(client: SwarmClient) => client.put('app/color', 'red'),
			(client: SwarmClient) => client.list('app/').next(),
			async (client: SwarmClient) => (await client.lock('app/lock')).release(),
		];
		expect(await callsOf(n1, APP, ofApp)).toEqual(['done', 'done', 'done']);
		// What is refused in the same turn takes nothing with it that is let in.
		const mixed = [
			(client: SwarmClient) => client.put('other', 'in'),
			(client: SwarmClient) => client.put('app/color', 'red'),
			(client: SwarmClient) => client.txn([{ kind: 'put', key: 'app/size', value: '7' }]),
			(client: SwarmClient) => client.delete('apple'),
		];
		expect(await callsOf(await leader(), APP, mixed)).toEqual(['denied', 'done', 'done', 'denied']);
		const reads = ['other', 'app/color', 'apple', 'app/size'].map((key) => (client: SwarmClient) => client.get(key));
		expect(await callsOf(n1, APP, reads)).toEqual(['denied', 'done', 'denied', 'done']);
		expect(await callsOf(n1, READER, [(client) => client.get('other')])).toEqual(['done']);
		for (const shown of [PAGE, ADMIN]) {
			heard.push(await joinFeed(n1, { token: shown }));
			expect(heard.at(-1)).toMatch(/^let in/);
		}
		const shown = ['--config', swarm.configFile, '--token-file', join(swarm.folder, 'admin.token')];
		const [got, saved, locked, byVariable, refused] = [
			swarm.program(['get', 'app/color', ...shown]),
			swarm.program(['snapshot', 'save', join(swarm.folder, 'saved'), ...shown]),
			swarm.program(['lock', 'job', ...shown, '--', process.execPath, '-e', '0']),
			swarm.program(['get', 'other', '--config', swarm.configFile], { environment: { CONSUL_HTTP_TOKEN: READER } }),
			swarm.program(['get', 'other', '--config', swarm.configFile]),
		] as const;
		expect(await Promise.all([got.ended, saved.ended, locked.ended, byVariable.ended])).toEqual([0, 0, 0, 0]);
		expect([await refused.ended, refused.stderr]).toEqual([1, expect.stringMatching(/^Permission denied: /)]);
	});

	test('lets nobody in by a token that was taken away, once the node has started again', async () => {
		const next = 'token-of-the-app-from-now-on';
		writeFileSync(join(swarm.folder, 'app.token'), `${next}\n`);
		const n2 = swarm.node('n2');
		await n2.stop();
		await n2.start({ environment: { SWARM_SECRET: SECRET, SWARM_SECRET_OTHER: LATER } });
		const read = async (node: TestNode, shown: string): Promise<number> =>
			(await node.fetch('/v1/kv/app/color', { headers: { 'X-Consul-Token': shown } })).status;
		expect([await read(n2, APP), await read(n2, next)]).toEqual([403, 200]);
		expect([await read(n1, APP), await read(n1, next)]).toEqual([200, 403]);
		expect(await callsOf(n2, APP, [(client) => client.get('app/color')])).toEqual(['denied']);
	});

	test('tells none of its secrets', async () => {
		const paths = ['/v1/swarm', '/v1/members', '/v1/agent/self', '/v1/debug', '/metrics', '/readyz?verbose', '/v1/lab'];
		const ask = (node: TestNode) => async (path: string) =>
			(await node.fetch(path, { headers: { 'X-Consul-Token': ADMIN } })).text();
		// Somebody has sent some where they are no secrets. Operators are told of it, in the log, the feed and the bundle.
		const n3 = swarm.node('n3');
		const byFeed = await refusalsToldBy(n3, PAGE, [
			{ line: 'GET /v1/kv/other', host: APP },
			{ line: 'GET /v1/kv/other', headers: [`Origin: http://${SECRET}`] },
		]);
		const answers = await Promise.all([n1, n3].flatMap((node) => paths.map(ask(node))));
		for (const told of [byFeed, answers.join(''), n3.output]) {
			expect(told).toMatch(/The host \\+"\[secret\]\\+".*origin \\+"http:\/\/\[secret\]\\+"/s);
		}
		const processes = (await swarm.processes()).map(({ args }) => args.join(' '));
		const status = await swarm.run('status', '--json', '--token-file', join(swarm.folder, 'admin.token'));
		const bad = swarm.program(['get', 'x', '--config', swarm.configFile], {
			environment: { CONSUL_HTTP_TOKEN: `${ADMIN}\n` },
		});
		await bad.ended;
		const bundle = join(swarm.folder, 'bundle');
		const debug = await swarm.run('debug', '--out', bundle, '--token-file', join(swarm.folder, 'admin.token'));
		expect(debug).toMatchObject({ status: 0 });
		const files = [swarm.dataDir, bundle].flatMap(filesBelow).map((file) => readFileSync(file, 'latin1'));
		const told = [
			swarm.transcript(),
			...heard,
			byFeed,
			debug.stdout,
			debug.stderr,
			...answers,
			...processes,
			status.stdout,
			status.stderr,
			bad.stderr,
			...files,
		];
		for (const secret of ALL) {
			for (const text of told) expect(text.includes(secret), `${secret} in ${text.slice(0, 300)}`).toBe(false);
		}
		// The search is one that can find something.
		expect(told.join('')).toContain('app/color');
		expect(processes.length).toBeGreaterThanOrEqual(swarm.nodes.length);
		expect(filesBelow(bundle).length).toBeGreaterThan(swarm.nodes.length);
	});
});

function filesBelow(folder: string): string[] {
	const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
	return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}
