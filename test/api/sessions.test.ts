/** Sessions and locks over HTTP, by a real socket: every endpoint, its texts and status codes. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { durationText } from '../../server/api/duration.ts';
import { SESSION_KEYS_MAX } from '../../shared/store/locks.ts';
import { SESSIONS_MAX } from '../../shared/store/sessions.ts';
import { sessionId } from '../store/commands.ts';
import { type Answer, TestNode } from './node.ts';

const NOBODY = '00000000-0000-4000-8000-000000000000';

let node: TestNode;
beforeEach(async () => {
	node = await new TestNode().start();
});
afterEach(async () => {
	await node.stop();
	expect(node.errors).toEqual([]);
});

async function create(body: string | object = ''): Promise<string> {
	const answer = await node.put('/v1/session/create', typeof body === 'string' ? body : JSON.stringify(body));
	expect(answer).toMatchObject({ status: 200, json: { ID: expect.stringMatching(/^[0-9a-f-]{36}$/) } });
	return (answer.json as { ID: string }).ID;
}

const info = async (id: string): Promise<unknown> => (await node.get(`/v1/session/info/${id}`)).json;

describe('PUT /v1/session/create', () => {
	it('creates a session with what the body says, whatever the case of its names', async () => {
		const id = await create({ NAME: 'ç', node: 'n1', Ttl: '1m30s', LockDelay: '5s', behavior: 'delete' });
		expect(await info(id)).toEqual([
			{
				ID: id,
				Name: 'ç',
				Node: 'n1',
				LockDelay: 5_000_000_000,
				Behavior: 'delete',
				TTL: '90s',
				NodeChecks: [],
				ServiceChecks: [],
				CreateIndex: 2,
				ModifyIndex: 2,
			},
		]);
	});

	it('creates one of the answering node, without a time-out, where the body says nothing', async () => {
		for (const body of ['', '{}', '{"TTL":"","LockDelay":null,"Checks":["a"],"NodeChecks":[],"ServiceChecks":[{}]}']) {
			const plain = { Name: '', Node: 'n2', LockDelay: 15_000_000_000, Behavior: 'release', TTL: '' };
			expect(await info(await create(body))).toMatchObject([plain]);
		}
	});

	it.each([
		['"0s"', 0],
		['"1500ms"', 1_500_000_000],
		['0', 0],
		['30', 30_000_000_000],
		['999', 60_000_000_000],
		['1000', 1_000_000],
		['45000000000', 45_000_000_000],
		['"10m"', 60_000_000_000],
	])('takes a LockDelay of %s', async (given, ns) => {
		expect(await info(await create(`{"LockDelay":${given}}`))).toMatchObject([{ LockDelay: ns }]);
	});

	it.each([
		['10s', '10s'],
		['24h', '86400s'],
		['10500ms', '10500ms'],
		['0s', ''],
	])('takes a TTL of %s', async (given, told) => {
		expect(await info(await create({ TTL: given }))).toMatchObject([{ TTL: told }]);
	});

	it.each(['9s', '24h1s', 'x', '-10s', '10'])('takes no TTL of %s', async (TTL) => {
		expect(await node.put('/v1/session/create', JSON.stringify({ TTL }))).toMatchObject({
			status: 500,
			text: `Invalid Session TTL '${TTL}', must be between [10s=24h0m0s]`,
		});
	});

	it.each([
		['{"Node":"n9"}', 500, 'Missing node registration'],
		['{"Behavior":"x"}', 500, "Invalid Behavior setting 'x'"],
		['{', 400, 'Request decode failed: '],
		['[]', 400, 'Request decode failed: '],
		['{"Name":1}', 400, 'Request decode failed: name: '],
		['{"LockDelay":"x"}', 400, 'Request decode failed: LockDelay: "x" is no duration'],
		['{"LockDelay":-1}', 400, 'Request decode failed: lockdelay: '],
		[`{"Name":"${'x'.repeat(257)}"}`, 400, 'Request decode failed: the session has a name above 256 bytes'],
		['{"Name":"\\ud800"}', 400, 'Request decode failed: the session has half a surrogate pair in a name'],
		[' '.repeat(65_537), 413, 'Request body(65537 bytes) too large'],
	])('refuses %j', async (body, status, text) => {
		const answer = await node.put('/v1/session/create', body);
		expect(answer.status).toBe(status);
		expect(answer.text.startsWith(text)).toBe(true);
		expect(node.replica.store.sessionsCount).toBe(0);
	});

	it('refuses one more than there may be', async () => {
		const attributes = { name: '', node: '', ttlMs: 0, lockDelayMs: 0, behavior: 'release' } as const;
		const options = { route: 'leader', contest: 0, timeoutMs: 1 } as const;
		for (let i = 0; i < SESSIONS_MAX; i++) {
			void node.replica.submit({ kind: 'createSession', session: sessionId(i), attributes }, options);
		}
		expect(await node.put('/v1/session/create')).toMatchObject({
			status: 500,
			text: 'There are 16384 sessions already, and no more can be created',
			headers: { 'x-swarm-outcome': 'not-applied' },
		});
		// So many are answered in pieces, which together are what is printed for few.
		const { text, json, headers } = await node.get('/v1/session/list');
		expect([headers['content-type'], headers['x-consul-index']]).toEqual([
			'application/json; charset=utf-8',
			String(SESSIONS_MAX + 1),
		]);
		expect(JSON.stringify(json)).toBe(text);
		expect((json as { ID: string }[]).map(({ ID }) => ID)).toEqual(
			Array.from({ length: SESSIONS_MAX }, (_, i) => sessionId(i)),
		);
		const pretty = await node.get('/v1/session/list?pretty');
		expect(pretty.text).toBe(JSON.stringify(json, null, 4));
	});

	it('has a lowest TTL that is configured, and that the agent tells', async () => {
		const other = await new TestNode().start({ sessionTtlMinMs: 1500 });
		const answer = await other.put('/v1/session/create', '{"TTL":"1s"}');
		expect(answer.text).toBe("Invalid Session TTL '1s', must be between [1.5s=24h0m0s]");
		expect((await other.put('/v1/session/create', '{"TTL":"1500ms"}')).status).toBe(200);
		expect((await other.get('/v1/agent/self')).json).toMatchObject({ Config: { SessionTTLMin: 1_500_000_000 } });
		await other.stop();
		expect([durationText(0), durationText(250), durationText(61_500)]).toEqual(['0s', '250ms', '1m1.5s']);
	});
});

describe('a session', () => {
	it('is renewed, and then has the same indexes', async () => {
		const id = await create({ TTL: '10s' });
		const before = await info(id);
		expect(await node.put(`/v1/session/renew/${id}`)).toMatchObject({ status: 200, json: before });
		expect(await info(id)).toEqual(before);
		for (const unknown of [NOBODY, 'x', id.toUpperCase().replace(/\d/g, 'A')]) {
			expect(await node.put(`/v1/session/renew/${unknown}`)).toMatchObject({
				status: 404,
				text: `Session id '${unknown}' not found`,
			});
		}
	});

	it('is destroyed, also where it is not there', async () => {
		const id = await create();
		for (const each of [id, id, NOBODY, 'x']) {
			expect(await node.put(`/v1/session/destroy/${each}`)).toMatchObject({ status: 200, text: 'true' });
		}
		expect(await info(id)).toEqual([]);
	});

	it('has to be named', async () => {
		for (const what of ['renew', 'destroy']) {
			for (const path of [`/v1/session/${what}`, `/v1/session/${what}/`]) {
				expect(await node.put(path)).toMatchObject({ status: 400, text: 'Missing session' });
			}
		}
		expect(await node.get('/v1/session/info/')).toMatchObject({ status: 400, text: 'Missing session' });
		expect(await node.get('/v1/session/node/')).toMatchObject({ status: 400, text: 'Missing node name' });
		expect(await node.get('/v1/session/create')).toMatchObject({ status: 405, text: 'method GET not allowed' });
		expect(await node.put('/v1/session/list')).toMatchObject({ status: 405, text: 'method PUT not allowed' });
		for (const [path, allow] of [
			['create', 'OPTIONS, PUT'],
			[`renew/${NOBODY}`, 'OPTIONS, PUT'],
			[`destroy/${NOBODY}`, 'OPTIONS, PUT'],
			['list', 'OPTIONS, GET, HEAD'],
			[`info/${NOBODY}`, 'OPTIONS, GET, HEAD'],
			['node/n1', 'OPTIONS, GET, HEAD'],
		]) {
			const { status, headers } = await node.ask('OPTIONS', `/v1/session/${path}`);
			expect([status, headers.allow]).toEqual([200, allow]);
		}
		expect(await node.get('/v1/session/list?dc=elsewhere')).toMatchObject({
			status: 500,
			text: 'No path to datacenter',
		});
	});

	it.each([
		['create', '{"TTL":"1s"}', 'Invalid Session TTL'],
		['create', '{"Node":"n9"}', 'Missing node registration'],
		['create', '{"Behavior":"keep"}', 'Invalid Behavior setting'],
		['create?dc=elsewhere', '', 'No path to datacenter'],
	])('is surely not there where %s of %s is refused, unless it has a name', async (path, body, refusal) => {
		const plain = await node.put(`/v1/session/${path}`, body);
		expect([plain.status, plain.text]).toEqual([500, expect.stringContaining(refusal)]);
		const named = await node.ask('PUT', `/v1/session/${path}`, { body, headers: { 'Idempotency-Key': 'k' } });
		expect([plain, named].map(({ headers }) => headers['x-swarm-outcome'])).toEqual(['not-applied', 'unknown']);
		expect((await node.get('/v1/session/list?dc=elsewhere')).headers).not.toHaveProperty('x-swarm-outcome');
	});

	it('whose command is not chosen is told as another write', async () => {
		const id = await create();
		for (const path of ['create', `renew/${id}`, `destroy/${id}`]) {
			node.replica.answerNext = { outcome: 'unknown', why: 'timeout', detail: 'not chosen in time', attempts: [] };
			const answer = await node.put(`/v1/session/${path}`);
			expect([answer.status, answer.headers['x-swarm-outcome']]).toEqual([500, 'unknown']);
		}
		node.replica.answerNext = { outcome: 'refused', why: 'noLeader', detail: 'none', attempts: [] };
		expect(await node.put(`/v1/kv/k?acquire=${id}`)).toMatchObject({ status: 500, text: 'No cluster leader' });
	});
});

describe('reads of sessions', () => {
	it('list all, in the order of their creation, and those of a node', async () => {
		const ids = [await create({ Node: 'n1' }), await create(), await create({ Node: 'n1' })];
		const idsOf = async (path: string): Promise<string[]> =>
			((await node.get(path)).json as { ID: string }[]).map(({ ID }) => ID);
		expect(await idsOf('/v1/session/list')).toEqual(ids);
		expect(await idsOf('/v1/session/node/n1')).toEqual([ids[0], ids[2]]);
		expect(await idsOf('/v1/session/node/n9')).toEqual([]);
		expect((await node.get('/v1/session/list?pretty')).text).toMatch(/^\[\n {4}\{\n/);
	});

	it('have modes and headers', async () => {
		for (const path of ['list', 'node/n2', `info/${NOBODY}`]) {
			const empty = await node.get(`/v1/session/${path}`);
			expect([empty.status, empty.text, empty.headers['x-consul-index']]).toEqual([200, '[]', '1']);
		}
		await create();
		const stale = await node.get('/v1/session/list?stale');
		expect(stale.headers).toMatchObject({ 'x-consul-index': '2', 'x-consul-effective-consistency': 'stale' });
		node.replica.hasLeader = false;
		expect(await node.get('/v1/session/list')).toMatchObject({ status: 500, text: 'No cluster leader' });
	});

	/** Waits for the next change of what the path names, by the index that a read of it has now. */
	async function waitFor(path: string): Promise<{ readonly answer: Promise<Answer> }> {
		const index = (await node.get(`/v1/session/${path}`)).headers['x-consul-index'];
		const waits = node.replica.nextWait();
		const answer = node.get(`/v1/session/${path}?index=${index}`);
		await waits;
		return { answer };
	}

	it('wait until a session of theirs is created or ends, and for nothing else', async () => {
		const mine = await create();
		const [info, ofNode, all] = [await waitFor(`info/${mine}`), await waitFor('node/n2'), await waitFor('list')];
		await node.put(`/v1/session/renew/${mine}`);
		await node.put(`/v1/kv/k?acquire=${mine}`, 'x');
		await node.put(`/v1/session/destroy/${NOBODY}`);
		expect(node.replica.waits.count).toBe(3);
		const other = await create({ Node: 'n1' });
		expect((await all.answer).json).toMatchObject([{ ID: mine }, { ID: other }]);
		await node.put(`/v1/session/destroy/${other}`);
		expect(node.replica.waits.count).toBe(2);
		const another = await create({ Node: 'n2' });
		const { json, headers } = await ofNode.answer;
		expect([json, headers['x-consul-index']]).toMatchObject([[{ ID: mine }, { ID: another }], '8']);
		await node.put(`/v1/session/destroy/${another}`);
		expect(node.replica.waits.count).toBe(1);
		await node.put(`/v1/session/destroy/${mine}`);
		const ended = await info.answer;
		expect([ended.text, ended.headers['x-consul-index']]).toEqual(['[]', '10']);
	});

	it('miss no end of a session between two reads', async () => {
		const id = await create();
		const indexes = await Promise.all(
			[`info/${id}`, 'node/n2'].map(async (path) => (await node.get(`/v1/session/${path}`)).headers['x-consul-index']),
		);
		expect(indexes).toEqual(['2', '2']);
		await node.put(`/v1/session/destroy/${id}`);
		for (const path of [`info/${id}`, 'node/n2']) {
			expect((await node.get(`/v1/session/${path}?index=2`)).headers['x-consul-index']).toBe('3');
		}
	});
});

