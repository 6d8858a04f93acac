import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { READY_LAG_MS_MAX } from '../../server/api/health.ts';
import { NO_BALLOT } from '../../shared/paxos/ballot.ts';
import { SLOT_MAX } from '../../shared/paxos/bounds.ts';
import { encodeCommand } from '../../shared/store/command.ts';
import { BALLOT, LOOP, TestNode } from './node.ts';

let node: TestNode;
beforeEach(async () => {
	node = await new TestNode().start();
});
afterEach(async () => {
	await node.stop();
	expect(node.errors).toEqual([]);
});

describe('the status', () => {
	it('of the swarm tells each member as this node knows it', async () => {
		const ballotText = '1763889731207000003@n1';
		node.replica.override = { chosenThrough: 41, appliedThrough: 40, trimmedThrough: 30 };
		const n1 = {
			id: 'n1',
			linked: true,
			role: 'leader',
			ballot: BALLOT,
			chosenThrough: 42,
			heardMs: 9.4,
			clockAheadMs: null,
		} as const;
		node.replica.peersKnown = [n1];
		const url = `http://127.0.0.1:${node.port}`;
		expect((await node.get('/v1/swarm')).json).toEqual({
			name: 'test',
			id: 'swarm id',
			node: 'n2',
			isMember: true,
			isChanging: false,
			version: '0.0.0',
			leader: 'n1',
			ballot: ballotText,
			chosenThrough: 41,
			appliedThrough: 40,
			trimmedThrough: 30,
			revision: 1,
			keys: 0,
			diskFault: null,
			stateFault: null,
			certificateExpires: null,
			loop: LOOP,
			members: [
				{
					...n1,
					name: 'n1',
					url: 'http://127.0.0.1:7101',
					isVoter: true,
					replaces: null,
					ballot: ballotText,
					behind: 0,
					heardMs: 9,
				},
				{
					id: 'n2',
					name: 'n2',
					url,
					isVoter: true,
					replaces: null,
					linked: true,
					role: 'follower',
					ballot: ballotText,
					chosenThrough: 41,
					behind: 1,
					heardMs: 0,
					clockAheadMs: 0,
				},
			],
		});
	});

	it('of a node that waits to be let in says that it is no member', async () => {
		node.replica.override = { id: 'n2~k2xp7' };
		expect((await node.get('/v1/swarm')).json).toMatchObject({ node: 'n2~k2xp7', isMember: false });
	});

	it('shows a member that was never heard as unknown, and no leader as null', async () => {
		node.replica.hasLeader = false;
		const unheard = { linked: false, role: 'unknown', ballot: '', chosenThrough: 0, heardMs: null };
		expect((await node.get('/v1/swarm')).json).toMatchObject({ leader: null, ballot: '', members: [unheard, {}] });
		const silent = { id: 'n1', linked: false, role: 'unknown', ballot: NO_BALLOT, chosenThrough: 0 } as const;
		node.replica.peersKnown = [{ ...silent, heardMs: Number.POSITIVE_INFINITY, clockAheadMs: null }];
		expect((await node.get('/v1/swarm')).json).toMatchObject({ members: [unheard, {}] });
	});

	it.each([
		['was not heard for a while', 'follower', 2001, 'unknown'],
		['was heard a moment ago', 'follower', 1999, 'follower'],
		['led, and is not heard as the leader any more', 'leader', 10, 'unknown'],
	] as const)('of a member that %s has the role that can still be true', async (_, role, heardMs, shown) => {
		node.replica.peersKnown = [
			{ id: 'n1', linked: true, role, ballot: BALLOT, chosenThrough: 42, heardMs, clockAheadMs: null },
		];
		node.replica.override = { leader: { ...BALLOT, node: 'n2' } };
		expect((await node.get('/v1/swarm')).json).toMatchObject({ members: [{ id: 'n1', role: shown, heardMs }, {}] });
	});

	it('answers other methods 405, and paths it does not have 404', async () => {
		for (const path of ['/v1/swarm', '/livez', '/readyz', '/readyz/leader']) {
			expect(await node.put(path)).toMatchObject({ status: 405, text: 'method PUT not allowed' });
		}
		for (const path of ['/v1', '/v1/client/create', '/v1/swarm/nothing', '/livez/nothing', '/nothing']) {
			expect((await node.get(path)).status).toBe(404);
		}
	});
});

