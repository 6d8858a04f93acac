/** `member` lists the members and changes them, and waits until the swarm has done what it was asked for. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CLEAR_LINE } from '../../server/cli/progress-bar.ts';
import type { FakeApi } from './api.ts';
import { FakeSwarm } from './fake-swarm.ts';

let fake: FakeSwarm;
let first: FakeApi;
let second: FakeApi;
beforeEach(async () => {
	fake = await FakeSwarm.create();
	({ first, second } = fake);
});
afterEach(() => fake.close());

interface Known {
	readonly id: string;
	readonly isVoter?: boolean;
	readonly replaces?: string | null;
	readonly behind?: number | null;
	readonly linked?: boolean;
	readonly role?: string;
	readonly heardMs?: number | null;
}

function member(known: Known, url = `http://127.0.0.1:${first.port}`) {
	const { isVoter = true, replaces = null, linked = true, behind = 0, role = 'follower', heardMs = 40 } = known;
	return { id: known.id, url, isVoter, replaces, linked, behind, role, heardMs };
}

function set(chosenAt: number, members: readonly Known[]) {
	return { chosenAt, from: chosenAt + 8, members: members.map((one) => member(one)) };
}

/** What the node n1, which leads, says of the members. */
function says(...sets: readonly ReturnType<typeof set>[]): { body: string } {
	const members = [...new Map(sets.flatMap((each) => each.members.map((one) => [one.id, one]))).values()];
	const status = { node: 'n1', leader: 'n1', chosenThrough: 100, isChanging: sets.length > 1, sets, members };
	return { body: JSON.stringify(status) };
}

function changed(id: string, replaces: string | null, brought: ReturnType<typeof set>): { body: string } {
	return { body: JSON.stringify({ id, replaces, set: brought }) };
}

const N1: Known = { id: 'n1', role: 'leader', heardMs: 0 };
const LEARNER: Known = { id: 'n4~k2xp7', isVoter: false, behind: 60 };
const BEFORE = () => set(0, [N1]);
const LEARNS = () => set(40, [N1, LEARNER]);
const VOTES = () => set(60, [N1, { id: 'n4~k2xp7' }]);
const ADD = 'member add n4 http://127.0.0.1:7104';

function requests(api: FakeApi): string[] {
	return api.asked.map(({ method, url, body }) => `${method} ${url}${body === '' ? '' : ` ${body}`}`);
}

describe('member list', () => {
	it('has a line for each member, and tells of a change under way', async () => {
		const unheard: Known = {
			id: 'n3~k2xp7',
			isVoter: false,
			replaces: 'n3',
			behind: null,
			linked: false,
			heardMs: null,
		};
		const n2: Known = { id: 'n2', behind: 12, linked: false, heardMs: 2_540, role: 'unknown' };
		first.answer = says(set(0, [N1, n2]), set(40, [N1, n2, unheard]));
		const { status, stdout } = await fake.run('member list');
		expect(status).toBe(0);
		expect(stdout.split('\n')).toEqual([
			expect.stringMatching(/^MEMBER +ADDRESS +ROLE +VOTES +BEHIND +HEARD BY n1$/),
			expect.stringMatching(/^n1 +http:\S+ +leader +yes +0 +-$/),
			expect.stringMatching(/^n2 +http:\S+ +unknown +yes +12 +2\.5 s ago, no link$/),
			expect.stringMatching(/^n3~k2xp7 +http:\S+ +follower +learns, replaces n3 +- +never$/),
			'The leader is n1.',
			'A change of members is under way: it is in force from slot 48 on.',
			'',
		]);
	});

	it('is as the leader knows it, where another node answers first', async () => {
		const n2: Known = { id: 'n2', role: 'leader' };
		const sets = [{ chosenAt: 0, from: 1, members: [member(N1), member(n2, `http://127.0.0.1:${second.port}`)] }];
		const status = { node: 'n1', leader: 'n2', chosenThrough: 7, isChanging: false, sets, members: sets[0]?.members };
		first.answer = { body: JSON.stringify(status) };
		second.answer = { body: JSON.stringify({ ...status, node: 'n2' }) };
		expect(JSON.parse((await fake.run('member list --json')).stdout)).toMatchObject({ node: 'n2' });
		second.answer = { status: 503, body: 'it starts' };
		expect(JSON.parse((await fake.run('member list --json')).stdout)).toMatchObject({ node: 'n1' });
		const endpoint = `http://127.0.0.1:${first.port}`;
		expect((await fake.run(`member list --endpoint ${endpoint}`)).stdout).toContain('HEARD BY n1');
		expect(second.asked).toHaveLength(2);
	});
});

