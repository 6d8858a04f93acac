/**
 * What clients of Consul are known to send, and what they rely on in the answers: Go's `api` package with its locks and
 * semaphores, older Go clients, and Python's. The requests are written out here, over a real socket.
 */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { request, Wire } from '../front/wire.ts';
import { type Answer, TestNode } from './node.ts';

/** By these flags Go's clients know keys that are locks, and those of semaphores. Neither fits a JavaScript number. */
const LOCK_FLAGS = 0x2ddccbc058a50c18n;
const SEMAPHORE_FLAGS = 0xe0f69a2baa414de0n;

let node: TestNode;
beforeEach(async () => {
	node = await new TestNode().start();
});
afterEach(async () => {
	await node.stop();
	expect(node.errors).toEqual([]);
});

interface Pair {
	readonly Session?: string;
	readonly LockIndex: number;
	readonly ModifyIndex: number;
}

async function createSession(body: string): Promise<string> {
	const { status, json } = await node.put('/v1/session/create', body);
	expect(status).toBe(200);
	return (json as { ID: string }).ID;
}

/** The entry in the answer of a read, and the index that the next read waits above. Go fails where a header is missing. */
function parsed(answer: Answer): { readonly pair: Pair | undefined; readonly index: string } {
	const { headers, status, json } = answer;
	expect([200, 404]).toContain(status);
	expect(headers['x-consul-index']).toMatch(/^[1-9]\d*$/);
	expect(headers['x-consul-lastcontact']).toMatch(/^\d+$/);
	expect(headers['x-consul-knownleader']).toBe('true');
	return { pair: status === 404 ? undefined : (json as [Pair])[0], index: headers['x-consul-index'] as string };
}

async function waitsFor(path: string): Promise<{ readonly answer: Promise<Answer> }> {
	const waits = node.replica.nextWait();
	const answer = node.get(path);
	await waits;
	return { answer };
}

describe('a lock of Go', () => {
	const KEY = '/v1/kv/service/leader';
	const acquire = (id: string) => node.put(`${KEY}?acquire=${id}&flags=${LOCK_FLAGS}`, 'who');
	const release = (id: string) => node.put(`${KEY}?flags=${LOCK_FLAGS}&release=${id}`, 'who');

	it('is taken, waited for by another, watched by its holder, let go, and destroyed', async () => {
		const [a, b] = [
			await createSession('{"Name":"Consul API Lock","TTL":"15s"}'),
			await createSession('{"Name":"Consul API Lock","TTL":"15s"}'),
		];
		expect(parsed(await node.get(`${KEY}?wait=15000ms`)).pair).toBeUndefined();
		expect((await acquire(a)).text).toBe('true');

		const seen = await node.get(`${KEY}?wait=15000ms`);
		expect(seen.text).toContain(`"Flags":${LOCK_FLAGS},`);
		expect(parsed(seen).pair).toMatchObject({ Session: a, LockIndex: 1 });
		const waiting = await waitsFor(`${KEY}?index=${parsed(seen).index}&wait=15000ms`);
		const monitor = await waitsFor(`${KEY}?consistent=&index=${parsed(seen).index}`);
		expect((await acquire(b)).text).toBe('false');
		// Half its time-out later the holder renews, and takes the time-out from the answer.
		expect(await node.put(`/v1/session/renew/${a}`)).toMatchObject({ status: 200, json: [{ ID: a, TTL: '15s' }] });
		expect(node.replica.waits.count).toBe(2);

		expect((await release(a)).text).toBe('true');
		for (const { answer } of [waiting, monitor]) expect(parsed(await answer).pair?.Session).toBeUndefined();
		expect((await acquire(b)).text).toBe('true');
		expect(parsed(await node.get(KEY)).pair).toMatchObject({ Session: b, LockIndex: 2 });
		expect((await release(b)).text).toBe('true');
		const free = parsed(await node.get(KEY)).pair as Pair;
		expect((await node.ask('DELETE', `${KEY}?cas=${free.ModifyIndex - 1}`)).text).toBe('false');
		expect((await node.ask('DELETE', `${KEY}?cas=${free.ModifyIndex}`)).text).toBe('true');
		expect((await node.put(`/v1/session/destroy/${a}`)).text).toBe('true');
	});

	it('is lost with its session: the holder is told, and another takes it after the delay', async () => {
		const [a, b] = [await createSession('{"TTL":"15s"}'), await createSession('{"TTL":"15s"}')];
		await acquire(a);
		const { index } = parsed(await node.get(KEY));
		const monitor = await waitsFor(`${KEY}?consistent=&index=${index}`);
		const waiting = await waitsFor(`${KEY}?index=${index}&wait=15000ms`);
		await node.put(`/v1/session/destroy/${a}`);
		expect(parsed(await monitor.answer).pair?.Session).toBeUndefined();
		expect(parsed(await waiting.answer).pair?.Session).toBeUndefined();
		expect(await node.put(`/v1/session/renew/${a}`)).toMatchObject({ status: 404 });
		expect(await acquire(b)).toMatchObject({ status: 200, text: 'false' });
		expect(parsed(await node.get(`${KEY}?wait=15000ms`)).pair?.Session).toBeUndefined();
		node.replica.store.passTime(15_000);
		expect((await acquire(b)).text).toBe('true');
		// A retry of the one that was lost is an error and no false, so its client makes a new session.
		expect(await acquire(a)).toMatchObject({ status: 500, text: `invalid session "${a}"` });
	});

	it('may be taken in a transaction, with all fields of every operation', async () => {
		const id = await createSession('{}');
		const body = `[
			{"KV":{"Verb":"lock","Key":"service/leader","Value":"aGVsbG8=","Flags":${LOCK_FLAGS},"Index":0,"Session":"${id}"}},
			{"KV":{"Verb":"get","Key":"service/leader","Value":null,"Flags":0,"Index":0,"Session":""}}
		]`;
		const { status, text, json } = await node.put('/v1/txn', body);
		expect([status, text.match(new RegExp(`"Flags":${LOCK_FLAGS},`, 'g'))?.length]).toEqual([200, 2]);
		expect(json).toMatchObject({
			Results: [{ KV: { Value: null, Session: id } }, { KV: { Value: 'aGVsbG8=', Session: id } }],
			Errors: null,
		});
		expect(await node.put('/v1/txn', body.replace(id, await createSession('{}')))).toMatchObject({
			status: 409,
			json: { Results: null, Errors: [{ OpIndex: 0 }] },
		});
	});
});