describe('POST /v1/swarm/propose', () => {
	const request = { key: 'color', value: 'red', route: 'self', contest: 0 };
	const propose = (body: unknown) => node.ask('POST', '/v1/swarm/propose', { body: JSON.stringify(body) });

	it('proposes, and answers slot, ballots, revision and attempts', async () => {
		const attempts = [{ ballot: '5@n2', haltedBy: '6@n3', givenUp: false }];
		const revision = 9;
		node.replica.answerNext = {
			outcome: 'chosen',
			ok: true,
			revision,
			slot: 8,
			ballot: BALLOT,
			chosenAt: BALLOT,
			attempts,
		};
		const ballot = '1763889731207000003@n1';
		expect(await propose(request)).toMatchObject({
			status: 200,
			json: { outcome: 'chosen', slot: 8, ballot, chosenAt: ballot, revision, attempts },
		});
		expect(node.replica.submitted).toMatchObject([
			{
				operation: { kind: 'put', key: 'color', cas: null },
				options: { route: 'self', contest: 0, timeoutMs: 10_000 },
			},
		]);
	});

	it('with a condition writes and deletes only while the key has that revision, and with flags sets them', async () => {
		await node.put('/v1/kv/color', 'red');
		const at = node.replica.store.get('color')?.modifyRevision ?? 0;
		for (const change of [{ value: 'blue' }, { value: null }]) {
			expect((await propose({ ...request, ...change, cas: at + 1 })).json).toMatchObject({
				outcome: 'chosen',
				ok: false,
			});
		}
		expect((await propose({ ...request, value: 'blue', cas: at })).json).toMatchObject({ outcome: 'chosen', ok: true });
		expect((await propose({ ...request, value: null, cas: at })).json).toMatchObject({ ok: false });
		expect((await node.ask('GET', '/v1/kv/color?raw')).text).toBe('blue');
		await node.put('/v1/kv/color?flags=18446744073709551615', 'red');
		const flags = String(node.replica.store.get('color')?.flags);
		expect((await propose({ ...request, value: 'blue', flags })).json).toMatchObject({ outcome: 'chosen' });
		expect(node.replica.store.get('color')?.flags).toBe(2n ** 64n - 1n);
		for (const flags of [7, '', '-1', '0x7', '1.5', '18446744073709551616', null]) {
			expect(await propose({ ...request, flags })).toMatchObject({
				status: 400,
				json: { why: expect.stringContaining('flags: ') },
			});
		}
		for (const cas of [-1, 0.5, 2 ** 53, '7', null]) {
			expect(await propose({ ...request, cas })).toMatchObject({
				status: 400,
				json: { why: expect.stringContaining('cas: ') },
			});
		}
	});

	it('with the value null deletes', async () => {
		await node.put('/v1/kv/color', 'red');
		expect((await propose({ ...request, value: null })).json).toMatchObject({ outcome: 'chosen', revision: 3 });
		expect(node.replica.store.keysCount).toBe(0);
	});

	it('answers which value a contested slot keeps', async () => {
		const client = 's';
		const command = encodeCommand({ client, sequence: 2, receivedThrough: 0 }, { kind: 'delete', key: 'k', cas: null });
		const value = command;
		node.replica.answerNext = { outcome: 'kept', slot: 41, ballot: BALLOT, value, attempts: [] };
		expect(await propose({ ...request, contest: 41 })).toMatchObject({
			status: 200,
			json: { outcome: 'kept', slot: 41, value: { text: 'delete k', commands: 1 } },
		});
	});

	it('answers 500 and what is known where it was not chosen', async () => {
		node.replica.answerNext = {
			outcome: 'refused',
			why: 'slotNotOpen',
			detail: 'the next free slot is 5',
			attempts: [],
		};
		const refused = await propose(request);
		expect(refused).toMatchObject({
			status: 500,
			json: { outcome: 'refused', why: 'the next free slot is 5', attempts: [] },
		});
		expect(refused.headers['x-swarm-outcome']).toBe('not-applied');
		node.replica.answerNext = { outcome: 'unknown', why: 'timeout', detail: 'not chosen in time', attempts: [] };
		const unknown = await propose(request);
		expect(unknown).toMatchObject({
			status: 500,
			json: { outcome: 'unknown', why: 'not chosen in time', attempts: [] },
		});
		expect(unknown.headers['x-swarm-outcome']).toBe('unknown');
	});

	it.each([
		['no object', 5, 'the request must be a JSON object'],
		['null', null, 'the request must be a JSON object'],
		['an array', [], 'the request must be a JSON object'],
		['an empty key', { ...request, key: '' }, 'key: the key is empty'],
		['a key of a number', { ...request, key: 5 }, 'key: must be text'],
		['a key out of bounds', { ...request, key: 'a/../b' }, 'key: the key has the segment ".."'],
		[
			'half a character',
			{ ...request, key: '\ud800' },
			'key: the key has half a surrogate pair, which has no UTF-8 form',
		],
		[
			'a slot above the highest',
			{ ...request, route: 'self', contest: SLOT_MAX + 1 },
			'contest: must be a slot, or 0 for none',
		],
		['no value', { key: 'a', route: 'self', contest: 0 }, 'value: must be text, or null to delete the key'],
		['a value of a number', { ...request, value: 1 }, 'value: must be text, or null to delete the key'],
		[
			'half a character as the value',
			{ ...request, value: '\udc00' },
			'value: the value has half a surrogate pair, which has no UTF-8 form',
		],
		[
			'a value too large',
			{ ...request, value: 'ç'.repeat(262_145) },
			'value: the value has 524290 bytes, max size: 524288 bytes',
		],
		['another route', { ...request, route: 'both' }, 'route: must be "leader" or "self"'],
		['half a slot', { ...request, contest: 1.5 }, 'contest: must be a slot, or 0 for none'],
		['a slot below 0', { ...request, contest: -1 }, 'contest: must be a slot, or 0 for none'],
		['a slot as text', { ...request, contest: '1' }, 'contest: must be a slot, or 0 for none'],
		[
			'a slot by the leader',
			{ ...request, route: 'leader', contest: 4 },
			'contest: only a proposal with the route "self" can contest a slot',
		],
		['a field more', { ...request, more: 1 }, 'Unrecognized key: "more"'],
		[
			'two faults',
			{ ...request, key: '', contest: -1 },
			'key: the key is empty; contest: must be a slot, or 0 for none',
		],
	])('refuses %s and names the field', async (_, body, why) => {
		const answer = await propose(body);
		expect(answer).toMatchObject({ status: 400, json: { outcome: 'refused', why, attempts: [] } });
		expect(answer.headers['x-swarm-outcome']).toBe('not-applied');
		expect(node.replica.submitted).toEqual([]);
	});

	it('refuses what is no JSON, or too much of it', async () => {
		for (const body of ['', '{', Uint8Array.of(0xff)]) {
			const answer = await node.ask('POST', '/v1/swarm/propose', { body });
			expect(answer).toMatchObject({ status: 400, json: { why: 'the request must be a JSON object' } });
		}
		const body = new Uint8Array(4_000_000);
		expect(await node.ask('POST', '/v1/swarm/propose', { body })).toMatchObject({ status: 413 });
	});

	it('takes the largest value there is, however JSON writes it', async () => {
		const value = '\u0001'.repeat(524_288);
		expect((await propose({ ...request, value })).json).toMatchObject({ outcome: 'chosen' });
	});
});

