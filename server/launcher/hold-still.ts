/**
 * Holds a process still, so that it falls silent with all its connections open. It must never stay so without the process
 * that asked for it: a small shell waits for the end of its input, which comes however that process ends, and then lets
 * the held process go on.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const GUARD = 'read -r _; kill -CONT "$0"';

/** @returns a function that lets it go on @throws the system's error where there is no shell */
export async function holdStill(held: ChildProcess): Promise<() => void> {
	const guard = spawn('sh', ['-c', GUARD, String(held.pid)], { stdio: ['pipe', 'ignore', 'ignore'] });
	// The shell may be ended by the terminal before it is let go.
	guard.stdin.on('error', () => undefined);
	await once(guard, 'spawn');
	guard.unref();
	held.kill('SIGSTOP');
	return () => {
		held.kill('SIGCONT');
		guard.stdin.end();
	};
}
