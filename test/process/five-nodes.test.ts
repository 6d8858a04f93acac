/** Five nodes in processes of their own, many writers, and a leader that is killed meanwhile. */
import { afterEach, beforeEach, expect, onTestFailed, test } from 'vitest';
import { listing, put, valueUnder, writeAll } from './client.ts';
import { chosenValues, readDisk, replay } from './disk-log.ts';
import { Swarm, type TestNode, until } from './swarm.ts';

let swarm: Swarm;
beforeEach(async () => {
	swarm = await Swarm.create({ size: 5 });
	onTestFailed(() => swarm.report());
});
afterEach(() => swarm.dispose());

test('1,000 acknowledged writes survive the death of the leader, each applied exactly once and alike everywhere', async () => {
	const keys = Array.from({ length: 1_000 }, (_, index) => `k${String(index).padStart(4, '0')}`);
	await swarm.start(shuffled(swarm.nodes));

	let death: Promise<TestNode> | undefined;
	let restart: Promise<void> | undefined;
	await writeAll(swarm, keys, 10, (count) => {
		if (count === 400) death = killLeader();
		if (count === 700) restart = death?.then((killed) => killed.start());
	});
	if (restart === undefined) throw new Error('no leader was killed and started again');
	await restart;

	const last = swarm.nodes[0] as TestNode;
	expect(await (await put(last, 'last', 'of all')).text()).toBe('true');
	const states = await Promise.all(swarm.nodes.map((node) => stateWith(node, 'last')));
	for (const state of states) expect(state).toEqual(states[0]);
	const [state] = states;
	expect(state?.entries.map(({ Key }) => Key)).toEqual([...keys, 'last'].sort());
	for (const { Key, Value } of state?.entries ?? []) {
		expect(Buffer.from(Value ?? '', 'base64').toString()).toBe(Key === 'last' ? 'of all' : valueUnder(Key));
	}

	expect(await Promise.all(swarm.nodes.map((node) => node.stop()))).toEqual([0, 0, 0, 0, 0]);
	const { store, commands } = replay(chosenValues(swarm.nodes.map(readDisk)));
	expect(store.revision).toBe(state?.revision);
	expect(store.list('').map(({ key, modifyRevision }) => [key, modifyRevision])).toEqual(
		state?.entries.map(({ Key, ModifyIndex }) => [Key, ModifyIndex]),
	);
	expect(commands.size).toBe(store.revision);
	const revisions = [...commands.values()].map(({ revisions }) => revisions);
	expect(revisions.every(({ length }) => length === 1)).toBe(true);
	expect(new Set(revisions.flat()).size).toBe(commands.size);
});

test('three of five decide, and the others catch up when they come', async () => {
	const [late, later, ...early] = shuffled(swarm.nodes) as [TestNode, TestNode, ...TestNode[]];
	await swarm.start(early);
	for (const [index, node] of early.entries()) {
		expect(await (await put(node, `early${index}`, 'x')).text()).toBe('true');
	}
	await late.start();
	expect((await stateWith(late, 'early2')).entries.map(({ Key }) => Key)).toEqual(['early0', 'early1', 'early2']);
	expect(await (await put(late, 'late', 'x')).text()).toBe('true');
	await later.start();
	const states = await Promise.all(swarm.nodes.map((node) => stateWith(node, 'late')));
	for (const state of states) expect(state).toEqual(states[0]);
});

async function killLeader(): Promise<TestNode> {
	const leader = await swarm.leader();
	await leader.kill();
	return leader;
}

/** The node's entries, once it has applied `key`. */
function stateWith(node: TestNode, key: string): ReturnType<typeof listing> {
	return until(`${node.id} has ${key}`, async () => {
		const state = await listing(node);
		return state.entries.some(({ Key }) => Key === key) ? state : undefined;
	});
}

/** The nodes in a random order, because they may start in any. */
function shuffled<T>(items: readonly T[]): T[] {
	return items
		.map((item) => ({ item, place: Math.random() }))
		.sort((a, b) => a.place - b.place)
		.map(({ item }) => item);
}
