/**
 * `npm run simulate`: many seeds, each a simulated half minute of a swarm under stress, with every step checked. A failing
 * seed is shrunk, printed with the command that replays it, and saved as a trace. It ends with status 1 for a violation,
 * for a fault or state that never occurred, for a seed that gave two different runs, for a deliberate bug that was not
 * found, and, with `--coverage`, for a line that no seed reaches and that is not in `unreached.ts`.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { addCounts, COUNTERS, type Counters, noCounts } from '../../shared/simulation/counters.ts';
import { drawPlan, drawScenario, type Plan } from '../../shared/simulation/plan.ts';
import { Recorder } from '../../shared/simulation/recorder.ts';
import { type Outcome, runPlan } from '../../shared/simulation/run.ts';
import { SCENARIOS, type Scenario } from '../../shared/simulation/scenarios.ts';
import { shrink } from '../../shared/simulation/shrink.ts';
import { Trace } from '../../shared/simulation/trace.ts';
import { Coverage } from './coverage.ts';
import { Progress } from './progress.ts';
import { runSeeds } from './seeds.ts';
import { UNREACHED } from './unreached.ts';

interface Flags {
	readonly seeds?: number;
	readonly from: number;
	readonly seed?: number;
	readonly case?: string;
	readonly scenario?: Scenario;
	readonly nodes?: number;
	readonly coverage: boolean;
	readonly json: boolean;
	readonly trace: boolean;
}

/** From so many seeds on, every counter must be above zero. */
const SEEDS_FOR_ALL_COUNTERS = 500;
/** Without a given number, seeds are run until every counter is above zero, but so many at most. */
const SEEDS_MAX = 2_000;
/** Each seed divisible by this is run twice. */
const REPEATED = 100;
const CANARY_SEEDS_MAX = 10;
const SHRINK_RUNS_MAX = 400;
/** After so many failing seeds no further one is begun. */
const FAILURES_MAX = 3;
const TRACES = 'dist/traces';

const flags = new Command('simulate')
	.description('Runs a simulated swarm from many seeds and checks every step.')
	.option(
		'--seeds <count>',
		`how many (default: until all can have happened, from ${SEEDS_FOR_ALL_COUNTERS} on)`,
		whole,
	)
	.option('--from <seed>', 'the first one', whole, 1)
	.option('--seed <seed>', 'only this one', whole)
	.option('--case <file>', 'replay a plan that a failing seed was shrunk to')
	.option('--nodes <count>', 'of each swarm, 1 to 9 (default: 3, 5 or 7, as the seed says)', whole)
	.addOption(new Option('--scenario <name>', 'this partial partition in every seed').choices(SCENARIOS))
	.option('--coverage', 'tell which lines of the rooms under test no seed reaches', false)
	.option('--trace', 'print what happens, with --seed or --case', false)
	.option('--json', 'end with one line of JSON', false)
	.parse()
	.opts<Flags>();

if (flags.case !== undefined) replay(JSON.parse(readFileSync(flags.case, 'utf8')) as Plan);
else if (flags.seed !== undefined) replay(planOf(flags.seed));
else await runAll();

function planOf(seed: number): Plan {
	return flags.scenario ? drawScenario(seed, flags.scenario, flags.nodes) : drawPlan(seed, flags.nodes);
}

function replay(plan: Plan): void {
	const trace = new Trace();
	const outcome = runPlan(plan, flags.trace ? trace : undefined);
	for (const line of trace.lines) process.stdout.write(`${line}\n`);
	if (flags.json) process.stdout.write(`${JSON.stringify(outcome)}\n`);
	else tell(`seed ${plan.seed}: ${outcome.violation?.detail ?? 'no violation'} (hash ${outcome.hash.toString(16)})`);
	if (outcome.violation) process.exitCode = 1;
}

