/** Members over HTTP: who they are, and how a node comes in, takes the place of another one, or leaves. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SwarmMember } from '../../shared/feed.ts';
import type { MembersAnswer, MembersRefusal } from '../../shared/replica/membership.ts';
import { BALLOT, swarmOf, TestNode } from './node.ts';

/** The node n2 of the swarm n1, n2, which leads. */
let node: TestNode;
const running: TestNode[] = [];
const others: Server[] = [];

beforeEach(async () => {
	node = await leading();
});
afterEach(async () => {
	for (const each of running.splice(0)) {
		await each.stop();
		expect(each.errors).toEqual([]);
	}
	for (const server of others.splice(0)) await new Promise((resolve) => server.close(resolve));
});

async function started(options: Parameters<TestNode['start']>[0] = {}): Promise<TestNode> {
	const made = await new TestNode().start(options);
	running.push(made);
	return made;
}

async function leading(options: Parameters<TestNode['start']>[0] = {}): Promise<TestNode> {
	const made = await started(options);
	made.replica.override = { role: 'leader', leader: { ...BALLOT, node: 'n2' } };
	return made;
}

/** A node whose replica has this id. @returns its address */
async function waiting(id: string, options: Parameters<TestNode['start']>[0] = {}): Promise<string> {
	const made = await started(options);
	made.replica.override = { id };
	return `http://127.0.0.1:${made.port}`;
}

