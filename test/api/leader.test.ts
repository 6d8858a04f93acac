import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ballotToText } from '../../shared/paxos/ballot.ts';
import { BALLOT, swarmOf, TestNode } from './node.ts';

/** The node n2 of the swarm n1, n2. */
let node: TestNode;
const running: TestNode[] = [];

beforeEach(async () => {
	node = await started();
	leads(node);
});
afterEach(async () => {
	for (const each of running.splice(0)) {
		await each.stop();
		expect(each.errors).toEqual([]);
	}
});

async function started(options: Parameters<TestNode['start']>[0] = {}): Promise<TestNode> {
	const made = await new TestNode().start(options);
	running.push(made);
	return made;
}

function leads({ replica }: TestNode): void {
	replica.override = { role: 'leader', leader: { ...BALLOT, node: 'n2' } };
}

function transfer(body: string | undefined, headers: Record<string, string> = {}, at = node) {
	return at.ask('POST', '/v1/leader/transfer', { headers, ...(body === undefined ? {} : { body }) });
}

describe('POST /v1/leader/transfer', () => {
	it.each([
		[undefined, null],
		['{}', null],
		['{"to":"n1"}', 'n1'],
	])('with the body %s lets another node lead, and answers when it does', async (body, to) => {
		node.replica.successor = BALLOT;
		const { status, json } = await transfer(body);
		expect({ status, json }).toEqual({ status: 200, json: { from: 'n2', leader: 'n1', ballot: ballotToText(BALLOT) } });
		expect(node.replica.handOvers).toEqual([{ to, timeoutMs: 3000 }]);
	});

	it.each(['{', '[]', '{"to":3}', '{"node":"n1"}', '"n1"'])('refuses the body %s', async (body) => {
		expect(await transfer(body)).toMatchObject({ status: 400, text: expect.stringContaining('{"to":"n2"}') });
		expect(node.replica.handOvers).toEqual([]);
	});

	it('refuses a node that is no member, that leads already, or that the leader has no link to', async () => {
		const unknown = { status: 400, text: 'There is no node "n9": the members are n1, n2.' };
		expect(await transfer('{"to":"n9"}')).toMatchObject(unknown);
		expect(await transfer('{"to":"n2"}')).toMatchObject({ status: 409, text: 'n2 leads already.' });
		node.replica.override = { ...node.replica.override, linked: [] };
		const text = 'n1 cannot lead now: the leader n2 has no link to it.';
		expect(await transfer('{"to":"n1"}')).toMatchObject({ status: 409, text });
		expect(node.replica.handOvers).toEqual([]);
	});

	it('means the node whose disk was replaced by its name, and refuses one that has no vote yet', async () => {
		const learner = { id: 'n4', url: 'http://127.0.0.1:7104', isVoter: false, replaces: null };
		const at = await started({
			swarm: swarmOf({ 'n1~k2xp7': 'http://127.0.0.1:7101', n2: 'http://127.0.0.1' }, [learner]),
		});
		leads(at);
		at.replica.override = { ...at.replica.override, linked: ['n1~k2xp7', 'n4'] };
		at.replica.successor = { ...BALLOT, node: 'n1~k2xp7' };
		expect((await transfer('{"to":"n1"}', {}, at)).json).toMatchObject({ leader: 'n1~k2xp7' });
		const text = 'n4 cannot lead before it votes: it still learns.';
		expect(await transfer('{"to":"n4"}', {}, at)).toMatchObject({ status: 409, text });
		expect(at.replica.handOvers.map(({ to }) => to)).toEqual(['n1~k2xp7']);
	});

	it('is refused, and surely not done, where there is no leader', async () => {
		node.replica.override = {};
		node.replica.hasLeader = false;
		const { status, headers, text } = await transfer('{"to":"n1"}');
		expect({ status, text }).toEqual({ status: 503, text: 'No cluster leader.' });
		expect(headers['x-swarm-outcome']).toBe('not-applied');
	});

	it('does not say that it failed where it may yet happen, and why it took too long', async () => {
		const n1 = { id: 'n1', linked: true, role: 'follower', ballot: BALLOT, heardMs: 9, clockAheadMs: null } as const;
		node.replica.peersKnown = [{ ...n1, chosenThrough: 7 }];
		node.replica.override = { ...node.replica.override, chosenThrough: 9 };
		const { status, headers, text } = await transfer('{"to":"n1"}');
		expect(status).toBe(504);
		expect(text).toMatch(/^n1 has not become the leader in time: it is 2 slots behind\./);
		expect(headers['x-swarm-outcome']).toBe('unknown');
	});

	it('says so where a third node leads', async () => {
		node.replica.successor = { ...BALLOT, node: 'n3' };
		expect(await transfer('{"to":"n1"}')).toMatchObject({ status: 409, text: 'n3 leads now, and not n1.' });
	});

	it('is not served by the only node of a swarm', async () => {
		const alone = await started({ swarm: swarmOf({ n2: 'http://127.0.0.1' }) });
		leads(alone);
		expect(await transfer('', {}, alone)).toMatchObject({ status: 409, text: expect.stringContaining('only node') });
	});

	it('answers other methods 405', async () => {
		expect(await node.get('/v1/leader/transfer')).toMatchObject({ status: 405 });
	});
});

