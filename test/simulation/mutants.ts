/**
 * `npm run mutants`: puts one bug after the other into a copy of the sources, and prints which check caught it after how
 * many seeds. A bug is a patch of exact text. Where the text is gone, that is an error, and never counts as caught. It
 * ends with status 1 where a bug survives.
 */

import { Command, InvalidArgumentError } from 'commander';
import type { Mutant } from '../../shared/simulation/mutant.ts';
import { ALL_MUTANTS, OWN_MUTANTS } from './mutant-list-own.ts';
import { clearTrees, plant } from './mutant-tree.ts';
import { runSeeds } from './seeds.ts';

interface Flags {
	readonly seeds: number;
	readonly nodes?: number;
	readonly only?: string;
	readonly own: boolean;
	readonly workers?: number;
	readonly json: boolean;
}

interface Verdict {
	readonly name: string;
	readonly bug: number;
	/** The rule that found it; null where none did. */
	readonly killedBy: string | null;
	/** How its worker died before any check failed, which does not count as caught; null where it did not die. */
	readonly death: string | null;
	readonly seeds: number;
}

const flags = new Command('mutants')
	.description('Puts known bugs into a copy of the code and tells which check finds each.')
	.option('--seeds <count>', 'at most, for each bug', whole, 2000)
	.option('--nodes <count>', 'of each swarm (default: 3, 5 or 7, as the seed says)', whole)
	.option('--only <text>', 'only bugs whose name contains this')
	.option('--own', 'only bugs that this project has made up', false)
	.option('--workers <count>', 'at most (default: as many as there are processors)', whole)
	.option('--json', 'end with one line of JSON', false)
	.parse()
	.opts<Flags>();

const mutants = (flags.own ? OWN_MUTANTS : ALL_MUTANTS).filter(({ name }) => name.includes(flags.only ?? ''));
const verdicts: Verdict[] = [];
clearTrees();
for (const mutant of mutants) {
	const verdict = await hunt(mutant);
	verdicts.push(verdict);
	process.stdout.write(`${row(verdict)}\n`);
}
const killed = verdicts.filter(({ killedBy }) => killedBy !== null);
const survivors = verdicts.filter(({ killedBy }) => killedBy === null).map(({ name }) => name);
const medianSeeds = median(killed.map(({ seeds }) => seeds));
if (flags.json) process.stdout.write(`${JSON.stringify({ mutants: verdicts, survivors, medianSeeds })}\n`);
else process.stdout.write(`${killed.length} of ${verdicts.length} killed, the median by ${medianSeeds} seeds\n`);
if (survivors.length > 0) process.exitCode = 1;

async function hunt(mutant: Mutant): Promise<Verdict> {
	const { name, bug } = mutant;
	const worker = plant(mutant, 'seed-worker');
	let killedBy: string | null = null;
	let death: string | null = null;
	let seeds = 0;
	await runSeeds({
		from: 1,
		count: flags.seeds,
		nodes: flags.nodes,
		worker,
		workersMax: flags.workers,
		onOutcome({ violation }) {
			if (killedBy === null) {
				seeds++;
				killedBy = violation?.rule ?? null;
			}
			return killedBy === null;
		},
		onDeath(why) {
			death = why;
		},
	});
	return { name, bug, killedBy, death: killedBy === null ? death : null, seeds };
}

function row({ name, killedBy, death, seeds }: Verdict): string {
	return `| ${name} | ${killedBy ?? `**${death ?? 'survives'}**`} | ${seeds} |`;
}

function median(numbers: readonly number[]): number {
	const sorted = [...numbers].sort((a, b) => a - b);
	return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function whole(text: string): number {
	if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('a whole number is wanted');
	return Number(text);
}
