/** The processor time that the nodes of a swarm, and the clients in this process, spend on one operation. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Swarm } from '../process/swarm.ts';

/** Microseconds of all threads for one operation. */
export interface Spent {
	readonly leaderUs: number;
	/** The mean of all other nodes. */
	readonly followerUs: number;
	readonly clientUs: number;
}

/**
 * Begins to measure.
 *
 * @returns ends it, after so many operations
 * @throws on other systems than Linux, which tell no processor time of another process
 */
export async function spending(swarm: Swarm): Promise<(operations: number) => Spent> {
	const leader = await swarm.leader();
	const nodes = swarm.nodes.map(({ pid }) => ({ pid, beforeUs: processorUs(pid) }));
	const ownBefore = process.cpuUsage();
	return (operations) => {
		const own = process.cpuUsage(ownBefore);
		const spent = new Map(nodes.map(({ pid, beforeUs }) => [pid, (processorUs(pid) - beforeUs) / operations]));
		const leaderUs = spent.get(leader.pid) as number;
		const sum = [...spent.values()].reduce((a, b) => a + b, 0);
		return {
			leaderUs,
			followerUs: (sum - leaderUs) / (nodes.length - 1),
			clientUs: (own.user + own.system) / operations,
		};
	};
}

/** All processor time that the process has taken. */
function processorUs(pid: number): number {
	const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
	const [user = 0, system = 0] = stat
		.slice(stat.lastIndexOf(')') + 2)
		.split(' ')
		.slice(11, 13)
		.map(Number);
	return ((user + system) * 1_000_000) / TICKS_PER_SECOND;
}

const TICKS_PER_SECOND = process.platform === 'linux' ? Number(execFileSync('getconf', ['CLK_TCK'])) : Number.NaN;
