/**
 * Throws bad input of many kinds at a swarm of real nodes while clients write. Each input must be answered as documented,
 * no process may end, no step of an event loop may be long, memory must stay bounded, and at the end every acknowledged
 * write is looked for at each node. What is thrown follows from the seed alone, kind by kind and round by round.
 */
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { checkNodes, counts } from '../campaign/checks.ts';
import { Writers } from '../campaign/writers.ts';
import { LoopSteps } from '../measured/loop-steps.ts';
import { Swarm, type TestNode } from '../process/swarm.ts';
import { bringBack } from './bring-back.ts';
import { ANSWER_MAX_MS, type Kind, randomOf, SECRET, Target, type WayIn } from './kind.ts';

/** What is thrown follows from these. */
export interface Inputs {
	readonly seed: number;
	/** The number of the first round. */
	readonly firstRound: number;
	/** Each kind is played once in a round. */
	readonly rounds: number;
	/** Only the kind with this name, that of the way in before it, or those with this text in their names; '' for all. */
	readonly only: string;
}

export interface FuzzOptions extends Inputs {
	/** The ways in. */
	readonly ways: readonly WayIn[];
	/** Each writer waits so long between two calls, milliseconds. */
	readonly pauseMs: number;
	/** Whether a step of an event loop that runs for more than 50 ms is a problem. It depends on the machine. */
	readonly judgesSteps: boolean;
}

/** A node may have so much more resident memory after the last round than after the first one, MiB. */
export const MEMORY_GROWTH_MAX_MIB = 128;
const MIB = 1024 * 1024;
/** A kind that has not ended so long after its time limit, milliseconds, has hung. */
const END_MAX_MS = 300_000;
/** So much of the output of a node that has ended is shown. */
const LINES_SHOWN = 12;
const PUTTERS = 1;
const COUNTERS = 1;

/** One line of the table. */
interface Row {
	readonly way: string;
	kinds: number;
	inputs: number;
	/** Steps of event loops, of all nodes. */
	over20Ms: number;
	ranOver50Ms: number;
	/** The largest resident memory of a node, MiB. */
	memoryBefore: number;
	memoryAfter: number;
}

/** The kinds that are asked for, by their way in: the one with just that name, or those with it in theirs. */
export function waysOf(ways: readonly WayIn[], only: string): WayIn[] {
	const exact = waysWith(ways, (name) => name === only);
	return exact.length > 0 ? exact : waysWith(ways, (name) => name.includes(only));
}

function waysWith(ways: readonly WayIn[], isMeant: (name: string) => boolean): WayIn[] {
	const meant = ways.map(({ name, kinds }) => ({
		name,
		kinds: kinds.filter((kind) => isMeant(nameOf(name, kind))),
	}));
	return meant.filter(({ kinds }) => kinds.length > 0);
}

/** The command that throws the same inputs. */
export function commandOf({ seed, firstRound, rounds, only }: Inputs): string {
	const quoted = `'${only.replaceAll("'", "'\\''")}'`;
	const flags = [
		`--seed ${seed}`,
		`--round ${firstRound}`,
		`--rounds ${rounds}`,
		...(only === '' ? [] : [`--only ${quoted}`]),
	];
	return `npm run fuzz -- ${flags.join(' ')}`;
}

/** @returns the faults, one sentence each; none where all is well */
export async function fuzz(options: FuzzOptions, say: (line: string) => void): Promise<readonly string[]> {
	const swarm = await Swarm.create({ size: 3, environment: { SWARM_SECRET: SECRET } });
	const problems: string[] = [];
	try {
		await swarm.start();
		const nodes = swarm.nodes.map(({ url }) => url);
		const writers = new Writers(nodes, (url) => new WebSocket(url), PUTTERS, COUNTERS, options.pauseMs);
		await writers.acknowledged(20);
		const rows: Row[] = [];
		const lastRound = options.firstRound + options.rounds - 1;
		let afterFirst: readonly number[] = [];
		for (let round = options.firstRound; round <= lastRound; round++) {
			for (const way of waysOf(options.ways, options.only)) {
				const row = rowOf(rows, way.name, swarm);
				for (const kind of way.kinds) {
					const name = nameOf(way.name, kind);
					const fault = await play(kind, { ...options, round }, swarm, writers, row);
					if (fault === null) continue;
					problems.push(`${name} (round ${round}): ${fault}`);
					const again = commandOf({ seed: options.seed, firstRound: round, rounds: 1, only: name });
					say(`FAIL ${problems.at(-1)}\n     ${again}`);
				}
				row.kinds = way.kinds.length;
				row.memoryAfter = largestMiB(swarm);
			}
			if (round === options.firstRound) afterFirst = swarm.nodes.map(residentMiB);
			const memory = swarm.nodes.map((node) => `${node.id} ${residentMiB(node)} MiB`).join(', ');
			say(`round ${round} of ${lastRound}: ${problems.length} problems, ${counts(writers.told)}, ${memory}`);
		}
		await writers.stop();
		for (const [index, node] of swarm.nodes.entries()) {
			const growth = residentMiB(node) - (afterFirst[index] as number);
			if (growth > MEMORY_GROWTH_MAX_MIB) problems.push(`${node.id} has grown by ${growth} MiB since the first round`);
		}
		const lost = await checkNodes(swarm.nodes, writers.told);
		problems.push(...lost);
		for (const line of table(rows)) say(line);
		say(`${counts(writers.told)}, ${lost.length} of them lost or wrong`);
		return problems;
	} finally {
		await swarm.dispose();
	}
}

