/** People choose the leader. */
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest';
import { put } from './client.ts';
import { Swarm, type TestNode, until } from './swarm.ts';

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
	const told = heir.output.length;
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
	await hasLed(heir, told);
	// A leader that a busy machine starves hands over by itself.
	const leader = await swarm.leader(third);
	const again = await swarm.run('leader', 'transfer', leader.id, '--endpoint', third.url);
	expect(again).toEqual({ status: 1, stdout: '', stderr: `${leader.id} leads already.\n` });
});

test('leader transfer chooses a node itself, and refuses one that does not run', async () => {
	const told = new Map(swarm.nodes.map((node) => [node.id, node.output.length]));
	const { status, stdout } = await swarm.run('leader', 'transfer', '--json');
	expect(status).toBe(0);
	const { from, leader } = JSON.parse(stdout) as { from: string; leader: string };
	expect(swarm.nodes.map(({ id }) => id)).toContain(from);
	expect(leader).not.toBe(from);
	await hasLed(swarm.node(leader), told.get(leader) as number);
	const last = await swarm.leader();
	const stopped = swarm.nodes.find((node) => node !== last) as TestNode;
	await stopped.kill();
	const refused = await swarm.run('leader', 'transfer', stopped.id, '--endpoint', last.url);
	expect(refused.status).toBe(1);
	expect(refused.stderr).toBe(`${stopped.id} cannot lead now: the leader ${last.id} has no link to it.\n`);
});

/** @param told so much of its output is from before */
function hasLed(node: TestNode, told: number): Promise<true> {
	return until(`${node.id} has led`, async () => node.output.slice(told).includes('leads under') || undefined);
}
