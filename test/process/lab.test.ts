/** A lab of real processes: people cut, hold and delay links and pause, kill and wipe nodes, and nothing is lost. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { get, put } from './client.ts';
import { type Program, Swarm, type TestNode, until } from './swarm.ts';

let swarm: Swarm;
let up: Program;
let n1: TestNode;
let n2: TestNode;
let n3: TestNode;

beforeAll(async () => {
	swarm = await Swarm.create({ size: 3 });
	[n1, n2, n3] = swarm.nodes as [TestNode, TestNode, TestNode];
	up = swarm.program(['up', '--lab', '--config', swarm.configFile]);
	await up.printed(/Ctrl-C stops it/);
	for (const node of swarm.nodes) await ready(node);
});
afterAll(() => swarm.dispose());

function ready(node: TestNode): Promise<true> {
	return until(`${node.id} is ready`, () => isReady(node));
}

async function isReady(node: TestNode): Promise<true | undefined> {
	return (await node.fetch('/readyz').catch(() => null))?.ok || undefined;
}

async function lab(...args: readonly string[]): Promise<string> {
	const { status, stdout, stderr } = await swarm.run('lab', ...args);
	expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
	return stdout;
}

/** Whether the node has a link to another one, as it says. */
async function isLinked(node: TestNode, other: TestNode): Promise<boolean> {
	const { members } = (await (await node.fetch('/v1/swarm')).json()) as { members: { id: string; linked: boolean }[] };
	return members.some(({ id, linked }) => id === other.id && linked);
}

test('the command that up names for the help of the lab shows it', async () => {
	const [, words = ''] = await up.printed(/^Lab +(?:npm run swarm|npx paxos-swarm) (.*)$/m);
	const help = swarm.program(words.split(' '));
	expect(await help.ended).toBe(0);
	expect(help.stdout).toMatch(/cut .*<from> <to>/);
});

test('a leader that is cut off is followed by another one, and hears what it missed when the links are mended', async () => {
	onTestFailed(() => void process.stderr.write(`${up.stdout}\n${up.stderr}`));
	const leader = await swarm.leader(n1);
	const [a, b] = swarm.nodes.filter((node) => node !== leader) as [TestNode, TestNode];
	expect(await lab('cut', leader.id, a.id)).toBe(
		`The messages of ${leader.id} to ${a.id} are lost: the link is cut.\n` +
			`The messages of ${a.id} to ${leader.id} are lost: the link is cut.\n`,
	);
	await lab('cut', b.id, leader.id);
	await until('the others have a leader', async () => ((await swarm.leader(a)) !== leader ? true : undefined));
	await until('the link is lost', async () => ((await isLinked(leader, a)) ? undefined : true));
	expect(await (await put(a, 'color', 'red')).text()).toBe('true');
	expect(await lab('show')).toMatch(/^from +to +messages +waiting\n/);
	expect(await lab('heal')).toBe('At 3 nodes all messages come in at once.\n');
	await ready(leader);
	expect(await get(leader, 'color')).toBe('red');
	expect(await lab('show')).toBe('There is no fault in any link.\n');
});

test('messages are held until they are released, and a quorum without them decides', async () => {
	const leader = await swarm.leader(n1);
	const [held] = swarm.nodes.filter((node) => node !== leader) as [TestNode, TestNode];
	await lab('hold', held.id, leader.id, '--one-way');
	expect(await (await put(leader, 'color', 'blue')).text()).toBe('true');
	const waiting = async (): Promise<readonly string[]> => {
		const { links } = (await (await leader.fetch('/v1/lab')).json()) as {
			links: { from: string; waiting: { id: string; kind: string }[] }[];
		};
		return links.flatMap(({ from, waiting }) => waiting.map(({ id, kind }) => `${from} ${id} ${kind}`));
	};
	const [first] = await until('a vote waits', async () => {
		const messages = await waiting();
		return messages.some((message) => message.startsWith(held.id) && message.endsWith('accepted'))
			? messages
			: undefined;
	});
	expect(await lab('release', held.id, leader.id)).toBe(`1 of ${held.id}'s messages have arrived at ${leader.id}.\n`);
	expect(await waiting()).not.toContain(first);
	await lab('heal');
	await until('nothing waits', async () => ((await waiting()).length === 0 ? true : undefined));
});

test('nodes are paused, killed, wiped and started, and the store keeps what it acknowledged', async () => {
	await lab('pause', 'n3');
	await until('n1 does not hear n3', async () => ((await isLinked(n1, n3)) ? undefined : true));
	expect(await (await put(n1, 'shape', 'round')).text()).toBe('true');
	await lab('resume', 'n3');
	await ready(n3);
	await lab('kill', 'n2');
	await up.printed(/n2 is down: SIGKILL/);
	await lab('start', 'n2');
	await ready(n2);
	await lab('wipe', 'n3');
	await lab('start', 'n3');
	await ready(n3);
	for (const node of swarm.nodes) {
		expect([await get(node, 'color'), await get(node, 'shape')]).toEqual(['blue', 'round']);
	}
	const twice = await swarm.run('lab', 'start', 'n2');
	expect([twice.status, twice.stderr]).toEqual([1, 'n2 runs already.\n']);
});

test('Ctrl-C ends a paused node too', async () => {
	await lab('pause', 'n2');
	up.signal('SIGINT');
	expect(await up.ended).toBe(0);
	expect(await swarm.processes()).toEqual([]);
});

test('a paused node ends with its primary process, however that ends', async () => {
	up = swarm.program(['up', '--lab', '--config', swarm.configFile]);
	await up.printed(/Ctrl-C stops it/);
	for (const node of swarm.nodes) await ready(node);
	await lab('pause', 'n3');
	up.signal('SIGKILL');
	await until('no process is left', async () => ((await swarm.processes()).length === 0 ? true : undefined));
});

test('a swarm without a lab, and one beyond loopback, is refused', async () => {
	const plain = await Swarm.create({ size: 1 });
	try {
		await plain.start();
		const asked = await plain.run('lab', 'slow', '100');
		expect([asked.status, asked.stderr]).toEqual([
			1,
			'This node was started without a lab. Start the swarm with --lab.\n',
		]);
		const config = join(plain.folder, 'beyond.json');
		writeFileSync(
			config,
			'{"name":"beyond","nodes":[{"id":"n1","host":"0.0.0.0","port":7101,"advertise":"http://127.0.0.1:7101"}]}',
		);
		const beyond = plain.program(['up', '--lab', '--insecure', '--config', config]);
		const status = await beyond.ended;
		const { stderr } = beyond;
		expect([status, stderr]).toEqual([
			2,
			'A lab is for one machine: with --lab every node has to listen on loopback.\n',
		]);
	} finally {
		await plain.dispose();
	}
});
