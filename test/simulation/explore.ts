/**
 * `npm run explore`: every interleaving of the real agent for three acceptors, two proposers, one slot and one
 * ballot each: as it is, with one message twice, with one crash, and with both as far as it fits. Then a rule is
 * left out, to see that it is found. Ends with status 1 for a violation or a frontier that is not empty.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { Command } from 'commander';
import type { Bounds, Explored } from '../../shared/simulation/explore.ts';
import { MUTANTS } from './mutant-list.ts';
import { plant } from './mutant-tree.ts';

interface Walk {
	readonly name: string;
	readonly bounds: Bounds;
	/** The frontier must end empty. */
	readonly whole: boolean;
}

const STATES_MAX = 60_000_000;
/** Both at once does not end within reason: the bound is part of the result. */
const BOTH_STATES_MAX = 4_000_000;

const WALKS: readonly Walk[] = [
	{ name: 'neither', bounds: { crash: false, duplicates: 0, statesMax: STATES_MAX }, whole: true },
	{ name: 'one crash', bounds: { crash: true, duplicates: 0, statesMax: STATES_MAX }, whole: true },
	{ name: 'one duplicate', bounds: { crash: false, duplicates: 1, statesMax: STATES_MAX }, whole: true },
	{ name: 'both, as far as it fits', bounds: { crash: true, duplicates: 1, statesMax: BOTH_STATES_MAX }, whole: false },
];

/** Rules of the agent: without any one of them, some interleaving breaks agreement or an invariant. */
const RULES = [
	'an accept is taken below the promised ballot',
	'the first accepted value is taken, not the one of the highest ballot',
	'half of the members are a quorum',
];

await main();

async function main(): Promise<void> {
	const { json } = new Command('explore')
		.description('Walks every interleaving of the real agent in a tiny world.')
		.option('--json', 'end with one line of JSON', false)
		.parse()
		.opts<{ json: boolean }>();
	const waiting = [...WALKS];
	const results: Record<string, Explored> = {};
	const work = async () => {
		for (let walk = waiting.shift(); walk; walk = waiting.shift()) {
			const result = await inWorker(new URL('explore-worker.js', import.meta.url), walk.bounds);
			results[walk.name] = result;
			tell(walk, result);
			if (result.violation || (walk.whole && !result.complete)) process.exitCode = 1;
		}
	};
	await Promise.all(Array.from({ length: Math.min(availableParallelism(), WALKS.length) }, work));
	for (const rule of RULES) if (!(await isFound(rule))) process.exitCode = 1;
	if (json) process.stdout.write(`${JSON.stringify(results)}\n`);
}

/** A rule is left out, and some interleaving must show it. */
async function isFound(rule: string): Promise<boolean> {
	const mutant = MUTANTS.find(({ name }) => name === rule);
	if (!mutant) throw new Error(`no bug is called so: ${rule}`);
	const worker = plant(mutant, 'explore-worker');
	for (const { bounds } of WALKS) {
		const { violation, states } = await inWorker(worker, bounds);
		if (!violation) continue;
		process.stderr.write(`${rule}: ${violation.rule} after ${states} states\n`);
		return true;
	}
	process.stderr.write(`${rule}: not found\n`);
	return false;
}

function inWorker(url: URL, bounds: Bounds): Promise<Explored> {
	return new Promise((resolve, reject) => {
		const worker = new Worker(url, { workerData: bounds });
		worker.once('message', resolve);
		worker.once('error', reject);
	});
}

function tell({ name, bounds }: Walk, result: Explored): void {
	const { states, transitions, localStates, messages, complete, chosenFirst, chosenSecond, violation } = result;
	const end = complete ? 'the frontier is empty' : violation ? 'stopped' : `stopped at ${bounds.statesMax} states`;
	process.stderr.write(
		`${name}: ${states} states, ${transitions} transitions, ${localStates} local states, ${messages} messages; ` +
			`one value chosen in ${chosenFirst}, the other in ${chosenSecond}; ${end}\n`,
	);
	if (!violation) return;
	process.stderr.write(`  ${violation.rule}: ${violation.detail}\n`);
	for (const line of violation.trace) process.stderr.write(`    ${line}\n`);
}
