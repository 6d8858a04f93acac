/** How far one node has come in a decision, or in an election, as it is drawn on the node itself. */
import type { Decision, Round } from './decision.ts';
import type { Election } from './election.ts';
import type { NodeModel } from './node-model.ts';

export type Part = 'promised' | 'accepted' | 'chosen';

/** Nobody votes in an election, and nothing is chosen by it. */
export function partInElection({ ballot }: Election, { isUp, promised }: NodeModel): Part | null {
	return isUp && promised === ballot ? 'promised' : null;
}

/**
 * @param round the ballot that is shown
 * @returns null for a node that has done nothing for it, or is not heard
 */
export function partOf(decision: Decision, round: Round | undefined, { id, isUp }: NodeModel): Part | null {
	if (!isUp) return null;
	if (decision.learned.has(id)) return 'chosen';
	if (round?.vote.get(id)?.state === 'accepted') return 'accepted';
	return round?.promise.get(id)?.state === 'promised' ? 'promised' : null;
}
