/**
 * Ends what a run of the tests has started. A node or a browser outlives the test that is ended before it could stop it,
 * and some are in process groups of their own.
 */

import { spawnSync } from 'node:child_process';

const POLL_EVERY_MS = 20;
const POLLS_MAX = 500;

/**
 * Kills all descendants of this process, and all processes in the groups of those and in the given groups. It returns when
 * they are gone. A process is not found where it is in none of these groups and its parent has ended.
 *
 * @param {Iterable<number>} groups the groups of programs that this process has started, which may have ended
 * @throws Error where some are still there after 10 seconds
 */
export function endStarted(groups) {
	for (let polls = 0; polls < POLLS_MAX; polls++) {
		const pids = startedPids(new Set(groups));
		if (pids.length === 0) return;
		for (const pid of pids) kill(pid);
		Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_EVERY_MS);
	}
	throw new Error('some processes of the tests cannot be ended');
}

/**
 * @param {ReadonlySet<number>} groups
 * @returns {number[]}
 */
function startedPids(groups) {
	const { pid: own, stdout, error } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,pgid=,stat='], { encoding: 'utf8' });
	if (error) throw error;
	const others = stdout.split('\n').flatMap((line) => {
		const [, pid, parent, group, state] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)/.exec(line) ?? [];
		const isThere = pid !== undefined && state?.startsWith('Z') === false;
		return isThere ? [{ pid: Number(pid), parent: Number(parent), group: Number(group) }] : [];
	});
	/** @type {Set<number>} */
	const found = new Set();
	let before = -1;
	while (found.size > before) {
		before = found.size;
		for (const { pid, parent, group } of others) {
			if (pid === process.pid || pid === own) continue;
			if (parent === process.pid || found.has(parent) || found.has(group) || groups.has(group)) found.add(pid);
		}
	}
	return [...found];
}

/** @param {number} pid */
function kill(pid) {
	try {
		process.kill(pid, 'SIGKILL');
	} catch (error) {
		// It has ended meanwhile.
		if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
	}
}