describe('a lock over HTTP', () => {
	it('is acquired and released, and is told with the key', async () => {
		const [a, b] = [await create(), await create()];
		expect(await node.put(`/v1/kv/k?acquire=${a}&flags=7`, 'one')).toMatchObject({ status: 200, text: 'true' });
		const held = { LockIndex: 1, Key: 'k', Flags: 7, Value: 'b25l', Session: a, CreateIndex: 4, ModifyIndex: 4 };
		const names = Object.keys(held);
		for (const path of ['/v1/kv/k', '/v1/kv/?recurse', '/v1/kv/k?pretty', '/v1/kv/?recurse&pretty']) {
			const { json } = await node.get(path);
			expect(json).toEqual([held]);
			expect(Object.keys((json as object[])[0] as object)).toEqual(names);
		}
		expect((await node.put(`/v1/kv/k?acquire=${b}`, 'two')).text).toBe('false');
		expect((await node.put(`/v1/kv/k?release=${b}`, 'two')).text).toBe('false');
		expect((await node.put(`/v1/kv/k?acquire=${a}`, 'three')).text).toBe('true');
		expect((await node.put(`/v1/kv/k?release=${a}`, 'four')).text).toBe('true');
		const { json } = await node.get('/v1/kv/k');
		expect(json).toEqual([{ LockIndex: 1, Key: 'k', Flags: 0, Value: 'Zm91cg==', CreateIndex: 4, ModifyIndex: 8 }]);
		expect((await node.put(`/v1/kv/k?acquire=${b}`, '')).text).toBe('true');
		expect((await node.get('/v1/kv/k')).json).toMatchObject([{ LockIndex: 2, Session: b }]);
	});

	it('wakes who waits for the key when the session ends, and is free after the lock delay', async () => {
		const [a, b] = [await create({ LockDelay: '2s' }), await create()];
		await node.put(`/v1/kv/k?acquire=${a}`, 'x');
		const waits = node.replica.nextWait();
		const answer = node.get('/v1/kv/k?index=4');
		await waits;
		await node.put(`/v1/session/destroy/${a}`);
		expect((await answer).json).toEqual([
			{ LockIndex: 1, Key: 'k', Flags: 0, Value: 'eA==', CreateIndex: 4, ModifyIndex: 5 },
		]);
		expect(await node.put(`/v1/kv/k?acquire=${b}`, 'x')).toMatchObject({ status: 200, text: 'false' });
		node.replica.store.passTime(2000);
		expect((await node.put(`/v1/kv/k?acquire=${b}`, 'x')).text).toBe('true');
		expect((await node.put(`/v1/kv/k?acquire=${a}`, 'x')).text).toBe(`invalid session "${a}"`);
	});

	it('goes with the key where the session deletes its keys', async () => {
		const id = await create({ Behavior: 'delete' });
		await node.put(`/v1/kv/k?acquire=${id}`, 'x');
		await node.put(`/v1/session/destroy/${id}`);
		expect((await node.get('/v1/kv/k')).status).toBe(404);
	});

	it('is refused where there is no such session, or it can hold no more keys', async () => {
		for (const id of [NOBODY, 's1', 'ç"']) {
			const path = `/v1/kv/k?acquire=${encodeURIComponent(id)}`;
			expect(await node.put(path, 'x')).toMatchObject({ status: 500, text: `invalid session ${JSON.stringify(id)}` });
			expect((await node.put(path.replace('acquire', 'release'), 'x')).text).toBe('false');
		}
		for (const what of ['acquire', 'release']) {
			expect(await node.put(`/v1/kv/k?${what}=`, 'x')).toMatchObject({ status: 500, text: 'missing session' });
		}
		const id = await create();
		const options = { route: 'leader', contest: 0, timeoutMs: 1 } as const;
		for (let i = 0; i < SESSION_KEYS_MAX; i++) {
			const operation = { kind: 'acquire', key: `k${i}`, value: new Uint8Array(0), flags: 0n, session: id } as const;
			void node.replica.submit(operation, options);
		}
		expect(await node.put(`/v1/kv/one-more?acquire=${id}`, 'x')).toMatchObject({
			status: 500,
			text: `session ${id} can hold no more keys`,
			headers: { 'x-swarm-outcome': 'not-applied' },
		});
		expect((await node.put(`/v1/kv/k7?acquire=${id}`, 'x')).text).toBe('true');
		const other = await create();
		expect((await node.put(`/v1/kv/k7?acquire=${other}`, 'x')).text).toBe('false');
	});
});

