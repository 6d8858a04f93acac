/** Ballots in their one order, and how far up each node's promise stands. */
import type { BallotText } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { ballotNode, compareBallotTexts } from './ballot-names.ts';
import { isNoMember, type Standing } from './standing.ts';
import type { SwarmModel } from './swarm-model.ts';

export interface Ladder {
	/** The ballots, lowest first. */
	readonly ballots: readonly BallotText[];
	readonly rails: readonly {
		readonly node: NodeId;
		/** The index of its promise in `ballots`: -1 where it has promised nothing, undefined while it is not known. */
		readonly at: number | undefined;
	}[];
	/** The highest ballot of a node that leads; '' for none. */
	readonly leading: BallotText;
}

/** A learner promises nothing, and the promise of a former member binds nobody. */
function hasNoVote(standing: Standing): boolean {
	const { place, becomes } = standing;
	return isNoMember(standing) || ((place === 'learner' || place === 'incoming') && becomes !== 'votes');
}

/** Every ballot that is promised somewhere, and the highest others of those `known`, at most `rungsMax` in all. */
export function ballotLadder(swarm: SwarmModel, known: readonly BallotText[], rungsMax: number): Ladder {
	const voting = swarm.nodes.filter(({ id }) => !hasNoVote(swarm.standing(id)));
	const up = voting.filter((node) => node.isUp);
	const held = new Set(up.map((node) => node.promised).filter((ballot) => ballot !== ''));
	const others = known.filter((ballot) => !held.has(ballot)).sort(compareBallotTexts);
	const spare = Math.max(0, rungsMax - held.size);
	const ballots = [...held, ...(spare > 0 ? others.slice(-spare) : [])].sort(compareBallotTexts);
	const leaders = up.filter((node) => node.role === 'leader').map((node) => node.leader);
	return {
		ballots,
		rails: voting.map((node) => ({
			node: node.id,
			at: node.isUp ? ballots.indexOf(node.promised) : undefined,
		})),
		leading:
			leaders
				.filter((ballot) => ballotNode(ballot) !== '')
				.sort(compareBallotTexts)
				.at(-1) ?? '',
	};
}
