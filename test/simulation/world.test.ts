/** The real agent, store and log in a simulated world. A failure prints the command that replays it. */
import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { addCounts, COUNTERS, type Counters, noCounts } from '../../shared/simulation/counters.ts';
import { DAMAGE_COUNTER } from '../../shared/simulation/disk-trouble.ts';
import { type Fault, PLAN } from '../../shared/simulation/faults.ts';
import { drawPlan, drawScenario, type Plan } from '../../shared/simulation/plan.ts';
import { runPlan } from '../../shared/simulation/run.ts';
import { SCENARIOS } from '../../shared/simulation/scenarios.ts';
import { shrink } from '../../shared/simulation/shrink.ts';
import { Trace } from '../../shared/simulation/trace.ts';

const NODES = 5;
const SEEDS = 60;
/** So many seeds are one test, so that a slow machine ends it in time. */
const BLOCK = 10;
const SCENARIO_SEEDS = 4;
const FOUND = new URL('found/', import.meta.url);
/** Counters that are too rare for so few seeds. A run of many seeds demands them. */
const RARE = new Set<string>([
	'noopsProposed',
	'tornTails',
	'tornWrites',
	'tornSegmentStarts',
	...Object.values(DAMAGE_COUNTER),
	'snapshotsDamaged',
	'chains',
	'promisesInParts',
	'promisesCutAnew',
	'leadersFarBehind',
	'leadersDeposedByDecisions',
	'acceptsAnsweredWithDecisions',
	'disksSilent',
	'nodesAloneForTheirDisk',
	'putBacksUnnoticed',
	'changesUnknown',
	// These have a plan of their own below.
	'roomLacked',
	'roomHadAgain',
	'valuesLeftOut',
	'readsWhileFull',
]);

describe('the same seed', () => {
	it('gives the same run, event by event, watched or not', () => {
		const plan = drawPlan(11, NODES);
		const first = runPlan(plan);
		const trace = new Trace();
		expect(runPlan(plan, trace)).toEqual(first);
		expect(trace.facts.length).toBeGreaterThan(0);
	});
});

describe('a bug put in on purpose', () => {
	it('is noticed, shrunk to a smaller plan that fails in the same way, and told as facts', () => {
		const plan: Plan = { ...drawPlan(1, NODES), canary: true };
		const outcome = runPlan(plan);
		expect(outcome.violation?.rule).toMatch(/IsDurable$/);
		const shrunk = shrink(plan, outcome, 60);
		expect(shrunk.outcome.violation?.rule).toBe(outcome.violation?.rule);
		expect(shrunk.plan.operations.length).toBeLessThan(10);
		const trace = new Trace();
		expect(runPlan(shrunk.plan, trace).violation).toEqual(shrunk.outcome.violation);
		expect(trace.lines.at(-1)).toContain('VIOLATION');
	});
});

describe('a trace', () => {
	const trace = new Trace();
	let counters: Counters;

	beforeAll(() => {
		({ counters } = runPlan({ ...drawPlan(3, NODES), watched: true }, trace));
	});

	it('tells what becomes of snapshots, to people and as facts', () => {
		const told = trace.facts.flatMap((fact) => (fact.kind === 'snapshot' ? [fact] : []));
		const trimmed = told.filter(({ what }) => what === 'trimmed');
		expect(trimmed.length).toBeGreaterThan(0);
		expect(trimmed.length).toBe(counters.logsTrimmed);
		for (const { detail } of told) expect(trace.lines.some((line) => line.endsWith(detail))).toBe(true);
	});

	it('numbers the facts of each life of a process from 1 without gaps', () => {
		const last = new Map<string, number>();
		for (const { epoch, seq } of trace.facts) {
			expect(seq).toBe((last.get(epoch) ?? 0) + 1);
			last.set(epoch, seq);
		}
		expect(last.size).toBeGreaterThanOrEqual(NODES);
	});
});

