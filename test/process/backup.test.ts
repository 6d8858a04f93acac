/** The state of a swarm is saved while clients write, and a new swarm is made of it. */
import { once } from 'node:events';
import { readdirSync, renameSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFailed, test } from 'vitest';
import { backupOf } from '../backup/backup.ts';
import { type Entry, get, listing, put, writeAll } from './client.ts';
import { Swarm, type TestNode, until } from './swarm.ts';

const BEFORE = Array.from({ length: 300 }, (_, i) => `before${i}`);
const MEANWHILE = Array.from({ length: 600 }, (_, i) => `meanwhile${i}`);
const WRITERS = 8;

let swarm: Swarm;
beforeEach(async () => {
	swarm = await Swarm.create({ size: 3, logMiB: 1 });
	onTestFailed(() => swarm.report());
});
afterEach(() => swarm.dispose());

test('a swarm that is restored has what was acknowledged before the save, and goes on from there', async () => {
	await swarm.start();
	await writeAll(swarm, BEFORE, WRITERS);
	const [n1, n2, n3] = swarm.nodes as [TestNode, TestNode, TestNode];
	const file = join(swarm.folder, 'a.backup');
	let saving: ReturnType<Swarm['run']> | undefined;
	let secondSaving: ReturnType<Swarm['run']> | undefined;
	await writeAll(swarm, MEANWHILE, WRITERS, (count) => {
		if (count !== 100) return;
		saving = swarm.run('snapshot', 'save', file, '--node', n2.id);
		secondSaving = swarm.run('snapshot', 'save', `${file}.2`, '--node', n2.id);
	});
	for (const each of [saving, secondSaving]) expect(await each).toMatchObject({ status: 0, stderr: '' });
	const { entries: old, revision: oldRevision } = await listing(n1);
	expect(old).toHaveLength(BEFORE.length + MEANWHILE.length);

	const told = await toldOf(file);
	expect(told).toMatchObject({ name: 'test', node: 'n2', isLinearizable: true });
	expect(told.revision).toBeLessThanOrEqual(oldRevision);
	const saved = old.filter(({ ModifyIndex }) => ModifyIndex <= told.revision);
	expect(saved).toHaveLength(told.keys);
	for (const key of [...BEFORE, ...MEANWHILE.slice(0, 100 - WRITERS)]) expect(keysOf(saved)).toContain(key);

	await Promise.all(swarm.nodes.map((node) => node.stop()));
	renameSync(swarm.dataDir, `${swarm.dataDir}.old`);
	const { status, stdout } = await swarm.run('snapshot', 'restore', file);
	expect(status).toBe(0);
	await swarm.start();
	const id = ((await (await n1.fetch('/v1/swarm')).json()) as { id: string }).id;
	expect(stdout).toContain(`as the new swarm ${id}\n`);
	expect(id).not.toBe(told.swarm);
	for (const node of swarm.nodes) {
		const restored = await listing(node);
		expect(restored.entries).toEqual(saved);
		expect(restored.revision).toBeGreaterThanOrEqual(told.revision);
	}
	expect(await (await put(n3, 'after', 'all')).text()).toBe('true');
	const after = (await listing(n3)).entries.find(({ Key }) => Key === 'after');
	expect(after?.ModifyIndex).toBeGreaterThan(told.revision);

	// It takes snapshots and starts again as any other.
	expect((await swarm.run('snapshot', 'save', file, '--force')).status).toBe(0);
	await Promise.all(swarm.nodes.map((node) => node.kill()));
	await swarm.start();
	expect(await get(n2, 'after')).toBe('all');
	expect((await listing(n2)).entries).toHaveLength(saved.length + 1);
});

test('a node that no majority hears gives what it has with --stale only', async () => {
	await swarm.start();
	const [n1, ...others] = swarm.nodes as [TestNode, ...TestNode[]];
	expect(await (await put(n1, 'color', 'red')).text()).toBe('true');
	await until('n1 has it', async () => ((await get(n1, 'color', '&stale')) === 'red' ? true : undefined));
	await Promise.all(others.map((node) => node.kill()));
	const file = join(swarm.folder, 'a.backup');
	const refused = await swarm.run('snapshot', 'save', file, '--node', 'n1');
	expect(refused.status).toBe(4);
	expect(refused.stderr).toContain('No leader has confirmed in time that this node has everything.');
	expect((await swarm.run('snapshot', 'save', file, '--node', 'n1', '--stale')).status).toBe(0);
	const told = await toldOf(file);
	expect(told).toMatchObject({ keys: 1, isLinearizable: false });
});

const SAVE = ['snapshot', 'save', 'a.backup'];
const EXPORT = ['kv', 'export', '--out', 'keys.json'];

test.each([
	['SIGINT', SAVE],
	['SIGTERM', SAVE],
	['SIGINT', EXPORT],
] as const)('what is ended by %s leaves no half of a file: %j', async (signal, command) => {
	const entry = '{"Key":"a","Flags":0,"Value":null,"CreateIndex":2,"ModifyIndex":2}';
	const bytes = command === EXPORT ? Buffer.from(`[${entry},${' '.repeat(100)}${entry}]`) : backupOf(1000).bytes;
	const half = createServer((_request, response) => {
		response
			.writeHead(200, { 'content-length': bytes.length, 'x-consul-index': 2 })
			.write(bytes.subarray(0, bytes.length / 2));
	});
	await once(half.listen(0, '127.0.0.1'), 'listening');
	try {
		const { port } = half.address() as AddressInfo;
		const endpoint = `http://127.0.0.1:${port}`;
		const before = readdirSync(swarm.folder);
		const [file = '', ...words] = [...command].reverse();
		const line = [...words.reverse(), join(swarm.folder, file)];
		const program = swarm.program([...line, '--endpoint', endpoint, '--config', swarm.configFile]);
		await until('half of it has come', async () => {
			const part = readdirSync(swarm.folder).find((name) => name.endsWith('.part'));
			return part !== undefined && statSync(join(swarm.folder, part)).size > 0 ? true : undefined;
		});
		program.signal(signal);
		expect(await program.ended).toBeNull();
		expect(readdirSync(swarm.folder)).toEqual(before);
	} finally {
		half.close();
		half.closeAllConnections();
	}
});

interface Told {
	readonly swarm: string;
	readonly revision: number;
	readonly keys: number;
}

async function toldOf(file: string): Promise<Told> {
	const program = swarm.program(['snapshot', 'status', file, '--json']);
	expect(await program.ended).toBe(0);
	return JSON.parse(program.stdout) as Told;
}

function keysOf(entries: readonly Entry[]): string[] {
	return entries.map(({ Key }) => Key);
}
