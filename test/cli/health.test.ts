/** `health` and `config validate`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { TestNode } from '../api/node.ts';
import { FakeSwarm } from './fake-swarm.ts';

let fake: FakeSwarm;
beforeEach(async () => {
	fake = await FakeSwarm.create();
});
afterEach(() => fake.close());

it('health has a line for each node, and status 0 where all are ready', async () => {
	const { status, stdout } = await fake.run('health');
	expect([status, stdout.trim().split(/\s*\n/)]).toEqual([
		0,
		['ADDRESS                 HEALTH  WHY', expect.stringMatching(/:\d+ {2}ready$/), expect.stringMatching(/ready$/)],
	]);
});

it('health says which checks fail, and ends with status 4', async () => {
	const node = await new TestNode().start();
	node.replica.hasLeader = false;
	node.isDraining = true;
	const { status, stdout } = await fake.run(`health --endpoint http://127.0.0.1:${node.port}`);
	await node.stop();
	expect(status).toBe(4);
	expect(stdout).toMatch(/not ready {2}leader .*no leader is heard.*; draining .*about to stop/);
	fake.first.answer = { hangUp: true };
	const json = await fake.run('health --json');
	expect([json.status, JSON.parse(json.stdout)]).toMatchObject([4, [{ isReady: false }, { isReady: true, why: '' }]]);
});

it('config validate says what a file makes, or all that is wrong in it', async () => {
	const good = await fake.run('config validate');
	expect(good).toMatchObject({ status: 0, stderr: '' });
	expect(good.stdout).toMatch(
		/swarm\.json is valid: the swarm "swarm", with its data in .*\nNODE {2}ADDRESS\nn1 {4}http/,
	);
	writeFileSync(join(fake.folder, 'bad.json'), '{"name": 7, "nodes": []}');
	const bad = await fake.run('config validate bad.json');
	expect([bad.status, bad.stdout]).toEqual([1, '']);
	expect(bad.stderr).toMatch(/name: [\s\S]*nodes: /);
});
