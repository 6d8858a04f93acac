/** How far one node has come in a decision, as it is drawn on the node itself. */
import type { Decision, Round } from './decision.ts';
import type { NodeModel } from './node-model.ts';

export type Part = 'promised' | 'accepted' | 'chosen';

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
