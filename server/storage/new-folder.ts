/**
 * Makes data folders, durably: those of a new swarm, empty or behind a snapshot, and that of one node that begins with a
 * new disk. `folder.ts` says what is in them.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { nanoid } from 'nanoid';
import { SEGMENT_BYTES_DEFAULT } from '../../shared/disk/log.ts';
import { isSegmentName, newLogFiles, segmentName } from '../../shared/disk/manifest.ts';
import type { SnapshotNote } from '../../shared/disk/snapshot-file.ts';
import { newIdOf } from '../../shared/member-name.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { FolderError } from './errors.ts';
import { ZEROS } from './file-changes.ts';
import { syncFolder } from './files.ts';
import { hasLog, ownerOf } from './folder.ts';
import {
	isFormatted,
	notFinished,
	removeIdentity,
	type SwarmIdentity,
	type SwarmMembers,
	writeIdentity,
} from './identity.ts';
import { LOCK_FILE } from './lock.ts';
import { explained, lockData, lockNode, whileLocked, writable } from './locked-folder.ts';
import { removeLabel } from './machine-label.ts';
import { removeNotes } from './peer-notes.ts';

/**
 * Makes the folders of all nodes of a new swarm, which are durable when it returns.
 *
 * @param options.force first erases all files that formatting and the log have made there
 * @throws FolderError `alreadyFormatted`, `incomplete`, `inUse`, `notWritable`
 */
export function formatSwarm(dataDir: string, swarm: SwarmMembers, options: { force?: boolean } = {}): SwarmIdentity {
	return whileLocked(dataDir, () => {
		if (options.force) wipe(dataDir, Object.keys(swarm.members));
		else if (isFormatted(dataDir)) {
			throw new FolderError(
				'alreadyFormatted',
				`${dataDir} is formatted already. To erase the data of every node and start afresh`,
				{ remedy: 'erase' },
			);
		}
		return format(dataDir, swarm);
	});
}

/**
 * Formats a data folder that holds no swarm yet, and leaves any other as it is. Several processes may call it at once:
 * one formats, the others wait for it.
 *
 * @returns whether this call formatted it
 * @throws FolderError `incomplete`, `inUse`, `notWritable`
 */
export function formatOnce(dataDir: string, swarm: SwarmMembers): boolean {
	if (isFormatted(dataDir)) return false;
	return whileLocked(dataDir, () => {
		if (isFormatted(dataDir)) return false;
		format(dataDir, swarm);
		return true;
	});
}

/** The folders of a new swarm, while its logs are made. */
export interface NewSwarm {
	readonly identity: SwarmIdentity;
	/** The folder of a node's log. */
	logOf(node: NodeId): string;
	/** Makes the log of a node, durably, behind a snapshot whose file is durable there. */
	makeLog(node: NodeId, snapshot: SnapshotNote): void;
}

/**
 * Makes the folders of all nodes of a new swarm, whose logs do not begin empty. They are durable when it resolves. Where
 * it fails, nothing of them is left.
 *
 * @param make makes the log of each node
 * @returns the id of the new swarm
 * @throws FolderError `alreadyFormatted`, `incomplete`, `inUse`, `notWritable`, and what `make` throws
 */
export async function newSwarm(
	dataDir: string,
	swarm: SwarmMembers,
	make: (made: NewSwarm) => Promise<void>,
): Promise<string> {
	const wasThere = fs.existsSync(dataDir);
	const unlock = lockData(dataDir);
	try {
		if (isFormatted(dataDir)) {
			throw new FolderError(
				'alreadyFormatted',
				`${dataDir} holds the data of a swarm already. Move that away, or choose another folder`,
				{ remedy: 'otherFolder' },
			);
		}
		const nodes = Object.keys(swarm.members);
		for (const node of nodes) refuseDataWithoutMarker(dataDir, node);
		const identity = newIdentity(swarm);
		try {
			writable(dataDir, () => {
				for (const node of nodes) madeLogFolder(dataDir, node);
			});
			const logOf = (node: NodeId): string => join(dataDir, node, 'log');
			await make({
				identity,
				logOf,
				makeLog: (node, snapshot) => makeLog(logOf(node), ownerOf(identity.swarmId, node), snapshot),
			});
			writable(dataDir, () => {
				for (const node of nodes) writeIdentity(join(dataDir, node), identity);
				syncFolder(dataDir);
				writeIdentity(dataDir, identity);
			});
		} catch (error) {
			removeMade(dataDir, nodes);
			if (!wasThere) removeIfEmpty(dataDir);
			throw explained(dataDir, error);
		}
		return identity.swarmId;
	} finally {
		unlock();
	}
}

/**
 * Makes the folder of a node that has no log, under a new id. The node is no member until the members let it in. The
 * folder is durable when it returns. Where another process was faster, nothing is done.
 *
 * @param swarm a data folder that is of no swarm yet becomes one of this swarm
 * @returns the node's id; null where it has a log already
 * @throws FolderError `inUse`, `noRoom`, `notLockable`, `notWritable`
 */