/** Something else that answers. @returns its address */
async function answering(listener: RequestListener): Promise<string> {
	const server = createServer(listener);
	others.push(server);
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function ask(method: string, path: string, body?: unknown, at = node) {
	return at.ask(method, path, body === undefined ? {} : { body: JSON.stringify(body) });
}

function add(body: unknown, at = node) {
	return ask('POST', '/v1/members', body, at);
}

function chosen(members: readonly SwarmMember[] = []): MembersAnswer {
	const voters = members.filter(({ isVoter }) => isVoter).map(({ id }) => id);
	return { kind: 'chosen', set: { chosenAt: 40, from: 48, members, voters } };
}

function refused(why: MembersRefusal, detail = 'because'): MembersAnswer {
	return { kind: 'refused', why, detail };
}

function learner(id: string, replaces: string | null = null): SwarmMember {
	return { id, url: `http://${id.replace('~', '-')}:7101`, isVoter: false, replaces };
}

const URL_1 = 'http://127.0.0.1:7101';
const URL_2 = 'http://127.0.0.1:7102';
/** An address at which nobody is asked, because the body says the id. */
const URL_4 = 'http://127.0.0.1:7104';

describe('GET /v1/members', () => {
	it('tells who votes, who learns, how far each of them is, and of a change that is not in force yet', async () => {
		const members = [...swarmOf({ n1: URL_1, n2: URL_2 }).members, learner('n1~k2xp7', 'n1')];
		const sets = [
			{ chosenAt: 0, from: 1, members: members.slice(0, 2) },
			{ chosenAt: 40, from: 48, members },
		];
		const at = await leading({ swarm: { ...swarmOf({}), members, sets } });
		at.replica.override = { ...at.replica.override, chosenThrough: 45 };
		const peer = { linked: true, role: 'follower', ballot: BALLOT, clockAheadMs: null } as const;
		at.replica.peersKnown = [
			{ ...peer, id: 'n1', chosenThrough: 46, heardMs: 3 },
			{ ...peer, id: 'n1~k2xp7', chosenThrough: 5, heardMs: 4.6 },
		];
		const { status, json } = await at.get('/v1/members');
		expect(status).toBe(200);
		expect(json).toMatchObject({
			name: 'test',
			id: 'swarm id',
			node: 'n2',
			leader: 'n2',
			chosenThrough: 45,
			isChanging: true,
			sets,
			members: [
				{ id: 'n1', name: 'n1', url: URL_1, isVoter: true, replaces: null, linked: true, behind: 0, heardMs: 3 },
				{ id: 'n2', name: 'n2', url: URL_2, isVoter: true, replaces: null, linked: true, behind: 0, heardMs: 0 },
				{ id: 'n1~k2xp7', name: 'n1', isVoter: false, replaces: 'n1', linked: true, behind: 40, heardMs: 5 },
			],
		});
	});

	it('at a follower counts from what the leader told, and says where it cannot know', async () => {
		node.replica.override = { chosenThrough: 40 };
		expect((await node.get('/v1/members')).json).toMatchObject({
			leader: 'n1',
			isChanging: false,
			members: [{ behind: null, heardMs: null, linked: false }, { behind: null }],
		});
		const n1 = { id: 'n1', linked: true, ballot: BALLOT, chosenThrough: 50, heardMs: 9, clockAheadMs: null } as const;
		node.replica.peersKnown = [{ ...n1, role: 'leader' }];
		expect((await node.get('/v1/members')).json).toMatchObject({ members: [{ behind: 0 }, { behind: 10 }] });
		node.replica.hasLeader = false;
		expect((await node.get('/v1/members')).json).toMatchObject({ leader: null, members: [{ behind: null }, {}] });
	});

	it('and the paths of changes answer other methods 405', async () => {
		expect(await ask('PUT', '/v1/members')).toMatchObject({ status: 405 });
		expect(await ask('GET', '/v1/members/n1')).toMatchObject({ status: 405 });
		expect(await ask('GET', '/v1/members/n1/replace')).toMatchObject({ status: 405 });
	});
});

describe('a node that comes in', () => {
	it('is asked for its id, and the answer says from which slot on it learns', async () => {
		const url = await waiting('n4~k2xp7');
		const members = [...swarmOf({ n1: URL_1 }).members, { ...learner('n4~k2xp7'), url }];
		node.replica.membersAnswers = [chosen(members)];
		const { status, json } = await add({ id: 'n4', url: `${url}/` });
		expect({ status, json }).toEqual({
			status: 200,
			json: { id: 'n4~k2xp7', replaces: null, set: { chosenAt: 40, from: 48, members } },
		});
		expect(node.replica.membersRequests).toEqual([{ kind: 'add', id: 'n4~k2xp7', url, replaces: null }]);
	});

	it('may be named by its full id', async () => {
		const url = await waiting('n4~k2xp7');
		node.replica.membersAnswers = [chosen()];
		expect((await add({ id: 'n4~k2xp7', url })).status).toBe(200);
		const text = `The node at ${url} is n4~k2xp7, and not n4~aaaaa.`;
		expect(await add({ id: 'n4~aaaaa', url })).toMatchObject({ status: 409, text });
	});

	it('is not asked where the request says its id', async () => {
		node.replica.membersAnswers = [chosen()];
		expect((await add({ id: 'n4', url: URL_4, asks: 'n4~k2xp7' })).json).toMatchObject({ id: 'n4~k2xp7' });
		const text = `The node at ${URL_4} is n5~k2xp7, and not n4.`;
		expect(await add({ id: 'n4', url: URL_4, asks: 'n5~k2xp7' })).toMatchObject({ status: 409, text });
		expect(node.replica.membersRequests).toHaveLength(1);
	});

	it.each([
		['is no JSON', '{'],
		['has no address', '{"id":"n4"}'],
		['has an address with a path', '{"id":"n4","url":"http://a:1/b"}'],
		['has an address of another kind', '{"id":"n4","url":"ftp://a:1"}'],
		['has an address that is too long', `{"id":"n4","url":"http://${'a'.repeat(256)}"}`],
		['has an address that is too long once it is in ASCII', `{"id":"n4","url":"http://${'ü'.repeat(249)}"}`],
		['has an id that no node has', '{"id":"N4","url":"http://a:1"}'],
		['has an id with two marks', '{"id":"n4~a~b","url":"http://a:1"}'],
		['asks for an id that no node has', '{"id":"n4","url":"http://a:1","asks":"n4~"}'],
		['has a field more', '{"id":"n4","url":"http://a:1","more":1}'],
	])('is refused where the body %s', async (_, body) => {
		const { status, text } = await node.ask('POST', '/v1/members', { body });
		expect({ status, text }).toEqual({ status: 400, text: expect.stringContaining('{"id":"n4","url":') });
		expect(node.replica.membersRequests).toEqual([]);
	});

	it('is refused where it is a member, also under another id', async () => {
		const text = 'n1 is a member already; where it has lost its disk, replace it: paxos-swarm member replace n1';
		const headers = { 'x-swarm-refused': 'inUse' };
		expect(await add({ id: 'n1', url: URL_1 })).toMatchObject({ status: 409, text, headers });
		expect(await add({ id: 'n1~k2xp7', url: URL_1, asks: 'n1~k2xp7' })).toMatchObject({ status: 409, text });
	});

	it('is refused where the nodes speak TLS and its address is a plain one', async () => {
		const at = await leading({ certificate: { identity: { expiresMs: 0 }, fault: () => null } });
		const text = 'The nodes of this swarm speak TLS: the address of n4 has to begin with https://.';
		for (const asks of [{}, { asks: 'n4' }]) {
			expect(await add({ id: 'n4', url: URL_4, ...asks }, at)).toMatchObject({ status: 409, text });
		}
	});

	it('is refused where swarm.json says that it is elsewhere', async () => {
		const at = await leading({ swarm: { ...swarmOf({ n2: URL_2 }), urlOf: () => URL_1 } });
		const text = `n4 is at ${URL_1} in the swarm.json of n2, and not at ${URL_4}: change it there.`;
		expect(await add({ id: 'n4', url: URL_4, asks: 'n4' }, at)).toMatchObject({ status: 409, text });
	});

	it('is refused where nobody answers, or something else than a node of this swarm', async () => {
		const gone = await started();
		const nobody = `http://127.0.0.1:${gone.port}`;
		await gone.stop();
		const says = (body: string) => answering((_, res) => res.end(body));
		const moved = await waiting('n4');
		const cases = [
			[nobody, `Nobody answers at ${nobody} (ECONNREFUSED): start n4 there, and ask again.`],
			[await waiting('n5'), /is n5, and not n4\.$/],
			[await waiting('n4', { swarm: { ...swarmOf({}), id: 'other' } }), /^n4 at \S+ is a node of another swarm\.$/],
			[await says('{"id":"swarm id","node":"n4","starting":"reading"}'), /^n4 at \S+ still reads its log: /],
			[await says('hello'), /^What answers at \S+ is no node of a swarm\.$/],
			[await says('{"id":"swarm id","node":"\\u001b[2J"}'), /^What answers at \S+ is no node of a swarm\.$/],
			[await says(' '.repeat(100_000)), /^What answers at \S+ is no node of a swarm\.$/],
			[await answering((_, res) => res.writeHead(302, { location: moved }).end()), /^Nobody answers at /],
			[await answering((req) => req.socket.destroy()), /^Nobody answers at /],
		] as const;
		for (const [url, why] of cases) {
			const { status, text } = await add({ id: 'n4', url });
			expect({ status, text }).toEqual({
				status: 409,
				text: typeof why === 'string' ? why : expect.stringMatching(why),
			});
		}
		expect(node.replica.membersRequests).toEqual([]);
	});

	it('is refused where it does not answer in time', async () => {
		const at = await leading({ proposeTimeoutMs: 20 });
		const silent = await answering(() => undefined);
		const text = `Nobody answers at ${silent} (not within 20 ms): start n4 there, and ask again.`;
		expect(await add({ id: 'n4', url: silent }, at)).toMatchObject({ status: 409, text });
	});
});

describe('a node that replaces a member', () => {
	it('waits at the address of the member where none is given, and is asked for its id', async () => {
		const url = await waiting('n1~k2xp7');
		const at = await leading({ swarm: swarmOf({ n1: url, n2: URL_2 }) });
		at.replica.membersAnswers = [chosen()];
		const { status, json } = await ask('POST', '/v1/members/n1/replace', undefined, at);
		expect(status).toBe(200);
		expect(json).toMatchObject({ id: 'n1~k2xp7', replaces: 'n1' });
		expect(at.replica.membersRequests).toEqual([{ kind: 'add', id: 'n1~k2xp7', url, replaces: 'n1' }]);
	});

	it('may wait elsewhere, and may ask for itself', async () => {
		node.replica.membersAnswers = [chosen()];
		await ask('POST', '/v1/members/n1/replace', { url: URL_4, asks: 'n1~k2xp7' });
		await ask('POST', '/v1/members/n1/replace', { asks: 'n1~aaaaa' });
		expect(node.replica.membersRequests).toEqual([
			{ kind: 'add', id: 'n1~k2xp7', url: URL_4, replaces: 'n1' },
			{ kind: 'add', id: 'n1~aaaaa', url: URL_1, replaces: 'n1' },
		]);
	});

	it.each(['n1', 'n1~aaaaa'])('takes the place of the member while another disk waits to: %s', async (named) => {
		const at = await leading({ swarm: swarmOf({ n1: URL_1, n2: URL_2 }, [learner('n1~aaaaa', 'n1')]) });
		at.replica.membersAnswers = [chosen()];
		const body = { url: URL_4, asks: 'n1~k2xp7' };
		expect((await ask('POST', `/v1/members/${named}/replace`, body, at)).json).toMatchObject({ replaces: 'n1' });
	});

	it.each(['n1', 'n1~k2xp7'])('is answered as before where it has come in already: %s', async (named) => {
		const swarm = swarmOf({ n1: URL_1, n2: URL_2 }, [learner('n1~k2xp7', 'n1')]);
		const at = await leading({ swarm });
		const { status, json } = await ask('POST', `/v1/members/${named}/replace`, { asks: 'n1~k2xp7' }, at);
		const [set] = swarm.sets;
		expect({ status, json }).toEqual({ status: 200, json: { id: 'n1~k2xp7', replaces: 'n1', set } });
		expect(at.replica.membersRequests).toEqual([]);
	});

	it('is refused where there is no such member, or the member itself answers, or a node of another name', async () => {
		const itself = await waiting('n1');
		const other = await waiting('n5');
		const replace = (name: string, url: string) => ask('POST', `/v1/members/${name}/replace`, { url });
		const unknown = 'There is no node "n9": the members are n1, n2.';
		expect(await replace('n9', URL_4)).toMatchObject({ status: 404, text: unknown });
		const same = `n1 at ${itself} is the member itself: only a node with a new disk takes its place.`;
		const headers = { 'x-swarm-refused': 'inUse' };
		expect(await replace('n1', itself)).toMatchObject({ status: 409, text: same, headers });
		const text = `The node at ${other} is n5, and not n1.`;
		expect(await replace('n1', other)).toMatchObject({ status: 409, text });
		expect(await replace('n1', 'nowhere')).toMatchObject({ status: 400, text: expect.stringContaining('or empty') });
		expect(node.replica.membersRequests).toEqual([]);
	});
});

describe('a member that leaves', () => {
	it('is named by its name, whatever disk it has, or by its id', async () => {
		const at = await leading({ swarm: swarmOf({ 'n1~k2xp7': URL_1, n2: URL_2 }) });
		at.replica.membersAnswers = [chosen()];
		expect((await ask('DELETE', '/v1/members/n1', undefined, at)).json).toMatchObject({
			id: 'n1~k2xp7',
			replaces: null,
		});
		expect((await ask('DELETE', '/v1/members/n1~k2xp7', undefined, at)).status).toBe(200);
		expect(at.replica.membersRequests).toEqual([
			{ kind: 'remove', id: 'n1~k2xp7' },
			{ kind: 'remove', id: 'n1~k2xp7' },
		]);
	});

	it('is refused where there is no such member, and while another one is about to take its place', async () => {
		const at = await leading({ swarm: swarmOf({ n1: URL_1, n2: URL_2 }, [learner('n1~k2xp7', 'n1')]) });
		at.replica.membersAnswers = [chosen()];
		expect(await ask('DELETE', '/v1/members/n9', undefined, at)).toMatchObject({ status: 404 });
		const text = 'n1~k2xp7 is about to take the place of n1: remove n1~k2xp7 first.';
		expect(await ask('DELETE', '/v1/members/n1', undefined, at)).toMatchObject({ status: 409, text });
		expect(at.replica.membersRequests).toEqual([]);
		expect((await ask('DELETE', '/v1/members/n1~k2xp7', undefined, at)).json).toMatchObject({ id: 'n1~k2xp7' });
	});
});

describe('a change', () => {
	const remove = () => ask('DELETE', '/v1/members/n1');

	it.each([
		['noVoter', 409, 'because: add another one first.'],
		['tooMany', 409, 'because: remove one first.'],
		['usedBefore', 409, /^because: start it with an empty data folder/],
		['inUse', 409, 'because.'],
		['sameId', 409, 'because.'],
		['noSuchMember', 404, 'because.'],
	] as const)('that the leader refuses as %s is answered %i, with what to do', async (why, status, text) => {
		node.replica.membersAnswers = [refused(why)];
		const answer = await remove();
		expect(answer.status).toBe(status);
		expect(answer.text).toMatch(text);
		expect(answer.headers['x-swarm-refused']).toBe(why);
		expect(node.replica.membersRequests).toHaveLength(1);
	});

	it('waits for one that is under way, and for a new leader', async () => {
		node.replica.membersAnswers = [refused('underWay'), refused('notSettled'), refused('outdated'), chosen()];
		expect((await remove()).status).toBe(200);
		expect(node.replica.membersRequests).toHaveLength(4);
	});

	it('does not wait for long', async () => {
		const at = await leading({ proposeTimeoutMs: 150 });
		at.replica.membersAnswers = [refused('underWay', 'Another change of members is under way')];
		const answer = await ask('DELETE', '/v1/members/n1', undefined, at);
		expect(answer).toMatchObject({ status: 409, text: 'Another change of members is under way.' });
	});

	it('is surely not done where this node leads no more, or nobody does', async () => {
		node.replica.membersAnswers = [refused('notLeader')];
		const lost = await remove();
		expect(lost.status).toBe(503);
		expect(lost.headers['x-swarm-outcome']).toBe('not-applied');
		node.replica.override = {};
		node.replica.hasLeader = false;
		for (const answer of [
			await remove(),
			await ask('POST', '/v1/members/n1/replace'),
			await add({ id: 'n4', url: URL_4 }),
		]) {
			expect(answer).toMatchObject({ status: 503, text: 'No cluster leader.' });
			expect(answer.headers['x-swarm-outcome']).toBe('not-applied');
		}
		expect(node.replica.membersRequests).toHaveLength(1);
	});

	it('whose outcome is unknown is never answered as if it had failed', async () => {
		const answer = await remove();
		expect(answer).toMatchObject({ status: 504, text: expect.stringContaining('may yet be') });
		expect(answer.headers['x-swarm-outcome']).toBe('unknown');
	});

	it('is passed on to the leader, with its body, and so is the answer', async () => {
		const url = await waiting('n4~k2xp7');
		const swarm = swarmOf({ n1: URL_1, n2: `http://127.0.0.1:${node.port}` });
		const follower = await started({ swarm });
		follower.replica.override = { id: 'n1', leader: { ...BALLOT, node: 'n2' } };
		node.replica.membersAnswers = [chosen(), refused('tooMany'), chosen(), chosen()];
		expect((await add({ id: 'n4', url }, follower)).json).toMatchObject({ id: 'n4~k2xp7' });
		const answer = await ask('POST', '/v1/members/n1/replace', { asks: 'n1~aaaaa' }, follower);
		expect(answer).toMatchObject({ status: 409, text: 'because: remove one first.' });
		expect(answer.headers['x-swarm-refused']).toBe('tooMany');
		const { text } = await ask('DELETE', '/v1/members/n1?pretty', undefined, follower);
		expect(text).toContain('\n    "id": "n1"');
		expect(node.replica.membersRequests).toEqual([
			{ kind: 'add', id: 'n4~k2xp7', url, replaces: null },
			{ kind: 'add', id: 'n1~aaaaa', url: URL_1, replaces: 'n1' },
			{ kind: 'remove', id: 'n1' },
		]);
		expect(follower.replica.membersRequests).toEqual([]);
	});
});
