/** The members of a running swarm change under load: one comes in, one leaves, one gets a new disk, and nobody waits. */
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest';
import { WebSocket } from 'ws';
import { SwarmClient } from '../../shared/client/client.ts';
import { freePorts, type Program, Swarm, type TestNode, until } from './swarm.ts';

/** Long, so that a heartbeat that a busy machine delays makes no other leader. */
const timings = { electionMinMs: 1_000, electionMaxMs: 1_500 };
const WRITERS = 4;

let swarm: Swarm;
let load: Load;
beforeAll(async () => {
	swarm = await Swarm.create({ size: 3, timings });
	await swarm.start();
	load = new Load(swarm.nodes.map(({ url }) => url));
});
beforeEach(() => onTestFailed(() => swarm.report()));
afterAll(async () => {
	load.client.close();
	await swarm.dispose();
});

/** Writers that write key after key, each of which is acknowledged or the test fails. */
class Load {
	readonly client: SwarmClient;
	readonly #writers: Promise<unknown>;
	/** The first write that was not acknowledged. */
	#failed: unknown;
	#acknowledged = 0;
	#isOver = false;

	constructor(nodes: readonly string[]) {
		this.client = new SwarmClient({ nodes, connect: (url) => new WebSocket(url), timeoutMs: 60_000 });
		this.#writers = Promise.all(Array.from({ length: WRITERS }, (_, writer) => this.#write(writer)));
	}

