/** Two nodes propose at once, refuse each other, and back off. */
import type { Action } from '../../../shared/simulation/action.ts';
import { type Cast, countOf, hasFact, proposes, type StagedStory } from '../scene.ts';

/** A message takes longer than a flush, so no ballot gets through before the other one is heard of. */
const SLOW_MS = 3;

function slowed(cast: Cast): Action[] {
	return cast.flatMap((a, i) => cast.slice(i + 1).map((b) => ({ kind: 'slow', a, b, ms: SLOW_MS }) as const));
}

export const RIVALS: StagedStory = {
	id: 'rivals',
	title: 'Two rivals',
	about: 'Two nodes propose at once, are refused, and back off: that ends the duel.',
	seed: 7,
	nodes: 5,
	scenes: [
		{
			says: ({ cast: [, a, , c] }) =>
				`On slow links ${a} and ${c} both want a value of their own, and each makes a ballot of its own.`,
			acts: ({ cast }) => [...slowed(cast), proposes(cast[1], 'red'), proposes(cast[3], 'blue')],
			until: ({ news }) => countOf(news, ({ kind }) => kind === 'campaign') === 2,
		},
		{
			says: 'One ballot is higher: a node that has promised it refuses the lower one, and tells the proposer of the lower one so.',
			until: ({ news, cast: [, a, , c] }) => hasFact(news, 'halted', ({ node }) => node === a || node === c),
		},
		{
			says: 'That proposer gives its ballot up and waits for a random time, which grows with every ballot that ends so, and the other one gets through.',
			until: ({ news }) => hasFact(news, 'chosen', ({ how }) => how === 'counted'),
		},
		{
			says: 'Then it tries again under a new ballot, and its value is chosen too, in the next slot.',
			until: ({ answers }) =>
				answers.filter(({ answer }) => answer.kind === 'propose' && answer.answer.outcome === 'chosen').length === 2,
		},
	],
	ends: 'A refusal is no harm: no value is lost, and random back-off lets one rival finish before the other begins again.',
};
