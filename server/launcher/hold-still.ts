/**
 * Holds a process still, so that it falls silent with all its connections open. It must never stay so without the process
 * that asked for it: a small shell waits for the end of its input, which comes however that process ends, and then lets
 * the held process go on.
 */
import { type ChildProcess, spawn } from 'node:child_process';

const GUARD = 'read -r _; kill -CONT "$0"';

/** @returns a function that lets it go on @throws Error where there is no shell */
export function holdStill(held: ChildProcess): () => void {
	const guard = spawn('sh', ['-c', GUARD, String(held.pid)], { stdio: ['pipe', 'ignore', 'ignore'] });
	guard.on('error', () => undefined);
	if (guard.pid === undefined) throw new Error('there is no shell that would let it go on');
	// The terminal may end the shell before it is let go.
	guard.stdin.on('error', () => undefined);
	guard.unref();
	held.kill('SIGSTOP');
	return () => {
		held.kill('SIGCONT');
		guard.stdin.end();
	};
}
