/**
 * Measures how throughput and latency change with the number of nodes, the size of values, the number of keys, and
 * watchers. Each row has a fresh swarm, and differs from the first row in one of them.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { io } from 'socket.io-client';
import { Swarm } from '../process/swarm.ts';
import { type LoadOptions, type LoadResult, measure } from './load.ts';

export interface GrowthOptions {
	readonly clients: number;
	readonly connections: number;
	readonly total: number;
	readonly warmUp: number;
	readonly json?: true;
}

interface Row {
	readonly nodes: number;
	readonly size: number;
	readonly keys: number;
	readonly watchers: number;
}

const FIRST: Row = { nodes: 3, size: 128, keys: 10_000, watchers: 0 };
const CHANGES: readonly Partial<Row>[] = [
	{},
	...[5, 9].map((nodes) => ({ nodes })),
	...[16, 1024, 65_536, 524_288].map((size) => ({ size })),
	...[1000, 100_000, 1_000_000].map((keys) => ({ keys })),
	...[1, 10].map((watchers) => ({ watchers })),
];
/** The bound on the bytes that one row writes, so large values are written less often. */
const ROW_BYTES_MAX = 128 * 1024 * 1024;

export async function growth(options: GrowthOptions): Promise<void> {
	if (!options.json) process.stdout.write(line(['nodes', 'value', 'keys', 'watchers', 'puts/s', 'p50 ms', 'p99 ms']));
	for (const change of CHANGES) {
		const row = { ...FIRST, ...change };
		const result = await measureRow(row, options);
		const { opsPerSecond, p50Ms, p99Ms } = result;
		process.stdout.write(
			options.json
				? `${JSON.stringify({ bench: 'growth', ...row, ...result })}\n`
				: line([row.nodes, row.size, row.keys, row.watchers, opsPerSecond, p50Ms, p99Ms]),
		);
	}
}

async function measureRow(row: Row, { clients, connections, total, warmUp, json }: GrowthOptions): Promise<LoadResult> {
	const swarm = await Swarm.create({ size: row.nodes });
	let watchers: ChildProcess | undefined;
	try {
		await swarm.start();
		if (row.watchers > 0) {
			watchers = fork(fileURLToPath(import.meta.url), [String(row.watchers), ...swarm.nodes.map(({ url }) => url)]);
			await once(watchers, 'message');
		}
		const atMost = Math.max(clients, Math.floor(ROW_BYTES_MAX / row.size));
		const load: LoadOptions = {
			...row,
			clients,
			connections,
			warmUp,
			total: Math.min(Math.max(total, row.keys), atMost),
			...(json && { json }),
		};
		return await measure(
			swarm.nodes.map(({ url }) => url),
			load,
		);
	} finally {
		watchers?.kill();
		await swarm.dispose();
	}
}

function line(cells: readonly (string | number)[]): string {
	return `${cells.map((cell) => String(cell).padStart(10)).join('')}\n`;
}

/** Watches until it is killed, in a process of its own, so that it does not slow down the load. */
async function watch(watchersCount: number, nodes: readonly string[]): Promise<void> {
	const watchers = Array.from({ length: watchersCount }, (_, i) =>
		io(nodes[i % nodes.length] as string, { transports: ['websocket'], forceNew: true }),
	);
	await Promise.all(watchers.map((watcher) => new Promise((resolve) => watcher.once('snapshot', resolve))));
	process.send?.('all see something');
}

const [, program, watchersCount, ...nodes] = process.argv;
if (program === fileURLToPath(import.meta.url)) await watch(Number(watchersCount), nodes);
