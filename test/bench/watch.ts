/**
 * What those that wait cost a write: puts with and without them at the leader, in turn, on one swarm. There are watches
 * below which nothing changes, watches each of which hears one key, and blocking reads of keys that nobody writes. They
 * are in the process of the load, so their reading is a part of the cost.
 *
 * Each round has a ratio of its own, and the row the median of those: the machine's speed changes more from round to round
 * than within one. Every second round begins with those that wait.
 */
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { Swarm } from '../process/swarm.ts';
import { keyOf } from './clients.ts';
import { type LoadOptions, measure } from './load.ts';
import { median } from './quantiles.ts';

export interface WatchBenchOptions extends LoadOptions {
	/** The number of watches, or of blocking reads. */
	readonly watchers: number;
	readonly rounds: number;
}

interface Kind {
	readonly name: string;
	/** What the one of this number asks for. */
	pathOf(i: number, keys: number): string;
	/** Whether it is answered at once, and then told more. */
	readonly isWatch: boolean;
}

const KINDS: readonly Kind[] = [
	{ name: 'watches that hear nothing', pathOf: (i) => `/v1/watch/quiet/${i}`, isWatch: true },
	{ name: 'watches that hear one key each', pathOf: (i, keys) => `/v1/watch/${keyOf(i % keys)}`, isWatch: true },
	{
		name: 'blocking reads of keys that nobody writes',
		pathOf: (i) => `/v1/kv/quiet/${i}?index=1&wait=10m`,
		isWatch: false,
	},
];

interface Row {
	readonly waiting: number;
	readonly kind: string;
	/** Medians, in puts a second. */
	readonly without: number;
	readonly with: number;
	/** The median of the ratios of the rounds, in which more is better and 1 is no cost. */
	readonly ratio: number;
	readonly ratios: readonly number[];
}

export async function watch(options: WatchBenchOptions): Promise<void> {
	const { nodes: size, watchers, rounds, keys, warmUp, json } = options;
	const swarm = await Swarm.create({ size });
	try {
		await swarm.start();
		const nodes = swarm.nodes.map(({ url }) => url);
		const quiet = { ...options, json: true, warmUp: 0 } as const;
		const puts = async (): Promise<number> => (await measure(nodes, quiet)).opsPerSecond;
		await measure(nodes, { ...quiet, warmUp });
		for (const { name, pathOf, isWatch } of KINDS) {
			const without: number[] = [];
			const withAll: number[] = [];
			for (let round = 0; round < rounds; round++) {
				if (round % 2 === 0) without.push(await puts());
				const waiting = new Waiting((await swarm.leader()).url);
				for (let i = 0; i < watchers; i++) await waiting.add(pathOf(i, keys), isWatch);
				await waiting.settle();
				withAll.push(await puts());
				waiting.close();
				if (round % 2 === 1) without.push(await puts());
			}
			const ratios = withAll.map((each, round) => hundredths(each / (without[round] as number)));
			const row: Row = {
				waiting: watchers,
				kind: name,
				without: hundredths(median(without)),
				with: hundredths(median(withAll)),
				ratio: hundredths(median(ratios)),
				ratios,
			};
			process.stdout.write(json ? `${JSON.stringify(row)}\n` : describe(row));
		}
	} finally {
		await swarm.dispose();
	}
}

/** Requests that wait at one node, each with a connection of its own. What comes is dropped. */
class Waiting {
	readonly #url: string;
	readonly #agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY });
	readonly #answers: IncomingMessage[] = [];
	#answered = 0;
	#isClosed = false;

	constructor(url: string) {
		this.#url = url;
	}

	/** Sends a request. A watch is answered with its beginning, and a blocking read must not be answered at all. */
	async add(path: string, isWatch: boolean): Promise<void> {
		const request = get(this.#url + path, { agent: this.#agent });
		request.on('error', (error) => {
			if (!this.#isClosed) throw error;
		});
		if (!isWatch) {
			request.on('response', () => this.#answered++);
			await once(request, 'finish');
			return;
		}
		const [answer] = (await once(request, 'response')) as [IncomingMessage];
		if (answer.statusCode !== 200) throw new Error(`a watch was answered ${answer.statusCode}`);
		answer.on('error', () => undefined);
		answer.resume();
		this.#answers.push(answer);
	}

	/** Resolves when the node has begun with all requests: it takes them in their order. */
	async settle(): Promise<void> {
		await (await fetch(`${this.#url}/v1/kv/quiet/last`)).arrayBuffer();
	}

	/** @throws Error where a blocking read was answered */
	close(): void {
		this.#isClosed = true;
		for (const answer of this.#answers) answer.destroy();
		this.#agent.destroy();
		if (this.#answered > 0) throw new Error(`${this.#answered} blocking reads were answered`);
	}
}

function hundredths(value: number): number {
	return Math.round(value * 100) / 100;
}

function describe({ waiting, kind, without, with: withAll, ratio, ratios }: Row): string {
	return `${waiting} ${kind}: ${withAll} puts/s, ${without} without them (ratio ${ratio}, of ${ratios.join(' ')})\n`;
}
