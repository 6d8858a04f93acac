import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Joining } from '../../server/swarm/joining.ts';
import type { FetchInit } from '../../server/tls/fetch.ts';
import type { MembersView, SwarmMember } from '../../shared/feed.ts';

const voter = (id: string): SwarmMember => ({ id, url: `http://${id}`, isVoter: true, replaces: null });
const SELF = 'n3~k2xp7';

let swarm: { members: SwarmMember[]; sets: MembersView[] };
let said: string[];
let asked: { readonly url: string; readonly body: unknown }[];
let answers: (() => Response)[];
let joining: Joining;

beforeEach(() => {
	vi.useFakeTimers();
	become(voter('n1'), voter('n2'), voter('n3'));
	said = [];
	asked = [];
	answers = [];
});
afterEach(() => {
	joining.stop();
	vi.useRealTimers();
});

/** The members in force are these, and no others follow. */
function become(...members: SwarmMember[]): void {
	swarm = Object.assign(swarm ?? {}, { members, sets: [{ chosenAt: 0, from: 1, members }] });
}

function start(asks: boolean): void {
	const log = pino(
		{ level: 'info' },
		{
			write: (line: string) => {
				const { level, msg } = JSON.parse(line) as { level: number; msg: string };
				said.push(`${level === 40 ? 'warn' : 'info'}: ${msg}`);
			},
		},
	);
	const answered = async (url: string, init?: FetchInit): Promise<Response> => {
		asked.push({ url, body: JSON.parse(String(init?.body)) });
		const answer = answers.shift();
		if (!answer) throw new TypeError('fetch failed', { cause: new Error('refused to connect') });
		return answer();
	};
	joining = new Joining({ id: SELF, url: 'http://here', swarm, asks, log, fetch: answered });
	joining.start();
}

const refused =
	(status: number, text: string, why = '') =>
	() =>
		new Response(text, { status, headers: why === '' ? {} : { 'X-Swarm-Refused': why } });

describe('a node with a new disk', () => {
	test('asks each member in turn until one of them lets it in', async () => {
		answers = [refused(503, 'No cluster leader.'), () => new Response('{}')];
		start(true);
		await vi.advanceTimersByTimeAsync(100);
		expect(asked).toEqual([
			{ url: 'http://n1/v1/members/n3/replace', body: { asks: SELF, url: 'http://here' } },
			{ url: 'http://n2/v1/members/n3/replace', body: { asks: SELF, url: 'http://here' } },
		]);
		expect(said).toEqual([
			`warn: has a new disk, and asks to take the place of n3 as ${SELF}`,
			'info: is not let in yet (No cluster leader)',
		]);
	});

	test('asks again where nobody answers, and says so once, as a warning after a while', async () => {
		start(true);
		await vi.advanceTimersByTimeAsync(60_000);
		expect(asked.length).toBeGreaterThan(100);
		const why = (id: string) => `is not let in yet (no answer from http://${id}: refused to connect)`;
		const ids = ['n1', 'n2', 'n3'];
		expect(said.slice(1)).toEqual(['info', 'warn'].flatMap((level) => ids.map((id) => `${level}: ${why(id)}`)));
	});

	test('asks no more once it is a member, and says when it learns and when it votes', async () => {
		answers = [() => new Response('{}')];
		start(true);
		await vi.advanceTimersByTimeAsync(10);
		become(...swarm.members, { ...voter(SELF), isVoter: false, replaces: 'n3' });
		joining.membersChanged();
		joining.membersChanged();
		await vi.advanceTimersByTimeAsync(60_000);
		expect(asked).toHaveLength(1);
		// The change that makes it a voter is chosen, and the members before it still decide.
		const [inForce] = swarm.sets as [MembersView];
		const after = { chosenAt: 2, from: 10, members: [voter('n1'), voter('n2'), voter(SELF)] };
		swarm = Object.assign(swarm, { members: [...inForce.members.slice(0, 3), voter(SELF)], sets: [inForce, after] });
		joining.membersChanged();
		expect(said).toHaveLength(2);
		become(...after.members);
		joining.membersChanged();
		joining.membersChanged();
		expect(said.slice(1)).toEqual([
			`warn: is let in as ${SELF}, and votes as soon as it has learned what was chosen`,
			`warn: votes from now on, as ${SELF}`,
		]);
	});

	test('whose answer was lost takes "in use" for a yes', async () => {
		answers = [refused(409, 'is a member already', 'inUse')];
		start(true);
		await vi.advanceTimersByTimeAsync(5_000);
		expect(asked).toHaveLength(1);
		expect(said).toHaveLength(1);
	});

	test('that takes the place of nobody is told the command that adds it', async () => {
		answers = [refused(404, 'n3 is no member.')];
		start(true);
		await vi.advanceTimersByTimeAsync(100);
		expect(asked).toHaveLength(1);
		expect(said[1]).toBe(
			'warn: is not let in yet (n3 is no member): let it in by paxos-swarm member add n3 http://here',
		);
	});

	test('that may not ask waits, and names the commands', async () => {
		start(false);
		await vi.advanceTimersByTimeAsync(60_000);
		expect(asked).toEqual([]);
		expect(said).toEqual([
			`warn: has a new disk, and waits as ${SELF} to be let in: paxos-swarm member replace n3, ` +
				'or where it is a new node, paxos-swarm member add n3 http://here',
		]);
	});

	test('that stops while it asks is silent', async () => {
		start(true);
		joining.stop();
		await vi.advanceTimersByTimeAsync(5_000);
		expect(said).toHaveLength(1);
	});
});

test('a member says nothing', () => {
	become(voter('n1'), voter(SELF));
	start(true);
	expect([asked, said]).toEqual([[], []]);
});
