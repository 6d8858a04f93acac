/**
 * What watches cost a write: puts with and without watches at the leader, in turn, on one swarm. In a first row nothing
 * changes below the prefixes of the watches; in a second one each hears one key. The watchers are in the process of the
 * load, so their reading is a part of the cost.
 */
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { Swarm } from '../process/swarm.ts';
import { keyOf } from './clients.ts';
import { type LoadOptions, measure } from './load.ts';

export interface WatchBenchOptions extends LoadOptions {
	/** The number of watches. */
	readonly watchers: number;
	readonly rounds: number;
}

interface Row {
	readonly watchers: number;
	/** What is below the prefixes of the watches. */
	readonly hears: 'nothing' | 'one key each';
	/** Medians. */
	readonly without: number;
	readonly with: number;
	readonly ratio: number;
}

export async function watch(options: WatchBenchOptions): Promise<void> {
	const { nodes: size, watchers, rounds, warmUp, json } = options;
	const swarm = await Swarm.create({ size });
	try {
		await swarm.start();
		const nodes = swarm.nodes.map(({ url }) => url);
		const quiet = { ...options, json: true, warmUp: 0 } as const;
		await measure(nodes, { ...quiet, warmUp });
		for (const hears of ['nothing', 'one key each'] as const) {
			const without: number[] = [];
			const withAll: number[] = [];
			for (let round = 0; round < rounds; round++) {
				without.push((await measure(nodes, quiet)).opsPerSecond);
				const prefixOf = hears === 'nothing' ? (i: number) => `quiet/${i}` : (i: number) => keyOf(i % options.keys);
				const watching = await Watchers.open((await swarm.leader()).url, watchers, prefixOf);
				withAll.push((await measure(nodes, quiet)).opsPerSecond);
				watching.close();
			}
			const [before, after] = [median(without), median(withAll)];
			const row: Row = {
				watchers,
				hears,
				without: before,
				with: after,
				ratio: Math.round((100 * after) / before) / 100,
			};
			process.stdout.write(json ? `${JSON.stringify(row)}\n` : describe(row));
		}
	} finally {
		await swarm.dispose();
	}
}

/** Watches over HTTP, each with a connection of its own. What comes is counted and dropped. */
class Watchers {
	readonly #agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY });
	readonly #answers: IncomingMessage[] = [];

	static async open(url: string, count: number, prefixOf: (i: number) => string): Promise<Watchers> {
		const watchers = new Watchers();
		for (let i = 0; i < count; i++) await watchers.#open(`${url}/v1/watch/${prefixOf(i)}`);
		return watchers;
	}

	close(): void {
		for (const answer of this.#answers) answer.destroy();
		this.#agent.destroy();
	}

	async #open(url: string): Promise<void> {
		const [answer] = (await once(get(url, { agent: this.#agent }), 'response')) as [IncomingMessage];
		if (answer.statusCode !== 200) throw new Error(`a watch was answered ${answer.statusCode}`);
		answer.on('error', () => undefined);
		answer.resume();
		this.#answers.push(answer);
	}
}

function median(values: readonly number[]): number {
	return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

function describe({ watchers, hears, without, with: withAll, ratio }: Row): string {
	return `${watchers} watches that hear ${hears}: ${withAll} puts/s, ${without} without them (ratio ${ratio})\n`;
}
