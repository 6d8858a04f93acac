/** Sessions and locks in real processes: they outlive the leader, end by themselves, and every node serves them. */
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { Swarm, type TestNode } from './swarm.ts';

/** Short time-outs of sessions, and elections that no busy machine begins. */
const timings = { electionMinMs: 1_000, electionMaxMs: 1_500, sessionTtlMinMs: 1_000 };

let swarm: Swarm;
beforeAll(async () => {
	swarm = await Swarm.create({ size: 3, timings });
	await swarm.start();
});
afterAll(() => swarm.dispose());

async function put(node: TestNode, path: string, body = ''): Promise<string> {
	return (await node.fetch(path, { method: 'PUT', body })).text();
}

async function create(node: TestNode, attributes: object): Promise<string> {
	return (JSON.parse(await put(node, '/v1/session/create', JSON.stringify(attributes))) as { ID: string }).ID;
}

interface Held {
	readonly LockIndex: number;
	readonly ModifyIndex: number;
	readonly Session?: string;
}

async function entry(node: TestNode, query = ''): Promise<Held> {
	const [found] = (await (await node.fetch(`/v1/kv/job${query}`)).json()) as [Held];
	return found;
}

test('a lock is held over a change of leader, and is free when its session is not renewed any more', async () => {
	onTestFailed(() => swarm.report());
	const leader = await swarm.leader();
	const [n1, n2] = swarm.nodes.filter((node) => node !== leader) as [TestNode, TestNode];
	const holder = await create(n1, { TTL: '3s', LockDelay: '1s' });
	const other = await create(n2, { Node: n1.id });
	expect(await put(n1, `/v1/kv/job?acquire=${holder}`, 'mine')).toBe('true');
	expect(await put(n2, `/v1/kv/job?acquire=${other}`, 'theirs')).toBe('false');

	await leader.kill();
	// The first answer comes from the new leader.
	const before = await entry(n2);
	expect(before).toMatchObject({ LockIndex: 1, Session: holder });
	expect(await put(n2, `/v1/session/renew/${holder}`)).toContain('"TTL":"3s"');
	expect(await put(n2, `/v1/kv/job?acquire=${other}`, 'theirs')).toBe('false');

	// Nobody renews it: who waits for the key is told when the leader has ended the session.
	const free = await entry(n1, `?index=${before.ModifyIndex}&wait=60s`);
	expect(free).toEqual({ ...before, Session: undefined, ModifyIndex: free.ModifyIndex });
	expect((await (await n1.fetch(`/v1/session/info/${holder}`)).json()) as unknown).toEqual([]);
	// Nothing else is written, so the leader lets the lock delay pass.
	while ((await put(n1, `/v1/kv/job?acquire=${other}`, 'theirs')) !== 'true');
	expect(await entry(n2)).toMatchObject({ LockIndex: 2, Session: other });

	await leader.start();
	expect(await entry(leader)).toMatchObject({ LockIndex: 2, Session: other });
	expect(await put(leader, `/v1/session/destroy/${other}`)).toBe('true');
	const released = await entry(n1);
	expect([released.LockIndex, released.Session]).toEqual([2, undefined]);
});
