/**
 * Partial partitions: nodes that cannot all reach each other, while at least one still reaches a quorum. In these, some
 * protocols elect leaders without end, or none.
 *
 * @source Ng, Haridi and Carbone 2023, Omni-Paxos: Breaking the Barriers of Partial Connectivity, 2
 */
import { allBut, bothWays, type Cut } from './cuts.ts';
import type { Fault } from './faults.ts';
import type { Random } from './random.ts';

export type Scenario = 'quorumLoss' | 'constrainedElection' | 'chain' | 'oneLink' | 'lossyLink';

export const SCENARIOS: readonly Scenario[] = ['quorumLoss', 'constrainedElection', 'chain', 'oneLink', 'lossyLink'];

const CUT_MS = 5_000;
/** The longest election timeout of the default timings. */
const ELECTION_TIMEOUT_MS = 500;

export const PARTIAL_TIMES = { cutMs: CUT_MS, endMs: 30_000 };

/** The latest time from which one leader must stay and make progress. */
export function stableFromMs(scenario: Scenario): number {
	return CUT_MS + (scenario === 'lossyLink' ? 20 : 4) * ELECTION_TIMEOUT_MS;
}

/** The time for which the only node that can lead is cut off before, so that it lacks chosen slots. */
const BEHIND_MS = 250;

export function drawScenarioFaults(random: Random, nodes: number, scenario: Scenario): Fault[] {
	const everyone = random.shuffle(Array.from({ length: nodes }, (_, node) => node));
	const [leader, hub] = everyone as [number, number];
	const ms = PARTIAL_TIMES.endMs - CUT_MS;
	const cut = { atMs: CUT_MS, kind: 'cuts', ms, leader } as const;
	switch (scenario) {
		case 'quorumLoss':
			// All nodes, the leader too, reach the hub only. Only the hub has a quorum.
			return [{ ...cut, shape: 'quorumLoss', cuts: allBut(everyone, (x, y) => x === hub || y === hub) }];
		case 'constrainedElection': {
			// The same, but the leader is alone, and the hub lacks the last chosen slots.
			const isolated = allBut(everyone, (x, y) => x !== hub && y !== hub);
			const behind = { atMs: CUT_MS - BEHIND_MS, kind: 'cuts', shape: 'partition', ms: BEHIND_MS } as const;
			const cuts = allBut(everyone, (x, y) => x !== leader && y !== leader && (x === hub || y === hub));
			return [
				{ ...behind, cuts: isolated, leader },
				{ ...cut, shape: 'quorumLoss', cuts },
			];
		}
		case 'chain': {
			// Each node reaches its neighbours only, and the leader is at one end.
			const neighbours = (x: number, y: number) => Math.abs(everyone.indexOf(x) - everyone.indexOf(y)) === 1;
			return [{ ...cut, shape: 'chain', cuts: allBut(everyone, neighbours) }];
		}
		case 'oneLink': {
			const cuts: Cut[] = random.chance(0.5) ? bothWays([[leader, hub]]) : [[leader, hub]];
			return [{ ...cut, shape: 'link', cuts }];
		}
		case 'lossyLink':
			return bothWays([[leader, hub]]).map(([from, to]) => ({
				atMs: CUT_MS,
				kind: 'lossy',
				from,
				to,
				loss: 0.5,
				ms,
				leader,
			}));
	}
}