	/** Resolves when so many more writes were acknowledged. */
	async more(count: number): Promise<void> {
		const enough = this.#acknowledged + count;
		await until(`${count} more writes`, async () => {
			if (this.#failed !== undefined) throw this.#failed;
			return this.#acknowledged >= enough ? true : undefined;
		});
	}

	/** Ends the writers. @returns the number of their writes, the keys of which are w0-0, w0-1, … w1-0, … */
	async end(): Promise<number> {
		this.#isOver = true;
		await this.#writers;
		if (this.#failed !== undefined) throw this.#failed;
		return this.#acknowledged;
	}

	async #write(writer: number): Promise<void> {
		try {
			for (let sequence = 0; !this.#isOver; sequence++) {
				await this.client.put(`w${writer}-${sequence}`, 'red');
				this.#acknowledged++;
			}
		} catch (error) {
			this.#failed ??= error;
		}
	}
}

interface Members {
	readonly isChanging: boolean;
	readonly members: readonly { readonly id: string; readonly isVoter: boolean }[];
}

async function membersAt(node: { fetch(path: string): Promise<Response> }): Promise<Members> {
	return (await (await node.fetch('/v1/members')).json()) as Members;
}

async function votersAt(node: TestNode): Promise<string[]> {
	const { members } = await membersAt(node);
	return members.filter(({ isVoter }) => isVoter).map(({ id }) => id);
}

/** Another swarm.json in the folder of the swarm: its nodes, changed. @returns the path */
function configWith(name: string, change: (nodes: object[]) => object[]): string {
	const path = join(swarm.folder, name);
	const nodes = change(swarm.nodes.map(({ id, port }) => ({ id, port })));
	writeFileSync(path, JSON.stringify({ name: 'test', nodes, dataDir: 'data', timings }));
	return path;
}

/** A node that is no member. @returns its id when it says that it waits */
async function waits(url: string): Promise<string> {
	return until(`a node waits at ${url}`, async () => {
		const answer = await fetch(`${url}/v1/swarm`, { headers: { connection: 'close' } });
		if (!answer.ok) return undefined;
		const { node, isMember } = (await answer.json()) as { node: string; isMember: boolean };
		expect(isMember).toBe(false);
		return node;
	});
}

let n4: Program;
let url4: string;

test('a fourth node comes in, and votes once it has learned everything', async () => {
	await load.more(100);
	const [port] = (await freePorts(1)) as [number];
	url4 = `http://127.0.0.1:${port}`;
	const config = configWith('with-n4.json', (nodes) => [...nodes, { id: 'n4', port }]);
	n4 = swarm.program(['node', 'n4', '--config', config]);
	const id = await waits(url4);
	expect(id).toMatch(/^n4~\w{5}$/);
	await n4.printed(/^n4 waits to be let in {2}http/m);
	expect(n4.stdout).not.toContain('ready');
	const [n1] = swarm.nodes as [TestNode];
	const catalog = n1.fetch('/v1/catalog/nodes?index=1&wait=9m');

	expect(await swarm.run('member', 'add', 'n4', url4)).toEqual({
		status: 0,
		stdout: expect.stringMatching(`^${id} votes, from slot \\d+ on\\.\n$`),
		stderr: expect.stringMatching(`^${id} learns, from slot \\d+ on, and votes once it has caught up\\.\n$`),
	});
	for (const node of swarm.nodes) {
		const all = await until(`${node.id} knows ${id}`, async () => {
			const voters = await votersAt(node);
			return voters.includes(id) ? voters : undefined;
		});
		expect(all.toSorted()).toEqual(['n1', 'n2', 'n3', id]);
	}
	const nodes = (await (await catalog).json()) as { Node: string }[];
	expect(nodes.map(({ Node }) => Node)).toEqual(['n1', 'n2', 'n3', 'n4']);
	const again = await swarm.run('member', 'add', 'n4', url4);
	expect(again).toEqual({ status: 1, stdout: '', stderr: expect.stringMatching(/^n4 is a member already; /) });
	const list = await swarm.run('status');
	expect(list.stdout).toMatch(new RegExp(`^${id} +${url4} .* yes `, 'm'));
	await load.more(100);
});

test('the leader is removed, stops, and the others serve on', async () => {
	const leader = await swarm.leader();
	expect(await swarm.run('member', 'remove', leader.id)).toEqual({
		status: 0,
		stdout: expect.stringMatching(`^${leader.id} is no member any more, from slot \\d+ on\\.\n$`),
		stderr: '',
	});
	await until(`${leader.id} has stopped`, async () => (leader.isRunning ? undefined : true));
	expect(leader.output).toContain('is no member any more');
	await load.more(100);

	const unknown = await swarm.run('member', 'remove', leader.id);
	expect(unknown).toMatchObject({ status: 1, stderr: expect.stringContaining(`There is no node "${leader.id}"`) });
});

test('a node with a new disk takes the place of the member of its name', async () => {
	const [replaced, other] = swarm.nodes.filter(({ isRunning }) => isRunning) as [TestNode, TestNode];
	await replaced.kill();
	rmSync(replaced.folder, { recursive: true });
	// A node that listens beyond loopback does not ask by itself.
	const config = configWith('beyond.json', (nodes) => [
		...nodes.filter((node) => 'id' in node && node.id !== replaced.id),
		{ id: replaced.id, port: replaced.port, host: '0.0.0.0', advertise: replaced.url },
	]);
	const line = ['node', replaced.id, '--join', '--insecure', '--config', config];
	const program = swarm.program(line);
	const id = await waits(replaced.url);
	await program.printed(new RegExp(`waits as ${id} to be let in`));

	expect(await swarm.run('member', 'replace', replaced.id)).toMatchObject({
		status: 0,
		stdout: expect.stringMatching(`^${id} votes in the place of ${replaced.id}, from slot \\d+ on\\.\n$`),
	});
	const voters = await votersAt(other);
	expect(voters).toHaveLength(3);
	expect(voters).toEqual(expect.arrayContaining([id, other.id]));
	await load.more(100);
	expect(program.isRunning).toBe(true);
});

test('Ctrl-C leaves a change to the swarm', async () => {
	const other = swarm.nodes.find(({ isRunning }) => isRunning) as TestNode;
	const { id: swarmId } = (await (await other.fetch('/v1/swarm')).json()) as { id: string };
	// It says who it is, and never learns anything.
	const deaf = createServer((_, res) => res.end(JSON.stringify({ id: swarmId, node: 'n5' })));
	await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
	try {
		const url = `http://127.0.0.1:${(deaf.address() as AddressInfo).port}`;
		const adding = swarm.program(['member', 'add', 'n5', url, '--config', swarm.configFile]);
		await adding.printed(/n5 learns, from slot \d+ on/);
		adding.signal('SIGINT');
		expect(await adding.ended).toBe(null);
		expect(adding.stderr).toContain('The swarm goes on with it: paxos-swarm member list tells when it is done.');
		const { stdout } = await swarm.run('member', 'list');
		expect(stdout).toMatch(/^n5 +http:\S+ +unknown +learns /m);
		expect((await swarm.run('member', 'remove', 'n5')).status).toBe(0);
	} finally {
		deaf.close();
	}
});

test('every write that was acknowledged is at each of the members', async () => {
	const count = await load.end();
	expect(count).toBeGreaterThan(300);
	const answer = await fetch(`${url4}/v1/kv/?keys`, { headers: { connection: 'close' } });
	expect(((await answer.json()) as string[]).length).toBe(count);
	expect(n4.isRunning).toBe(true);
});
