/**
 * The data folder. It is formatted once, and then opened by one process for each node.
 *
 *     <dataDir>/format.json            written last: all below is whole
 *     <dataDir>/<node>/format.json     the same: which swarm this is, and the members that it began with
 *     <dataDir>/<node>/log/            the manifest, which names the swarm and the node's id, and the segments
 *     <dataDir>/lock, <dataDir>/<node>/lock   who uses the folder now (`lock.ts`)
 *
 * A node whose folder is gone must not vote as if it remembered. So a missing part is never replaced: a folder is used as
 * it was formatted, or refused. What can be made is a new folder, whose node has a new id, and is no member until the
 * members let it in.
 */
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { nanoid } from 'nanoid';
import { CorruptLogError } from '../../shared/disk/corrupt-log-error.ts';
import { SEGMENT_BYTES_DEFAULT } from '../../shared/disk/log.ts';
import { isSegmentName, newLogFiles, readManifest, segmentName } from '../../shared/disk/manifest.ts';
import type { SnapshotNote } from '../../shared/disk/snapshot-file.ts';
import { nameOf, newIdOf } from '../../shared/member-name.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { PutBackError } from '../../shared/replica/memory.ts';
import { FileDisk, syncFolder } from './files.ts';
import { damagedLog, FolderError, lostMemory, putBack } from './folder-error.ts';
import {
	checkIdentity,
	type FirstMembers,
	isFormatted,
	neverFormatted,
	notFinished,
	removeIdentity,
	type SwarmIdentity,
	type SwarmMembers,
	writeIdentity,
} from './identity.ts';
import { CannotLockError, LOCK_FILE, LockedError, lockFolder } from './lock.ts';

export interface OpenFolder {
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
	/** Waits for writes under way, and unlocks the folder. */
	close(): Promise<void>;
}

const FORMAT_WAIT_MAX_MS = 30_000;
const FORMAT_RETRY_MIN_MS = 5;
const FORMAT_RETRY_MAX_MS = 50;

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
	const unlock = lockToFormat(dataDir);
	try {
		if (isFormatted(dataDir)) {
			throw new FolderError(
				'alreadyFormatted',
				`${dataDir} holds the data of a swarm already. Move that away, or choose another folder with --data-dir`,
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
			removeIdentity(dataDir);
			for (const node of nodes) {
				const folder = join(dataDir, node);
				if (!fs.existsSync(folder)) continue;
				erase(folder);
				removeIfEmpty(folder);
			}
			if (!wasThere) removeIfEmpty(dataDir);
			throw explained(dataDir, error);
		}
		return identity.swarmId;
	} finally {
		unlock();
	}
}