describe('member add', () => {
	it('waits until the node votes, also where a node answers that has yet to learn of it', async () => {
		first.next.push(changed('n4~k2xp7', null, LEARNS()), says(BEFORE()), says(LEARNS()), says(LEARNS(), VOTES()));
		first.answer = says(VOTES());
		expect(await fake.run(ADD)).toEqual({
			status: 0,
			stdout: 'n4~k2xp7 votes, from slot 68 on.\n',
			stderr: 'n4~k2xp7 learns, from slot 48 on, and votes once it has caught up.\n',
		});
		expect(requests(first)).toEqual([
			'POST /v1/members {"id":"n4","url":"http://127.0.0.1:7104"}',
			...Array(4).fill('GET /v1/members'),
		]);
	});

	it('shows on a terminal how far the node is', async () => {
		first.next.push(changed('n4~k2xp7', null, LEARNS()), says(LEARNS()));
		first.next.push(says(set(40, [N1, { ...LEARNER, linked: false, behind: null }])));
		first.answer = says(VOTES());
		const { stdout, stderr } = await fake.run(ADD, '', { isTTY: true });
		expect(stdout).toBe('n4~k2xp7 votes, from slot 68 on.\n');
		expect(stderr).toContain('n4~k2xp7 learns 40 %');
		expect(stderr).toContain('the leader has no link to n4~k2xp7 0 %');
		expect(stderr.endsWith(CLEAR_LINE)).toBe(true);
	});

	it('does not wait with --no-wait, and prints JSON with --json', async () => {
		first.answer = changed('n4~k2xp7', null, LEARNS());
		const { status, stdout } = await fake.run(`${ADD} --no-wait`);
		expect({ status, stdout }).toEqual({
			status: 0,
			stdout: 'n4~k2xp7 learns, from slot 48 on, and votes once it has caught up.\n',
		});
		expect(JSON.parse((await fake.run(`${ADD} --no-wait --json`)).stdout)).toMatchObject({ set: { from: 48 } });
		expect(first.asked).toHaveLength(2);
		first.next.push(first.answer);
		first.answer = says(VOTES());
		const json = JSON.parse((await fake.run(`${ADD} --json`)).stdout);
		expect(json).toMatchObject({ id: 'n4~k2xp7', replaces: null, set: { from: 68 } });
	});

	it('says so where the node is removed before it votes', async () => {
		first.next.push(changed('n4~k2xp7', null, LEARNS()));
		first.answer = says(set(60, [N1]));
		const { status, stdout, stderr } = await fake.run(ADD);
		expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
		expect(stderr).toContain('n4~k2xp7 was removed before it voted.\n');
	});

	it.each([
		['a refusal', { status: 409, body: 'A swarm has 9 members at most: remove one first.' }, 1, /^A swarm has 9/],
		['no such member', { status: 404, body: 'There is no node "n9"' }, 1, /^There is no node "n9"\n$/],
		[
			'an unknown outcome',
			{ status: 504, headers: { 'X-Swarm-Outcome': 'unknown' }, body: 'late' },
			4,
			/unknown.*\n.*late/,
		],
	] as const)('tells %s with its exit status', async (_, answer, status, stderr) => {
		first.answer = answer;
		expect(await fake.run(ADD)).toEqual({ status, stdout: '', stderr: expect.stringMatching(stderr) });
		expect(second.asked).toEqual([]);
	});

	it('asks the next node where the first one hears no leader', async () => {
		first.answer = { status: 503, headers: { 'X-Swarm-Outcome': 'not-applied' }, body: 'No cluster leader.' };
		second.answer = changed('n4~k2xp7', null, LEARNS());
		expect((await fake.run(`${ADD} --no-wait`)).status).toBe(0);
	});

	it.each(['member add N4 http://a:1', 'member add n4 a:1', 'member add n4 http://a:1/b', 'member add n4'])(
		'sends nothing for %s',
		async (line) => {
			expect((await fake.run(line)).status).toBe(2);
			expect(first.asked).toEqual([]);
		},
	);
});

describe('member replace', () => {
	it('waits until the node with the new disk votes in the place of the old one', async () => {
		const learner: Known = { ...LEARNER, id: 'n1~k2xp7', replaces: 'n1' };
		first.next.push(changed('n1~k2xp7', 'n1', set(40, [N1, learner])), says(set(40, [N1, learner])));
		first.answer = says(set(60, [{ id: 'n1~k2xp7' }]));
		const { status, stdout } = await fake.run('member replace n1');
		expect({ status, stdout }).toEqual({ status: 0, stdout: 'n1~k2xp7 votes in the place of n1, from slot 68 on.\n' });
		expect(requests(first)[0]).toBe('POST /v1/members/n1/replace {}');
	});

	it('takes an address', async () => {
		first.answer = changed('n1~k2xp7', 'n1', set(40, [N1, { id: 'n1~k2xp7', isVoter: false }]));
		await fake.run('member replace n1 http://127.0.0.1:7104 --no-wait');
		expect(requests(first)).toEqual(['POST /v1/members/n1/replace {"url":"http://127.0.0.1:7104"}']);
	});
});

describe('member remove', () => {
	it('waits until the member is out', async () => {
		const after = set(40, [N1]);
		first.next.push(changed('n2', null, after), says(set(0, [N1, { id: 'n2' }]), after));
		first.answer = says(after);
		const ended = await fake.run('member remove n2');
		expect(ended).toEqual({ status: 0, stdout: 'n2 is no member any more, from slot 48 on.\n', stderr: '' });
		expect(requests(first)).toEqual(['DELETE /v1/members/n2', 'GET /v1/members', 'GET /v1/members']);
	});

	it('of the node that answered asks others whether it is out', async () => {
		const after = set(40, [{ id: 'n2', role: 'leader' }]);
		first.next.push(changed('n1', null, after), { hangUp: true });
		second.answer = says(after);
		expect((await fake.run('member remove n1')).stdout).toBe('n1 is no member any more, from slot 48 on.\n');
	});
});