it('a semaphore of Go: contenders under a prefix, and one entry that only compare-and-set changes', async () => {
	const id = await createSession('{"Name":"Consul API Semaphore","TTL":"15s","Behavior":"delete"}');
	expect((await node.put(`/v1/kv/sem/${id}?acquire=${id}&flags=${SEMAPHORE_FLAGS}`, 'x')).text).toBe('true');
	const before = await node.get('/v1/kv/sem?recurse=&wait=15000ms');
	expect(before.text).toContain(`"Flags":${SEMAPHORE_FLAGS},`);
	const lock = JSON.stringify({ Limit: 2, Holders: { [id]: true } });
	for (const done of ['true', 'false']) {
		expect((await node.put(`/v1/kv/sem/.lock?cas=0&flags=${SEMAPHORE_FLAGS}`, lock)).text).toBe(done);
	}
	const [held] = (await node.get('/v1/kv/sem/.lock')).json as [Pair];
	const monitor = await waitsFor(`/v1/kv/sem?recurse=&consistent=&index=${held.ModifyIndex}`);
	expect((await node.put(`/v1/kv/sem/.lock?cas=${held.ModifyIndex}&flags=${SEMAPHORE_FLAGS}`, '{}')).text).toBe('true');
	expect((await monitor.answer).json).toHaveLength(2);
	// The contender goes with its session.
	await node.put(`/v1/session/destroy/${id}`);
	expect((await node.get('/v1/kv/sem/?keys=')).json).toEqual(['sem/.lock']);
});

describe('an older client of Go', () => {
	it('sends parameters without values, and its token as a parameter or a header', async () => {
		for (const key of ['web/a', 'web/b/c']) await node.put(`/v1/kv/${key}?token=t`, key);
		const headers = { 'X-Consul-Token': 't' };
		expect((await node.get('/v1/kv/web?recurse=&stale=', headers)).json).toHaveLength(2);
		expect((await node.get('/v1/kv/web/?keys=&separator=%2F&consistent=', headers)).json).toEqual(['web/a', 'web/b/']);
		expect((await node.get('/v1/kv/web/a?dc=test&token=t', { Authorization: 'Bearer t' })).status).toBe(200);
		expect((await node.ask('DELETE', '/v1/kv/web?recurse=', { headers })).text).toBe('true');
		expect(await node.get('/v1/kv/web?recurse=')).toMatchObject({ status: 404, text: '' });
	});

	it('gives times in milliseconds and nanoseconds', async () => {
		const id = await createSession('{"LockDelay":"15000ms","Node":"n1","Checks":["serfHealth"]}');
		const nanoseconds = await createSession('{"LockDelay":5000000000}');
		expect((await node.get(`/v1/session/info/${id}`)).json).toMatchObject([{ LockDelay: 15_000_000_000, Node: 'n1' }]);
		expect((await node.get(`/v1/session/info/${nanoseconds}`)).json).toMatchObject([{ LockDelay: 5_000_000_000 }]);
	});
});

