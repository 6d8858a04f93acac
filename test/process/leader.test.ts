/** People choose the leader. */
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest';
import { put } from './client.ts';
import { Swarm, type TestNode } from './swarm.ts';

/** Long, so that a heartbeat that a busy machine delays makes no other leader. */
const timings = { electionMinMs: 1_000, electionMaxMs: 1_500 };

let swarm: Swarm;
beforeAll(async () => {
	swarm = await Swarm.create({ size: 3, timings });
	await swarm.start();
});
beforeEach(() => onTestFailed(() => swarm.report()));
afterAll(() => swarm.dispose());

test('leader transfer lets the named node lead, and no write is refused meanwhile', async () => {
	const before = await swarm.leader();
	const [heir, third] = swarm.nodes.filter((node) => node !== before) as [TestNode, TestNode];
	let isDone = false;
	// A follower takes the request.
	const line = ['leader', 'transfer', heir.id, '--endpoint', third.url] as const;
	const transferred = swarm.run(...line).finally(() => {
		isDone = true;
	});
	while (!isDone) expect(await (await put(third, 'color', 'red')).text()).toBe('true');
	const { status, stdout, stderr } = await transferred;
	expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
	expect(stdout).toMatch(new RegExp(`^${heir.id} leads instead of ${before.id}, under ballot ${heir.id} `));
	expect(await swarm.leader(third)).toBe(heir);
	const again = await swarm.run(...line);
	expect(again).toEqual({ status: 1, stdout: '', stderr: `${heir.id} leads already.\n` });
});

test('leader transfer chooses a node itself, and refuses one that does not run', async () => {
	const before = await swarm.leader();
	const { status, stdout } = await swarm.run('leader', 'transfer', '--json');
	expect(status).toBe(0);
	const { from, leader } = JSON.parse(stdout) as { from: string; leader: string };
	expect(from).toBe(before.id);
	expect(await swarm.leader()).toBe(swarm.node(leader));
	const stopped = swarm.nodes.find(({ id }) => id !== leader) as TestNode;
	await stopped.kill();
	const refused = await swarm.run('leader', 'transfer', stopped.id, '--endpoint', swarm.node(leader).url);
	expect(refused.status).toBe(1);
	expect(refused.stderr).toBe(`${stopped.id} cannot lead now: the leader ${leader} has no link to it.\n`);
});