describe('a swarm under stress', () => {
	const counters = noCounts();
	const hashes = new Set<number>();
	const blocks = Array.from({ length: SEEDS / BLOCK }, (_, block) => [1 + block * BLOCK, (block + 1) * BLOCK] as const);

	it.each(blocks)('keeps every rule in seeds %i to %i', (from, to) => {
		for (let seed = from; seed <= to; seed++) {
			const outcome = runPlan(drawPlan(seed));
			expect(outcome.violation, `npm run simulate -- --seed ${seed} --trace`).toBeNull();
			addCounts(counters, outcome.counters);
			hashes.add(outcome.hash);
		}
	});

	it('goes another way in each of these seeds', () => {
		expect(hashes.size).toBe(SEEDS);
	});

	it('meets nearly everything that can happen in these seeds', () => {
		expect(COUNTERS.filter((name) => counters[name] === 0 && !RARE.has(name))).toEqual([]);
	});

	it.each([1, 2, 3, 4, 7, 9])('keeps every rule with %i nodes', (nodes) => {
		for (let seed = 1; seed <= 3; seed++) {
			const { violation } = runPlan(drawPlan(seed, nodes));
			expect(violation, `npm run simulate -- --seed ${seed} --nodes ${nodes} --trace`).toBeNull();
		}
	});
});

describe('disks that are full while clients write', () => {
	it('have no room for the next segment, refuse writes, serve reads also under a new leader, and have room again', () => {
		const plan: Plan = {
			seed: 1,
			nodes: 3,
			regime: 'survivable',
			links: { loss: 0, duplication: 0, delayMinMs: 0.2, delaySpreadMs: 0.3, tail: 0, delayTailMs: 0 },
			openSlotsMax: 64,
			messageBytesMax: 64 * 1024,
			watched: false,
			faults: [
				...[0, 1, 2].map((node): Fault => ({ atMs: 2_000, kind: 'diskFull', node, ms: 12_000 })),
				...[0, 1, 2].map((node): Fault => ({ atMs: 8_000 + 1_000 * node, kind: 'crash', node, downMs: 300 })),
			],
			// Within the time without room the values would fill ten segments.
			operations: Array.from({ length: 500 }, (_, index) => ({
				atMs: 1_000 + 40 * index,
				client: index % 5,
				kind: index % 7 === 0 ? 'get' : 'put',
				key: index % 5,
				value: index + 1,
				valueBytes: 5_000,
				node: index % 3,
				route: 'leader',
				by: index % 2 === 0 ? 'connection' : 'request',
			})),
		};
		const { violation, counters } = runPlan(plan);
		expect(violation).toBeNull();
		// Each of the two lives of a node notices it.
		const { disksFull, roomLacked, roomHadAgain } = counters;
		const { readsWhileFull, writesRefusedForRoom, callsRefusedForRoom } = counters;
		expect({ disksFull, roomLacked, roomHadAgain }).toEqual({ disksFull: 3, roomLacked: 6, roomHadAgain: 3 });
		expect(readsWhileFull).toBeGreaterThan(20);
		expect(writesRefusedForRoom).toBeGreaterThan(0);
		expect(callsRefusedForRoom).toBeGreaterThan(0);
	});
});

/** Each end knows within this time that its connection is lost, milliseconds. */
const NOTICED_MS = 2_000;

describe('everything that heals', () => {
	it('stays well, though a fault would have ended later', () => {
		const late = { atMs: PLAN.healMs - 1000, ms: 5000 };
		const plan: Plan = {
			...drawPlan(2, NODES),
			regime: 'survivable',
			links: { loss: 0.1, duplication: 0, delayMinMs: 1, delaySpreadMs: 1, tail: 0.1, delayTailMs: 50 },
			faults: [
				{ kind: 'lossy', from: 0, to: 1, loss: 0.5, ...late },
				{ kind: 'late', node: 2, byMs: 500, ...late },
			],
		};
		const trace = new Trace();
		expect(runPlan(plan, trace).violation).toBeNull();
		const lost = trace.lines.filter((line) => line.endsWith('LOST')).map((line) => Number.parseFloat(line));
		expect(lost.length).toBeGreaterThan(100);
		// A connection that has lost a message carries nothing until both ends have noticed.
		expect(lost.filter((ms) => ms > PLAN.healMs + NOTICED_MS)).toEqual([]);
	});
});

describe('in a partial partition', () => {
	it.each(SCENARIOS)('%s: one leader stays, and goes on, from four election timeouts on', (scenario) => {
		for (let seed = 1; seed <= SCENARIO_SEEDS; seed++) {
			const { violation } = runPlan(drawScenario(seed, scenario, NODES));
			expect(violation, `seed ${seed}`).toBeNull();
		}
	});
});

describe('what was found before', () => {
	const files = readdirSync(FOUND).filter((name) => name.endsWith('.plan'));

	it.each(files)('%s stays fixed', (file) => {
		const plan = JSON.parse(readFileSync(new URL(file, FOUND), 'utf8')) as Plan;
		expect(runPlan(plan).violation).toBeNull();
	});
});