/** Whether there is a log of the node, of whatever swarm. */
export function hasLog(dataDir: string, node: string): boolean {
	return fs.existsSync(join(dataDir, node, 'log'));
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
		const disk = writable(folder, () => new FileDisk(log));
		const id = idOfLog(disk, identity.swarmId, nodeId, log, damaged);
		return {
			swarmId: identity.swarmId,
			id,
			members: identity.members,
			disk,
			owner: ownerOf(identity.swarmId, id),
			damaged,
			putBack: (error) => putBack(log, nodeId, error),
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

/** Caller holds the lock of the data folder. The marker comes last. */
function format(dataDir: string, swarm: SwarmMembers): SwarmIdentity {
	const nodes = Object.keys(swarm.members);
	for (const node of nodes) refuseDataWithoutMarker(dataDir, node);
	const identity = newIdentity(swarm);
	return writable(dataDir, () => {
		for (const node of nodes) {
			makeLog(madeLogFolder(dataDir, node), ownerOf(identity.swarmId, node));
			writeIdentity(join(dataDir, node), identity);
		}
		syncFolder(dataDir);
		writeIdentity(dataDir, identity);
		return identity;
	});
}

function newIdentity({ name, members }: SwarmMembers): SwarmIdentity {
	return { name, swarmId: nanoid(), members };
}

function madeLogFolder(dataDir: string, node: NodeId): string {
	const log = join(dataDir, node, 'log');
	fs.mkdirSync(log, { recursive: true });
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
			fs.writeFileSync(fd, bytes);
			fs.fsyncSync(fd);
		} finally {
			fs.closeSync(fd);
		}
	}
	syncFolder(folder);
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

/** Removes what formatting and the log have made in the folder of a node. */
function erase(folder: string): void {
	removeIdentity(folder);
	fs.rmSync(join(folder, 'log'), { recursive: true, force: true });
}

/** Without its marker no process opens the folder any more, so its lock file may be removed too. */
function removeIfEmpty(folder: string): void {
	if (fs.readdirSync(folder).some((name) => name !== LOCK_FILE)) return;
	fs.rmSync(folder, { recursive: true });
}

function lockNode(folder: string, node: NodeId): () => void {
	return writable(folder, () => {
		try {
			return lockFolder(folder);
		} catch (error) {
			if (!(error instanceof LockedError)) throw error;
			const way = error.pid === null ? '' : ` (kill ${error.pid})`;
			throw new FolderError(
				'inUse',
				`Node ${node} runs already: ${folder} is in use by ${error.holder}. Stop that one first${way}, ` +
					'or run a swarm beside it with other data: --data-dir OTHER',
				{ cause: error },
			);
		}
	});
}

function whileLocked<T>(dataDir: string, act: () => T): T {
	const unlock = lockToFormat(dataDir);
	try {
		return act();
	} finally {
		unlock();
	}
}

/** Makes the data folder where it is missing. Waits while another process formats it. @returns a function that unlocks it */
function lockToFormat(dataDir: string): () => void {
	return writable(dataDir, () => {
		makeFolder(dataDir);
		for (let waitedMs = 0; ; ) {
			try {
				return lockFolder(dataDir);
			} catch (error) {
				if (!(error instanceof LockedError)) throw error;
				if (waitedMs >= FORMAT_WAIT_MAX_MS) {
					const message = `${dataDir} is being formatted by ${error.holder}. Try again when that has ended`;
					throw new FolderError('inUse', message, { cause: error });
				}
				// The wait is drawn at random, so that processes that saw each other do not meet again.
				const waitMs = FORMAT_RETRY_MIN_MS + Math.random() * (FORMAT_RETRY_MAX_MS - FORMAT_RETRY_MIN_MS);
				Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, waitMs);
				waitedMs += waitMs;
			}
		}
	});
}

/** Makes a folder with its parents. Unlike `mkdir` of Node with `recursive`, it tells the true obstacle. */
function makeFolder(folder: string): void {
	if (fs.existsSync(folder)) {
		if (fs.statSync(folder).isDirectory()) return;
		throw Object.assign(new Error('it is a file, and no folder'), { code: 'ENOTDIR' });
	}
	const parent = dirname(folder);
	if (parent !== folder) makeFolder(parent);
	try {
		fs.mkdirSync(folder);
	} catch (error) {
		// Another process may have been first.
		if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
	}
}

/** Runs `act`; an error of the file system becomes a clear one. */
function writable<T>(folder: string, act: () => T): T {
	try {
		return act();
	} catch (cause) {
		throw explained(folder, cause);
	}
}

/** The error for people where the file system has refused something in the folder; any other error as it is. */
function explained(folder: string, cause: unknown): unknown {
	if (cause instanceof CannotLockError) {
		const message = `${folder} cannot be locked against a second process: ${cause.message}. Install that, or choose another folder with --data-dir`;
		return new FolderError('notLockable', message, { cause });
	}
	if (cause instanceof FolderError || !(cause instanceof Error) || !('code' in cause)) return cause;
	if (cause.code === 'ENOSPC' || cause.code === 'EDQUOT') {
		const message = `${folder} has no room: ${cause.message}. Make room there, or choose another folder with --data-dir`;
		return new FolderError('noRoom', message, { cause });
	}
	if (typeof cause.code !== 'string') return cause;
	const message = `${folder} cannot be written: ${cause.message}. Make it writable for this user, or choose another with --data-dir`;
	return new FolderError('notWritable', message, { cause });
}