describe('a client of Python', () => {
	it('writes what is nothing, bytes, and under a condition', async () => {
		expect((await node.ask('PUT', '/v1/kv/py', { headers: { 'Content-Length': '0' } })).text).toBe('true');
		const { index, pair } = parsed(await node.get('/v1/kv/py'));
		expect(pair).toMatchObject({ Value: null, Flags: 0 });
		expect((await node.put(`/v1/kv/py?cas=${index}&flags=42`, Uint8Array.of(0, 255))).text).toBe('true');
		expect((await node.put(`/v1/kv/py?cas=${index}`, 'late')).text).toBe('false');
		expect((await node.get('/v1/kv/py?consistent=1')).json).toMatchObject([{ Value: 'AP8=', Flags: 42 }]);
		// A zero deletes nothing.
		expect((await node.ask('DELETE', '/v1/kv/py?cas=0')).text).toBe('false');
		expect((await node.get('/v1/kv/?keys=True')).json).toEqual(['py']);
		expect((await node.ask('DELETE', '/v1/kv/py?recurse=1')).text).toBe('true');
	});

	it('waits for a key that is not there, by the index of the 404', async () => {
		const { index } = parsed(await node.get('/v1/kv/py'));
		const { answer } = await waitsFor(`/v1/kv/py?index=${index}&wait=5s`);
		await node.put('/v1/kv/py', 'x');
		expect(parsed(await answer).pair).toMatchObject({ Key: 'py' });
	});

	it('creates sessions with nothing or names in small letters, and has lists with an index', async () => {
		const plain = await createSession('');
		const id = await createSession('{"name":"p","node":"n2","lockdelay":"5s","behavior":"delete","ttl":"10s"}');
		const told = { Name: 'p', LockDelay: 5_000_000_000, Behavior: 'delete', TTL: '10s' };
		expect((await node.get(`/v1/session/info/${id}?consistent=1`)).json).toMatchObject([told]);
		expect((await node.put(`/v1/session/renew/${id}`)).json).toMatchObject([told]);
		for (const path of ['/v1/session/list', '/v1/session/node/n2', '/v1/catalog/nodes', '/v1/health/state/any']) {
			const { json, headers } = await node.get(`${path}?stale=1`);
			expect([Array.isArray(json), headers['x-consul-index']]).toEqual([true, expect.stringMatching(/^\d+$/)]);
		}
		for (const each of [plain, id]) expect((await node.put(`/v1/session/destroy/${each}`)).text).toBe('true');
		expect((await node.get(`/v1/session/info/${id}`)).json).toEqual([]);
	});
});

it('no answer is a redirect or has an ETag, and connections stay open for longer than clients wait with them', async () => {
	await node.put('/v1/kv/a', 'x');
	const paths = [
		'kv',
		'kv/',
		'kv/a',
		'kv/a/',
		'/kv/a',
		'session/list',
		'session/list/',
		'status/leader/',
		'catalog/nodes',
	];
	for (const path of [...paths.map((each) => `/v1/${each}`), '/livez/', '/metrics/', '/v1']) {
		const { status, headers } = await node.get(path);
		expect([path, Math.floor(status / 100)]).not.toEqual([path, 3]);
		expect(headers, path).not.toHaveProperty('etag');
	}
	const wire = new Wire(node.port);
	for (const path of ['/v1/kv/a', '/v1/status/leader']) {
		const { headers } = await wire.write(request('GET', path, { host: `127.0.0.1:${node.port}` })).answer();
		expect(Number(/^timeout=(\d+)/.exec(headers['keep-alive'] ?? '')?.[1])).toBeGreaterThanOrEqual(65);
	}
	wire.socket.destroy();
});

it('every path that the document calls unsupported is answered so', async () => {
	const document = readFileSync(new URL('../../server/api/README.md', import.meta.url), 'utf8');
	const [, list = ''] = /^## Not supported\n([\s\S]*)^`\/v1\/snapshot`/m.exec(document) ?? [];
	const named = [...list.matchAll(/`(\/v1\/[^`]*[^`/])`/g)].map(([, path]) => path as string);
	const paths = named.filter((path) => !['/v1/agent/self', '/v1/catalog/nodes'].includes(path));
	expect(paths.length).toBeGreaterThan(30);
	for (const path of paths) {
		for (const method of ['GET', 'PUT']) {
			const answer = await node.ask(method, path.replace('NAME', 'x'));
			expect([path, answer.status, answer.text]).toEqual([path, 404, 'Not supported by this swarm.']);
		}
	}
});
