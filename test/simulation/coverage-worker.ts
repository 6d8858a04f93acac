/**
 * Runs seeds as `seed-worker.ts` does, and tells at the end which code they have reached. The measurement begins before
 * any other module is loaded, because V8 does not count blocks of code that it has compiled before.
 */
import { Session } from 'node:inspector';
import { parentPort } from 'node:worker_threads';
import { coveredFiles } from './coverage.ts';
import type { Answer, Ask } from './seeds.ts';

const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true });

// The port delivers from its first listener on, so the listener for seeds has to be the first.
await import('./seed-worker.ts');

parentPort?.on('message', (ask: Ask) => {
	if (ask !== 'coverage') return;
	session.post('Profiler.takePreciseCoverage', (error, { result }) => {
		if (error) throw error;
		parentPort?.postMessage({ kind: 'coverage', files: coveredFiles(result) } satisfies Answer);
	});
});
