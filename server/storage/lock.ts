/**
 * One process at a time for a folder. A lock is an empty file whose name says which process made it, down to
 * the moment that process started: so it is written at once, it says nothing for a process that ended, however
 * it ended, and a later process with the same pid is not taken for it.
 *
 * Announce, then look: each puts its own file there before it looks for those of others, so of two at once at
 * least one sees the other. Both may, and then both are refused; two never hold it. Processes that do not see
 * each other (two containers, two machines over a network drive) are beyond this lock.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export class LockedError extends Error {
	override readonly name = 'LockedError';
	readonly pid: number;

	constructor(folder: string, pid: number) {
		super(`${folder} is in use by process ${pid}`);
		this.pid = pid;
	}
}

const LOCK_NAME = /^lock-(\d+)-([A-Za-z0-9-]+)$/;

/**
 * Returns the way to unlock it. Locks of processes that are no more are removed.
 *
 * @throws LockedError a live process has it, this one perhaps
 * @throws the system's error where nothing can be written there
 */
export function lockFolder(folder: string): () => void {
	const own = `lock-${process.pid}-${startOf(process.pid) ?? 'unknown'}`;
	const unlock = () => rmSync(join(folder, own), { force: true });
	try {
		writeFileSync(join(folder, own), '', { flag: 'wx' });
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
		throw new LockedError(folder, process.pid);
	}
	for (const name of readdirSync(folder)) {
		const [, pid, start] = LOCK_NAME.exec(name) ?? [];
		if (name === own || !pid || !start) continue;
		if (isRunning(Number(pid), start)) {
			unlock();
			throw new LockedError(folder, Number(pid));
		}
		rmSync(join(folder, name), { force: true });
	}
	return unlock;
}

/** Where it cannot be known which process has the pid now, it is taken for the one that had it. */
function isRunning(pid: number, start: string): boolean {
	try {
		process.kill(pid, 0);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
	}
	const now = startOf(pid);
	return now === undefined || now === start;
}

/** When a process started, as a word; `ended` for one that nobody has waited for yet; undefined if it cannot be known. */
function startOf(pid: number): string | undefined {
	try {
		return process.platform === 'linux' ? startInProc(pid) : startByPs(pid);
	} catch {
		return undefined;
	}
}

/** In clock ticks since the machine started, so which start that was is part of it. */
function startInProc(pid: number): string {
	const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
	// The second field is a name in brackets, which may hold anything. The first behind it is field 3.
	const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
	const [state, threads, ticks] = [fields[0], Number(fields[17]), fields[19]];
	if (state === 'Z' && threads <= 1) return 'ended';
	return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8)}-${ticks}`;
}

function startByPs(pid: number): string {
	const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
	const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { env, encoding: 'latin1' }).trim();
	if (line.startsWith('Z')) return 'ended';
	return line.replace(/^\S+\s+/, '').replace(/[^A-Za-z0-9]+/g, '-');
}
