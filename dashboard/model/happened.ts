/** What a person should know of how the swarm came to be as it is: who came to lead last, and who is not heard. */
import type { Landmark } from './landmarks.ts';
import { isOf } from './reasons/past.ts';
import { isNoMember } from './standing.ts';
import type { SwarmModel } from './swarm-model.ts';

/**
 * Nobody waits for a node that was removed.
 *
 * @param landmarks in the order of the tape @param through the last place that counts @param swarm as of that place
 */
export function happenedBy(landmarks: readonly Landmark[], through: number, swarm: SwarmModel): Landmark[] {
	let leads: Landmark | null = null;
	const silent = new Map<string, Landmark>();
	for (const landmark of landmarks) {
		const { item } = landmark;
		if (item.at > through) break;
		if (isOf(item, 'role')) leads = landmark;
		else if (item.told.kind === 'lost') silent.set(item.node, landmark);
		else if (landmark.glyph === 'beat') silent.delete(item.node);
	}
	const waitedFor = [...silent.values()].filter(({ item }) => !isNoMember(swarm.standing(item.node)));
	return [...(leads ? [leads] : []), ...waitedFor];
}