/** Plays one kind once. @returns its fault, in words; null for none @throws Error where it hangs, or a node stays down */
async function play(
	kind: Kind,
	{ seed, round, judgesSteps }: FuzzOptions & { readonly round: number },
	swarm: Swarm,
	writers: Writers,
	row: Row,
): Promise<string | null> {
	const faults = await bringBackAll(swarm);
	const before = await Promise.all(
		swarm.nodes.map(async (node) => ({ node, pid: node.pid, steps: await LoopSteps.of(node) })),
	);
	const target = new Target(swarm, randomOf(seed, kind.name, round), `${kind.name.replaceAll(/\W+/g, '-')}-${round}`);
	try {
		await answered(kind, async () => {
			await kind.throwAt(target);
			await target.end();
			await writers.acknowledged(1);
		});
	} catch (error) {
		if (error instanceof HungError) throw error;
		faults.push(error instanceof Error ? error.message : String(error));
	} finally {
		await target.end();
	}
	row.inputs += target.inputs;
	for (const { node, pid, steps } of before) {
		if (!node.isRunning) continue;
		if (node.pid !== pid) {
			if (!target.restarted.has(node)) faults.push(`${node.id} is another process than before`);
			continue;
		}
		const figures = await steps.since().catch((error: Error) => error);
		if (figures instanceof Error) {
			faults.push(`${node.id} does not answer: ${figures.message}`);
			continue;
		}
		const { over20Ms, ranOver50Ms, longestMs } = figures;
		row.over20Ms += over20Ms;
		row.ranOver50Ms += ranOver50Ms;
		if (judgesSteps && ranOver50Ms > 0) {
			faults.push(
				`${node.id} ran for more than 50 ms at a time, ${ranOver50Ms} times; its longest step ever took ${longestMs} ms`,
			);
		}
	}
	faults.push(...(await bringBackAll(swarm)));
	return faults.length > 0 ? faults.join('; ') : null;
}

/** Brings back the nodes that have ended. @returns what was wrong with them */
async function bringBackAll(swarm: Swarm): Promise<string[]> {
	const ended = swarm.nodes.filter(({ isRunning }) => !isRunning);
	const faults = ended.map((node) => `${node.id} has ended:\n${lastLines(node.output)}`);
	for (const node of ended) await bringBack(node);
	return faults;
}

/** A kind that does not end. No other one can be played after it. */
class HungError extends Error {
	override readonly name = 'HungError';
}

/** @throws Error where it takes too long, once it has ended @throws HungError where it does not end */
async function answered({ name, maxMs = ANSWER_MAX_MS }: Kind, act: () => Promise<void>): Promise<void> {
	const acting = act();
	const isLate = await Promise.race([acting.then(() => false), lateAfter(maxMs)]);
	if (!isLate) return;
	const ended = acting.then(
		() => false,
		() => false,
	);
	const hangs = await Promise.race([ended, lateAfter(END_MAX_MS)]);
	if (hangs) throw new HungError(`${name} has hung`);
	throw new Error(`not answered within ${maxMs} ms`);
}

/** It keeps no process running. */
function lateAfter(ms: number): Promise<true> {
	return setTimeout(ms, true as const, { ref: false });
}

function lastLines(output: string): string {
	return output.trimEnd().split('\n').slice(-LINES_SHOWN).join('\n');
}

function nameOf(way: string, { name }: Kind): string {
	return `${way}: ${name}`;
}

function rowOf(rows: Row[], way: string, swarm: Swarm): Row {
	const before = largestMiB(swarm);
	let row = rows.find((each) => each.way === way);
	if (!row) {
		row = { way, kinds: 0, inputs: 0, over20Ms: 0, ranOver50Ms: 0, memoryBefore: before, memoryAfter: before };
		rows.push(row);
	}
	return row;
}

function table(rows: readonly Row[]): string[] {
	const head = ['way in', 'kinds', 'inputs', 'steps over 20 ms', 'run over 50 ms', 'MiB before', 'MiB after'];
	const cells = rows.map((row) => [
		row.way,
		row.kinds,
		row.inputs,
		row.over20Ms,
		row.ranOver50Ms,
		row.memoryBefore,
		row.memoryAfter,
	]);
	return [head, ...cells].map((line) =>
		line.map((cell, at) => (at === 0 ? `${cell}`.padEnd(14) : `${cell}`.padStart(18))).join(''),
	);
}

function largestMiB(swarm: Swarm): number {
	return Math.max(...swarm.nodes.map(residentMiB));
}

/** @source Linux, proc_pid_status(5): VmRSS, in KiB */
function residentMiB({ pid }: TestNode): number {
	return Math.round((1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])) / MIB);
}
