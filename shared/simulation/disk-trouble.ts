/**
 * Makes the faults of disks happen, and those faults that depend on the data a disk has kept. It is a part of
 * `trouble.ts`.
 */
import { sameBytes } from '../bytes/bytes.ts';
import { isSnapshotName } from '../disk/snapshot-file.ts';
import type { CounterName } from './counters.ts';
import { type Damage, damaged } from './damage.ts';
import type { NamedBytes } from './disk.ts';
import type { DiskFault } from './faults.ts';
import { stop } from './leaving.ts';
import type { SimulatedNode } from './node.ts';
import type { Random } from './random.ts';
import { US_PER_MS } from './schedule.ts';
import type { World } from './world.ts';

export const DAMAGE_COUNTER: Readonly<Record<Damage, CounterName>> = {
	bits: 'bitsFlipped',
	staleSector: 'staleSectors',
	olderFile: 'olderFiles',
	zeros: 'filesOfZeros',
	cutShort: 'filesCutShort',
	missing: 'filesMissing',
	swapped: 'filesSwapped',
	foreign: 'foreignFiles',
	olderManifest: 'olderManifests',
};

export function causeDiskFault(fault: DiskFault, world: World, random: Random): void {
	switch (fault.kind) {
		case 'crashInFlush': {
			const node = world.node(fault.node);
			const { epoch } = node;
			const act = (): void => {
				if (node.epoch !== epoch || !node.process) return;
				world.counters.crashesInAFlush++;
				world.crash(node);
				world.restartAfter(node, fault.downMs);
			};
			node.disk.duringFlush = { of: fault.of, act };
			return;
		}
		case 'flushFails': {
			const node = world.node(fault.node);
			world.counters.flushFailures++;
			node.disk.failing = fault.of;
			world.staysDown(node, fault.downMs);
			return;
		}
		case 'diskFull': {
			const node = world.node(fault.node);
			world.counters.disksFull++;
			node.disk.freeBytes = 0;
			return world.endsAfter(fault.ms, () => {
				node.disk.freeBytes = Number.POSITIVE_INFINITY;
			});
		}
		case 'slowDisk': {
			const { disk } = world.node(fault.node);
			world.counters.slowDisks++;
			disk.flushMinUs = (fault.flushMs * US_PER_MS) / 2;
			disk.flushMaxUs = fault.flushMs * US_PER_MS;
			return world.endsAfter(fault.ms, () => {
				disk.flushMinUs = 100;
				disk.flushMaxUs = 400;
			});
		}
		case 'hungDisk': {
			const node = world.node(fault.node);
			const { disk, waitingRecordsMax } = node;
			world.counters.disksHung++;
			node.waitingRecordsMax = fault.waitingRecordsMax;
			disk.hang(fault.ms * US_PER_MS);
			return world.endsAfter(fault.ms, () => {
				node.waitingRecordsMax = waitingRecordsMax;
			});
		}
		case 'stop': {
			const node = world.node(fault.node);
			if (!node.process || node.process.isEnded || node.paused) return;
			world.counters.cleanStops++;
			return stop(node, world, fault.downMs);
		}
		case 'damage':
			return damage(fault, world, random);
		case 'putBack':
			return putBack(fault, world, random);
	}
}

/**
 * The node is started on an older copy of its files, while a node that runs remembers more of them. It must stop as soon
 * as it hears that; `SimulatedNode` looks that it does nothing before.
 */
function putBack(
	{ node: index, isForGood, downMs }: Extract<DiskFault, { kind: 'putBack' }>,
	world: World,
	random: Random,
) {
	const node = world.node(index);
	world.crash(node);
	if (node.process || node.refuses || node.isAway || node.putBack) return;
	node.disk.losePower();
	const { now, before } = node.disk.noted;
	const copy = [...random.pick([now, before])].map(([name, bytes]) => ({ name, bytes }));
	if (copy.length === 0) return world.restartAfter(node, downMs);
	node.putBack = { whole: node.disk.save(), isForGood, downMs };
	node.disk.restore(copy);
	world.startNode(node);
	const { process } = world.node(index);
	if (world.nodes.some((peer) => process?.isBehind(world.rememberedBy(peer.id, node)))) {
		world.counters.foldersPutBack++;
		return;
	}
	// Nobody can know.
	node.putBack = { ...node.putBack, isForGood: false };
	world.crash(node);
	endPutBack(node, world);
}

/** The node, which does not run, gets its files back as they were when it last ran, or stays away. */
export function endPutBack(node: SimulatedNode, world: World): void {
	if (!node.putBack) return;
	const { whole, isForGood, downMs } = node.putBack;
	node.putBack = undefined;
	node.disk.restore(whole);
	if (isForGood) node.refuses = true;
	else world.restartAfter(node, downMs);
}

/** The node is asked to start on what is left. Then all is put back as it was when it last ran, if it ever is. */
function damage(
	{ node: index, how, isForGood, downMs }: Extract<DiskFault, { kind: 'damage' }>,
	world: World,
	random: Random,
): void {
	const { nodes, counters } = world;
	const node = world.node(index);
	world.crash(node);
	if (node.process || node.refuses || node.isAway) return;
	node.disk.losePower();
	const whole = node.disk.save();
	const other = world.node((index + 1) % nodes.length);
	const files = damaged(how, node.disk, other.disk, random);
	if (!files) return world.restartAfter(node, downMs);
	counters[DAMAGE_COUNTER[how]]++;
	if (whole.some((file) => isSnapshotName(file.name) && !isAmong(files, file))) counters.snapshotsDamaged++;
	node.damage = how;
	node.disk.restore(files);
	world.startNode(node);
	if (!node.refuses || isForGood) return;
	counters.damagesUndone++;
	node.disk.restore(whole);
	node.damage = undefined;
	node.refuses = false;
	world.restartAfter(node, downMs);
}

function isAmong(files: readonly NamedBytes[], { name, bytes }: NamedBytes): boolean {
	return files.some((file) => file.name === name && sameBytes(file.bytes, bytes));
}
