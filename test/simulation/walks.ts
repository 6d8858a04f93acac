/**
 * `npm run walk`: many random walks of real agents, each with other nodes, orders, losses and crashes. A walk that breaks a
 * rule is printed with the few actions that it needs for that. Then rules of the agent are left out, one by one, and each
 * has to be missed. It ends with status 1 for a walk that breaks a rule, and for a rule that is not missed.
 */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { Command, InvalidArgumentError } from 'commander';
import { ALL_MUTANTS } from './mutant-list-own.ts';
import { clearTrees, plant } from './mutant-tree.ts';
import { Progress } from './progress.ts';
import type { Walked } from './walk.ts';
import type { WalksDone, WalkTask } from './walk-worker.ts';

interface Flags {
	readonly walks: number;
	readonly from: number;
	readonly guided: boolean;
	readonly rules: boolean;
	readonly json: boolean;
}

const WALKS_AT_A_TIME = 50;
/** After so many walks that break a rule no further one is begun. */
const BROKEN_MAX = 3;
/** A rule that is left out is missed within so many walks. */
const WALKS_OF_A_RULE = 20_000;

/** Rules of the agent that walks miss. Most of the other ones need a disk, a store or time. */
const RULES: readonly string[] = [
	'an accept is taken below the promised ballot',
	'half of the members are a quorum',
	'a promise is forgotten over a restart',
	'a change governs the slots from the one behind it on',
	'a slot is decided by the last members that were chosen',
	'a proposal that has left is refused as if it never had',
];

const flags = new Command('walk')
	.description('Random walks of the real agent: each with other nodes, orders, losses and crashes.')
	.option('--walks <count>', 'how many', whole, 100_000)
	.option('--from <seed>', 'the first one', whole, 1)
	.option('--guided', 'most walks go on from where an earlier one met something new', false)
	.option('--no-rules', 'leave no rule of the agent out')
	.option('--json', 'end with one line of JSON', false)
	.parse()
	.opts<Flags>();

const { from, walks, guided: isGuided } = flags;
const startedMs = performance.now();
const all = await walkAll(
	new URL('walk-worker.js', import.meta.url),
	{ from, count: walks, isGuided },
	BROKEN_MAX,
	true,
);
for (const walked of all.broken) tell(walked);
const seconds = Math.round((performance.now() - startedMs) / 1000);
process.stderr.write(
	`${walks} walks from ${from}: ${all.actions} actions, ${all.slots} slots, ${all.leaders} leaders, ` +
		`${all.changes} changes of members, ${all.broken.length} broke a rule; ${seconds} s\n`,
);
if (all.broken.length > 0) process.exitCode = 1;
if (flags.rules) {
	clearTrees();
	for (const rule of RULES) if (!(await isMissed(rule))) process.exitCode = 1;
}
if (flags.json) process.stdout.write(`${JSON.stringify({ ...all, walks, from, seconds })}\n`);

/** Leaves out a rule, and expects some walk to show it. */
async function isMissed(name: string): Promise<boolean> {
	const mutant = ALL_MUTANTS.find((each) => each.name === name);
	if (!mutant) throw new Error(`no bug is called so: ${name}`);
	const { broken } = await walkAll(
		plant(mutant, 'walk-worker'),
		{ from: 1, count: WALKS_OF_A_RULE, isGuided },
		1,
		false,
	);
	const [first] = broken;
	process.stderr.write(`${name}: ${first ? `${first.broken?.rule}, walk ${first.seed}` : 'not found'}\n`);
	return first !== undefined;
}

async function walkAll(
	worker: URL,
	{ from, count, isGuided }: WalkTask,
	brokenMax: number,
	isShown: boolean,
): Promise<WalksDone> {
	const end = from + count;
	const progress = isShown ? new Progress('walks', count) : null;
	let sum: WalksDone = { actions: 0, slots: 0, leaders: 0, changes: 0, broken: [] };
	let next = from;
	const serve = async () => {
		const thread = new Worker(worker);
		try {
			while (next < end && sum.broken.length < brokenMax) {
				const task = { from: next, count: Math.min(WALKS_AT_A_TIME, end - next), isGuided };
				next += task.count;
				thread.postMessage(task);
				const [done] = (await once(thread, 'message')) as [WalksDone];
				sum = added(sum, done);
				progress?.show(next - from, sum.broken.length);
			}
		} finally {
			await thread.terminate();
		}
	};
	await Promise.all(Array.from({ length: availableParallelism() }, serve));
	progress?.end();
	return sum;
}

function added(a: WalksDone, b: WalksDone): WalksDone {
	return {
		actions: a.actions + b.actions,
		slots: a.slots + b.slots,
		leaders: a.leaders + b.leaders,
		changes: a.changes + b.changes,
		broken: [...a.broken, ...b.broken],
	};
}

function tell({ seed, shape, actions, broken }: Walked): void {
	const lines = [
		`walk ${seed}: ${broken?.detail}`,
		JSON.stringify(shape),
		...actions.map((each) => JSON.stringify(each)),
	];
	process.stdout.write(`${lines.join('\n')}\n`);
}

function whole(text: string): number {
	if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('a whole number is wanted');
	return Number(text);
}
