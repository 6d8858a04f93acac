/**
 * A node's data folder is used by one process at a time and is never replaced; `--memory` is for a swarm without one.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';
import { get, put } from './client.ts';
import { freePorts, Swarm, type TestNode, until } from './swarm.ts';

let swarm: Swarm;
let n1: TestNode;
let n3: TestNode;
beforeEach(() => onTestFailed(() => swarm.report()));

async function create(): Promise<void> {
	swarm = await Swarm.create({ size: 3 });
	n1 = swarm.node('n1');
	n3 = swarm.node('n3');
}

describe('a running swarm', () => {
	beforeAll(async () => {
		await create();
		await swarm.start();
	});
	afterAll(() => swarm.dispose());

	test('a data folder in use by a second process is refused, and the first goes on', async () => {
		const [port = 0] = await freePorts(1);
		const { status, stderr } = await swarm.run('node', 'n3', '--base-port', String(port - 2));
		expect(status).toBe(1);
		expect(stderr).toContain(n3.folder);
		expect(stderr).toContain(`process ${n3.pid}`);
		expect(await (await put(n3, 'color', 'red')).text()).toBe('true');
	});

	test('a folder that was formatted again under the same names belongs to another swarm', async () => {
		expect(await (await put(n3, 'color', 'red')).text()).toBe('true');
		await n3.stop();
		const anew = join(swarm.folder, 'anew');
		expect((await swarm.run('init', '--data-dir', anew)).status).toBe(0);
		const stranger = n3.launch({ environment: { SWARM_DATA_DIR: anew } });
		await stranger.printed(/another swarm/);
		expect((await n3.fetch('/readyz')).status).toBe(503);
		expect(await get(n1, 'color')).toBe('red');
	});
});

describe('before it runs', () => {
	beforeEach(create);
	afterEach(() => swarm.dispose());

	test('init refuses to erase what is there unless it is told to', async () => {
		expect((await swarm.run('init')).status).toBe(0);
		const again = await swarm.run('init');
		expect(again).toMatchObject({ status: 1, stderr: expect.stringContaining('--force') });
		const majority = [n1, n3];
		await swarm.start(majority);
		expect(await (await put(n1, 'color', 'red')).text()).toBe('true');
		const inUse = await swarm.run('init', '--force');
		expect(inUse.status).toBe(1);
		expect(inUse.stderr).toContain(`process ${n1.pid}`);
		await Promise.all(majority.map((node) => node.stop()));
		expect((await swarm.run('init', '--force')).status).toBe(0);
		await swarm.start(majority);
		expect(await get(n1, 'color')).toBeNull();
	});

	test('--memory keeps nothing on disk, and a node of it that ended never rejoins', async () => {
		const up = swarm.program(['up', '--memory', '--config', swarm.configFile]);
		await up.printed(/Data {7}in memory/);
		await until('it is written', async () => ((await put(n1, 'color', 'red')).ok ? true : undefined));
		expect(existsSync(swarm.dataDir)).toBe(false);

		const victim = (await swarm.processes()).find(({ args }) => args.includes('n3'));
		if (victim === undefined) throw new Error('n3 has no process');
		process.kill(victim.pid, 'SIGKILL');
		const [down] = await up.printed(/n3 is down[\s\S]*?must never rejoin/);
		expect(down).toContain('SIGKILL');
		const rejoining = await swarm.run('node', 'n3', '--memory');
		expect(rejoining.status).toBe(2);
		expect(rejoining.stderr).toContain('must never rejoin');
		expect(await get(n1, 'color')).toBe('red');
		up.signal('SIGINT');
		expect(await up.ended).toBe(0);
		expect(await swarm.processes()).toEqual([]);
		expect(existsSync(swarm.dataDir)).toBe(false);
	});
});
