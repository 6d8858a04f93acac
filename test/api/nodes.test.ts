/** The members as clients of Consul ask for them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KnownSwarm } from '../../server/swarm/swarm.ts';
import type { SwarmMember } from '../../shared/feed.ts';
import { BALLOT, swarmOf, TestNode } from './node.ts';

const HEARD = { role: 'leader', ballot: BALLOT, chosenThrough: 42, heardMs: 9, clockAheadMs: null } as const;
const LEARNER: SwarmMember = { id: 'n1~k2xp7', url: 'http://10.1.2.3:7101', isVoter: false, replaces: 'n1' };

let node: TestNode;
/** The swarm that the node knows, as if the log said so. */
let swarm: KnownSwarm;
beforeEach(async () => {
	swarm = swarmOf({ n1: 'http://127.0.0.1:7101', n2: 'https://[::1]:7102' });
	node = new TestNode();
	const known: KnownSwarm = {
		name: 'test',
		id: 'swarm id',
		first: swarm.first,
		urlOf: ({ url }) => url,
		get members() {
			return swarm.members;
		},
		get sets() {
			return swarm.sets;
		},
	};
	await node.start({ swarm: known, version: '1.2.3' });
});
afterEach(async () => {
	await node.stop();
	expect(node.errors).toEqual([]);
});

const json = async (path: string): Promise<unknown> => (await node.get(path)).json;

describe('the status', () => {
	it('names the leader and the peers by host and port', async () => {
		expect((await node.get('/v1/status/leader')).text).toBe('"127.0.0.1:7101"');
		expect(await json('/v1/status/peers')).toEqual(['127.0.0.1:7101', '[::1]:7102']);
		node.replica.hasLeader = false;
		expect((await node.get('/v1/status/leader')).text).toBe('""');
	});

	it('names the port also where an address leaves it out', async () => {
		swarm = swarmOf({ n1: 'https://n1.example', n2: 'http://n2.example' });
		expect(await json('/v1/status/peers')).toEqual(['n1.example:443', 'n2.example:80']);
	});

	it('follows the members of the log', async () => {
		swarm = swarmOf({ n2: 'http://127.0.0.1:7102' }, [LEARNER]);
		expect(await json('/v1/status/peers')).toEqual(['127.0.0.1:7102', '10.1.2.3:7101']);
		// The leader that it hears is no member that it knows.
		expect(await json('/v1/status/leader')).toBe('');
	});
});

describe('the agent', () => {
	it('tells who it is and who leads', async () => {
		expect(await json('/v1/agent/self')).toEqual({
			Config: { Datacenter: 'test', NodeName: 'n2', Version: '1.2.3', Server: true, SessionTTLMin: 10_000_000_000 },
			Member: { Name: 'n2', Addr: '::1', Port: 7102, Tags: { dc: 'test', id: 'n2' }, Status: 1 },
			Stats: { consul: { leader: 'false', leader_addr: '127.0.0.1:7101' } },
		});
		node.replica.override = { leader: { ...BALLOT, node: 'n2' } };
		expect(await json('/v1/agent/self')).toMatchObject({
			Stats: { consul: { leader: 'true', leader_addr: '[::1]:7102' } },
		});
	});

	it('with a new disk has the name of its node, also while it is no member', async () => {
		node.replica.override = { id: 'n2~k2xp7' };
		expect(await json('/v1/agent/self')).toMatchObject({
			Config: { NodeName: 'n2' },
			Member: { Name: 'n2', Addr: '::1', Tags: { id: 'n2~k2xp7' } },
		});
	});
});

