/**
 * Runs many seeds on all processors. A worker is given a few seeds at a time and answers with their outcomes,
 * so that a slow seed holds up nobody. `simulate` and `mutants` run the same workers.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Outcome } from '../../shared/simulation/run.ts';
import type { Scenario } from '../../shared/simulation/scenarios.ts';

export interface Task {
	readonly from: number;
	readonly count: number;
	readonly nodes: number;
	readonly scenario: Scenario | undefined;
}

export interface SeedsOptions {
	/** The first seed. */
	readonly from: number;
	readonly count: number;
	readonly nodes: number;
	/** A partial partition, in each seed; or whatever the seed says. */
	readonly scenario?: Scenario | undefined;
	/** The worker's module: of this tree, or of one with a bug in it. */
	readonly worker: URL;
	readonly workersMax?: number;
	/** @returns false: enough is known, no further seed is begun */
	onOutcome(outcome: Outcome): boolean;
	/** A worker that says nothing for so long is given up. Default: never. */
	readonly silenceMaxMs?: number;
	/** A worker was given up or has died, of a lack of memory for one; no further seed is begun. Default: rejects. */
	onDeath?(why: string): void;
}

const SEEDS_AT_A_TIME = 5;
/** A seed takes some tens. */
const WORKER_MB_MAX = 1_000;

/** Resolves once every seed that was begun has ended. */
export async function runSeeds(options: SeedsOptions): Promise<void> {
	const workers = Math.min(options.workersMax ?? availableParallelism(), Math.ceil(options.count / SEEDS_AT_A_TIME));
	const end = options.from + options.count;
	let next = options.from;
	const take = (): Task | undefined => {
		if (next >= end) return undefined;
		const { nodes, scenario } = options;
		const task = { from: next, count: Math.min(SEEDS_AT_A_TIME, end - next), nodes, scenario };
		next += task.count;
		return task;
	};
	const stop = () => {
		next = end;
	};
	await Promise.all(Array.from({ length: workers }, () => serve(options, take, stop)));
}

function serve(options: SeedsOptions, take: () => Task | undefined, stop: () => void): Promise<void> {
	const worker = new Worker(options.worker, { resourceLimits: { maxOldGenerationSizeMb: WORKER_MB_MAX } });
	let silence: NodeJS.Timeout | undefined;
	return new Promise<void>((resolve, reject) => {
		const die = (why: string) => {
			stop();
			if (!options.onDeath) return reject(new Error(why));
			options.onDeath(why);
			resolve();
		};
		const giveNext = () => {
			clearTimeout(silence);
			const task = take();
			if (!task) return resolve();
			worker.postMessage(task);
			if (options.silenceMaxMs !== undefined) silence = setTimeout(die, options.silenceMaxMs, 'it hangs');
		};
		worker.on('message', (outcomes: readonly Outcome[]) => {
			for (const outcome of outcomes) if (!options.onOutcome(outcome)) stop();
			giveNext();
		});
		worker.on('error', (error) => die(error.message));
		giveNext();
	}).finally(() => {
		clearTimeout(silence);
		return worker.terminate();
	});
}
