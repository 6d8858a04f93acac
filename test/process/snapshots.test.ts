/**
 * A log that does not grow without end: nodes take snapshots and trim their logs under load, start from them, and bring
 * a node up to date by them that was away for too long.
 */
import { randomUUID } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFailed, test } from 'vitest';
import { SEGMENT_BYTES_DEFAULT } from '../../shared/disk/log.ts';
import { get } from './client.ts';
import { Swarm, type TestNode, until } from './swarm.ts';

const KEYS = 20;
const VALUE_BYTES = 200_000;
/** The values of so many rounds fill almost three segments. */
const ROUNDS = 12;

let swarm: Swarm;
beforeEach(async () => {
	swarm = await Swarm.create({ size: 3, logMiB: 1 });
	onTestFailed(() => swarm.report());
	await swarm.start();
});
afterEach(() => swarm.dispose());

test('logs are trimmed under load, and a node that was away and nodes that were killed have everything', async () => {
	const leader = await swarm.leader();
	const [away, other] = swarm.nodes.filter((node) => node !== leader) as [TestNode, TestNode];
	await put(leader, 'before', 'it left');
	await away.kill();
	await fill(other);
	for (const node of [leader, other]) {
		await until(`${node.id} has trimmed its log`, async () => ((await trimmedThrough(node)) > 0 ? true : undefined));
		const files = readdirSync(join(node.folder, 'log'));
		expect(files.filter((name) => name.endsWith('.snapshot')).length).toBeGreaterThanOrEqual(1);
	}

	// Nobody keeps what it lacks.
	await away.start();
	expect(away.output).toContain('has taken over a snapshot');
	await expectAll(away);
	expect(await get(away, 'before')).toBe('it left');

	await Promise.all(swarm.nodes.map((node) => node.kill()));
	await swarm.start();
	for (const node of swarm.nodes) {
		await expectAll(node);
		expect(await trimmedThrough(node)).toBeGreaterThan(0);
		// The values fill almost three segments. There are the present one, the next one, spare ones, and the snapshot.
		expect(bytesOf(node)).toBeLessThan(7 * SEGMENT_BYTES_DEFAULT);
	}
	// They go on behind their snapshots.
	await put(away, 'after', 'all');
	expect(await get(other, 'after')).toBe('all');
});

/** Overwrites all keys, round after round, until the log has been filled several times. */
async function fill(node: TestNode): Promise<void> {
	for (let round = 1; round <= ROUNDS; round++) {
		await Promise.all(Array.from({ length: KEYS }, (_, key) => put(node, `key${key}`, valueIn(key, round))));
	}
}

async function expectAll(node: TestNode): Promise<void> {
	for (let key = 0; key < KEYS; key++) expect((await get(node, `key${key}`)) === valueIn(key, ROUNDS)).toBe(true);
}

function valueIn(key: number, round: number): string {
	return `${key} in round ${round} `.padEnd(VALUE_BYTES, '.');
}

/** A write that is not chosen while its request is held, such as by a slow disk, is asked again under its name. */
async function put(node: TestNode, key: string, value: string): Promise<void> {
	const asked = { method: 'PUT', body: value, headers: { 'Idempotency-Key': randomUUID() } };
	const acknowledged = async (): Promise<true | undefined> => {
		const response = await node.fetch(`/v1/kv/${key}`, asked);
		const text = await response.text();
		if (!response.ok && response.headers.has('X-Swarm-Outcome')) return undefined;
		expect(text).toBe('true');
		return true;
	};
	await until(`${key} is written`, acknowledged);
}

async function trimmedThrough(node: TestNode): Promise<number> {
	const response = await node.fetch('/v1/swarm');
	return ((await response.json()) as { trimmedThrough: number }).trimmedThrough;
}

function bytesOf(node: TestNode): number {
	const folder = join(node.folder, 'log');
	return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}
