/**
 * Folders that this process has for itself, and the errors for people where the file system refuses something there.
 * The data folder is locked while folders are made or erased, the folder of a node while it runs.
 */
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { FolderError } from './errors.ts';
import { syncFolder } from './files.ts';
import { CannotLockError, LockedError, lockFolder, type Unlock } from './lock.ts';

const FORMAT_WAIT_MAX_MS = 30_000;
const FORMAT_RETRY_MIN_MS = 5;
const FORMAT_RETRY_MAX_MS = 50;

/** Locks the folder of one node for this process. */
export function lockNode(folder: string, node: NodeId): Unlock {
	return writable(folder, () => {
		try {
			return lockFolder(folder);
		} catch (error) {
			if (!(error instanceof LockedError)) throw error;
			const way = error.pid === null || error.pid === process.pid ? '' : ` (kill ${error.pid})`;
			throw new FolderError(
				'inUse',
				`Node ${node} runs already: ${folder} is in use by ${error.holder}. Stop that one first${way}, ` +
					'or run a swarm beside it with other data',
				{ cause: error, remedy: 'otherFolder' },
			);
		}
	});
}

/** Runs `act` while this process alone has the data folder. */
export function whileLocked<T>(dataDir: string, act: () => T): T {
	const unlock = lockData(dataDir);
	try {
		return act();
	} finally {
		unlock();
	}
}

/** Makes the data folder where it is missing. Waits while another process formats it. */
export function lockData(dataDir: string): Unlock {
	return writable(dataDir, () => {
		makeFolder(dataDir, DATA_MODE);
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

/** The data folder that is made here is its owner's alone: the keys in it may be secret. */
const DATA_MODE = 0o700;

/**
 * Makes a folder with its parents, whose names are durable when it returns. Unlike `mkdir` of Node with `recursive`, it
 * tells the true obstacle.
 */
function makeFolder(folder: string, mode = 0o777): void {
	if (fs.existsSync(folder)) {
		if (fs.statSync(folder).isDirectory()) return;
		throw Object.assign(new Error('it is a file, and no folder'), { code: 'ENOTDIR' });
	}
	const parent = dirname(folder);
	if (parent !== folder) makeFolder(parent);
	try {
		fs.mkdirSync(folder, mode);
	} catch (error) {
		// Another process may have been first.
		if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
	}
	syncFolder(parent);
}

/** Runs `act`; an error of the file system becomes a clear one. */
export function writable<T>(folder: string, act: () => T): T {
	try {
		return act();
	} catch (cause) {
		throw explained(folder, cause);
	}
}

/** The error for people where the file system has refused something in the folder; any other error as it is. */
export function explained(folder: string, cause: unknown): unknown {
	if (cause instanceof CannotLockError) {
		const message = `${folder} cannot be locked against a second process: ${cause.message}. Install that, or choose another folder`;
		return new FolderError('notLockable', message, { cause, remedy: 'otherFolder' });
	}
	if (cause instanceof FolderError || !(cause instanceof Error) || !('code' in cause)) return cause;
	if (cause.code === 'ENOSPC' || cause.code === 'EDQUOT') {
		const message = `${folder} has no room: ${cause.message}. Make room there, or choose another folder`;
		return new FolderError('noRoom', message, { cause, remedy: 'otherFolder' });
	}
	if (typeof cause.code !== 'string') return cause;
	const message = `${folder} cannot be written: ${cause.message}. Make it writable for this user, or choose another folder`;
	return new FolderError('notWritable', message, { cause, remedy: 'otherFolder' });
}
