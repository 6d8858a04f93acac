/**
 * A data folder that was put back from an older copy looks right, and has forgotten promises. The node is told so by
 * the nodes that remember, and stops before it votes.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';
import { readManifest } from '../../shared/disk/manifest.ts';
import { readLog } from '../../shared/disk/recover.ts';
import { get, put, valueUnder, writeAll } from './client.ts';
import { diskOf, readDisk } from './disk-log.ts';
import { freePorts, Swarm, type TestNode, until } from './swarm.ts';

let swarm: Swarm;
let leader: TestNode;
let follower: TestNode;
let victim: TestNode;
beforeEach(() => onTestFailed(() => swarm.report()));

async function startThree(): Promise<void> {
	swarm = await Swarm.create({ size: 3 });
	await swarm.start();
}

describe('where others remember', () => {
	beforeAll(startThree);
	beforeEach(async () => {
		leader = await swarm.leader();
		[follower, victim] = swarm.nodes.filter((node) => node !== leader) as [TestNode, TestNode];
	});
	afterAll(() => swarm.dispose());

	test('a folder put back from an older copy is refused by name, and the others go on', async () => {
		await writeAll(swarm, keysOf('early'), 3);
		await victim.stop();
		const copy = copyOf(victim, 'copy');
		await victim.start();
		await writeAll(swarm, keysOf('late'), 3);
		await victim.kill();
		const newest = copyOf(victim, 'newest');
		const reached = lastFrame(victim);
		// They remember it also after they were started again.
		await Promise.all([leader.stop(), follower.stop()]);

		putBack(victim, copy);
		await swarm.start([leader, follower]);
		const found = lastFrame(victim);
		const refused = victim.launch();
		expect(await refused.ended).toBe(1);
		expect(refused.stderr).toContain(
			`${victim.id} had to stop: Node ${victim.id} has an older copy of its data folder: ` +
				`${join(victim.folder, 'log')} ends with frame ${found}, and node n`,
		);
		const remembered = Number(/and node n\d remembers that it reached frame (\d+)/.exec(refused.stderr)?.[1]);
		expect(remembered).toBeGreaterThan(found);
		expect(remembered).toBeLessThanOrEqual(reached);
		expect(refused.stderr).toContain(`move ${join(victim.folder, 'log')} away and start the node again`);
		expect(refused.stderr).not.toContain('erase');
		expect(readDisk(victim).accepted.size).toBeLessThan(60);
		expect(await (await put(follower, 'color', 'blue')).text()).toBe('true');

		// Put back as it was when the node last ran, it is one of them again.
		putBack(victim, newest);
		await victim.start();
		expect(await get(victim, 'color')).toBe('blue');
		for (const key of keysOf('late')) expect(await get(victim, key)).toBe(valueUnder(key));
	});

	test('a copy that is started while its node runs is refused by name, and the node goes on', async () => {
		await writeAll(swarm, keysOf('before'), 3);
		const copy = join(swarm.folder, 'beside');
		cpSync(swarm.dataDir, copy, { recursive: true });
		// The copy is older then, and nobody may say that its node is to begin with a new disk.
		await writeAll(swarm, keysOf('after'), 3);
		const [port = 0] = await freePorts(1);
		const config = join(swarm.folder, 'beside.json');
		writeFileSync(config, readFileSync(swarm.configFile, 'utf8').replace(String(victim.port), String(port)));
		const second = swarm.program(['node', victim.id, '--config', config, '--data-dir', copy]);
		expect(await second.ended).toBe(1);
		expect(second.stderr).toContain(
			`${victim.id} had to stop: Node ${victim.id} runs in another process too, to which node n`,
		);
		expect(second.stderr).toContain(`of ${join(copy, victim.id, 'log')} and the log of that process one is a copy`);
		expect(await (await put(victim, 'color', 'green')).text()).toBe('true');
		expect(victim.output).not.toContain('replaced');
	});

	test('a folder in which only a promise is missing is refused too', async () => {
		await writeAll(swarm, keysOf('last'), 3);
		await victim.stop();
		const copy = copyOf(victim, 'without a promise');
		const before = readDisk(victim);
		await victim.start();
		// The next leader is promised by the two that are left, and has nothing to propose.
		await leader.kill();
		await until('another node leads', async () => (await swarm.leader(victim)) !== leader || undefined);
		await victim.kill();
		const after = readDisk(victim);
		expect(after.promised).not.toEqual(before.promised);
		expect([...after.accepted]).toEqual([...before.accepted]);

		putBack(victim, copy);
		const refused = victim.launch();
		expect(await refused.ended).toBe(1);
		expect(refused.stderr).toContain(`node ${follower.id} remembers that it reached frame`);
		expect(readDisk(victim).promised).toEqual(before.promised);
	});
});

describe('where nobody remembers', () => {
	beforeAll(startThree);
	afterAll(() => swarm.dispose());

	test('the node from which a majority differs stops, and says so before it is known', async () => {
		const [n1, n2, n3] = swarm.nodes as [TestNode, TestNode, TestNode];
		await writeAll(swarm, keysOf('early'), 3);
		await n3.stop();
		const copy = copyOf(n3, 'copy');
		await n1.stop();
		await n3.start();
		await writeAll(swarm, keysOf('late'), 3);
		await Promise.all([n2.stop(), n3.stop()]);

		// Where n2 has noted what n3 told, it remembers, and n3 is refused.
		rmSync(join(n2.folder, 'peers.json'));
		// Neither of them remembers: what n2 and n3 acknowledged is gone, and other values take its place.
		putBack(n3, copy);
		await swarm.start([n1, n3]);
		await writeAll(swarm, keysOf('other'), 3);
		await Promise.all([n1.stop(), n3.stop()]);

		// Of two that differ nobody can say who is wrong.
		n1.launch();
		n2.launch();
		for (const node of [n1, n2]) {
			const text = await until(`${node.id} says that it differs`, async () => {
				const response = await node.fetch('/readyz/state').catch(() => undefined);
				const said = await response?.text();
				return said?.includes('[-]state failed') ? said : undefined;
			});
			expect(text).toContain('and no majority can say who is wrong');
			expect(node.output).toMatch(/has another state than n[12] after slot \d+: one of the two is wrong/);
		}

		// The third one decides.
		n3.launch();
		await until('n2 stops', async () => !n2.isRunning || undefined);
		expect(n2.output).toMatch(
			/n2 had to stop: its state after slot \d+ is not that of n1 and n3, which are a majority/,
		);
		await n1.ready();
		expect(await get(n1, 'other1')).toBe(valueUnder('other1'));
	});
});

function keysOf(prefix: string): string[] {
	return Array.from({ length: 30 }, (_, index) => `${prefix}${index}`);
}

function copyOf(node: TestNode, name: string): string {
	const copy = join(swarm.folder, name);
	cpSync(node.folder, copy, { recursive: true });
	return copy;
}

function putBack(node: TestNode, copy: string): void {
	rmSync(node.folder, { recursive: true });
	cpSync(copy, node.folder, { recursive: true });
}

/** Of the log of a node that is not running. */
function lastFrame(node: TestNode): number {
	const disk = diskOf(node);
	return readLog(disk, readManifest(disk).owner).last?.header.sequence ?? 0;
}
