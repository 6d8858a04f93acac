/**
 * Reads the disks of a stopped swarm's nodes, without writing: the sequence of values that it chose, from the logs of all
 * nodes, and the state that they lead to.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Disk } from '../../shared/disk/disk.ts';
import { readManifest } from '../../shared/disk/manifest.ts';
import { readLog } from '../../shared/disk/recover.ts';
import { readSnapshot, type SnapshotNote } from '../../shared/disk/snapshot-file.ts';
import { type Ballot, ballotToText, compareBallots, NO_BALLOT } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import type { DurableRecord } from '../../shared/paxos/record.ts';
import { commandsOf, type Value } from '../../shared/paxos/value.ts';
import { Restore } from '../../shared/replica/restore.ts';
import { StoreRestore } from '../../shared/store/restore.ts';
import { Store } from '../../shared/store/store.ts';
import type { TestNode } from './swarm.ts';

/** One node's durable memory. */
export interface DiskState {
	readonly records: readonly DurableRecord[];
	readonly promised: Ballot;
	/** The acceptance of the highest ballot of each slot, or what was fetched for it. */
	readonly accepted: ReadonlyMap<Slot, { readonly ballot: Ballot; readonly value: Value }>;
	readonly chosenThrough: Slot;
	/** The last slot of its snapshot, and the state that the snapshot holds; 0 and an empty store where it has none. */
	readonly snapshotThrough: Slot;
	readonly snapshot: Store;
}

/** A read-only disk with the log of a node that is not running. */
export function diskOf(node: TestNode): Disk {
	const folder = join(node.folder, 'log');
	const readOnly = (): never => {
		throw new Error('this disk is only read');
	};
	return {
		list: () => readdirSync(folder).sort(),
		read: (name, part) => {
			const bytes = readFileSync(join(folder, name));
			return part ? bytes.subarray(part.offset, part.offset + part.bytes) : bytes;
		},
		readPart: readOnly,
		create: readOnly,
		write: readOnly,
		append: readOnly,
		publish: readOnly,
		abandon: readOnly,
		rename: readOnly,
		remove: readOnly,
	};
}

/** The durable state of a node that is not running. */
export function readDisk(node: TestNode): DiskState {
	const disk = diskOf(node);
	const { records, manifest } = readLog(disk, readManifest(disk).owner);
	let promised = NO_BALLOT;
	let chosenThrough = 0;
	const accepted = new Map<Slot, { ballot: Ballot; value: Value }>();
	for (const record of records) {
		switch (record.kind) {
			case 'promised':
				if (compareBallots(record.ballot, promised) > 0) promised = record.ballot;
				break;
			case 'accepted':
			case 'learned': {
				if (record.kind === 'accepted' && compareBallots(record.ballot, promised) > 0) promised = record.ballot;
				const { slot, ballot, value } = record;
				const before = accepted.get(slot);
				if (before === undefined || compareBallots(ballot, before.ballot) >= 0) accepted.set(slot, { ballot, value });
				break;
			}
			case 'chosen':
				chosenThrough = Math.max(chosenThrough, record.through);
				break;
		}
	}
	const snapshotThrough = manifest.snapshot?.through ?? 0;
	const snapshot = manifest.snapshot ? restored(disk, manifest.snapshot) : new Store();
	return {
		records,
		promised,
		accepted,
		chosenThrough: Math.max(chosenThrough, snapshotThrough),
		snapshotThrough,
		snapshot,
	};
}

function restored(disk: Disk, note: SnapshotNote): Store {
	const restore = new Restore(new StoreRestore());
	const swarm = readManifest(disk).owner.split('/')[0] as string;
	for (const { payloads } of readSnapshot(disk, note, swarm)) for (const payload of payloads) restore.add(payload);
	return restore.finish().machine;
}

/** What a swarm has chosen: the state after a slot, by the snapshot that goes furthest, and the values of later slots. */
export interface Chosen {
	readonly store: Store;
	readonly values: readonly Value[];
}

/**
 * The chosen values in slot order, behind the newest snapshot. A slot counts as chosen where a node has noted it as
 * chosen, or where the latest acceptances of a majority are of one ballot.
 *
 * @throws where two nodes disagree on a chosen value
 */
export function chosenValues(disks: readonly DiskState[]): Chosen {
	const newest = disks.reduce((a, b) => (b.snapshotThrough > a.snapshotThrough ? b : a));
	const values: Value[] = [];
	for (let slot = newest.snapshotThrough + 1; ; slot++) {
		const found = disks.flatMap((disk) => {
			const acceptance = disk.accepted.get(slot);
			return acceptance ? [{ ...acceptance, isNoted: slot <= disk.chosenThrough }] : [];
		});
		const votes = new Map<string, number>();
		for (const { ballot } of found) votes.set(ballotToText(ballot), (votes.get(ballotToText(ballot)) ?? 0) + 1);
		const chosen = found.filter(
			({ ballot, isNoted }) => isNoted || (votes.get(ballotToText(ballot)) ?? 0) > disks.length / 2,
		);
		const [first] = chosen;
		if (first === undefined) return { store: newest.snapshot, values };
		for (const other of chosen) {
			if (!Buffer.from(first.value).equals(other.value)) throw new Error(`two values are chosen in slot ${slot}`);
		}
		values.push(first.value);
	}
}

export interface Replay {
	readonly store: Store;
	/**
	 * Of the values: by identity, `client/sequence`: the revisions at which a command was applied, and the number of its
	 * duplicates.
	 */
	readonly commands: ReadonlyMap<string, { readonly revisions: readonly number[]; readonly duplicates: number }>;
}

/** Applies the chosen values to the state before them. */
export function replay({ store, values }: Chosen): Replay {
	const commands = new Map<string, { revisions: number[]; duplicates: number }>();
	for (const [index, value] of values.entries()) {
		const fine = store.apply(commandsOf(value), (client, sequence, result) => {
			const identity = `${client}/${sequence}`;
			const command = commands.get(identity) ?? { revisions: [], duplicates: 0 };
			commands.set(identity, command);
			if (result.kind === 'applied') command.revisions.push(result.revision);
			else command.duplicates++;
		});
		if (!fine) throw new Error(`value ${index + 1} does not parse`);
	}
	return { store, commands };
}
