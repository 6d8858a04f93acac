/** All nodes are killed at once. Every promise and acceptance that they had sent must still be there. */
import { afterEach, beforeEach, expect, onTestFailed, test } from 'vitest';
import type { Fact } from '../../shared/fact.ts';
import { ballotFromText, compareBallots, NO_BALLOT } from '../../shared/paxos/ballot.ts';
import { listing, valueUnder, writeAll } from './client.ts';
import { chosenValues, type DiskState, readDisk, replay } from './disk-log.ts';
import { Swarm, type TestNode } from './swarm.ts';
import { Watch } from './watch.ts';

let swarm: Swarm;
beforeEach(async () => {
	swarm = await Swarm.create({ size: 5 });
	onTestFailed(() => swarm.report());
});
afterEach(() => swarm.dispose());

test('nothing acknowledged is lost and no promise goes back when all nodes are killed at once', async () => {
	const keys = Array.from({ length: 400 }, (_, index) => `k${String(index).padStart(4, '0')}`);
	await swarm.start();
	const watches = await Promise.all(swarm.nodes.map(Watch.open));
	// Every node campaigns once, so that there are promises to keep.
	for (const [index, watch] of watches.entries()) {
		expect(await watch.propose({ key: `self${index}`, value: 'x', route: 'self' })).toMatchObject({
			outcome: 'chosen',
		});
	}

	let disks: DiskState[] | undefined;
	let restarted: Promise<void> | undefined;
	await writeAll(swarm, keys, 10, (count) => {
		if (count === 200) restarted = restart();
	});
	await restarted;

	async function restart(): Promise<void> {
		await Promise.all(swarm.nodes.map((node) => node.kill()));
		disks = swarm.nodes.map(readDisk);
		await swarm.start();
	}

	for (const [index, disk] of (disks ?? []).entries()) {
		const facts = watches[index]?.facts ?? [];
		const sent = highestPromiseSent(facts);
		expect(sent).not.toEqual(NO_BALLOT);
		expect(compareBallots(disk.promised, sent)).toBeGreaterThanOrEqual(0);
		expect(unkeptAcceptances(facts, disk)).toEqual([]);
	}
	expect(disks).toHaveLength(5);

	const { entries } = await consistent(swarm.nodes[0] as TestNode);
	expect(entries.map(({ Key }) => Key).filter((key) => key.startsWith('k'))).toEqual(keys);
	expect(entries.filter(({ Key }) => Key.startsWith('self'))).toHaveLength(5);
	for (const { Key, Value } of entries.filter(({ Key }) => Key.startsWith('k'))) {
		expect(Buffer.from(Value ?? '', 'base64').toString()).toBe(valueUnder(Key));
	}

	await Promise.all(swarm.nodes.map((node) => node.stop()));
	const after = swarm.nodes.map(readDisk);
	for (const [index, disk] of after.entries()) {
		expect(compareBallots(disk.promised, disks?.[index]?.promised ?? NO_BALLOT)).toBeGreaterThanOrEqual(0);
		expect(disk.chosenThrough).toBeGreaterThanOrEqual(disks?.[index]?.chosenThrough ?? 0);
	}
	const { commands } = replay(chosenValues(after));
	expect([...commands.values()].filter(({ revisions }) => revisions.length !== 1)).toEqual([]);
});

/** The highest ballot that the node has promised or accepted in a message that it sent. */
function highestPromiseSent(facts: readonly Fact[]) {
	let highest = NO_BALLOT;
	for (const fact of facts) {
		if (fact.kind !== 'sent') continue;
		if (fact.message.kind !== 'promise' && fact.message.kind !== 'accepted') continue;
		const ballot = ballotFromText(fact.message.ballot) ?? NO_BALLOT;
		if (compareBallots(ballot, highest) > 0) highest = ballot;
	}
	return highest;
}

/** The accepteds that the node has sent and whose acceptances, or later ones, are not on its disk. */
function unkeptAcceptances(facts: readonly Fact[], disk: DiskState): Fact[] {
	return facts.filter((fact) => {
		if (fact.kind !== 'sent' || fact.message.kind !== 'accepted') return false;
		const kept = disk.accepted.get(fact.message.slot);
		return !kept || compareBallots(kept.ballot, ballotFromText(fact.message.ballot) ?? NO_BALLOT) < 0;
	});
}

/** The node's entries after a linearizable read there, by which it has applied all acknowledged writes. */
async function consistent(node: TestNode): ReturnType<typeof listing> {
	await node.fetch('/v1/kv/?keys&consistent');
	return listing(node);
}
