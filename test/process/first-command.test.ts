/**
 * A node registers its client with its first command. Where that fails, the next command must not wait for it for
 * ever.
 */
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest';
import { VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import { get, put } from './client.ts';
import { Swarm, type TestNode, until } from './swarm.ts';
import { Watch } from './watch.ts';

let swarm: Swarm;
beforeAll(async () => {
	swarm = await Swarm.create({ size: 3, timings: { requestMs: 2_000 } });
});
beforeEach(() => onTestFailed(() => swarm.report()));
afterAll(() => swarm.dispose());

test('a node whose first write found no leader takes the next one once there is a leader', async () => {
	const [alone, ...others] = swarm.nodes as [TestNode, ...TestNode[]];
	alone.launch();
	await until('it has read its log', async () => (await alone.fetch('/readyz/disk')).ok || undefined);
	expect(await (await put(alone, 'color', 'red')).text()).toBe('No cluster leader');
	await swarm.start(others);
	await alone.ready();
	expect((await put(alone, 'color', 'blue')).status).toBe(200);
});

test('a node whose first proposal lost its slot takes the next one', async () => {
	const [first, second] = swarm.nodes as [TestNode, TestNode];
	expect((await put(first, 'color', 'red')).status).toBe(200);
	const watch = await Watch.open(second);
	const lost = await watch.propose({ key: 'color', value: 'blue', route: 'self', contest: 1 });
	expect(lost).toMatchObject({ outcome: 'kept', slot: 1 });
	expect(await watch.propose({ key: 'color', value: 'green' })).toMatchObject({ outcome: 'chosen' });
	watch.close();
});

test('a first proposal of the largest value takes the free slot that it contests', async () => {
	const third = swarm.nodes[2] as TestNode;
	// The node then knows of every slot that was taken before.
	expect(await get(third, 'color')).toBe('green');
	const watch = await Watch.open(third);
	const slot = (watch.snapshots[0]?.chosenThrough ?? 0) + 1;
	const value = 'x'.repeat(VALUE_BYTES_MAX);
	expect(await watch.propose({ key: 'large', value, route: 'self', contest: slot })).toMatchObject({
		outcome: 'chosen',
		slot,
	});
	watch.close();
});
