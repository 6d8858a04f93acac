/** A leader falls silent with all its connections open, and comes back without knowing that it was deposed. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest';
import { WebSocket } from 'ws';
import { SwarmClient } from '../../shared/client/client.ts';
import { get, put } from './client.ts';
import { Swarm, type TestNode, until } from './swarm.ts';

/** Shorter than an election timeout. */
const STOP_MS = 400;
const HANDED_OVER_MAX_MS = 90_000;

let swarm: Swarm;
beforeAll(async () => {
	swarm = await Swarm.create({ size: 3 });
	await swarm.start();
});
beforeEach(() => onTestFailed(() => swarm.report()));
/** The next test has three nodes that speak, hear a leader and have caught up. */
afterEach(async () => {
	for (const node of swarm.nodes) node.resume();
	await Promise.all(swarm.nodes.map((node) => node.ready()));
});
afterAll(() => swarm.dispose());

test('a silent leader is replaced, and once it is back it answers no read from before', async () => {
	const old = await swarm.leader();
	const [other, third] = swarm.nodes.filter((node) => node !== old) as [TestNode, TestNode];
	expect(await (await put(old, 'color', 'red')).text()).toBe('true');

	old.pause();
	expect(await until('it is written', () => writtenAt(other, 'blue'))).toBe(true);
	expect(await get(third, 'color')).toBe('blue');
	const successor = await swarm.leader(other);
	expect(successor.id).not.toBe(old.id);

	// The read waits in the leader's socket, and is the first request that it sees when it wakes up.
	const read = get(old, 'color');
	old.resume();
	expect(await read).toBe('blue');
	await old.ready();
	expect(await (await put(old, 'color', 'green')).text()).toBe('true');
	for (const node of swarm.nodes) expect(await get(node, 'color')).toBe('green');
});

test('a client leaves the node that fell silent, and what it had asked of it is done once', async () => {
	const client = new SwarmClient({
		nodes: swarm.nodes.map(({ url }) => url),
		connect: (url) => new WebSocket(url),
		timeoutMs: 20_000,
	});
	try {
		const first = await client.put('color', 'red');
		const silent = swarm.node(client.node);
		silent.pause();
		const calls = Array.from({ length: 50 }, (_, i) =>
			client.put('color', `${i}`, i === 0 ? { cas: first.revision } : {}),
		);
		const results = await Promise.all(calls);
		expect(client.node).not.toBe(silent.id);
		expect(results.map(({ ok, revision }) => ({ ok, revision: revision - first.revision }))).toEqual(
			results.map((_, i) => ({ ok: true, revision: i + 1 })),
		);
		expect(new TextDecoder().decode((await client.get('color'))?.value)).toBe('49');
		silent.resume();
	} finally {
		client.close();
	}
});

test('the command line asks a node that speaks, though the first one is silent', async () => {
	const [first] = swarm.nodes as [TestNode];
	first.pause();
	await swarm.leader(swarm.node('n2'));
	expect(await swarm.run('put', 'color', 'red')).toMatchObject({ status: 0 });
	expect(await swarm.run('get', 'color')).toMatchObject({ status: 0, stdout: 'red' });
	expect(await swarm.run('del', 'color')).toMatchObject({ status: 0 });
	first.resume();
});

test('a follower that was paused catches up with what it missed', async () => {
	const leader = await swarm.leader();
	const paused = swarm.nodes.find((node) => node !== leader) as TestNode;
	paused.pause();
	for (let index = 0; index < 50; index++) {
		expect(await (await put(leader, `k${index}`, 'x')).text()).toBe('true');
	}
	paused.resume();
	expect(await get(paused, 'k49')).toBe('x');
	await until('it has all of it', async () => ((await get(paused, 'k49', '&stale')) === 'x' ? true : undefined));
});

test('the status of a leader that fell silent is what nobody knows, not what it was', async () => {
	const old = await swarm.leader();
	const other = swarm.nodes.find((node) => node !== old) as TestNode;
	old.pause();
	const row = await until('its role is unknown', async () => {
		const { stdout } = await swarm.run('status', '--json');
		const rows = JSON.parse(stdout) as { id: string; status: { members: { id: string; role: string }[] } | null }[];
		const known = rows.find(({ id }) => id === other.id)?.status?.members.find(({ id }) => id === old.id);
		return known?.role === 'unknown' ? known : undefined;
	});
	expect(row).toMatchObject({ heardMs: expect.any(Number) });
	await swarm.leader(other);
	expect((await swarm.run('status')).stdout).toMatch(
		new RegExp(`^${old.id} .* no answer: .*; n\\d heard it \\d+\\.\\d s ago$`, 'm'),
	);
	old.resume();
});

test('a leader that is stopped again and again, never for long, asks a steadier node to stand', async () => {
	let unsteady = await swarm.leader();
	const asked = handOvers();
	let isPaused = false;
	const rhythm = setInterval(() => {
		if (isPaused) unsteady.resume();
		else unsteady.pause();
		isPaused = !isPaused;
	}, STOP_MS);
	try {
		await until(
			'a node stands because it was asked',
			async () => {
				if (handOvers() > asked) return true;
				// On a busy machine a stop may last long enough for an election.
				const leader = await swarm.leader(swarm.nodes.find((node) => node !== unsteady));
				if (leader === unsteady) return undefined;
				unsteady.resume();
				unsteady = leader;
				return undefined;
			},
			HANDED_OVER_MAX_MS,
		);
		const steady = swarm.nodes.find((node) => node !== unsteady) as TestNode;
		await until('another node leads', async () => ((await swarm.leader(steady)) === unsteady ? undefined : true));
		expect(await (await put(steady, 'color', 'red')).text()).toBe('true');
	} finally {
		clearInterval(rhythm);
		unsteady.resume();
	}
	for (const node of swarm.nodes) expect(await get(node, 'color')).toBe('red');
});

/** How often nodes stood because they were asked to. */
function handOvers(): number {
	return swarm.transcript().split('(handedOver)').length - 1;
}

async function writtenAt(node: TestNode, value: string): Promise<true | undefined> {
	return (await put(node, 'color', value)).ok || undefined;
}