describe('a transaction with locks', () => {
	const txn = (...operations: readonly object[]) =>
		node.put('/v1/txn', JSON.stringify(operations.map((KV) => ({ KV }))));

	it('locks, checks and unlocks', async () => {
		const id = await create();
		const held = { LockIndex: 1, Key: 'k', Flags: 3, Value: null, Session: id, CreateIndex: 3, ModifyIndex: 3 };
		expect(
			await txn(
				{ Verb: 'lock', Key: 'k', Value: 'eA==', Flags: 3, Session: id },
				{ Verb: 'check-session', Key: 'k', Session: id },
			),
		).toMatchObject({ status: 200, json: { Results: [{ KV: held }, { KV: held }], Errors: null } });
		const { json } = await txn(
			{ Verb: 'unlock', Key: 'k', Value: 'eQ==', Session: id },
			{ Verb: 'check-session', Key: 'k' },
		);
		const { Session: _, ...free } = { ...held, Flags: 0, ModifyIndex: 5 };
		expect(json).toEqual({ Results: [{ KV: free }, { KV: free }], Errors: null });
	});

	it('does nothing where one of its locks is not to be had, and says which', async () => {
		const [a, b] = [await create(), await create()];
		await node.put(`/v1/kv/k?acquire=${a}`, 'x');
		const { status, json } = await txn(
			{ Verb: 'set', Key: 'new', Value: '' },
			{ Verb: 'lock', Key: 'k', Session: b },
			{ Verb: 'lock', Key: 'l', Session: NOBODY },
			{ Verb: 'unlock', Key: 'k', Session: b },
			{ Verb: 'check-session', Key: 'k', Session: b },
			{ Verb: 'check-session', Key: 'k' },
		);
		expect([status, json]).toEqual([
			409,
			{
				Results: null,
				Errors: [
					{
						OpIndex: 1,
						What: `the key "k" is held by another session, or nobody may acquire it yet, or the session "${b}" is not there or holds too many`,
					},
					{ OpIndex: 2, What: `invalid session "${NOBODY}"` },
					{ OpIndex: 3, What: `the key "k" is not held by the session "${b}"` },
					{ OpIndex: 4, What: `the key "k" is not held by the session "${b}"` },
					{ OpIndex: 5, What: 'the key "k" is missing, or held by a session' },
				],
			},
		]);
		expect((await node.get('/v1/kv/new')).status).toBe(404);
	});

	it('is refused where it names no session', async () => {
		const { json } = await txn(
			{ Verb: 'lock', Key: 'k' },
			{ Verb: 'unlock', Key: 'k' },
			{ Verb: 'lock', Key: 'k', Session: 's' },
			{ Verb: 'unlock', Key: 'k', Session: 's' },
			{ Verb: 'check-session', Key: 'k', Session: 's' },
		);
		expect(json).toMatchObject({
			Errors: [
				{ OpIndex: 0, What: 'missing session' },
				{ OpIndex: 1, What: 'missing session' },
				{ OpIndex: 2, What: 'invalid session "s"' },
				{ OpIndex: 3, What: 'the key "k" is not held by the session "s"' },
				{ OpIndex: 4, What: 'the key "k" is not held by the session "s"' },
			],
		});
		expect(node.replica.transactions).toEqual([]);
	});
});
