/** People who ask the leader to let another node lead, whatever goes on meanwhile. */
import { type Fault, PLAN } from './faults.ts';
import type { SimulatedNode } from './node.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

type HandOver = Extract<Fault, { kind: 'handOver' }>;

/** The share of seeds in which people ask, how often they do, and the share in which they name the node that is to lead. */
const HAND_OVERS = 0.5;
const HAND_OVERS_MAX = 6;
const NAMED = 0.7;

export function drawHandOvers(random: Random, nodes: number): HandOver[] {
	if (!random.chance(HAND_OVERS)) return [];
	return Array.from({ length: random.integer(1, HAND_OVERS_MAX) }, () => ({
		atMs: random.integer(PLAN.calmMs, PLAN.healMs - 1),
		kind: 'handOver',
		node: random.integer(0, nodes - 1),
		isNamed: random.chance(NAMED),
		timeoutMs: Math.round(random.magnitude(1, 3_000)),
	}));
}

/** @param leader a node that leads, or believes that it does */
export function handOver({ node, isNamed, timeoutMs }: HandOver, leader: SimulatedNode, world: World): void {
	const { process } = leader;
	const named = isNamed ? world.node(node) : null;
	if (!process || process.isEnded || leader.paused || named === leader) return;
	const { counters } = world;
	counters.leadersAskedToHandOver++;
	process.replica.handOver(named?.id ?? null, timeoutMs, (ballot) => {
		const { node } = ballot;
		if (node !== '') world.invariants.succeeded(leader.index, ballot);
		if (node === named?.id) counters.successorsNamed++;
		if (node !== '') counters.leadersSucceeded++;
		else counters.leadersNotSucceeded++;
	});
}
