/**
 * The data folder. It is formatted once, and then opened by one process for each node.
 *
 *     <dataDir>/format.json            written last: all below is whole
 *     <dataDir>/<node>/format.json     the same: which swarm this is, and the members that it began with
 *     <dataDir>/<node>/peers.json      what other nodes have told (`peer-notes.ts`)
 *     <dataDir>/<node>/log/            the manifest, which names the swarm and the node's id, and the segments
 *     <dataDir>/lock, <dataDir>/<node>/lock   who uses the folder now (`lock.ts`)
 *
 * A node whose folder is gone must not vote as if it remembered. So a missing part is never replaced: a folder is used as
 * it was formatted, or refused. What can be made (`new-folder.ts`) is a new folder, whose node has a new id, and is no
 * member until the members let it in.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { CorruptLogError } from '../../shared/disk/corrupt-log-error.ts';
import { readManifest } from '../../shared/disk/manifest.ts';
import { nameOf } from '../../shared/member-name.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { PutBackError } from '../../shared/replica/memory.ts';
import { FolderError } from './errors.ts';
import { FileDisk, syncFolder } from './files.ts';
import { checkIdentity, type FirstMembers, isFormatted, neverFormatted } from './identity.ts';
import { lockNode, writable } from './locked-folder.ts';
import { damagedLog, lostMemory, putBack, runsTwice } from './refusals.ts';

export interface OpenFolder {
	/** The path of the node's folder. */
	readonly path: string;
	readonly swarmId: string;
	/** The node's id: see `shared/member-name.ts`. */
	readonly id: NodeId;
	/** The members that the swarm began with. */
	readonly members: FirstMembers;
	/** The disk of the node's log. */
	readonly disk: FileDisk;
	/** The owner of the log, for `Log.open`. */
	readonly owner: string;
	/** The error for people where the log is damaged. */
	damaged(error: CorruptLogError): FolderError;
	/** The error for people where another node remembers more of the log than there is. */
	putBack(error: PutBackError): FolderError;
	/** The error for people where another process of the node has a link to `peer`. */
	twice(peer: NodeId): FolderError;
	/** Waits for writes under way, and unlocks the folder. */
	close(): Promise<void>;
}

/** Whether there is a log of the node, of whatever swarm. */
export function hasLog(dataDir: string, node: string): boolean {
	return fs.existsSync(join(dataDir, node, 'log'));
}

/**
 * Moves the log of a node aside, so that it can begin with a new disk. Nothing of it is erased.
 *
 * @returns where the log is then
 * @throws FolderError `inUse`, `notLockable`, `notWritable`
 */
export function setAside(dataDir: string, node: string): string {
	const folder = join(dataDir, node);
	const unlock = lockNode(folder, node);
	try {
		const log = join(folder, 'log');
		let count = 1;
		while (fs.existsSync(`${log}.damaged-${count}`)) count++;
		const aside = `${log}.damaged-${count}`;
		writable(folder, () => {
			fs.renameSync(log, aside);
			syncFolder(folder);
		});
		return aside;
	} finally {
		unlock();
	}
}

/** Erases all that a node has, of whatever swarm. @throws FolderError `inUse`, `notLockable`, `notWritable` */
export function removeNode(dataDir: string, node: string): void {
	const folder = join(dataDir, node);
	if (!fs.existsSync(folder)) return;
	const unlock = lockNode(folder, node);
	try {
		writable(folder, () => fs.rmSync(folder, { recursive: true }));
	} finally {
		unlock();
	}
}

/**
 * Opens the folder of one node, for this process alone.
 *
 * @param nodeId the name of the node
 * @param swarmName the name of the swarm
 * @throws FolderError any code but `alreadyFormatted`
 */
export function openFolder(dataDir: string, nodeId: string, swarmName: string): OpenFolder {
	const folder = join(dataDir, nodeId);
	const log = join(folder, 'log');
	refuseMissing(dataDir, nodeId, folder);
	const unlock = lockNode(folder, nodeId);
	try {
		const identity = checkIdentity(dataDir, nodeId, swarmName);
		refuseMissing(dataDir, nodeId, log);
		const damaged = (error: CorruptLogError): FolderError => damagedLog(log, nodeId, error);
		const disk = writable(folder, () => new FileDisk(log, unlock.file));
		const id = writable(folder, () => idOfLog(disk, identity.swarmId, nodeId, log, damaged));
		return {
			path: folder,
			swarmId: identity.swarmId,
			id,
			members: identity.members,
			disk,
			owner: ownerOf(identity.swarmId, id),
			damaged,
			putBack: (error) => putBack(log, nodeId, error),
			twice: (peer) => runsTwice(log, nodeId, peer),
			close: () => disk.close().finally(unlock),
		};
	} catch (error) {
		unlock();
		throw error;
	}
}

function refuseMissing(dataDir: string, nodeId: NodeId, folder: string): void {
	if (fs.existsSync(folder)) return;
	if (!isFormatted(dataDir)) throw neverFormatted(dataDir);
	throw lostMemory(nodeId, `${folder} is missing, though the swarm was formatted`);
}

/** The id of the node whose log this is. Two nodes with one memory could choose two values, so its name has to fit. */
function idOfLog(
	disk: FileDisk,
	ownSwarmId: string,
	nodeId: string,
	log: string,
	damaged: OpenFolder['damaged'],
): NodeId {
	try {
		const [swarmId, id = ''] = readManifest(disk).owner.split('/');
		if (swarmId === ownSwarmId && nameOf(id) === nodeId) return id;
		const [code, whose] =
			swarmId === ownSwarmId
				? (['otherNode', `of node ${nameOf(id)}`] as const)
				: (['otherSwarm', `of node ${nameOf(id)} of another swarm (${swarmId})`] as const);
		throw new FolderError(
			code,
			`${log} is the log ${whose}, not of node ${nodeId}. Put the log of node ${nodeId} in its place`,
		);
	} catch (error) {
		void disk.close();
		throw error instanceof CorruptLogError ? damaged(error) : error;
	}
}

/** Names one node's disk. Neither id contains a slash. */
export function ownerOf(swarmId: string, id: NodeId): string {
	return `${swarmId}/${id}`;
}
