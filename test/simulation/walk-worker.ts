/** Walks from the seeds that it is given, one after the other. A walk that breaks a rule is made short. */
import { parentPort } from 'node:worker_threads';
import { shortened, type Walked, walk } from './walk.ts';
import { WalkGuide } from './walk-guide.ts';

export interface WalkTask {
	/** The first seed. */
	readonly from: number;
	readonly count: number;
	/** Whether the walks of this worker, those of earlier tasks included, guide each other. */
	readonly isGuided: boolean;
}

/** What the walks of a task have come to. */
export interface WalksDone {
	readonly actions: number;
	readonly slots: number;
	readonly leaders: number;
	readonly changes: number;
	readonly broken: readonly Walked[];
}

const guide = new WalkGuide();

parentPort?.on('message', ({ from, count, isGuided }: WalkTask) => {
	const walks = Array.from({ length: count }, (_, index) => walk(from + index, isGuided ? guide : undefined));
	const sum = (of: (walked: Walked) => number) => walks.reduce((all, walked) => all + of(walked), 0);
	const done: WalksDone = {
		actions: sum(({ actions }) => actions.length),
		slots: sum(({ slots }) => slots),
		leaders: sum(({ leaders }) => leaders),
		changes: sum(({ changes }) => changes),
		broken: walks.filter(({ broken }) => broken !== null).map(shortened),
	};
	parentPort?.postMessage(done);
});