describe('health', () => {
	it('is ok in one word, or check by check', async () => {
		expect(await node.get('/livez')).toMatchObject({ status: 200, text: 'ok\n' });
		expect(await node.get('/livez?verbose')).toMatchObject({ status: 200, text: '[+]store ok\n[+]applied ok\nok\n' });
		expect(await node.get('/readyz')).toMatchObject({ status: 200, text: 'ok\n' });
		expect((await node.get('/readyz?verbose')).text).toBe(
			'[+]leader ok\n[+]caught-up ok\n[+]disk ok\n[+]state ok\n[+]draining ok\nok\n',
		);
		expect(await node.get('/readyz/leader')).toMatchObject({ status: 200, text: 'ok\n' });
	});

	it('is not ready while its disk does not answer', async () => {
		node.replica.override = { diskFault: 'the disk has not answered for 3.0 s' };
		const text = '[-]disk failed: the disk has not answered for 3.0 s\n';
		expect(await node.get('/readyz/disk')).toMatchObject({ status: 503, text: `${text}not ok\n` });
		expect((await node.get('/livez')).status).toBe(200);
	});

	it('is not ready while it has another state than a peer, and nobody can say who is wrong', async () => {
		node.replica.override = { stateFault: 'its state is not that of n1, and no majority can say who is wrong' };
		const text = '[-]state failed: its state is not that of n1, and no majority can say who is wrong\n';
		expect(await node.get('/readyz/state')).toMatchObject({ status: 503, text: `${text}not ok\n` });
		expect((await node.get('/livez')).status).toBe(200);
		expect((await node.get('/v1/swarm')).text).toContain('"stateFault":"its state is not that of n1');
	});

	it('is not ready without a leader, unless that is left out', async () => {
		node.replica.hasLeader = false;
		const text =
			'[-]leader failed: no leader is heard\n[+]caught-up ok\n[+]disk ok\n[+]state ok\n[+]draining ok\nnot ok\n';
		expect(await node.get('/readyz')).toMatchObject({ status: 503, text });
		expect((await node.get('/readyz/leader')).status).toBe(503);
		expect((await node.get('/readyz/caught-up')).status).toBe(200);
		expect((await node.get('/readyz?exclude=leader')).status).toBe(200);
		expect((await node.get('/readyz?exclude=draining')).status).toBe(503);
		expect((await node.get('/readyz?exclude=constructor')).text).toContain('no check to exclude: "constructor"\n');
		expect((await node.get('/livez')).status).toBe(200);
	});

	it.each([
		[0, 200, 'ok\n'],
		[READY_LAG_MS_MAX, 200, 'ok\n'],
		[READY_LAG_MS_MAX + 1, 503, '[-]caught-up failed: 2.0 s behind\nnot ok\n'],
		[3_600_000, 503, '[-]caught-up failed: 3600.0 s behind\nnot ok\n'],
		[Number.POSITIVE_INFINITY, 503, '[-]caught-up failed: not caught up since it started\nnot ok\n'],
	])('of a node that is %s ms behind its leader', async (lagMs, status, text) => {
		node.lagMs = lagMs;
		expect(await node.get('/readyz/caught-up')).toMatchObject({ status, text });
		expect((await node.get('/readyz')).status).toBe(status);
		expect((await node.get('/livez')).status).toBe(200);
	});

	it('is not ready with a certificate that has expired, and has no such check without one', async () => {
		let fault: string | null = null;
		const secured = await new TestNode().start({ certificate: { identity: { expiresMs: 0 }, fault: () => fault } });
		expect((await secured.get('/readyz/certificate')).text).toBe('ok\n');
		fault = 'it has expired';
		const text = '[-]certificate failed: it has expired\nnot ok\n';
		expect(await secured.get('/readyz/certificate')).toMatchObject({ status: 503, text });
		expect((await secured.get('/readyz')).status).toBe(503);
		expect((await secured.get('/livez')).status).toBe(200);
		await secured.stop();
		expect((await node.get('/readyz/certificate')).status).toBe(404);
	});

	it('is not ready when it is about to stop, and still alive', async () => {
		node.isDraining = true;
		expect(await node.get('/readyz/draining')).toMatchObject({ status: 503 });
		expect((await node.get('/readyz')).status).toBe(503);
		expect((await node.get('/livez')).status).toBe(200);
	});

	it('is not alive where the store fails, or has applied what was not chosen', async () => {
		node.replica.override = { chosenThrough: 3, appliedThrough: 4 };
		expect((await node.get('/livez')).text).toContain('[-]applied failed: slot 4 is applied and was not chosen');
		node.replica.store.get = () => {
			throw new Error('out of order');
		};
		expect(await node.get('/livez/store')).toMatchObject({
			status: 503,
			text: '[-]store failed: out of order\nnot ok\n',
		});
	});
});