describe('the catalog', () => {
	it('lists each node once, also while one with a new disk takes its own place', async () => {
		swarm = swarmOf({ n1: 'http://127.0.0.1:7101', n2: 'http://127.0.0.1:7102' }, [LEARNER]);
		expect(await json('/v1/catalog/nodes')).toEqual([
			{ Node: 'n1', Address: '127.0.0.1', Datacenter: 'test' },
			{ Node: 'n2', Address: '127.0.0.1', Datacenter: 'test' },
		]);
	});

	it('is read as keys are: linearizable, or stale, with the headers of a read', async () => {
		const { headers } = await node.get('/v1/catalog/nodes?consistent');
		expect(headers).toMatchObject({
			'x-consul-index': '1',
			'x-consul-knownleader': 'true',
			'x-consul-lastcontact': '0',
			'x-consul-effective-consistency': 'consistent',
		});
		expect(node.replica.barriers).toEqual([3000]);
		node.replica.hasLeader = false;
		expect(await node.get('/v1/catalog/nodes')).toMatchObject({ status: 500, text: 'No cluster leader' });
		expect((await node.get('/v1/catalog/nodes?stale')).headers['x-consul-lastcontact']).toBe('12');
		expect((await node.get('/v1/catalog/nodes?stale&consistent')).status).toBe(400);
		expect(await node.get('/v1/catalog/nodes?index=x')).toMatchObject({ status: 400, text: 'Invalid index' });
	});

	it('may be waited for: until the members change, and again until the change is in force', async () => {
		const { replica } = node;
		const members = [...swarm.members, LEARNER];
		const [first] = swarm.sets as [KnownSwarm['sets'][number]];
		const next = { chosenAt: 20, from: 28, members };
		for (const { sets, index } of [
			{ sets: [first, next], index: 21 },
			{ sets: [next], index: 28 },
		]) {
			const waits = replica.nextWait();
			const answer = node.get(`/v1/catalog/nodes?index=${replica.membersIndex}`);
			await waits;
			await node.put('/v1/kv/a', String(index));
			expect(replica.waits.count).toBe(1);
			swarm = { ...swarm, sets, members };
			replica.membersIndex = index;
			replica.waits.membersChanged();
			replica.waits.endTurn();
			expect((await answer).headers['x-consul-index']).toBe(String(index));
		}
	});
});

describe('the health of a node', () => {
	const n1 = { Node: 'n1', CheckID: 'serfHealth', Status: 'critical', Output: 'n2 has no link to it.' };
	const n2 = { Node: 'n2', CheckID: 'serfHealth', Status: 'passing', Output: 'n2 has a link to it.' };

	it('is one check, by its link to this node', async () => {
		expect(await json('/v1/health/node/n1')).toMatchObject([n1]);
		expect(await json('/v1/health/node/n2')).toMatchObject([n2]);
		expect(await json('/v1/health/node/n9')).toEqual([]);
		node.replica.peersKnown = [{ ...HEARD, id: 'n1', linked: true }];
		expect(await json('/v1/health/node/n1')).toMatchObject([{ ...n2, Node: 'n1' }]);
	});

	it('is listed by its state', async () => {
		expect(await json('/v1/health/state/any')).toMatchObject([n1, n2]);
		expect(await json('/v1/health/state/passing')).toMatchObject([n2]);
		expect(await json('/v1/health/state/critical')).toMatchObject([n1]);
		expect(await json('/v1/health/state/warning')).toEqual([]);
	});

	it('has the headers of a read, is what this node sees, and needs no leader', async () => {
		node.replica.hasLeader = false;
		for (const query of ['', '?consistent', '?stale&max_stale=1ms']) {
			const { status, headers } = await node.get(`/v1/health/state/any${query}`);
			expect([status, headers]).toMatchObject([
				200,
				{ 'x-consul-index': '1', 'x-consul-knownleader': 'false', 'x-consul-effective-consistency': 'stale' },
			]);
		}
		expect(await node.get('/v1/health/node/n1?index=x')).toMatchObject({ status: 400, text: 'Invalid index' });
		expect(node.replica.barriers).toEqual([]);
	});

	it('may be waited for until the members change, so that no client asks in a circle', async () => {
		const { replica } = node;
		const waits = replica.nextWait();
		const answer = node.get('/v1/health/node/n2?index=1');
		await waits;
		replica.membersIndex = 28;
		replica.waits.membersChanged();
		replica.waits.endTurn();
		expect((await answer).json).toMatchObject([n2]);
	});
});

const PATHS = [
	'/v1/status/leader',
	'/v1/status/peers',
	'/v1/agent/self',
	'/v1/catalog/nodes',
	'/v1/health/node/n1',
	'/v1/health/state/any',
];

it.each(PATHS)('%s takes GET and HEAD only, knows one datacenter, and indents', async (path) => {
	expect(await node.put(path)).toMatchObject({ status: 405, text: 'method PUT not allowed' });
	expect((await node.put(path)).headers.allow).toBe('OPTIONS, GET, HEAD');
	expect(await node.ask('HEAD', path)).toMatchObject({ status: 200, text: '' });
	expect(await node.get(`${path}?dc=elsewhere`)).toMatchObject({ status: 500, text: 'No path to datacenter' });
	const { text, json } = await node.get(`${path}?dc=test&pretty`);
	expect(text.includes('\n    ')).toBe(typeof json === 'object');
});
