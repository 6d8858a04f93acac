/**
 * Linearizable reads over HTTP by `wrk`, which has to be installed: all connections to the leader, and as many spread over
 * all nodes, in turn, on one swarm. Each round has a ratio of its own, because the machine's speed changes between rounds.
 */
import { Swarm } from '../process/swarm.ts';
import { Wrk } from './http.ts';
import { median } from './quantiles.ts';

export interface ReadsOptions {
	/** All connections together. */
	readonly connections: number;
	/** The length of a round. */
	readonly seconds: number;
	readonly rounds: number;
	readonly nodes: number;
	readonly json?: true;
}

/** The puts before the measurement, which write every key. A fresh process answers more connections too slowly for wrk. */
const WARM_UP = { connections: 32, seconds: 10 };

export async function reads({ connections, seconds, rounds, nodes, json }: ReadsOptions): Promise<void> {
	const put = new Wrk('PUT');
	const get = new Wrk('GET');
	const swarm = await Swarm.create({ size: nodes });
	try {
		await swarm.start();
		const leader = [(await swarm.leader()).url];
		const all = swarm.nodes.map(({ url }) => url);
		const rateAt = async (urls: readonly string[]): Promise<number> => {
			const each = Math.ceil(connections / urls.length);
			const results = await Promise.all(urls.map((url) => get.run(url, each, seconds)));
			return results.reduce((sum, { opsPerSecond }) => sum + opsPerSecond, 0);
		};
		await put.run(leader[0] as string, WARM_UP.connections, WARM_UP.seconds);
		for (const urls of [leader, all]) await rateAt(urls);
		const figures: { readonly atLeader: number; readonly atAll: number }[] = [];
		for (let round = 0; round < rounds; round++) {
			const atLeader = await rateAt(leader);
			const atAll = await rateAt(all);
			figures.push({ atLeader, atAll });
		}
		const atLeader = median(figures.map((round) => round.atLeader));
		const atAll = median(figures.map((round) => round.atAll));
		const ratio = median(figures.map((round) => round.atAll / round.atLeader));
		process.stdout.write(
			json
				? `${JSON.stringify({ bench: 'reads', connections, rounds, nodes, atLeader, atAll, ratio })}\n`
				: `linearizable reads over HTTP, ${connections} connections, medians of ${rounds} rounds: ` +
						`${atLeader}/s at the leader, ${atAll}/s spread over ${nodes} nodes (${ratio.toFixed(2)} times as many)\n`,
		);
	} finally {
		await swarm.dispose();
		put.dispose();
		get.dispose();
	}
}
