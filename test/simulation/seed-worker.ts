/** Runs the seeds it is given, one after the other. */
import { parentPort } from 'node:worker_threads';
import { drawPlan, drawScenario, runPlan } from '../../shared/simulation/run.ts';
import type { Task } from './seeds.ts';

parentPort?.on('message', ({ from, count, nodes, scenario }: Task) => {
	const seeds = Array.from({ length: count }, (_, index) => from + index);
	const plans = seeds.map((seed) => (scenario ? drawScenario(seed, nodes, scenario) : drawPlan(seed, nodes)));
	parentPort?.postMessage(plans.map((plan) => runPlan(plan)));
});