describe('a node that does not lead', () => {
	it('passes the request on to the leader, and its answer back, whatever it is', async () => {
		const swarm = swarmOf({ n1: 'http://127.0.0.1:7101', n2: `http://127.0.0.1:${node.port}` });
		const follower = await started({ swarm });
		follower.replica.override = { id: 'n1', leader: { ...BALLOT, node: 'n2' } };
		node.replica.successor = BALLOT;
		const done = { status: 200, json: { from: 'n2', leader: 'n1', ballot: ballotToText(BALLOT) } };
		expect(await transfer('{"to":"n1"}', {}, follower)).toMatchObject(done);
		node.replica.successor = { ...BALLOT, node: 'n3' };
		const other = { status: 409, text: 'n3 leads now, and not n1.' };
		expect(await transfer('{"to":"n1"}', {}, follower)).toMatchObject(other);
		expect(node.replica.handOvers.map(({ to }) => to)).toEqual(['n1', 'n1']);
	});

	it('passes it on also with a token that no swarm has, and that no header can hold', async () => {
		const swarm = swarmOf({ n1: 'http://127.0.0.1:7101', n2: `http://127.0.0.1:${node.port}` });
		const follower = await started({ swarm });
		follower.replica.override = { id: 'n1', leader: { ...BALLOT, node: 'n2' } };
		node.replica.successor = BALLOT;
		for (const token of ['%E2%82%AC', '%0A', 'x']) {
			expect([token, (await follower.ask('POST', `/v1/leader/transfer?token=${token}`)).status]).toEqual([token, 200]);
		}
	});

	it('asks nobody while it does not know where the leader is', async () => {
		node.replica.override = { leader: { ...BALLOT, node: 'n7' } };
		const { status, headers, text } = await transfer('');
		expect({ status, text }).toEqual({ status: 503, text: 'n7 leads, and n2 has yet to learn where it is.' });
		expect(headers['x-swarm-outcome']).toBe('not-applied');
	});

	it('says that the leader cannot be asked, and that nothing was done where it was not reached', async () => {
		const gone = await started();
		const port = gone.port;
		await gone.stop();
		const swarm = swarmOf({ n1: `http://127.0.0.1:${port}`, n2: 'http://127.0.0.1:7102' });
		const follower = await started({ swarm });
		const { status, headers, text } = await transfer('', {}, follower);
		expect([status, headers['x-swarm-outcome']]).toEqual([503, 'not-applied']);
		expect(text).toMatch(/^n1 leads, and cannot be asked at http:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED/);
	});

	it('does not know what became of it where the leader has ended the connection', async () => {
		const cut = createServer((socket) => void socket.once('data', () => socket.destroy()));
		await once(cut.listen(0, '127.0.0.1'), 'listening');
		const { port } = cut.address() as AddressInfo;
		const swarm = swarmOf({ n1: `http://127.0.0.1:${port}`, n2: 'http://127.0.0.1:7102' });
		const { status, headers, text } = await transfer('', {}, await started({ swarm }));
		expect([status, headers['x-swarm-outcome']]).toEqual([502, 'unknown']);
		expect(text).toMatch(/^n1 leads, was asked at http:\/\/127\.0\.0\.1:\d+, and has not answered: ./);
		cut.close();
	});

	it('does not pass on what was passed on to it', async () => {
		node.replica.override = {};
		const { status, headers, text } = await transfer('', { 'X-Swarm-Passed-On': 'yes' });
		expect({ status, text }).toEqual({ status: 503, text: 'n2 does not lead: n1 does.' });
		expect(headers['x-swarm-outcome']).toBe('not-applied');
	});
});
