/**
 * Measures how long nodes take to be ready again after all of them were killed, with many writes behind them: they start
 * from a snapshot and the log behind it, so the number of writes must not matter.
 */
import { Swarm } from '../process/swarm.ts';
import { connected, putter, run } from './clients.ts';

export interface RestartOptions {
	/** The number of puts before the first restart, and again before each later one. */
	readonly total: number;
	readonly restarts: number;
	readonly clients: number;
	readonly connections: number;
	readonly nodes: number;
	/** The bytes of a value. */
	readonly size: number;
	/** The number of different keys. */
	readonly keys: number;
	readonly json?: true;
}

/** The processes of one restart are started so many times, because the times scatter. */
const STARTS = 3;

export async function restart(options: RestartOptions): Promise<void> {
	const { total, restarts, clients, connections, keys, size, json } = options;
	const swarm = await Swarm.create({ size: options.nodes });
	try {
		await swarm.start();
		const put = putter(keys, size);
		for (let round = 1; round <= restarts; round++) {
			const urls = swarm.nodes.map(({ url }) => url);
			const all = connected(urls, connections);
			await run(all, clients, total, put);
			for (const client of all) client.close();
			const readyMs: number[] = [];
			for (let start = 0; start < STARTS; start++) {
				await Promise.all(swarm.nodes.map((node) => node.kill()));
				const startedMs = performance.now();
				await swarm.start();
				readyMs.push(Math.round(performance.now() - startedMs));
			}
			const puts = round * total;
			process.stdout.write(
				json
					? `${JSON.stringify({ bench: 'restart', puts, readyMs })}\n`
					: `after ${puts} puts all nodes were killed, and were ready again after ${readyMs.join(', ')} ms\n`,
			);
		}
	} finally {
		await swarm.dispose();
	}
}
