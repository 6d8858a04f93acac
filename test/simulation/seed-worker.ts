/** Runs the seeds it is given, one after the other. */
import { parentPort } from 'node:worker_threads';
import { drawPlan, drawScenario } from '../../shared/simulation/plan.ts';
import { runPlan } from '../../shared/simulation/run.ts';
import type { Answer, Ask } from './seeds.ts';

const answer = (what: Answer) => parentPort?.postMessage(what);

parentPort?.on('message', (task: Ask) => {
	if (task === 'coverage') return;
	const { from, count, nodes, scenario } = task;
	for (let seed = from; seed < from + count; seed++) {
		const plan = scenario ? drawScenario(seed, scenario, nodes) : drawPlan(seed, nodes);
		answer({ kind: 'outcome', outcome: runPlan(plan) });
	}
	answer({ kind: 'done' });
});
