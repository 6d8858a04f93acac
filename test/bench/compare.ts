/**
 * Compares this version with another one, which is built in another folder. Both swarms stay up, and each round loads one
 * after the other, so that both meet the same hour of the machine. Fresh processes differ by a third in what Node makes
 * of their code, and for some rounds they get faster, so the first rounds are shown and not counted.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Client from '../../shared/client/client.ts';
import { MAIN, Swarm } from '../process/swarm.ts';
import { connected, type MakeClient, putter, run } from './clients.ts';
import { measure as failoverOf } from './failover.ts';
import { Wrk } from './http.ts';
import { median } from './quantiles.ts';

export interface CompareOptions {
	/** The folder of the other version: a checkout that is built. */
	readonly with: string;
	readonly work: keyof typeof WORKS;
	readonly rounds: number;
	/** The rounds before those that count. */
	readonly warmUp: number;
	readonly json?: true;
}

interface Side {
	readonly swarm: Swarm;
	/** The client of the same version as the nodes, because the protocol between them may have changed. */
	readonly SwarmClient: typeof Client.SwarmClient;
}

interface Work {
	readonly nodes: number;
	readonly unit: string;
	/** Whether a larger figure is the better one. */
	readonly isRate: boolean;
	/** One round. */
	measure(side: Side): Promise<number>;
}

const PUTS = { clients: 256, connections: 16, total: 50_000, keys: 10_000, size: 128 };
const HTTP = { connections: 64, seconds: 3 };

const WORKS = {
	put: { nodes: 3, unit: 'puts/s', isRate: true, measure: putsOf },
	http: {
		nodes: 3,
		unit: 'puts/s over HTTP',
		isRate: true,
		measure: async ({ swarm }) => {
			const wrk = new Wrk();
			try {
				return (await wrk.run((await swarm.leader()).url, HTTP.connections, HTTP.seconds)).opsPerSecond;
			} finally {
				wrk.dispose();
			}
		},
	},
	failover: {
		nodes: 5,
		unit: 'ms without a write after SIGKILL of the leader',
		isRate: false,
		measure: async ({ swarm }) => (await failoverOf(swarm, 'SIGKILL')).firstMs,
	},
} satisfies Readonly<Record<string, Work>>;

export const WORK_NAMES = Object.keys(WORKS);

export async function compare(options: CompareOptions): Promise<void> {
	const { rounds, warmUp, json } = options;
	const work: Work = WORKS[options.work];
	const sides: Side[] = [];
	try {
		for (const main of [MAIN, mainOf(options.with)]) sides.push(await start(main, work.nodes));
		const counted: { readonly here: number; readonly other: number; readonly better: number }[] = [];
		for (let round = 1 - warmUp; round <= rounds; round++) {
			const figures = new Map<Side, number>();
			// Which of the two is loaded first changes with each round.
			for (const side of round % 2 === 0 ? sides : sides.toReversed()) figures.set(side, await work.measure(side));
			const [here, other] = sides.map((side) => figures.get(side) as number) as [number, number];
			const better = work.isRate ? here / other : other / here;
			if (round > 0) counted.push({ here, other, better });
			if (!json) {
				const name = round > 0 ? `round ${round}` : 'warm-up';
				process.stdout.write(`${name}: ${here.toFixed(0)} here, ${other.toFixed(0)} there, ${better.toFixed(2)}\n`);
			}
		}
		const here = median(counted.map((round) => round.here));
		const other = median(counted.map((round) => round.other));
		const ratio = median(counted.map((round) => round.better));
		process.stdout.write(
			json
				? `${JSON.stringify({ bench: 'compare', work: options.work, rounds, warmUp, here, other, ratio })}\n`
				: `${work.unit}, medians of ${rounds} rounds: ${here.toFixed(0)} here, ${other.toFixed(0)} there; ` +
						`this version is ${ratio.toFixed(2)} times as good\n`,
		);
	} finally {
		await Promise.all(sides.map(({ swarm }) => swarm.dispose()));
	}
}

/** The built program of a checkout. Earlier versions have it elsewhere. */
function mainOf(folder: string): string {
	const found = ['dist/program/main.js', 'dist/server/main.js']
		.map((path) => resolve(folder, path))
		.find((path) => existsSync(path));
	if (found === undefined) throw new Error(`${folder} has no built program; run a benchmark there once`);
	return found;
}

async function start(main: string, nodes: number): Promise<Side> {
	const client = join(main, '../../shared/client/client.js');
	const { SwarmClient } = (await import(pathToFileURL(client).href)) as typeof Client;
	const swarm = await Swarm.create({ size: nodes, main });
	try {
		await swarm.start();
	} catch (error) {
		await swarm.dispose();
		throw error;
	}
	return { swarm, SwarmClient };
}

async function putsOf({ swarm, SwarmClient }: Side): Promise<number> {
	const { clients, connections, total, keys, size } = PUTS;
	const make: MakeClient = (options) => new SwarmClient(options);
	const all = connected(
		swarm.nodes.map(({ url }) => url),
		connections,
		make,
	);
	try {
		const put = putter(keys, size);
		await run(all, clients, total / 10, put);
		const startedMs = performance.now();
		await run(all, clients, total, put);
		return (total / (performance.now() - startedMs)) * 1000;
	} finally {
		for (const client of all) client.close();
	}
}
