/** `npm run fuzz`: see `run.ts`. It ends with status 0 only where no fault was found. */
import { Command, InvalidArgumentError } from 'commander';
import { commandOf, type FuzzOptions, fuzz, waysOf } from './run.ts';
import { WAYS } from './ways.ts';

const SEED_MAX = 2 ** 32 - 1;

const flags = new Command('npm run fuzz --')
	.description('Throws bad input of many kinds at a swarm of real nodes under load.')
	.option('--seed <seed>', 'what is thrown follows from it (default: another one each time)', whole)
	.option('--rounds <count>', 'how often each kind is thrown', whole, 1)
	.option('--round <number>', 'the number of the first round, from which what is thrown follows too', whole, 1)
	.option('--only <text>', 'only the kind with this name, or kinds with this text in their names', '')
	.option('--list', 'list the kinds and what must be answered, and throw nothing', false)
	.parse()
	.opts<Flags>();

interface Flags {
	readonly seed?: number;
	readonly rounds: number;
	readonly round: number;
	readonly only: string;
	readonly list: boolean;
}

if (flags.list) list();
else
	await run({
		seed: flags.seed ?? Math.floor(Math.random() * SEED_MAX),
		firstRound: flags.round,
		rounds: flags.rounds,
		only: flags.only,
		ways: WAYS,
		pauseMs: 0,
		judgesSteps: true,
	});

function list(): void {
	for (const { name, kinds } of waysOf(WAYS, flags.only)) {
		for (const kind of kinds) say(`${name}: ${kind.name}\n    ${kind.answer}`);
	}
}

async function run(options: FuzzOptions): Promise<void> {
	say(commandOf(options));
	const problems = await fuzz(options, say);
	say(problems.length === 0 ? 'all was answered as documented, and nothing was lost' : `${problems.length} problems`);
	process.exitCode = problems.length === 0 ? 0 : 1;
}

function say(line: string): void {
	process.stdout.write(`${line}\n`);
}

function whole(text: string): number {
	if (!/^\d{1,10}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
	return Number(text);
}
