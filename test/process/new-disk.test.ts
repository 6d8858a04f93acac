/**
 * A node whose disk is lost comes back with a new one under a new id, and takes the place of its old self. A node that is
 * new comes in, and one that is removed stops.
 */
import { readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';
import { get, put } from './client.ts';
import { freePorts, Swarm, TestNode, until } from './swarm.ts';

/** These times are long, so that no node takes the leader for silent where a busy machine delays it. */
const timings = { electionMinMs: 1_000, electionMaxMs: 1_500 };

let swarm: Swarm;
let n1: TestNode;
let n2: TestNode;
let n3: TestNode;
beforeEach(() => onTestFailed(() => swarm.report()));

async function create(environment: Readonly<Record<string, string>> = {}): Promise<void> {
	swarm = await Swarm.create({ size: 3, timings, environment });
	[n1, n2, n3] = swarm.nodes as [TestNode, TestNode, TestNode];
}

interface Told {
	readonly isChanging: boolean;
	readonly members: readonly { readonly id: string; readonly isVoter: boolean }[];
}

/** Waits until these are the voters in force, and there are no learners. @param ids patterns */
async function membersAre(at: TestNode, ...ids: readonly RegExp[]): Promise<readonly string[]> {
	return until(`${at.id} knows the members ${ids.join(', ')}`, async () => {
		const { isChanging, members } = (await (await at.fetch('/v1/members')).json()) as Told;
		const fits = members.length === ids.length && members.every(({ id }, i) => ids[i]?.test(id));
		return fits && !isChanging && members.every(({ isVoter }) => isVoter) ? members.map(({ id }) => id) : undefined;
	});
}

async function memberIds(at: TestNode): Promise<readonly string[]> {
	const { members } = (await (await at.fetch('/v1/members')).json()) as Told;
	return members.map(({ id }) => id);
}

async function addNode(id: string): Promise<TestNode> {
	const [port = 0] = await freePorts(1);
	const config = JSON.parse(readFileSync(swarm.configFile, 'utf8')) as { nodes: object[] };
	writeFileSync(swarm.configFile, JSON.stringify({ ...config, nodes: [...config.nodes, { id, port }] }));
	return new TestNode(swarm, id, port);
}

/** Asks again as long as no node leads, as happens for a moment on a busy machine. Such a request has changed nothing. */
async function untilLed(change: () => Promise<Response>): Promise<Response> {
	for (;;) {
		const answer = await change();
		if (answer.status !== 503) return answer;
	}
}

/** Each test begins with three members that run, whose disks it may replace. */
describe('on one machine', () => {
	beforeAll(async () => {
		await create();
		await swarm.start();
	});
	afterAll(() => swarm.dispose());

	test('a node whose folder is gone stops, takes the place of its old self by itself, and votes', async () => {
		expect((await put(n1, 'color', 'red')).ok).toBe(true);
		renameSync(n3.folder, join(swarm.folder, 'old'));
		await until('n3 stops', async () => !n3.isRunning || undefined);
		expect(n3.output).toContain(`n3 had to stop: ${join(n3.folder, 'log')} was removed, moved or replaced`);
		expect((await put(n1, 'color', 'green')).ok).toBe(true);

		const program = n3.launch();
		await program.printed(/has a new disk, and asks to take the place of n3 as n3~[a-z2-9]{5}/);
		await n3.ready();
		expect(await get(n3, 'color')).toBe('green');
		await membersAre(n1, /^n1$/, /^n2$/, /^n3~/);
		await program.printed(/votes from now on/);
		// A quorum needs its vote.
		await n1.kill();
		await until('it is written', async () => ((await put(n2, 'color', 'blue')).ok ? true : undefined));
		await n1.start();

		// The old disk is no member's any more.
		await n3.stop();
		renameSync(n3.folder, join(swarm.folder, 'new'));
		renameSync(join(swarm.folder, 'old'), n3.folder);
		const old = n3.launch();
		expect(await old.ended).toBe(0);
		expect(old.stderr).toContain('no member any more');
		expect(await get(n1, 'color')).toBe('blue');

		rmSync(n3.folder, { recursive: true });
		renameSync(join(swarm.folder, 'new'), n3.folder);
		await n3.start();
	});

	test('a node whose log is damaged keeps it aside, and takes the place of its old self, where the others have a leader', async () => {
		expect((await put(n1, 'color', 'red')).ok).toBe(true);
		await n2.kill();
		const log = join(n2.folder, 'log');
		truncateSync(join(log, 'manifest'), 100);
		const damaged = readFileSync(join(log, 'manifest'));
		const program = n2.launch();
		await program.printed(
			/Node n2 cannot use its log[\s\S]*The others have a leader without it[\s\S]*votes from now on/,
		);
		await n2.ready();
		expect(await get(n2, 'color')).toBe('red');
		await membersAre(n2, /^n1$/, /^n3(~|$)/, /^n2~/);
		expect(readFileSync(join(n2.folder, 'log.damaged-1/manifest')).equals(damaged)).toBe(true);
	});

	test('disks are lost one after the other, until none of the first is left', async () => {
		expect((await put(n1, 'color', 'red')).ok).toBe(true);
		const first = await memberIds(n1);
		for (const node of [n3, n1, n2]) {
			await node.kill();
			rmSync(node.folder, { recursive: true });
			await node.start();
			await until(`${node.id} votes`, async () => (node.output.includes('votes from now on') ? true : undefined));
		}
		const last = await membersAre(n1, /^n3~/, /^n1~/, /^n2~/);
		expect(last.filter((id) => first.includes(id))).toEqual([]);
		for (const node of swarm.nodes) expect(await get(node, 'color')).toBe('red');
		// They find each other again at their next start, though swarm.json knows nothing of their ids.
		await Promise.all(swarm.nodes.map((node) => node.stop()));
		await swarm.start();
		expect((await put(n1, 'color', 'blue')).ok).toBe(true);
	});

	test('a new node waits until it is added, and stops once it is removed', async () => {
		expect((await put(n1, 'color', 'red')).ok).toBe(true);
		const before = (await memberIds(n1)).map((id) => new RegExp(`^${id}$`));
		const n4 = await addNode('n4');
		const program = n4.launch();
		await program.printed(/is not let in yet .*let it in by paxos-swarm member add n4 http:/);
		const added = await untilLed(() =>
			n2.fetch('/v1/members', {
				method: 'POST',
				headers: { 'Content-Type': 'application/json' },
				body: JSON.stringify({ id: 'n4', url: n4.url }),
			}),
		);
		expect([added.status, await added.text()]).toEqual([200, expect.stringMatching(/n4~/)]);
		await n4.ready();
		await membersAre(n4, ...before, /^n4~/);
		expect(await get(n4, 'color')).toBe('red');

		expect((await untilLed(() => n1.fetch('/v1/members/n4', { method: 'DELETE' }))).status).toBe(200);
		expect(await program.ended).toBe(0);
		await membersAre(n1, ...before);
		expect((await put(n1, 'color', 'blue')).ok).toBe(true);
	});
});

describe('elsewhere than on one machine', () => {
	beforeAll(() => create({ SWARM_SECRET: 'of this test' }));
	afterAll(() => swarm.dispose());

	test('a node without data is refused until it is told to join and let in', async () => {
		const config = JSON.parse(readFileSync(swarm.configFile, 'utf8')) as { nodes: { id: string; port: number }[] };
		const nodes = config.nodes.map((node) => ({
			...node,
			host: '0.0.0.0',
			advertise: `http://127.0.0.1:${node.port}`,
		}));
		writeFileSync(swarm.configFile, JSON.stringify({ ...config, nodes }));
		expect((await swarm.run('init')).status).toBe(0);
		const flags = ['--insecure'];
		await Promise.all([n1, n2, n3].map((node) => node.start({ flags })));
		expect((await put(n1, 'color', 'red')).ok).toBe(true);
		await n3.stop();
		rmSync(n3.folder, { recursive: true });
		const refused = n3.launch({ flags });
		expect(await refused.ended).toBe(1);
		expect(refused.stderr).toMatch(/Node n3 has no data.*: .*node n3 .*--join/s);

		// On its machine there is no other node's folder either.
		const program = n3.launch({
			environment: { SWARM_DATA_DIR: join(swarm.folder, 'other machine') },
			flags: ['--join', ...flags],
		});
		await program.printed(/waits as n3~[a-z2-9]{5} to be let in/);
		const replaced = await untilLed(() => n1.fetch('/v1/members/n3/replace', { method: 'POST' }));
		expect([replaced.status, await replaced.text()]).toEqual([200, expect.stringMatching(/n3~/)]);
		await n3.ready();
		await membersAre(n3, /^n1$/, /^n2$/, /^n3~/);
		expect(await get(n3, 'color')).toBe('red');
	});
});
