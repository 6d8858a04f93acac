/** Commands write data to stdout and errors to stderr, and have an exit status that a script can rely on. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeApi, fakeApi } from './api.ts';
import { type Ended, FakeSwarm } from './fake-swarm.ts';

let fake: FakeSwarm;
let first: FakeApi;
let second: FakeApi;
beforeEach(async () => {
	fake = await FakeSwarm.create();
	({ first, second } = fake);
});
afterEach(() => fake.close());

function swarm(line: string, stdin = ''): Promise<Ended> {
	return fake.run(line, stdin);
}

describe('put', () => {
	it('sends the bytes of the value, with its conditions', async () => {
		first.answer = { body: 'true' };
		expect(await swarm('put a/b red --cas 7 --flags 3304740253564472344')).toEqual({
			status: 0,
			stdout: '',
			stderr: '',
		});
		expect(first.asked).toEqual([{ method: 'PUT', url: '/v1/kv/a%2Fb?cas=7&flags=3304740253564472344', body: 'red' }]);
	});

	it.each([
		['put k -- -5s', 'k', '-5s'],
		['put k -- -h', 'k', '-h'],
		['put -- -k v', '-k', 'v'],
		['put --cas 0 -- -k --json', '-k', '--json'],
		['put -- -- --', '--', '--'],
		['put k -5', 'k', '-5'],
		['put k -1.5e-3', 'k', '-1.5e-3'],
	])('"%s" writes these very bytes', async (line, key, value) => {
		first.answer = { body: 'true' };
		expect(await swarm(line)).toEqual({ status: 0, stdout: '', stderr: '' });
		expect(first.asked).toMatchObject([{ url: expect.stringMatching(`^/v1/kv/${key}(\\?cas=0)?$`), body: value }]);
	});

	it('reads the value from stdin for "-"', async () => {
		first.answer = { body: 'true' };
		expect((await swarm('put color -', 'r\0d\n')).status).toBe(0);
		expect(first.asked[0]?.body).toBe('r\0d\n');
	});

	it('sends nothing where stdin has more than a value may have', async () => {
		const { status, stderr } = await swarm('put color -', 'x'.repeat(524_289));
		expect({ status, stderr }).toEqual({ status: 1, stderr: 'The value is over 524288 bytes.\n' });
		expect(first.asked).toEqual([]);
	});

	it('ends with status 3 where the compare-and-set did not match', async () => {
		first.answer = { body: 'false' };
		const { status, stdout, stderr } = await swarm('put color red --cas 7 --json');
		expect(status).toBe(3);
		expect(JSON.parse(stdout)).toEqual({ key: 'color', done: false });
		expect(stderr).toBe('"color" was left as it is: its ModifyIndex is not 7.\n');
	});

	it('ends with status 1 and the words of the node where it was refused', async () => {
		first.answer = { status: 413, body: 'Request body(9 bytes) too large, max size: 5 bytes.' };
		const { status, stderr } = await swarm('put color red');
		expect({ status, stderr }).toEqual({ status: 1, stderr: 'Request body(9 bytes) too large, max size: 5 bytes.\n' });
	});

	it('tries the next node where nobody listens', async () => {
		await first.close();
		second.answer = { body: 'true' };
		expect((await swarm('put color red')).status).toBe(0);
		expect(second.asked).toHaveLength(1);
	});

	it.each(['put color red', 'del color', 'get color'])(
		'is asked of a node that speaks before one that is silent: %s',
		async (command) => {
			first.answer = { silent: true };
			second.answer = { body: 'true' };
			expect((await swarm(command)).status).toBe(0);
			expect(second.asked).toHaveLength(1);
		},
	);

	it('tries the next node where the first one surely did not do it', async () => {
		first.answer = { status: 500, headers: { 'X-Swarm-Outcome': 'not-applied' }, body: 'No cluster leader' };
		second.answer = { body: 'true' };
		expect((await swarm('put color red')).status).toBe(0);
	});

	it.each([
		['the connection broke', { hangUp: true }],
		['the node does not know', { status: 500, headers: { 'X-Swarm-Outcome': 'unknown' }, body: 'timeout' }],
		['the node does not say', { status: 502, body: 'proxy' }],
	] as const)('is never tried again where it may have happened: %s', async (_, answer) => {
		first.answer = answer;
		const { status, stderr } = await swarm('put color red');
		expect(status).toBe(4);
		expect(stderr).toContain('The outcome is unknown: it may have happened, or may yet.');
		expect(second.asked).toEqual([]);
	});

	it('asks the endpoint that was given, and no other', async () => {
		second.answer = { status: 500, headers: { 'X-Swarm-Outcome': 'not-applied' }, body: 'No cluster leader' };
		const endpoint = `http://127.0.0.1:${second.port}`;
		const { status, stderr } = await swarm(`put color red --endpoint ${endpoint}/`);
		expect({ status, stderr }).toEqual({
			status: 4,
			stderr: `No node could answer.\n${endpoint}: No cluster leader\n`,
		});
		expect(first.asked).toEqual([]);
	});
});

describe('get', () => {
	it('prints the value and not a byte more', async () => {
		first.answer = { body: 'red' };
		expect(await swarm('get color --stale')).toEqual({ status: 0, stdout: 'red', stderr: '' });
		expect(first.asked[0]?.url).toBe('/v1/kv/color?stale&raw');
	});

	it('prints what the API says with --json, numbers of 64 bits unharmed', async () => {
		first.answer = { body: '[{"Flags":3304740253564472344}]' };
		expect((await swarm('get color --json')).stdout).toBe('[{"Flags":3304740253564472344}]');
	});

	it('ends with status 3 where there is no such key', async () => {
		first.answer = { status: 404 };
		expect(await swarm('get color')).toEqual({ status: 3, stdout: '', stderr: 'There is no key "color".\n' });
	});

	it('says in one line that there is no TLS', async () => {
		const endpoint = `https://127.0.0.1:${first.port}`;
		const { status, stderr } = await swarm(`get color --endpoint ${endpoint}`);
		const why = 'no TLS: it speaks something else there, perhaps http';
		expect({ status, stderr }).toEqual({ status: 4, stderr: `No node could answer.\n${endpoint}: ${why}\n` });
	});

	it('says why a node at a port of another protocol cannot be asked, and sends a write to none', async () => {
		const { status, stderr } = await swarm('put color red --endpoint http://127.0.0.1:6667');
		expect([status, stderr]).toEqual([4, expect.stringMatching(/^No node could answer\.\n.* choose another one\n$/)]);
	});

	it('is asked of the next node after any failure', async () => {
		first.answer = { hangUp: true };
		second.answer = { body: 'red' };
		expect((await swarm('get color')).stdout).toBe('red');
	});

	it('ends with status 4 where no node answers, and says what each of them did', async () => {
		first.answer = { status: 500, body: 'No cluster leader' };
		await second.close();
		const { status, stderr } = await swarm('get color');
		expect(status).toBe(4);
		expect(stderr.split('\n')).toEqual([
			'No node could answer.',
			`http://127.0.0.1:${first.port}: No cluster leader`,
			`http://127.0.0.1:${second.port}: no connection (ECONNREFUSED)`,
			'',
		]);
	});
});

describe('del', () => {
	it('ends with status 0 also where there was no such key, and 3 where the compare-and-set did not match', async () => {
		first.answer = { body: 'true' };
		expect(await swarm('del color')).toEqual({ status: 0, stdout: '', stderr: '' });
		first.answer = { body: 'false' };
		expect((await swarm('del color --cas 7')).status).toBe(3);
		expect(first.asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
			'DELETE /v1/kv/color',
			'DELETE /v1/kv/color?cas=7',
		]);
	});
});

describe('propose', () => {
	const attempts = [{ ballot: '1795428788840771728@n2', haltedBy: '1795428788840771729@n1', givenUp: false }];
	const chosen = {
		outcome: 'chosen',
		ok: true,
		slot: 41,
		ballot: '1795428788840771729@n1',
		chosenAt: '1795428788840771729@n1',
	};
	const value = { digest: 'd', bytes: 3, commands: 1, text: 'put color = red' };

	it('asks the very node that was named, by the leader unless told otherwise', async () => {
		const ended = { ballot: '1795428788840771730@n2', haltedBy: '', givenUp: true };
		second.answer = { body: JSON.stringify({ ...chosen, revision: 7, attempts: [...attempts, ended] }) };
		const { status, stdout } = await swarm('propose color red --at n2');
		expect(status).toBe(0);
		expect(stdout).toMatch(
			/^campaign n2 [\d:.]{12}: halted by a promise to n1 [\d:.]{12}\ncampaign n2 [\d:.]{12}: given up\nchosen in slot 41 at ballot n1 /,
		);
		expect(second.asked[0]).toMatchObject({ method: 'POST', url: '/v1/swarm/propose' });
		expect(JSON.parse(second.asked[0]?.body ?? '')).toEqual({
			key: 'color',
			value: 'red',
			route: 'leader',
			contest: 0,
		});
		expect(first.asked).toEqual([]);
	});

	it('contests a slot, and ends with status 3 where that keeps its value', async () => {
		first.answer = { body: JSON.stringify({ outcome: 'kept', slot: 41, ballot: '5@n1', value, attempts: [] }) };
		const { status, stdout } = await swarm('propose color blue --at n1 --route self --slot 41');
		expect({ status, stdout }).toEqual({ status: 3, stdout: 'slot 41 keeps put color = red; yours was not chosen\n' });
		expect(JSON.parse(first.asked[0]?.body ?? '')).toMatchObject({ route: 'self', contest: 41 });
	});

	it.each([
		['refused', 500, 4],
		['unknown', 500, 4],
		['refused', 400, 1],
	])('%s with HTTP status %i ends with status %i and the reason', async (outcome, http, status) => {
		first.answer = { status: http, body: JSON.stringify({ outcome, why: 'because', attempts: [] }) };
		const ended = await swarm('propose color red --at n1');
		expect(ended.status).toBe(status);
		expect(ended.stdout).toContain('because');
	});

	describe('where swarm.json does not name the node', () => {
		const members = (...ids: readonly (readonly [id: string, replaces: string | null])[]) => {
			const all = ids.map(([id, replaces]) => {
				const url = `http://127.0.0.1:${second.port}`;
				return { id, url, isVoter: replaces === null, replaces, linked: true, role: 'follower', behind: 0, heardMs: 1 };
			});
			const sets = [{ chosenAt: 0, from: 1, members: all }];
			return {
				body: JSON.stringify({ node: 'n1', leader: null, chosenThrough: 9, isChanging: false, sets, members: all }),
			};
		};

		it.each(['n4', 'n4~k2xp7'])('asks the member %s, which the swarm has let in since', async (at) => {
			first.answer = members(['n4~k2xp7', null]);
			second.answer = { body: JSON.stringify({ ...chosen, revision: 7, attempts: [] }) };
			expect((await swarm(`propose color red --at ${at}`)).status).toBe(0);
			expect(first.asked.map(({ url }) => url)).toEqual(['/v1/members']);
			expect(second.asked.map(({ url }) => url)).toEqual(['/v1/swarm/propose']);
		});

		it('says which nodes there are, and asks none to propose', async () => {
			first.answer = members(['n1', null], ['n4~k2xp7', null]);
			expect(await swarm('propose color red --at n7')).toMatchObject({
				status: 2,
				stderr: 'There is no node "n7": swarm.json names n1, n2, and the members are n1, n4~k2xp7.\n',
			});
			expect([...first.asked, ...second.asked].map(({ url }) => url)).toEqual(['/v1/members']);
		});

		it('says so where no node knows the members', async () => {
			first.answer = { status: 503, body: 'down' };
			second.answer = { status: 503, body: 'down' };
			const { status, stderr } = await swarm('propose color red --at n7');
			expect(status).toBe(4);
			expect(stderr).toContain('swarm.json does not name node "n7", and the members of the swarm are not known.');
		});
	});

	it('prints the whole answer with --json', async () => {
		const answer = { ...chosen, revision: 7, attempts };
		first.answer = { body: JSON.stringify(answer) };
		expect(JSON.parse((await swarm('propose color red --at n1 --json')).stdout)).toEqual(answer);
	});
});

describe('status', () => {
	const member = {
		url: 'http://127.0.0.1:1',
		isVoter: true,
		replaces: null,
		linked: false,
		behind: 0,
		heardMs: 12_345,
	};
	const ballot = '1795428788840771728@n1';
	const members = [
		{ ...member, id: 'n1', role: 'leader', ballot, linked: true, heardMs: 0 },
		{ ...member, id: 'n2', role: 'unknown', ballot },
	];
	const numbers = { chosenThrough: 12, appliedThrough: 11, revision: 9, keys: 3 };
	const answer = { node: 'n1', leader: 'n1', isChanging: false, ...numbers, members };

	it('has a line for each node in its own words, also for one that does not answer', async () => {
		first.answer = { body: JSON.stringify(answer) };
		await second.close();
		const { status, stdout } = await swarm('status');
		const [head, ...lines] = stdout.split('\n');
		expect(status).toBe(0);
		expect(head).toMatch(
			/^NODE {2}ADDRESS +ROLE +VOTES +BALLOT +CHOSEN {2}BEHIND {2}APPLIED {2}REVISION {2}KEYS {2}LINKS$/,
		);
		expect(lines[0]).toMatch(/^n1 {4}http:\S+ {2}leader {2}yes +n1 [\d:.]{12} {2}12 +0 +11 +9 +3 +0 of 1$/);
		expect(lines[1]).toMatch(/^n2 {4}http:\S+ {2}no answer: no connection \(ECONNREFUSED\); n1 heard it 12\.3 s ago$/);
		expect(lines.slice(2)).toEqual(['The leader is n1.', '']);
	});

	it('asks the members that the nodes name beside those of swarm.json, and tells who votes', async () => {
		const third = await fakeApi();
		try {
			const [n1] = members;
			const learner = {
				...member,
				id: 'n2~k2xp7',
				role: 'follower',
				ballot,
				replaces: 'n2',
				isVoter: false,
				behind: 7,
			};
			const n4 = { ...member, id: 'n4', url: `http://127.0.0.1:${third.port}`, role: 'follower', ballot };
			const known = [n1, { ...learner, url: `http://127.0.0.1:${second.port}` }, n4];
			first.answer = { body: JSON.stringify({ ...answer, isChanging: true, members: known }) };
			// It does not know yet that it is let in.
			second.answer = { body: JSON.stringify({ ...answer, node: 'n2~k2xp7', chosenThrough: 5, members }) };
			third.answer = { body: JSON.stringify({ ...answer, node: 'n4', members: known }) };
			const { stdout } = await swarm('status');
			expect(stdout).toMatch(/^n1 .* yes .*\nn2~k2xp7 .* learns .*\nn4 .* yes /m);
			expect(stdout).toContain('A change of members is under way.');
			await second.close();
			expect((await swarm('status')).stdout).toMatch(/^n2~k2xp7 +http:\S+ +no answer: .*; n1 heard it /m);
			first.answer = { body: JSON.stringify({ ...answer, members: [n1, n4] }) };
			expect((await swarm('status')).stdout).toMatch(/^n2 +http:\S+ +no member, and no answer: no connection /m);
			expect(third.asked).toEqual(Array(3).fill({ method: 'GET', url: '/v1/swarm', body: '' }));
		} finally {
			await third.close();
		}
	});

	it('ends with status 4 where no node hears a leader', async () => {
		first.answer = { body: JSON.stringify({ ...answer, leader: null }) };
		second.answer = { status: 403, body: 'not you' };
		const { status, stdout } = await swarm('status');
		expect(status).toBe(4);
		expect(stdout).toContain('no answer: not you');
		expect(stdout).toContain('There is no leader.');
	});

	it('says where nodes hear different leaders', async () => {
		first.answer = { body: JSON.stringify(answer) };
		second.answer = { body: JSON.stringify({ ...answer, node: 'n2', leader: 'n2' }) };
		expect((await swarm('status')).stdout).toContain('Nodes hear different leaders: n1, n2.');
	});
});

describe('schema', () => {
	it('is JSON on stdout', async () => {
		const { status, stdout } = await swarm('schema');
		expect({ status, title: JSON.parse(stdout).title }).toEqual({ status: 0, title: 'swarm.json' });
	});
});

describe('leader transfer', () => {
	it('names the node that is to lead, and says who leads instead of whom', async () => {
		first.answer = { body: '{"from":"n1","leader":"n2","ballot":"1763889731207000003@n2"}' };
		const { status, stdout } = await swarm('leader transfer n2');
		expect(status).toBe(0);
		expect(stdout).toMatch(/^n2 leads instead of n1, under ballot n2 /);
		expect(first.asked).toEqual([{ method: 'POST', url: '/v1/leader/transfer', body: '{"to":"n2"}' }]);
	});

	it('names nobody where none is given', async () => {
		first.answer = { body: '{"from":"n1","leader":"n2","ballot":"5@n2"}' };
		expect(JSON.parse((await swarm('leader transfer --json')).stdout)).toEqual({
			from: 'n1',
			leader: 'n2',
			ballot: '5@n2',
		});
		expect(first.asked).toMatchObject([{ body: '{}' }]);
	});

	it.each([
		['a refusal', { status: 409, body: 'n2 leads already.' }, 1, 'n2 leads already.\n'],
		[
			'an unknown outcome',
			{ status: 504, headers: { 'X-Swarm-Outcome': 'unknown' }, body: 'n2 has not become the leader in time.' },
			4,
			expect.stringContaining('n2 has not become the leader in time.'),
		],
	])('tells %s with its exit status', async (_, answer, status, stderr) => {
		first.answer = answer;
		expect(await swarm('leader transfer n2')).toEqual({ status, stdout: '', stderr });
		expect(second.asked).toEqual([]);
	});

	it('asks the next node where the first one hears no leader', async () => {
		first.answer = { status: 503, headers: { 'X-Swarm-Outcome': 'not-applied' }, body: 'No cluster leader.' };
		second.answer = { body: '{"from":"n1","leader":"n2","ballot":"5@n2"}' };
		expect((await swarm('leader transfer')).status).toBe(0);
	});
});

describe('lab', () => {
	it.each(['show', 'slow 5', 'heal'])('%s ends with status 4 where no node answers', async (command) => {
		for (const api of [first, second]) api.answer = { hangUp: true };
		const { status, stdout, stderr } = await swarm(`lab ${command}`);
		expect(status).toBe(4);
		for (const { port } of [first, second]) expect(stdout + stderr).toContain(`http://127.0.0.1:${port}`);
	});

	it('names each node at which nothing was changed', async () => {
		second.answer = { hangUp: true };
		const { status, stdout, stderr } = await swarm('lab heal');
		expect({ status, stdout }).toEqual({ status: 4, stdout: 'At one node all messages come in at once.\n' });
		expect(stderr).toMatch(new RegExp(`^http://127.0.0.1:${second.port}: .+\n$`));
	});

	it.each(['show', 'slow 5', 'heal', 'cut n1 n2'])('%s ends with status 1 where there is no lab', async (command) => {
		for (const api of [first, second]) api.answer = { status: 404, body: 'There is no lab.' };
		expect(await swarm(`lab ${command}`)).toEqual({ status: 1, stdout: '', stderr: 'There is no lab.\n' });
	});

	it('shows the faults of the nodes that answer', async () => {
		const link = { from: 'n2', cut: true, delayMs: 0, loss: 0, hold: false, waitingCount: 0, waiting: [] };
		first.answer = { body: JSON.stringify({ node: 'n1', links: [link] }) };
		second.answer = { hangUp: true };
		const { status, stdout } = await swarm('lab show');
		expect(status).toBe(0);
		expect(stdout).toMatch(/^n2 +n1 +are lost: the link is cut +0$/m);
	});
});

describe('up', () => {
	it('says how to start with other ports, with all flags that it was given', async () => {
		const { status, stderr } = await swarm('up --memory --lab --insecure --log-level info');
		expect(status).toBe(1);
		const again = `npx paxos-swarm up --base-port ${first.port + 100} --memory --insecure --lab --log-level info`;
		expect(stderr.split('\n').slice(-2)).toEqual([`Nothing was started. With other ports: ${again}`, '']);
	});
});