describe('the dashboard', () => {
	it('that is not built says so', async () => {
		expect(await node.get('/')).toMatchObject({
			status: 404,
			text: 'The dashboard is not built. npm start builds it.\n',
		});
	});

	it('is served with names that never change kept for ever, and its page never', async () => {
		const dir = await mkdtemp(join(tmpdir(), 'paxos-swarm-page-'));
		const built = new TestNode();
		try {
			await mkdir(join(dir, 'assets'));
			await writeFile(join(dir, 'index.html'), '<!doctype html>');
			await writeFile(join(dir, 'assets', 'page-4f2a.js'), 'export {}');
			await built.start({ dashboardDir: dir });
			const page = await built.get('/');
			expect(page).toMatchObject({ status: 200, text: '<!doctype html>' });
			expect(page.headers['cache-control']).toBe('no-cache');
			expect(page.headers['content-type']).toMatch(/^text\/html/);
			const asset = await built.get('/assets/page-4f2a.js');
			expect(asset.headers['cache-control']).toBe('public, max-age=31536000, immutable');
			const again = await built.get('/', { 'if-none-match': page.headers.etag as string });
			expect(again.status).toBe(304);
			for (const path of ['/none.js', '/assets/none.js', '/assets/', '/%', '/../../etc/passwd', '/%2e%2e/x']) {
				expect((await built.get(path)).status).toBeGreaterThanOrEqual(400);
			}
			expect(await built.put('/')).toMatchObject({ status: 405 });
			expect(built.errors).toEqual([]);
		} finally {
			await built.stop();
			await rm(dir, { recursive: true });
		}
	});
});
