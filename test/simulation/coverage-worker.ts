/**
 * Runs seeds as `seed-worker.ts` does, and tells at the end which code they have reached. The measure begins before
 * anything else is loaded: code that V8 has compiled before is not counted by block.
 */
import { Session } from 'node:inspector';
import { parentPort } from 'node:worker_threads';
import { coveredFiles } from './coverage.ts';
import type { Answer, Ask } from './seeds.ts';

const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true });

// The port begins to deliver with its first listener, so that of the seeds comes first.
await import('./seed-worker.ts');

parentPort?.on('message', (ask: Ask) => {
	if (ask !== 'coverage') return;
	session.post('Profiler.takePreciseCoverage', (error, { result }) => {
		if (error) throw error;
		parentPort?.postMessage({ kind: 'coverage', files: coveredFiles(result) } satisfies Answer);
	});
});
