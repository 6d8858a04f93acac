/** The nodes that a decision is drawn with. */
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Decision, Round } from './decision.ts';
import type { SwarmModel } from './swarm-model.ts';

/**
 * The members that govern the slot, and every other node that has done something for it, such as one that campaigned or
 * that has learned it since; all nodes where the page was not told the members. A phase 1 that was once, for many slots,
 * was not done for this one.
 */
export function columnsOf(decision: Decision, round: Round | undefined, swarm: SwarmModel): NodeId[] {
	const members = decision.set?.members ?? swarm.nodes;
	const marks = [
		...(round?.onceAbove === undefined ? [round?.prepare, round?.promise] : []),
		round?.accept,
		round?.vote,
		decision.learned,
	];
	const marked = marks.flatMap((ofNodes) => [...(ofNodes?.keys() ?? [])]);
	return swarm.inOrder([...new Set([...members.map(({ id }) => id), ...marked])]);
}

/** At which of the nodes the Tab key stops: at the proposer, or where that has nothing to pick, at the first that has. */
export function tabStop(
	nodes: readonly NodeId[],
	proposer: NodeId,
	has: (node: NodeId) => boolean,
): NodeId | undefined {
	return [proposer, ...nodes].find(has);
}
