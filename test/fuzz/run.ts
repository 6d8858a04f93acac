/**
 * Throws bad input of many kinds at a swarm of real nodes while clients write. Each input must be answered as documented,
 * no process may end, no step of an event loop may be long, memory must stay bounded, and at the end every acknowledged
 * write is looked for at each node. What is thrown follows from the seed alone, kind by kind and round by round.
 */
import { readFileSync } from 'node:fs';
import { WebSocket } from 'ws';
import { checkNodes, counts } from '../campaign/checks.ts';
import { Writers } from '../campaign/writers.ts';
import { LoopSteps } from '../measured/loop-steps.ts';
import { Swarm, type TestNode } from '../process/swarm.ts';
import { type Kind, randomOf, SECRET, Target, type WayIn } from './kind.ts';

export interface FuzzOptions {
	readonly seed: number;
	/** Each kind is played once in a round. */
	readonly rounds: number;
	/** The ways in. */
	readonly ways: readonly WayIn[];
	/** Each writer waits so long between two calls, milliseconds. */
	readonly pauseMs: number;
	/** Only kinds whose name, with that of the way in before it, has this text; '' for all. */
	readonly only: string;
	/** Whether a step of an event loop that runs for more than 50 ms is a problem. It depends on the machine. */
	readonly judgesSteps: boolean;
}

/** A node may have so much more resident memory after the last round than after the first one, MiB. */
export const MEMORY_GROWTH_MAX_MIB = 128;
const MIB = 1024 * 1024;
/** An input that is not answered within this time, milliseconds, is not answered at all. */
const ANSWER_MAX_MS = 30_000;
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

/** The kinds that are asked for, by their way in. */
export function waysOf(ways: readonly WayIn[], only: string): WayIn[] {
	const named = ways.map(({ name, kinds }) => ({
		name,
		kinds: kinds.filter((kind) => nameOf(name, kind).includes(only)),
	}));
	return named.filter(({ kinds }) => kinds.length > 0);
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
		let afterFirst: readonly number[] = [];
		for (let round = 1; round <= options.rounds; round++) {
			for (const way of waysOf(options.ways, options.only)) {
				const row = rowOf(rows, way.name, swarm);
				for (const kind of way.kinds) {
					const what = `${nameOf(way.name, kind)} (round ${round})`;
					const fault = await play(kind, what, { ...options, round }, swarm, writers, row);
					if (fault !== null) {
						problems.push(`${what}: ${fault}`);
						say(`FAIL ${what}: ${fault}`);
					}
				}
				row.kinds = way.kinds.length;
				row.memoryAfter = largestMiB(swarm);
			}
			if (round === 1) afterFirst = swarm.nodes.map(residentMiB);
			say(`round ${round} of ${options.rounds}: ${problems.length} problems, ${counts(writers.told)}`);
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

/** Plays one kind once. @returns its fault, in words; null for none @throws Error where a node has ended */
async function play(
	kind: Kind,
	what: string,
	{ seed, round, judgesSteps }: FuzzOptions & { readonly round: number },
	swarm: Swarm,
	writers: Writers,
	row: Row,
): Promise<string | null> {
	const before = await Promise.all(
		swarm.nodes.map(async (node) => ({ node, pid: node.pid, steps: await LoopSteps.of(node) })),
	);
	const target = new Target(swarm, randomOf(seed, kind.name, round), `${kind.name.replaceAll(/\W+/g, '-')}-${round}`);
	let fault: string | null = null;
	try {
		await answered(async () => {
			await kind.throwAt(target);
			await target.end();
			await writers.acknowledged(1);
		});
	} catch (error) {
		fault = error instanceof Error ? error.message : String(error);
	} finally {
		await target.end();
	}
	row.inputs += target.inputs;
	for (const { node, pid, steps } of before) {
		if (target.restarted.has(node)) continue;
		if (node.pid !== pid) fault ??= `${node.id} is another process than before`;
		const { over20Ms, ranOver50Ms, longestMs } = await steps.since().catch((cause: unknown) => {
			throw new Error(`${node.id} has ended in ${what}: ${fault}\n${swarm.transcript()}`, { cause });
		});
		row.over20Ms += over20Ms;
		row.ranOver50Ms += ranOver50Ms;
		if (judgesSteps && ranOver50Ms > 0) {
			fault ??= `${node.id} ran for more than 50 ms at a time, ${ranOver50Ms} times; its longest step ever took ${longestMs} ms`;
		}
	}
	return fault;
}

/** @throws Error where it takes too long */
async function answered(act: () => Promise<void>): Promise<void> {
	let timer: NodeJS.Timeout | undefined;
	const late = new Promise<never>((_, reject) => {
		timer = setTimeout(() => reject(new Error(`not answered within ${ANSWER_MAX_MS} ms`)), ANSWER_MAX_MS);
	});
	try {
		await Promise.race([act(), late]);
	} finally {
		clearTimeout(timer);
	}
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
