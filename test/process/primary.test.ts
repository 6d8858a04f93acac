/** The primary process and its children, as Ctrl-C and the out-of-memory killer see them. */
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';
import { get, put } from './client.ts';
import { freePortsInARow, type Program, Swarm, type TestNode, until } from './swarm.ts';

let swarm: Swarm;
let up: Program;
let n1: TestNode;

async function startUp(): Promise<void> {
	swarm = await Swarm.create({ size: 5 });
	n1 = swarm.node('n1');
	up = swarm.program(['up', '--config', swarm.configFile]);
	await up.printed(/Ctrl-C stops it/);
	await Promise.all(swarm.nodes.map((node) => until(`${node.id} is ready`, () => isReady(node))));
}

beforeEach(() => {
	onTestFailed(() => {
		process.stderr.write(`${up.stdout}\n${up.stderr}`);
	});
});

describe('while it runs', () => {
	beforeAll(startUp);
	afterAll(() => swarm.dispose());

	test('up says of each node that it is ready, where the data is, how to reset it, and where the dashboard is', async () => {
		for (const { id, url } of swarm.nodes) expect(up.stdout).toContain(`${id} ready  ${url}`);
		expect(up.stdout).toMatch(/Data .*data/);
		expect(up.stdout).toMatch(/Reset .*init --force|Reset .*init -- .*--force/);
		expect(up.stdout).toContain(`Dashboard  ${n1.url}`);
		expect(await swarm.processes()).toHaveLength(6);
	});

	test('a second up says that the swarm runs already, and where', async () => {
		const second = await swarm.run('up');
		expect(second.status).toBe(0);
		expect(second.stdout).toContain('already runs');
		expect(second.stdout).toContain(n1.url);
	});

	test('a second up at other ports names both ways out, in one line, and the first goes on', async () => {
		const port = await freePortsInARow(swarm.nodes.length);
		const { status, stderr } = await swarm.run('up', '--base-port', String(port));
		expect(status).toBe(1);
		expect(stderr).toMatch(
			/^n\d could not start: .* is in use by process \d+\. .*\(kill \d+\), or .*--data-dir OTHER\n$/,
		);
		expect(await (await put(n1, 'color', 'red')).text()).toBe('true');
	});

	test('a child that dies is reported with the command that starts it again, and the others go on', async () => {
		const victim = (await swarm.processes()).find(({ args }) => args.includes('n2'));
		if (victim === undefined) throw new Error('n2 has no process');
		process.kill(victim.pid, 'SIGKILL');
		const [, command] = await up.printed(/n2 is down: SIGKILL\n.*Start it again: (.*)\n/);
		expect(command).toMatch(/node.* n2/);
		expect(command).toContain(swarm.configFile);
		expect(await until('it is written', async () => ((await put(n1, 'color', 'red')).ok ? true : undefined))).toBe(
			true,
		);
		await swarm.node('n2').start();
		expect(await get(swarm.node('n2'), 'color')).toBe('red');
	});
});

describe('its end', () => {
	beforeAll(startUp);
	afterAll(() => swarm.dispose());

	test('Ctrl-C stops all nodes cleanly, and nothing acknowledged is lost', async () => {
		expect(await (await put(n1, 'color', 'red')).text()).toBe('true');
		up.signal('SIGINT');
		expect(await up.ended).toBe(0);
		expect(await swarm.processes()).toEqual([]);
		up = swarm.program(['up', '--config', swarm.configFile]);
		await up.printed(/Ctrl-C stops it/);
		expect(await until('it is read', () => get(swarm.node('n4'), 'color').catch(() => undefined))).toBe('red');
	});

	test('a SIGKILL of the primary leaves no child behind', async () => {
		up.signal('SIGKILL');
		await until('no process is left', async () => ((await swarm.processes()).length === 0 ? true : undefined));
	});
});

async function isReady(node: TestNode): Promise<true | undefined> {
	return (await node.fetch('/readyz')).ok || undefined;
}
