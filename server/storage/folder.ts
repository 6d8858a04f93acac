/**
 * The data folder: formatted once, then opened by one process per node.
 *
 *     <dataDir>/format.json            written last: all below is whole
 *     <dataDir>/<node>/format.json     whose folder this is, and the incarnations of all members
 *     <dataDir>/<node>/log/            from the first segment on
 *     <dataDir>/lock, <dataDir>/<node>/lock   who uses the folder now (`lock.ts`)
 *
 * A node whose folder is gone must not vote as if it remembered. So nothing here ever makes up for what is
 * missing: a folder is used as it was formatted, or refused.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { nanoid } from 'nanoid';
import { SEGMENT_BYTES_DEFAULT } from '../../shared/disk/log.ts';
import { segmentName } from '../../shared/disk/recover.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { FileDisk, syncFolder } from './files.ts';
import {
	checkIdentity,
	FolderError,
	goneOrNeverThere,
	isFormatted,
	notFinished,
	removeIdentity,
	type SwarmIdentity,
	type SwarmMembers,
	writeIdentity,
} from './identity.ts';
import { CannotLockError, LOCK_FILE, LockedError, lockFolder } from './lock.ts';

export interface OpenFolder {
	readonly swarmId: string;
	readonly incarnation: string;
	readonly incarnations: Readonly<Record<NodeId, string>>;
	/** The node's log lives there. */
	readonly disk: FileDisk;
	/** Waits for writes that are on their way, then lets another process have the folder. */
	close(): Promise<void>;
}

const FORMAT_WAIT_MAX_MS = 30_000;
const FORMAT_RETRY_MIN_MS = 5;
const FORMAT_RETRY_MAX_MS = 50;

/**
 * Makes the folders of all nodes of a new swarm, durable when it returns.
 *
 * @param options.force wipes what is there first, for ever. Only what formatting and the log have made.
 * @throws FolderError `alreadyFormatted`, `incomplete`, `inUse`, `notWritable`
 */
export function formatSwarm(dataDir: string, swarm: SwarmMembers, options: { force?: boolean } = {}): SwarmIdentity {
	return whileLocked(dataDir, () => {
		if (options.force) wipe(dataDir, swarm.members);
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
 * Formats a data folder in which there is no swarm yet, and leaves any other as it is. Safe when several
 * processes do it at once: one formats, the others wait for it.
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

/**
 * Opens the folder of one node, for this process alone.
 *
 * @throws FolderError any code but `alreadyFormatted`
 */
export function openFolder(dataDir: string, nodeId: NodeId, swarm: SwarmMembers): OpenFolder {
	const folder = join(dataDir, nodeId);
	if (!fs.existsSync(folder)) throw goneOrNeverThere(dataDir, nodeId, `the folder ${folder} is missing`);
	const unlock = lockNode(folder, nodeId);
	try {
		const identity = checkIdentity(dataDir, nodeId, swarm);
		// Formatting makes the first segment. Without it the log was removed, not never begun.
		if (!fs.existsSync(join(folder, 'log', segmentName(1)))) {
			throw goneOrNeverThere(dataDir, nodeId, `the log in ${join(folder, 'log')} is missing`);
		}
		const disk = writable(folder, () => new FileDisk(join(folder, 'log')));
		return {
			swarmId: identity.swarmId,
			incarnation: identity.incarnations[nodeId] as string,
			incarnations: identity.incarnations,
			disk,
			close: async () => {
				await disk.close();
				unlock();
			},
		};
	} catch (error) {
		unlock();
		throw error;
	}
}

/** Caller holds the lock of the data folder. The marker comes last. */
function format(dataDir: string, { name, members }: SwarmMembers): SwarmIdentity {
	for (const node of members) refuseDataWithoutMarker(dataDir, node);
	const incarnations = Object.fromEntries(members.map((node) => [node, nanoid()]));
	const identity: SwarmIdentity = { name, swarmId: nanoid(), incarnations };
	return writable(dataDir, () => {
		for (const node of members) {
			const folder = join(dataDir, node);
			fs.mkdirSync(join(folder, 'log'), { recursive: true });
			makeFirstSegment(join(folder, 'log'));
			writeIdentity(folder, { ...identity, node });
		}
		syncFolder(dataDir);
		writeIdentity(dataDir, identity);
		return identity;
	});
}

/** Without the marker, formatting was cut off before any node could start: the first segments are all zeros. */
function refuseDataWithoutMarker(dataDir: string, node: NodeId): void {
	const log = join(dataDir, node, 'log');
	if (!fs.existsSync(log)) return;
	const used = fs.readdirSync(log).some((name) => {
		const bytes = fs.readFileSync(join(log, name));
		return name !== segmentName(1) || !bytes.equals(new Uint8Array(bytes.length));
	});
	if (used) throw notFinished(dataDir, node);
}

function makeFirstSegment(log: string): void {
	const fd = fs.openSync(join(log, segmentName(1)), 'w');
	try {
		fs.writeFileSync(fd, new Uint8Array(SEGMENT_BYTES_DEFAULT));
		fs.fsyncSync(fd);
	} finally {
		fs.closeSync(fd);
	}
	syncFolder(log);
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
			for (const node of nodes) {
				removeIdentity(join(dataDir, node));
				fs.rmSync(join(dataDir, node, 'log'), { recursive: true, force: true });
			}
		});
	} finally {
		for (const unlock of unlocks) unlock();
	}
	for (const node of nodes) removeIfEmpty(join(dataDir, node));
}

/** Without its marker nobody opens the folder any more, so its lock file may go too. */
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
			const way = error.pid === null ? '' : `: kill ${error.pid}`;
			throw new FolderError(
				'inUse',
				`Node ${node} runs already: ${folder} is in use by ${error.holder}. Stop that one first${way}`,
				{ cause: error },
			);
		}
	});
}

/** Makes the data folder if need be. Waits while another process formats it. */
function whileLocked<T>(dataDir: string, act: () => T): T {
	const unlock = writable(dataDir, () => {
		fs.mkdirSync(dataDir, { recursive: true });
		for (let waitedMs = 0; ; ) {
			try {
				return lockFolder(dataDir);
			} catch (error) {
				if (!(error instanceof LockedError)) throw error;
				if (waitedMs >= FORMAT_WAIT_MAX_MS) {
					const message = `${dataDir} is being formatted by ${error.holder}. Try again when that has ended`;
					throw new FolderError('inUse', message, { cause: error });
				}
				// Drawn, so that processes that saw each other do not meet again.
				const waitMs = FORMAT_RETRY_MIN_MS + Math.random() * (FORMAT_RETRY_MAX_MS - FORMAT_RETRY_MIN_MS);
				Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, waitMs);
				waitedMs += waitMs;
			}
		}
	});
	try {
		return act();
	} finally {
		unlock();
	}
}

/** Runs `act`; an error of the file system becomes a clear one. */
function writable<T>(folder: string, act: () => T): T {
	try {
		return act();
	} catch (cause) {
		if (cause instanceof CannotLockError) {
			const message = `${folder} cannot be locked against a second process: ${cause.message}. Install that, or choose another folder with --data-dir`;
			throw new FolderError('notLockable', message, { cause });
		}
		const code = (cause as NodeJS.ErrnoException).code;
		if (cause instanceof FolderError || code === undefined) throw cause;
		const message = `${folder} cannot be written: ${(cause as Error).message}. Make it writable for this user, or choose another with --data-dir`;
		throw new FolderError('notWritable', message, { cause });
	}
}
