/**
 * Measures how long no write is acknowledged after the leader is gone: by SIGKILL, which closes its connections, and by
 * SIGSTOP, which leaves them open and silent. At each other node one client writes without pause, tries again after each
 * failure, and notes when a write that began after the fault is acknowledged for the first time.
 */
import { put } from '../process/client.ts';
import { Swarm, type TestNode } from '../process/swarm.ts';

export interface FailoverOptions {
	readonly rounds: number;
	readonly nodes: number;
	readonly json?: true;
}

type Fault = 'SIGKILL' | 'SIGSTOP';

/** The goal for the median. */
const GOAL_MS: Readonly<Record<Fault, number>> = { SIGKILL: 300, SIGSTOP: 1_500 };
const ROUND_MAX_MS = 30_000;

/** Times in milliseconds since the fault. */
interface Round {
	/** A write at one of the other nodes was acknowledged. */
	readonly firstMs: number;
	/** A write at each of the other nodes was acknowledged. */
	readonly everyMs: number;
}

export async function failover({ rounds, nodes, json }: FailoverOptions): Promise<void> {
	const swarm = await Swarm.create({ size: nodes });
	try {
		await swarm.start();
		const measured: Record<Fault, Round[]> = { SIGKILL: [], SIGSTOP: [] };
		for (const fault of ['SIGKILL', 'SIGSTOP'] as const) {
			for (let round = 0; round < rounds; round++) measured[fault].push(await measure(swarm, fault));
		}
		const summaries = (['SIGKILL', 'SIGSTOP'] as const).map((fault) => summarize(fault, measured[fault]));
		process.stdout.write(
			json ? `${JSON.stringify({ bench: 'failover', nodes, rounds, summaries })}\n` : table(summaries),
		);
	} finally {
		await swarm.dispose();
	}
}

/** One round: the leader gets `fault`, and is well again at the end. */
export async function measure(swarm: Swarm, fault: Fault): Promise<Round> {
	const leader = await swarm.leader();
	const left = swarm.nodes.filter((node) => node !== leader);
	const writers = left.map((node) => new Writer(node));
	await Promise.all(writers.map((writer) => writer.acknowledged(0)));

	const gone = fault === 'SIGKILL' ? leader.kill() : leader.pause();
	const faultMs = performance.now();
	const againMs = await Promise.all(writers.map(async (writer) => (await writer.acknowledged(faultMs)) - faultMs));

	await Promise.all([gone, ...writers.map((writer) => writer.stop())]);
	if (fault === 'SIGKILL') leader.launch();
	else leader.resume();
	await Promise.all(swarm.nodes.map((node) => node.ready()));
	return { firstMs: Math.min(...againMs), everyMs: Math.max(...againMs) };
}

/** Writes one after the other at one node, until it is stopped. */
class Writer {
	readonly #node: TestNode;
	readonly #done: Promise<void>;
	#stopped = false;
	#lastBeganMs = 0;
	#lastAcknowledgedMs = 0;
	#heard: (() => void)[] = [];

	constructor(node: TestNode) {
		this.#node = node;
		this.#done = this.#run();
	}

	/** Resolves with the time at which the first write that began after `sinceMs` was acknowledged. */
	async acknowledged(sinceMs: number): Promise<number> {
		const deadlineMs = performance.now() + ROUND_MAX_MS;
		while (this.#lastBeganMs <= sinceMs) {
			if (performance.now() > deadlineMs) throw new Error(`${this.#node.id} took no write for ${ROUND_MAX_MS} ms`);
			await new Promise<void>((resolve) => this.#heard.push(resolve));
		}
		return this.#lastAcknowledgedMs;
	}

	stop(): Promise<void> {
		this.#stopped = true;
		return this.#done;
	}

	async #run(): Promise<void> {
		while (!this.#stopped) {
			const beganMs = performance.now();
			const response = await put(this.#node, `bench-${this.#node.id}`, String(beganMs)).catch(() => null);
			if (response?.ok) {
				this.#lastBeganMs = beganMs;
				this.#lastAcknowledgedMs = performance.now();
			}
			for (const resolve of this.#heard.splice(0)) resolve();
		}
	}
}

interface Summary {
	readonly fault: Fault;
	readonly goalMs: number;
	readonly first: Spread;
	readonly every: Spread;
}

interface Spread {
	readonly medianMs: number;
	readonly p90Ms: number;
	readonly maxMs: number;
}

function summarize(fault: Fault, rounds: readonly Round[]): Summary {
	return {
		fault,
		goalMs: GOAL_MS[fault],
		first: spreadOf(rounds.map(({ firstMs }) => firstMs)),
		every: spreadOf(rounds.map(({ everyMs }) => everyMs)),
	};
}

function spreadOf(samplesMs: readonly number[]): Spread {
	const sorted = samplesMs.toSorted((a, b) => a - b);
	/** By nearest rank. */
	const at = (share: number): number => Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN);
	return { medianMs: at(0.5), p90Ms: at(0.9), maxMs: at(1) };
}

function table(summaries: readonly Summary[]): string {
	const rows = [
		['the leader gets', 'writes again at', 'median', 'p90', 'max', 'goal (median)'],
		...summaries.flatMap(({ fault, goalMs, first, every }) => [
			[fault, 'some node', ...numbers(first), `${goalMs} ms`],
			['', 'every node left', ...numbers(every), ''],
		]),
	];
	const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
	const lines = rows.map((row) =>
		row
			.map((cell, column) => cell.padEnd(widths[column] ?? 0))
			.join('  ')
			.trimEnd(),
	);
	return `${lines.join('\n')}\n`;
}

function numbers({ medianMs, p90Ms, maxMs }: Spread): string[] {
	return [medianMs, p90Ms, maxMs].map((ms) => `${ms} ms`);
}
