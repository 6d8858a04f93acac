/**
 * Clients that put or get without pause, each with one request outstanding, over a number of connections to a fresh
 * swarm of real processes with a real disk. It prints the same fields as the load programs of rivals, so that the figures
 * can be compared.
 */
import type { SwarmClient } from '../../shared/client/client.ts';
import { Swarm } from '../process/swarm.ts';
import { connected, keyOf, type MakeClient, makeSecure, putter, run } from './clients.ts';
import { Progress } from './progress.ts';
import { type Spent, spending } from './spent.ts';

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
	/** Whether nodes and clients speak TLS, and each shows a certificate. */
	readonly tls?: true;
	readonly json?: true;
}

export interface LoadResult {
	readonly system: 'paxos-swarm';
	readonly get: boolean;
	readonly clients: number;
	readonly opsPerSecond: number;
	readonly p50Ms: number;
	readonly p99Ms: number;
	/** Only on Linux, and where `measure` was given the swarm itself. */
	readonly spent?: Spent;
}

/**
 * The number of clients and of connections of the warm-up. A fresh process is compiled under load only, which takes some
 * ten seconds. After the warm-up come a few puts that are made like the measured ones.
 */
const WARM_UP = { clients: 256, connections: 16, size: 128, asMeasured: 5000 };

export async function load(options: LoadOptions): Promise<void> {
	const swarm = await Swarm.create({ size: options.nodes, ...(options.tls && { tls: 'required' }) });
	try {
		await swarm.start();
		const result = await measure(
			swarm.nodes.map(({ url }) => url),
			options,
			options.tls && makeSecure(swarm.certificate('client')),
			swarm,
		);
		process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : describe(result));
	} finally {
		await swarm.dispose();
	}
}

/**
 * Loads a running swarm.
 *
 * @param nodes the addresses `http://host:port` of its nodes
 * @param swarm given where the processor time of its nodes is to be measured too
 */
export async function measure(
	nodes: readonly string[],
	options: LoadOptions,
	make?: MakeClient,
	swarm?: Swarm,
): Promise<LoadResult> {
	const { clients, total, keys } = options;
	if (options.warmUp > 0) await warmUp(nodes, options, make);
	const all = connected(nodes, Math.min(options.connections, clients), make);
	const progress = new Progress(options.json ? 0 : total);
	try {
		const put = putter(keys, options.size);
		const get = (client: SwarmClient, i: number) => client.get(keyOf(i % keys));
		const one = options.get ? get : put;
		if (options.get) await run(all, clients, keys, put);
		await run(all, clients, Math.min(WARM_UP.asMeasured, total), one);
		const spent = swarm && process.platform === 'linux' ? await spending(swarm) : null;
		const ms = new Float64Array(total);
		const startedMs = performance.now();
		await run(all, clients, total, async (client, i) => {
			const calledMs = performance.now();
			await one(client, i);
			ms[i] = performance.now() - calledMs;
			progress.done++;
		});
		const seconds = (performance.now() - startedMs) / 1000;
		const spentOnOne = spent?.(total);
		ms.sort();
		return {
			system: 'paxos-swarm',
			get: options.get === true,
			clients,
			opsPerSecond: Math.round(total / seconds),
			p50Ms: hundredths(ms[Math.floor(total / 2)] as number),
			p99Ms: hundredths(ms[Math.floor((total * 99) / 100)] as number),
			...(spentOnOne && { spent: spentOnOne }),
		};
	} finally {
		progress.end();
		for (const client of all) client.close();
	}
}

async function warmUp(nodes: readonly string[], { warmUp, keys }: LoadOptions, make?: MakeClient): Promise<void> {
	const all = connected(nodes, WARM_UP.connections, make);
	try {
		await run(all, WARM_UP.clients, warmUp, putter(keys, WARM_UP.size));
	} finally {
		for (const client of all) client.close();
	}
}

function hundredths(value: number): number {
	return Math.round(value * 100) / 100;
}

function describe({ get, clients, opsPerSecond, p50Ms, p99Ms, spent }: LoadResult): string {
	const what = get ? 'linearizable reads' : 'durable puts';
	const rate = `${what}, ${clients} clients: ${opsPerSecond}/s, p50 ${p50Ms} ms, p99 ${p99Ms} ms\n`;
	if (!spent) return rate;
	const [leader, follower, load] = [spent.leaderUs, spent.followerUs, spent.clientUs].map((us) => us.toFixed(1));
	return `${rate}processor time of one: ${leader} µs at the leader, ${follower} at each follower, ${load} in the clients\n`;
}