async function runAll(): Promise<void> {
	const counters = noCounts();
	const failures: Outcome[] = [];
	const problems: string[] = [];
	let done = 0;
	let events = 0;
	let steps = 0;
	let simulatedMs = 0;
	const settledMs: number[] = [];
	const seedsMax = flags.seeds ?? SEEDS_MAX;
	const coverage = new Coverage();
	const progress = new Progress('seeds', seedsMax);
	await runSeeds({
		from: flags.from,
		count: seedsMax,
		nodes: flags.nodes,
		scenario: flags.scenario,
		worker: new URL(flags.coverage ? 'coverage-worker.js' : 'seed-worker.js', import.meta.url),
		...(flags.coverage ? { onCoverage: (files) => coverage.add(files) } : {}),
		onOutcome(outcome) {
			addCounts(counters, outcome.counters);
			events += outcome.events;
			steps += outcome.steps;
			simulatedMs += outcome.simulatedMs;
			settledMs.push(outcome.settledMs);
			if (outcome.violation) failures.push(outcome);
			if (outcome.seed % REPEATED === 0 && runPlan(planOf(outcome.seed)).hash !== outcome.hash) {
				problems.push(`seed ${outcome.seed} did not repeat itself`);
			}
			progress.show(++done, failures.length);
			const isSettled =
				flags.seeds === undefined && done >= SEEDS_FOR_ALL_COUNTERS && neverHappened(counters).length === 0;
			return failures.length < FAILURES_MAX && !isSettled;
		},
	});
	progress.end();

	for (const failure of failures) report(failure);
	if (done >= SEEDS_FOR_ALL_COUNTERS && (flags.nodes ?? 3) >= 3 && !flags.scenario) {
		problems.push(...neverHappened(counters));
	}
	if (flags.coverage) problems.push(...coverageProblems(coverage));
	if (!canaryIsCaught()) problems.push('the bug that is put in on purpose was not noticed');
	for (const problem of problems) tell(problem);
	if (failures.length > 0 || problems.length > 0) process.exitCode = 1;

	const simulatedSeconds = Math.round(simulatedMs / 1000);
	if (flags.json) {
		const violations = failures.map(({ seed, violation }) => ({ seed, ...violation }));
		const summary = { seeds: done, simulatedSeconds, events, steps, faults: counters, violations, problems };
		process.stdout.write(`${JSON.stringify(summary)}\n`);
	} else {
		if (flags.scenario) {
			settledMs.sort((a, b) => a - b);
			tell(`a leader stays after ${settledMs[done >> 1]} ms in the median, ${settledMs.at(-1)} ms at most`);
		}
		tell(`${done} seeds, ${simulatedSeconds} simulated seconds, ${steps} steps, ${failures.length} violations`);
	}
}

/** Shrinks, prints and saves a failing seed. */
function report(failure: Outcome): void {
	const { seed } = failure;
	tell(`\nseed ${seed}: ${failure.violation?.detail}`);
	const scenario = flags.scenario ? ` --scenario ${flags.scenario}` : '';
	const nodes = flags.nodes === undefined ? '' : ` --nodes ${flags.nodes}`;
	tell(`  npm run simulate -- --seed ${seed}${nodes}${scenario} --trace`);
	if (failure.violation?.rule === 'SeedEnds') return;
	const { plan, outcome } = shrink(planOf(seed), failure, SHRINK_RUNS_MAX);
	const trace = new Trace();
	runPlan({ ...plan, watched: true }, trace);
	mkdirSync(TRACES, { recursive: true });
	const file = join(TRACES, `seed-${seed}.plan`);
	writeFileSync(file, planText(plan));
	const recorder = new Recorder();
	runPlan({ ...plan, watched: true }, recorder);
	const traceFile = join(TRACES, `seed-${seed}.trace.json`);
	const title = `Seed ${seed}: ${outcome.violation?.detail}`;
	writeFileSync(traceFile, `${JSON.stringify(recorder.file(title))}\n`);
	tell(`  shrunk to ${plan.faults.length} faults and ${plan.operations.length} operations, ${outcome.simulatedMs} ms:`);
	tell(`  npm run simulate -- --case ${file} --trace`);
	tell(`  npm run sandbox, then http://127.0.0.1:7100/?replay, and open ${traceFile}`);
	for (const line of trace.lines.slice(-20)) tell(`  ${line}`);
}

/** The plan of a seed, with a line for each fault and each operation. */
function planText({ faults, operations, ...rest }: Plan): string {
	const lines = (items: readonly object[]) => items.map((item) => `\t\t${JSON.stringify(item)}`).join(',\n');
	const head = JSON.stringify(rest, null, '\t').slice(0, -2);
	return `${head},\n\t"faults": [\n${lines(faults)}\n\t],\n\t"operations": [\n${lines(operations)}\n\t]\n}\n`;
}

function neverHappened(counters: Counters): string[] {
	return COUNTERS.filter((name) => counters[name] === 0).map((name) => `it never happened: ${name}`);
}

/** Prints the coverage of each room. @returns its faults */
function coverageProblems(coverage: Coverage): string[] {
	tell('| room | lines | no seed reaches |\n| --- | --- | --- |');
	for (const { room, lines, unreached } of coverage.rooms()) tell(`| shared/${room} | ${lines} | ${unreached} |`);
	for (const line of coverage.reachedThoughNamed(UNREACHED))
		tell(`named as unreached, though a seed reaches it: ${line}`);
	return coverage.problems(UNREACHED);
}

/** Runs a deliberate bug: each node takes records for durable before they are flushed. */
function canaryIsCaught(): boolean {
	for (let seed = 1; seed <= CANARY_SEEDS_MAX; seed++) {
		if (runPlan({ ...drawPlan(seed, flags.nodes), canary: true }).violation) return true;
	}
	return false;
}

function tell(line: string): void {
	process.stderr.write(`${line}\n`);
}

function whole(text: string): number {
	if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('a whole number is wanted');
	return Number(text);
}