export function makeNewDisk(dataDir: string, node: string, swarm: SwarmIdentity): NodeId | null {
	return whileLocked(dataDir, () => {
		if (hasLog(dataDir, node)) return null;
		const id = newIdOf(node, Math.random);
		const folder = join(dataDir, node);
		const log = join(folder, 'log');
		return writable(folder, () => {
			const made = `${log}.new`;
			fs.rmSync(made, { recursive: true, force: true });
			fs.mkdirSync(made, { recursive: true });
			makeLog(made, ownerOf(swarm.swarmId, id));
			writeIdentity(folder, swarm);
			syncFolder(dataDir);
			// A log is there as a whole or not at all.
			fs.renameSync(made, log);
			syncFolder(folder);
			if (!isFormatted(dataDir)) writeIdentity(dataDir, swarm);
			return id;
		});
	});
}

/** Caller holds the lock of the data folder. The marker comes last. */
function format(dataDir: string, swarm: SwarmMembers): SwarmIdentity {
	const nodes = Object.keys(swarm.members);
	for (const node of nodes) refuseDataWithoutMarker(dataDir, node);
	const identity = newIdentity(swarm);
	return writable(dataDir, () => {
		try {
			for (const node of nodes) {
				makeLog(madeLogFolder(dataDir, node), ownerOf(identity.swarmId, node));
				writeIdentity(join(dataDir, node), identity);
			}
			syncFolder(dataDir);
		} catch (error) {
			removeMade(dataDir, nodes);
			throw error;
		}
		// As soon as the marker is there, nodes may start.
		writeIdentity(dataDir, identity);
		return identity;
	});
}

/** Removes what was made of a swarm before it failed, perhaps because the disk is full: no node can have started. */
function removeMade(dataDir: string, nodes: readonly NodeId[]): void {
	removeIdentity(dataDir);
	for (const node of nodes) {
		const folder = join(dataDir, node);
		if (!fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory()) continue;
		erase(folder);
		removeIfEmpty(folder);
	}
}

function newIdentity({ name, members }: SwarmMembers): SwarmIdentity {
	return { name, swarmId: nanoid(), members };
}

function madeLogFolder(dataDir: string, node: NodeId): string {
	const folder = join(dataDir, node);
	const log = join(folder, 'log');
	fs.mkdirSync(log, { recursive: true });
	// Where an erasure was cut off, the label of a machine may be left.
	removeLabel(folder);
	return log;
}

/** Without the marker, formatting was cut off before any node could start: the first segments are all zeros. */
function refuseDataWithoutMarker(dataDir: string, node: NodeId): void {
	const log = join(dataDir, node, 'log');
	if (!fs.existsSync(log)) return;
	const used = fs
		.readdirSync(log)
		.filter(isSegmentName)
		.some((name) => {
			const bytes = fs.readFileSync(join(log, name));
			return name !== segmentName(1) || !bytes.equals(new Uint8Array(bytes.length));
		});
	if (used) throw notFinished(dataDir, node);
}

function makeLog(folder: string, owner: string, snapshot: SnapshotNote | null = null): void {
	for (const { name, bytes } of newLogFiles(owner, SEGMENT_BYTES_DEFAULT, snapshot)) {
		const fd = fs.openSync(join(folder, name), 'w');
		try {
			if (isSegmentName(name)) writeZeros(fd, bytes.length);
			else fs.writeFileSync(fd, bytes);
			fs.fsyncSync(fd);
		} finally {
			fs.closeSync(fd);
		}
	}
	syncFolder(folder);
}

/** A segment is 16 MiB of zeros. To touch as much memory for them takes longer than to write them. */
function writeZeros(fd: number, bytes: number): void {
	for (let at = 0; at < bytes; ) at += fs.writeSync(fd, ZEROS, 0, Math.min(bytes - at, ZEROS.length), at);
}

/** Caller holds the lock of the data folder. The marker goes first. Nothing else in these folders is touched. */
function wipe(dataDir: string, members: readonly NodeId[]): void {
	const nodes = fs
		.readdirSync(dataDir, { withFileTypes: true })
		.filter((entry) => entry.isDirectory())
		.map((entry) => entry.name)
		.filter((name) => members.includes(name) || isFormatted(join(dataDir, name)));
	const unlocks: (() => void)[] = [];
	try {
		for (const node of nodes) unlocks.push(lockNode(join(dataDir, node), node));
		writable(dataDir, () => {
			removeIdentity(dataDir);
			for (const node of nodes) erase(join(dataDir, node));
		});
	} finally {
		for (const unlock of unlocks) unlock();
	}
	for (const node of nodes) removeIfEmpty(join(dataDir, node));
}

/** Removes what formatting, the log and its machine have made in the folder of a node. */
function erase(folder: string): void {
	removeIdentity(folder);
	fs.rmSync(join(folder, 'log'), { recursive: true, force: true });
	removeNotes(folder);
	// It comes last, because a log without it would be taken for one of keys.
	removeLabel(folder);
}

/** Without its marker no process opens the folder any more, so its lock file may be removed too. */
function removeIfEmpty(folder: string): void {
	if (fs.readdirSync(folder).some((name) => name !== LOCK_FILE)) return;
	fs.rmSync(folder, { recursive: true });
}
