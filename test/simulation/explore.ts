/**
 * `npm run explore`: every interleaving of the real agent for three acceptors, two proposers, one slot and one ballot
 * each: without faults, with one duplicate message, with one crash, and with both up to a bound. Then a change of
 * members from three to four to three: with one message that is late, with one crash, and with one duplicate. Then
 * rules of the agent are left out, one by one, and each has to be missed. It ends with status 1 for a violation, for a
 * frontier that is not empty, and for a rule that is not missed.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { Command, InvalidArgumentError } from 'commander';
import type { Bounds, Explored } from '../../shared/simulation/explore.ts';
import { MEMBERS_CHANGE, ONE_SLOT } from '../../shared/simulation/explore-world.ts';
import { ALL_MUTANTS } from './mutant-list-own.ts';
import { plant } from './mutant-tree.ts';

interface Walk {
	readonly name: string;
	readonly bounds: Bounds;
	/** The frontier must end empty. */
	readonly whole: boolean;
}

const STATES_MAX = 60_000_000;
/** The walk with both faults is too large to end, so its bound is a part of the result. */
const BOTH_STATES_MAX = 4_000_000;

const ONE = { world: ONE_SLOT, late: null, statesMax: STATES_MAX };

const WALKS: readonly Walk[] = [
	{ name: 'neither', bounds: { ...ONE, crash: false, duplicates: 0 }, whole: true },
	{ name: 'one crash', bounds: { ...ONE, crash: true, duplicates: 0 }, whole: true },
	{ name: 'one duplicate', bounds: { ...ONE, crash: false, duplicates: 1 }, whole: true },
	{
		name: 'both, as far as it fits',
		bounds: { ...ONE, crash: true, duplicates: 1, statesMax: BOTH_STATES_MAX },
		whole: false,
	},
	{ name: 'members change', bounds: membersChange(1), whole: true },
	{ name: 'members change, one crash', bounds: { ...membersChange(0), crash: true }, whole: true },
	{ name: 'members change, one duplicate', bounds: { ...membersChange(0), duplicates: 1 }, whole: true },
];

function membersChange(late: number): Bounds {
	return { world: MEMBERS_CHANGE, late, crash: false, duplicates: 0, statesMax: STATES_MAX };
}

/**
 * Rules of the agent. Without any one of them, some interleaving of the named walk breaks agreement or an invariant. The
 * rule to take the value of the highest ballot is not among them, because with one ballot each no proposer is told two
 * values. The seeds of `mutants` find that one.
 */
const RULES: readonly { readonly broken: string; readonly walk: string }[] = [
	{ broken: 'an accept is taken below the promised ballot', walk: 'neither' },
	{ broken: 'half of the members are a quorum', walk: 'neither' },
	{ broken: 'a nack is counted as an acceptance', walk: 'neither' },
	{ broken: 'a promise is forgotten over a restart', walk: 'one crash' },
	{ broken: 'a duplicate accepted is counted twice', walk: 'one duplicate' },
	{ broken: 'a change governs the slots from the one behind it on', walk: 'members change' },
	{ broken: 'a slot is decided by the last members that were chosen', walk: 'members change' },
	{ broken: 'a leader proposes beyond what it knows the members of', walk: 'members change' },
];

await main();

async function main(): Promise<void> {
	const { json, late } = new Command('explore')
		.description('Walks every interleaving of the real agent in tiny worlds.')
		.option('--json', 'end with one line of JSON', false)
		.option('--late <count>', 'walk only the change of members, with so many late messages', countOf)
		.parse()
		.opts<{ json: boolean; late?: number }>();
	const walks: readonly Walk[] =
		late === undefined
			? WALKS
			: [{ name: `members change, late messages: ${late}`, bounds: membersChange(late), whole: true }];
	const waiting = [...walks];
	const results: Record<string, Explored> = {};
	const work = async () => {
		for (let walk = waiting.shift(); walk; walk = waiting.shift()) {
			const result = await inWorker(new URL('explore-worker.js', import.meta.url), walk.bounds);
			results[walk.name] = result;
			tell(walk, result);
			if (result.violation || (walk.whole && !result.complete)) process.exitCode = 1;
		}
	};
	await Promise.all(Array.from({ length: Math.min(availableParallelism(), walks.length) }, work));
	const rules = late === undefined ? RULES : [];
	for (const { broken, walk } of rules) if (!(await isFound(broken, walk))) process.exitCode = 1;
	if (json) process.stdout.write(`${JSON.stringify(results)}\n`);
}

function countOf(text: string): number {
	if (!/^\d$/.test(text)) throw new InvalidArgumentError('a whole number below ten is wanted');
	return Number(text);
}

/** Leaves out a rule, and expects some interleaving to show it. */
async function isFound(broken: string, walk: string): Promise<boolean> {
	const mutant = ALL_MUTANTS.find(({ name }) => name === broken);
	const bounds = WALKS.find(({ name }) => name === walk)?.bounds;
	if (!mutant || !bounds) throw new Error(`no bug, or no walk, is called so: ${broken}, ${walk}`);
	const { violation, states } = await inWorker(plant(mutant, 'explore-worker'), bounds);
	const verdict = violation ? `${violation.rule} after ${states} states` : 'not found';
	process.stderr.write(`${broken}: ${verdict}\n`);
	return violation !== null;
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
