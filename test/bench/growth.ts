/**
 * How throughput and latency change with the number of nodes, the size of values, the number of keys, and
 * watchers: one thing at a time, each row on a fresh swarm, all others as in the first row.
 */
import { io, type Socket } from 'socket.io-client';
import { Swarm } from '../process/swarm.ts';
import { type LoadOptions, type LoadResult, measure } from './load.ts';

export interface GrowthOptions {
	readonly clients: number;
	readonly connections: number;
	readonly total: number;
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
/** Written by one row, at most: large values are written less often. */
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

async function measureRow(row: Row, { clients, connections, total, json }: GrowthOptions): Promise<LoadResult> {
	const swarm = await Swarm.create({ size: row.nodes });
	const watchers: Socket[] = [];
	try {
		await swarm.start();
		for (let i = 0; i < row.watchers; i++) {
			const { url } = swarm.nodes[i % row.nodes] as { url: string };
			watchers.push(io(url, { transports: ['websocket'], forceNew: true }));
		}
		await Promise.all(watchers.map((watcher) => new Promise((resolve) => watcher.once('snapshot', resolve))));
		const atMost = Math.max(clients, Math.floor(ROW_BYTES_MAX / row.size));
		const load: LoadOptions = { ...row, clients, connections, total: Math.min(total, atMost), ...(json && { json }) };
		return await measure(
			swarm.nodes.map(({ url }) => url),
			load,
		);
	} finally {
		for (const watcher of watchers) watcher.disconnect();
		await swarm.dispose();
	}
}

function line(cells: readonly (string | number)[]): string {
	return `${cells.map((cell) => String(cell).padStart(10)).join('')}\n`;
}
