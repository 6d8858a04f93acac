/**
 * Clients that put or get without pause, each with one request outstanding, over a number of connections to a fresh
 * swarm of real processes with a real disk. It prints the same fields as the load programs of rivals, so that the figures
 * can be compared.
 */
import { WebSocket } from 'ws';
import { SwarmClient } from '../../shared/client/client.ts';
import type { ClientSocket } from '../../shared/client/socket.ts';
import { Swarm } from '../process/swarm.ts';
import { Progress } from './progress.ts';

export interface LoadOptions {
	/** The number of requests outstanding. */
	readonly clients: number;
	readonly connections: number;
	readonly total: number;
	readonly nodes: number;
	/** The bytes of a value. */
	readonly size: number;
	/** The number of different keys. */
	readonly keys: number;
	/** The number of puts before the measurement. */
	readonly warmUp: number;
	/** Whether to make linearizable reads instead of puts. */
	readonly get?: true;
	readonly json?: true;
}

export interface LoadResult {
	readonly system: 'paxos-swarm';
	readonly get: boolean;
	readonly clients: number;
	readonly opsPerSecond: number;
	readonly p50Ms: number;
	readonly p99Ms: number;
}

/** The time limit of a call. The largest values take seconds when hundreds of clients write them. */
const CALL_MAX_MS = 120_000;
/**
 * The number of clients and of connections of the warm-up. A fresh process is compiled under load only, which takes some
 * ten seconds. After the warm-up come a few puts that are made like the measured ones.
 */
const WARM_UP = { clients: 256, connections: 16, size: 128, asMeasured: 5000 };

export async function load(options: LoadOptions): Promise<void> {
	const swarm = await Swarm.create({ size: options.nodes });
	try {
		await swarm.start();
		const result = await measure(
			swarm.nodes.map(({ url }) => url),
			options,
		);
		process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : describe(result));
	} finally {
		await swarm.dispose();
	}
}

/** Loads a running swarm. @param nodes the addresses `http://host:port` of its nodes */
export async function measure(nodes: readonly string[], options: LoadOptions): Promise<LoadResult> {
	const { clients, total, keys } = options;
	if (options.warmUp > 0) await warmUp(nodes, options);
	const all = connected(nodes, Math.min(options.connections, clients));
	const progress = new Progress(options.json ? 0 : total);
	try {
		const put = putter(keys, options.size);
		const get = (client: SwarmClient, i: number) => client.get(keyOf(i % keys));
		const one = options.get ? get : put;
		if (options.get) await run(all, clients, keys, put);
		await run(all, clients, Math.min(WARM_UP.asMeasured, total), one);
		const ms = new Float64Array(total);
		const startedMs = performance.now();
		await run(all, clients, total, async (client, i) => {
			const calledMs = performance.now();
			await one(client, i);
			ms[i] = performance.now() - calledMs;
			progress.done++;
		});
		const seconds = (performance.now() - startedMs) / 1000;
		ms.sort();
		return {
			system: 'paxos-swarm',
			get: options.get === true,
			clients,
			opsPerSecond: Math.round(total / seconds),
			p50Ms: hundredths(ms[Math.floor(total / 2)] as number),
			p99Ms: hundredths(ms[Math.floor((total * 99) / 100)] as number),
		};
	} finally {
		progress.end();
		for (const client of all) client.close();
	}
}

async function warmUp(nodes: readonly string[], { warmUp, keys }: LoadOptions): Promise<void> {
	const all = connected(nodes, WARM_UP.connections);
	try {
		await run(all, WARM_UP.clients, warmUp, putter(keys, WARM_UP.size));
	} finally {
		for (const client of all) client.close();
	}
}

function connected(nodes: readonly string[], connections: number): SwarmClient[] {
	return Array.from({ length: connections }, () => new SwarmClient({ nodes, connect, timeoutMs: CALL_MAX_MS }));
}

function putter(keys: number, size: number): (client: SwarmClient, i: number) => Promise<unknown> {
	const values = new Values(size);
	return (client, i) => client.put(keyOf(i % keys), values.next());
}

/** Runs `workers` workers, each with one request outstanding, until `total` requests were made. */
async function run(
	all: readonly SwarmClient[],
	workers: number,
	total: number,
	one: (client: SwarmClient, i: number) => Promise<unknown>,
): Promise<void> {
	let next = 0;
	const worker = async (client: SwarmClient): Promise<void> => {
		for (let i = next++; i < total; i = next++) await one(client, i);
	};
	await Promise.all(Array.from({ length: workers }, (_, at) => worker(all[at % all.length] as SwarmClient)));
}

/**
 * A mask of zeros saves a pass over every byte. Masks protect proxies from bytes that pages choose, and this is no
 * page.
 */
function connect(url: string): ClientSocket {
	const generateMask = (mask: Buffer): void => void mask.fill(0);
	return new WebSocket(url, { perMessageDeflate: false, skipUTF8Validation: true, generateMask });
}

/** Makes values each of which differs from the last one, because a write of the same value would change nothing. */
class Values {
	readonly #bytes: Uint8Array;
	#count = 0;

	constructor(size: number) {
		this.#bytes = new Uint8Array(size).fill('x'.charCodeAt(0));
	}

	/** The next value. It is overwritten by the next call. */
	next(): Uint8Array {
		let rest = ++this.#count;
		for (let i = 0; i < this.#bytes.length && rest > 0; i++) {
			this.#bytes[i] = rest;
			rest >>>= 8;
		}
		return this.#bytes;
	}
}

function keyOf(number: number): string {
	return `key${String(number).padStart(7, '0')}`;
}

function hundredths(value: number): number {
	return Math.round(value * 100) / 100;
}

function describe({ get, clients, opsPerSecond, p50Ms, p99Ms }: LoadResult): string {
	const what = get ? 'linearizable reads' : 'durable puts';
	return `${what}, ${clients} clients: ${opsPerSecond}/s, p50 ${p50Ms} ms, p99 ${p99Ms} ms\n`;
}
