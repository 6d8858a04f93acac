/**
 * Sessions and locks in real processes: they outlive the leader, end by themselves, and every node serves them. The command
 * `lock` holds a key meanwhile.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { Swarm, type TestNode } from './swarm.ts';

/** Short time-outs of sessions, and elections that no busy machine begins. */
const timings = { electionMinMs: 1_000, electionMaxMs: 1_500, sessionTtlMinMs: 1_000 };

/** It ends when it is told to, with a status of its own. What it waits for is ended with the swarm, by its folder's name. */
const SCRIPT = `trap 'echo was told to end; kill $child; exit 7' TERM
echo runs with fence $SWARM_LOCK_FENCE
tail -f "$0" > /dev/null & child=$!
wait
`;

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

async function entry(node: TestNode, query = '', key = 'job'): Promise<Held> {
	const [found] = (await (await node.fetch(`/v1/kv/${key}${query}`)).json()) as [Held];
	return found;
}

test('a lock is held over a change of leader, and is free when its session is not renewed any more', async () => {
	onTestFailed(() => swarm.report());
	const leader = await swarm.leader();
	const [n1, n2] = swarm.nodes.filter((node) => node !== leader) as [TestNode, TestNode];
	writeFileSync(join(swarm.folder, 'task'), SCRIPT);
	const program = swarm.program([
		...['lock', 'task', '--ttl', '5s', '--config', swarm.configFile],
		...['--', 'sh', join(swarm.folder, 'task')],
	]);
	await program.printed(/^runs with fence \d+$/m);
	const held = await entry(n1, '', 'task');
	expect(program.stdout).toBe(`runs with fence ${held.ModifyIndex}\n`);

	// A busy machine takes longer to start the command than this session lives.
	const holder = await create(n1, { TTL: '3s', LockDelay: '2s' });
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

	// Longer than its time-out has passed, in which the command has renewed its session at the new leader.
	expect(await entry(n1, '', 'task')).toEqual(held);
	program.signal('SIGTERM');
	expect(await program.ended).toBe(7);
	expect(program.stdout).toContain('was told to end');
	expect(await entry(n2, '', 'task')).toEqual({ ...held, Session: undefined, ModifyIndex: expect.any(Number) });
	expect((await (await n2.fetch(`/v1/session/info/${held.Session}`)).json()) as unknown).toEqual([]);

	await leader.start();
	expect(await entry(leader)).toMatchObject({ LockIndex: 2, Session: other });
	expect(await put(leader, `/v1/session/destroy/${other}`)).toBe('true');
	const released = await entry(n1);
	expect([released.LockIndex, released.Session]).toEqual([2, undefined]);
});
