/** `Idempotency-Key`: a write that is sent again has the outcome of its first copy, and no second effect. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startingApi } from '../../server/api/starting.ts';
import type { SubmitAnswer } from '../../shared/replica/submit-answer.ts';
import { SESSION_KEYS_MAX } from '../../shared/store/locks.ts';
import { type Answer, LoneReplica, TestNode } from './node.ts';

const KEY = '8e03978e-40d5-43dd-bc93-6894a57f9324';
const encoded = (text: string): string => Buffer.from(text).toString('base64');

let node: TestNode;
beforeEach(async () => {
	node = await new TestNode().start();
});
afterEach(async () => {
	await node.stop();
	expect(node.errors).toEqual([]);
});

function write(method: string, path: string, body = '', key = KEY): Promise<Answer> {
	return node.ask(method, path, { headers: { 'Idempotency-Key': key }, body });
}

const valueAt = async (key: string): Promise<string> => (await node.get(`/v1/kv/${key}?raw`)).text;

describe('a write with an Idempotency-Key', () => {
	it('is applied once, however often it is sent, also when something else was written meanwhile', async () => {
		expect(await write('PUT', '/v1/kv/a', 'one')).toMatchObject({ status: 200, text: 'true' });
		await node.put('/v1/kv/a', 'two');
		const again = await write('PUT', '/v1/kv/a', 'one');
		expect(again).toMatchObject({ status: 200, text: 'true' });
		expect(again.headers).toMatchObject({ 'content-type': 'application/json; charset=utf-8', 'content-length': '4' });
		expect(await valueAt('a')).toBe('two');
		expect(await write('PUT', '/v1/kv/a', 'one', 'another key')).toMatchObject({ text: 'true' });
		expect(await valueAt('a')).toBe('one');
	});

	it('has its first outcome where its condition did not hold, also when it would hold now', async () => {
		await node.put('/v1/kv/a', 'x');
		expect((await write('PUT', '/v1/kv/a?cas=0', 'y')).text).toBe('false');
		await node.ask('DELETE', '/v1/kv/a');
		expect((await write('PUT', '/v1/kv/a?cas=0', 'y')).text).toBe('false');
		expect((await node.get('/v1/kv/a')).status).toBe(404);
	});

	it('may be a deletion', async () => {
		for (const path of ['/v1/kv/a', '/v1/kv/a?recurse', '/v1/kv/a?cas=2']) {
			await node.put('/v1/kv/a', 'x');
			const { text } = await write('DELETE', path, '', path);
			expect(text).toBe(path.endsWith('cas=2') ? 'false' : 'true');
			await node.put('/v1/kv/a', 'y');
			expect((await write('DELETE', path, '', path)).text).toBe(text);
			expect(await valueAt('a')).toBe('y');
		}
	});

	it('may create a session, which is the same one each time, and another one for another key', async () => {
		const idOf = async (key: string): Promise<string> => {
			const { status, json } = await write('PUT', '/v1/session/create', '{"TTL":"10s"}', key);
			expect([status, json]).toEqual([
				200,
				{ ID: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/) },
			]);
			return (json as { ID: string }).ID;
		};
		const id = await idOf('one');
		expect([await idOf('one'), (await idOf('two')) === id]).toEqual([id, false]);
		expect(node.replica.store.sessionsCount).toBe(2);
		expect(await write('PUT', `/v1/session/renew/${id}`, '', 'three')).toMatchObject({
			status: 200,
			json: [{ ID: id }],
		});
		for (let i = 0; i < 2; i++) {
			expect((await write('PUT', `/v1/session/destroy/${id}`, '', 'four')).text).toBe('true');
			// It does not come back to life.
			expect([await idOf('one'), node.replica.store.sessionsCount]).toEqual([id, 1]);
		}
	});

	it('may acquire and release', async () => {
		const { ID: id } = (await node.put('/v1/session/create')).json as { ID: string };
		for (let i = 0; i < 2; i++) expect((await write('PUT', `/v1/kv/k?acquire=${id}`, 'x', 'one')).text).toBe('true');
		expect((await write('PUT', `/v1/kv/k?release=${id}`, 'y', 'two')).text).toBe('true');
		// The first outcome, though the session does not hold the key any more.
		expect((await write('PUT', `/v1/kv/k?acquire=${id}`, 'x', 'one')).text).toBe('true');
		expect((await node.get('/v1/kv/k')).json).toMatchObject([{ LockIndex: 1, Value: encoded('y') }]);
	});

	it('that acquired nothing has its first outcome, also when its session is over or holds too many keys', async () => {
		const { ID: holder } = (await node.put('/v1/session/create')).json as { ID: string };
		const { ID: id } = (await node.put('/v1/session/create', '{"LockDelay":"0s"}')).json as { ID: string };
		await node.put(`/v1/kv/k?acquire=${holder}`);
		const locks = (...keys: string[]) =>
			JSON.stringify(keys.map((Key) => ({ KV: { Verb: 'lock', Key, Session: id } })));
		const acquire = () => write('PUT', `/v1/kv/k?acquire=${id}`, 'x', 'one');
		const transact = () => write('PUT', '/v1/txn', locks('k'), 'two');
		expect(await acquire()).toMatchObject({ status: 200, text: 'false' });
		const { status, text } = await transact();
		expect(status).toBe(409);

		const others = Array.from({ length: SESSION_KEYS_MAX }, (_, i) => `other${i}`);
		for (let i = 0; i < others.length; i += 64) await node.put('/v1/txn', locks(...others.slice(i, i + 64)));
		await node.put(`/v1/kv/k?release=${holder}`);
		expect(await acquire()).toMatchObject({ status: 200, text: 'false' });

		await node.put(`/v1/session/destroy/${id}`);
		expect(await acquire()).toMatchObject({ status: 200, text: 'false' });
		expect(await transact()).toMatchObject({ status, text });
		const invalid = { status: 500, text: `invalid session "${id}"` };
		expect(await write('PUT', `/v1/kv/k?acquire=${id}`, 'x', 'three')).toMatchObject(invalid);
	});
});

describe('a transaction with an Idempotency-Key', () => {
	const BODY = JSON.stringify([
		{ KV: { Verb: 'cas', Key: 'a', Value: encoded('x'), Index: 0 } },
		{ KV: { Verb: 'get', Key: 'a' } },
		{ KV: { Verb: 'delete', Key: 'b' } },
	]);

	it('is applied once, and answers the same results for as long as what it read is as it was', async () => {
		const first = await write('PUT', '/v1/txn', BODY);
		expect(first).toMatchObject({
			status: 200,
			json: { Results: [{ KV: { Value: null } }, { KV: { Value: 'eA==' } }] },
		});
		await node.put('/v1/kv/b', 'y');
		expect(await write('PUT', '/v1/txn', BODY)).toMatchObject({ status: 200, text: first.text });
		expect(await valueAt('b')).toBe('y');
		await node.put('/v1/kv/a', 'later');
		const late = await write('PUT', '/v1/txn', BODY);
		expect(late).toMatchObject({ status: 200, json: { Results: null, Errors: null } });
		expect(late.headers['x-swarm-outcome']).toBe('applied');
		expect(await valueAt('a')).toBe('later');
	});

	it('that failed has failed, also when its conditions would hold now', async () => {
		await node.put('/v1/kv/a', 'there');
		const first = await write('PUT', '/v1/txn', BODY);
		expect(first).toMatchObject({ status: 409, json: { Results: null, Errors: [{ OpIndex: 0 }] } });
		await node.ask('DELETE', '/v1/kv/a');
		expect(await write('PUT', '/v1/txn', BODY)).toMatchObject({ status: 409, text: first.text });
		expect((await node.get('/v1/kv/a')).status).toBe(404);
	});
});

describe('an Idempotency-Key', () => {
	it('stands for one request: another one under it is refused, and does not happen', async () => {
		await write('PUT', '/v1/kv/a?flags=1', 'x');
		for (const [method, path, body] of [
			['PUT', '/v1/kv/a?flags=1', 'y'],
			['PUT', '/v1/kv/a?flags=2', 'x'],
			['PUT', '/v1/kv/b?flags=1', 'x'],
			['DELETE', '/v1/kv/a?flags=1', ''],
			['PUT', '/v1/session/create', ''],
			['PUT', '/v1/txn', '[{"KV":{"Verb":"delete","Key":"a"}}]'],
		] as const) {
			const answer = await write(method, path, body);
			expect(answer).toMatchObject({ status: 422, text: 'This Idempotency-Key was used for another request.' });
			expect(answer.headers['x-swarm-outcome']).toBe('not-applied');
		}
		expect((await node.get('/v1/kv/?recurse')).json).toMatchObject([{ Key: 'a', Flags: 1, Value: encoded('x') }]);
		expect(node.replica.store.sessionsCount).toBe(0);
		expect((await write('PUT', '/v1/kv/a?flags=1&pretty&token=z', 'x')).text).toBe('true');
	});

	it('is the same with and without quotation marks', async () => {
		await write('PUT', '/v1/kv/a', 'x', `"${KEY}"`);
		await node.put('/v1/kv/a', 'y');
		expect((await write('PUT', '/v1/kv/a', 'x')).text).toBe('true');
		expect(await valueAt('a')).toBe('y');
	});

	it.each(['', '""', 'x'.repeat(256)])('that is %j is refused', async (key) => {
		expect(await write('PUT', '/v1/kv/a', 'x', key)).toMatchObject({
			status: 400,
			text: 'Invalid Idempotency-Key: it has 1 to 255 characters',
		});
		expect(node.replica.named).toEqual([]);
	});

	it('whose outcome is not kept any more is refused, and its request does not happen again', async () => {
		await node.stop();
		node = await new TestNode(new LoneReplica({ clientsMax: 2 })).start();
		await write('PUT', '/v1/kv/a', 'x', 'first');
		await write('PUT', '/v1/kv/b', 'x', 'second');
		await write('PUT', '/v1/kv/a', 'y', 'third');
		const answer = await write('PUT', '/v1/kv/a', 'x', 'first');
		expect(answer.status).toBe(422);
		expect(answer.text).toBe('This Idempotency-Key was used so long ago that its outcome is not kept any more.');
		expect(answer.headers['x-swarm-outcome']).toBe('unknown');
		expect(await valueAt('a')).toBe('y');
	});

	it('has an unknown outcome where this copy was not chosen, because an earlier one may have been', async () => {
		const ends: SubmitAnswer[] = [
			{ outcome: 'refused', why: 'noLeader', detail: 'no leader took it in time', attempts: [] },
			{ outcome: 'unknown', why: 'timeout', detail: 'it was proposed and not chosen in time', attempts: [] },
		];
		for (const end of ends) {
			node.replica.answerNext = end;
			const answer = await write('PUT', '/v1/kv/a', 'x');
			expect([answer.status, answer.headers['x-swarm-outcome']]).toEqual([500, 'unknown']);
			expect(answer.text).toMatch(/^It is unknown whether the write happened: .* in time/);
		}
		expect((await write('PUT', '/v1/kv/a', 'x')).text).toBe('true');
		expect(node.replica.named.map(({ timeoutMs }) => timeoutMs)).toEqual([3000, 3000, 3000]);
	});

	it('has an unknown outcome also at a node that starts, which surely does not do what has no key', async () => {
		const swarm = { name: 'test', id: 'swarm id', node: 'n2' };
		const progress = { doing: 'reading', count: 3, percent: 1 } as const;
		node.front.open({ request: startingApi(swarm, () => progress), upgrade: () => null });
		const outcomes = [await write('PUT', '/v1/kv/a', 'x'), await node.put('/v1/kv/a', 'x')];
		expect(outcomes.map(({ status, text }) => [status, text.split(':')[0]])).toEqual([
			[500, 'No cluster leader'],
			[500, 'No cluster leader'],
		]);
		expect(outcomes.map(({ headers }) => [headers['x-swarm-outcome'], headers['x-swarm-refused']])).toEqual([
			['unknown', undefined],
			['not-applied', 'noLeader'],
		]);
	});

	it('changes no read, and is refused where it would have no effect', async () => {
		expect((await write('GET', '/v1/kv/?keys')).json).toEqual([]);
		expect((await write('GET', '/v1/status/leader')).status).toBe(200);
		for (const path of ['/v1/swarm/propose', '/v1/members', '/v1/leader/transfer']) {
			const text = `An Idempotency-Key has no effect on POST ${path}.`;
			expect(await write('POST', path, '{}')).toMatchObject({ status: 400, text });
		}
	});
});
