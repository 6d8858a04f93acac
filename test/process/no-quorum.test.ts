/** With too few nodes nothing is decided, and people see how far a proposal came. */
import { afterEach, beforeEach, expect, onTestFailed, test } from 'vitest';
import { Swarm } from './swarm.ts';
import { Watch } from './watch.ts';

let swarm: Swarm;
beforeEach(async () => {
	swarm = await Swarm.create({ size: 5, timings: { requestMs: 3_000 } });
	onTestFailed(() => swarm.report());
	await swarm.start();
});
afterEach(() => swarm.dispose());

test('with two of five nodes a proposal with both phases is tried visibly, given up, and surely did not happen', async () => {
	for (const node of swarm.nodes.slice(2)) await node.kill();
	const watch = await Watch.open(swarm.nodes[0] as (typeof swarm.nodes)[number]);
	const answer = await watch.propose({ key: 'color', value: 'red', route: 'self' });
	expect(answer).toMatchObject({ outcome: 'refused', why: expect.stringContaining('no quorum promised') });
	expect(answer.attempts.length).toBeGreaterThan(0);
	expect(watch.facts.filter(({ kind }) => kind === 'campaign').length).toBeGreaterThan(0);
	watch.close();
});
