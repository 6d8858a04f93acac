/**
 * One process at a time for a folder, by a lock that the kernel holds on a file in it. The kernel lets go of it when
 * the process ends, however it ends, and not before: a holder that is stopped, or that runs in another container
 * with process ids of its own, still has it. So this room never judges from a process id whether a holder lives.
 *
 * Linux has the lock `flock(2)`, which belongs to the open file and not to the process that asked for it. Node cannot
 * ask, so the program `flock` does, for the file that it is handed, and ends. Elsewhere the system locks the file as
 * it opens it.
 *
 * Where the lock file was removed meanwhile, the lock protects nothing, because another process may lock a new file of
 * that name. So a process that got the lock checks that the file is still there.
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';

export const LOCK_FILE = 'lock';

/** Another process, or this one, holds the lock. */
export class LockedError extends Error {
	override readonly name = 'LockedError';
	/** The holder's process id where it is known and means something here; else null. */
	readonly pid: number | null;
	/** For people: who the holder is. */
	readonly holder: string;

	constructor(folder: string, { pid, holder }: Pick<LockedError, 'pid' | 'holder'>) {
		super(`${folder} is in use by ${holder}`);
		this.pid = pid;
		this.holder = holder;
	}
}

/** This machine has no way to lock a file there, so nothing may be written there. */
export class CannotLockError extends Error {
	override readonly name = 'CannotLockError';
}

/** The flag of macOS, of the BSDs and of libuv for Windows, for which Node has no name. */
const O_EXLOCK = process.platform === 'win32' ? 0x10000000 : 0x20;
const NO_ROOM: readonly unknown[] = ['ENOSPC', 'EDQUOT'];
/** The exit status of `flock --nonblock` when another process holds the lock. */
const FLOCK_IS_HELD = 1;

/** Unlocks a folder. It does nothing when it is called again. */
export interface Unlock {
	(): void;
	/** The lock holds against others only as long as this file is in its place. */
	readonly file: { readonly path: string; readonly fd: number };
}

/**
 * Locks the folder.
 *
 * @throws LockedError, CannotLockError
 * @throws the system's error where the lock file cannot be opened
 */
export function lockFolder(folder: string): Unlock {
	const path = join(folder, LOCK_FILE);
	const fd = process.platform === 'linux' ? lockByProgram(folder, path) : lockByOpening(folder, path);
	if (!isThere(fd, path)) {
		fs.closeSync(fd);
		return lockFolder(folder);
	}
	try {
		fs.ftruncateSync(fd);
		sign(fd);
	} catch (error) {
		// Nobody could give back a lock that the caller was not given.
		fs.closeSync(fd);
		throw error;
	}
	let isHeld = true;
	const unlock = (): void => {
		// A second time, the number may be another file's.
		if (!isHeld) return;
		isHeld = false;
		try {
			fs.ftruncateSync(fd);
		} catch {
			// A disk that has failed keeps the text, which nobody reads once the lock is given back.
		}
		fs.closeSync(fd);
	};
	return Object.assign(unlock, { file: { path, fd } });
}

/** Writes the holder into the file, for messages only: a disk that is full, and has no room for that, can be used all the same. */
function sign(fd: number): void {
	try {
		fs.writeSync(fd, `${process.pid} ${pidNamespace()}\n`);
	} catch (error) {
		if (!NO_ROOM.includes((error as NodeJS.ErrnoException).code)) throw error;
	}
}

function lockByProgram(folder: string, path: string): number {
	const fd = fs.openSync(path, 'a+');
	const { status, error, stderr } = spawnSync('flock', ['-x', '-n', '3'], { stdio: ['ignore', 'ignore', 'pipe', fd] });
	if (status === 0) return fd;
	fs.closeSync(fd);
	if (status === FLOCK_IS_HELD) throw new LockedError(folder, holderOf(path));
	const why = error && 'code' in error && error.code === 'ENOENT' ? 'it is not installed' : (error?.message ?? stderr);
	throw new CannotLockError(`the program flock (of util-linux) cannot lock it: ${String(why).trim()}`, {
		cause: error,
	});
}

function lockByOpening(folder: string, path: string): number {
	try {
		return fs.openSync(
			path,
			fs.constants.O_RDWR | fs.constants.O_CREAT | O_EXLOCK | (fs.constants.O_NONBLOCK ?? 0),
			0o644,
		);
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === 'EAGAIN' || code === 'EBUSY') throw new LockedError(folder, holderOf(path));
		if (code === 'ENOTSUP') throw new CannotLockError('its file system has no locks', { cause: error });
		throw error;
	}
}

/** Whether `path` names the file that is open as `fd`. */
function isThere(fd: number, path: string): boolean {
	const there = fs.statSync(path, { throwIfNoEntry: false });
	const own = fs.fstatSync(fd);
	return there !== undefined && there.ino === own.ino && there.dev === own.dev;
}

/** The holder as it has written itself into the file. This is for messages only. */
function holderOf(path: string): Pick<LockedError, 'pid' | 'holder'> {
	const [, pid, namespace] = /^(\d+) (\S+)\n$/.exec(readText(path)) ?? [];
	if (!pid) return { pid: null, holder: 'another process' };
	if (namespace === pidNamespace()) {
		const isOwn = Number(pid) === process.pid;
		return { pid: Number(pid), holder: isOwn ? 'this process' : `process ${pid}` };
	}
	return { pid: null, holder: `a process of another container (there it is process ${pid})` };
}

function readText(path: string): string {
	try {
		return fs.readFileSync(path, 'latin1');
	} catch {
		// On Windows no other process can read a locked file.
		return '';
	}
}

/** Process ids mean something only within one; a word without spaces. */
function pidNamespace(): string {
	try {
		return fs.readlinkSync('/proc/self/ns/pid');
	} catch {
		return 'one';
	}
}
