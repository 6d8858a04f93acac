/**
 * Runs many seeds on all processors. A worker gets a few seeds at a time and answers with each outcome at once, so that a
 * slow seed does not delay others, and one that does not end is found. `simulate` and `mutants` run the same workers.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { noCounts } from '../../shared/simulation/counters.ts';
import type { Outcome } from '../../shared/simulation/run.ts';
import type { Scenario } from '../../shared/simulation/scenarios.ts';
import { US_PER_MS } from '../../shared/simulation/schedule.ts';
import type { CoveredFile } from './coverage.ts';

export interface Task {
	readonly from: number;
	readonly count: number;
	/** The number of nodes of each swarm; undefined where each seed draws it. */
	readonly nodes: number | undefined;
	/** The partial partition of each seed; undefined where each seed draws it. */
	readonly scenario: Scenario | undefined;
}

/** A request to a worker: seeds to run or, at the end, the code that they have reached. */
export type Ask = Task | 'coverage';

/** An answer of a worker. */
export type Answer =
	| { readonly kind: 'outcome'; readonly outcome: Outcome }
	| { readonly kind: 'done' }
	| { readonly kind: 'coverage'; readonly files: readonly CoveredFile[] };

export interface SeedsOptions {
	/** The first seed. */
	readonly from: number;
	readonly count: number;
	readonly nodes?: number | undefined;
	readonly scenario?: Scenario | undefined;
	/** The worker's module: of this tree, or of one with a bug in it. */
	readonly worker: URL;
	readonly workersMax?: number | undefined;
	/** @returns false to begin no further seed */
	onOutcome(outcome: Outcome): boolean;
	/** A worker has died, for example for lack of memory, and no further seed is begun. By default the run rejects. */
	onDeath?(why: string): void;
	/** Gets the code that each worker has reached, at its end. */
	onCoverage?(files: readonly CoveredFile[]): void;
}

/**
 * The processor time that one seed may take, milliseconds. Most take half a second. One that takes so much longer is
 * in an endless loop, perhaps within one step, where no bound on events can stop it. The time of a clock on the wall would
 * tell nothing, because on a busy machine a worker may wait for long.
 */
export const SEED_MS_MAX = 60_000;
const LOOK_EVERY_MS = 5_000;
const SEEDS_AT_A_TIME = 5;
/** A seed takes some tens of megabytes. */
const WORKER_MB_MAX = 1_000;

/** Resolves once every seed that was begun has ended. */
export async function runSeeds(options: SeedsOptions): Promise<void> {
	const workers = Math.min(options.workersMax ?? availableParallelism(), Math.ceil(options.count / SEEDS_AT_A_TIME));
	const end = options.from + options.count;
	let next = options.from;
	const queue: Queue = {
		take() {
			if (next >= end) return undefined;
			const { nodes, scenario } = options;
			const task = { from: next, count: Math.min(SEEDS_AT_A_TIME, end - next), nodes, scenario };
			next += task.count;
			return task;
		},
		stop() {
			next = end;
		},
	};
	await Promise.all(Array.from({ length: workers }, () => serve(options, queue, workers)));
}

interface Queue {
	take(): Task | undefined;
	/** Whether no further seed is taken. */
	stop(): void;
}

/** Runs one worker after the other, each until one of its seeds does not end. */
async function serve(options: SeedsOptions, queue: Queue, workers: number): Promise<void> {
	let left: Task | undefined;
	do left = await serveUntilStuck(options, queue, workers, left);
	while (left);
}

/** @returns the rest of the task in which a seed did not end; undefined when all is done */
function serveUntilStuck(
	options: SeedsOptions,
	queue: Queue,
	workers: number,
	left: Task | undefined,
): Promise<Task | undefined> {
	const worker = new Worker(options.worker, { resourceLimits: { maxOldGenerationSizeMb: WORKER_MB_MAX } });
	const ask = (what: Ask) => worker.postMessage(what);
	let task = left;
	let seedsDone = 0;
	let timer: NodeJS.Timeout | undefined;
	return new Promise<Task | undefined>((resolve, reject) => {
		const took = (outcome: Outcome) => {
			seedsDone++;
			if (!options.onOutcome(outcome)) queue.stop();
		};
		const stuck = () => {
			const { from, count, ...rest } = task as Task;
			took(endless(from + seedsDone));
			resolve(seedsDone < count ? { from: from + seedsDone, count: count - seedsDone, ...rest } : queue.take());
		};
		const watch = () => {
			clearInterval(timer);
			const before = process.cpuUsage();
			timer = setInterval(() => {
				// The time of all workers. One that is in a loop gets its share of it at least.
				const { user } = process.cpuUsage(before);
				if (user >= SEED_MS_MAX * US_PER_MS * workers) stuck();
			}, LOOK_EVERY_MS);
		};
		const begin = () => {
			seedsDone = 0;
			if (task) {
				watch();
				ask(task);
			} else if (options.onCoverage) ask('coverage');
			else resolve(undefined);
		};
		worker.on('message', (answer: Answer) => {
			switch (answer.kind) {
				case 'outcome':
					watch();
					return took(answer.outcome);
				case 'done':
					clearInterval(timer);
					task = queue.take();
					return begin();
				case 'coverage':
					options.onCoverage?.(answer.files);
					return resolve(undefined);
			}
		});
		worker.on('error', ({ message }) => {
			queue.stop();
			if (!options.onDeath) return reject(new Error(message));
			options.onDeath(message);
			resolve(undefined);
		});
		task ??= queue.take();
		begin();
	}).finally(() => {
		clearInterval(timer);
		return worker.terminate();
	});
}

function endless(seed: number): Outcome {
	const detail = `it has not ended after ${SEED_MS_MAX / 1000} s of processor time`;
	return {
		seed,
		hash: 0,
		events: 0,
		steps: 0,
		simulatedMs: 0,
		settledMs: 0,
		counters: noCounts(),
		violation: { rule: 'SeedEnds', detail },
	};
}
