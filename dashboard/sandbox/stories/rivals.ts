/** Two nodes propose at once, refuse each other, and back off. */
import { countOf, hasFact, proposes, type StagedStory } from '../scene.ts';

export const RIVALS: StagedStory = {
	id: 'rivals',
	title: 'Two rivals',
	about: 'Two nodes propose at once, are refused, and back off: that ends the duel.',
	seed: 7,
	nodes: 5,
	scenes: [
		{
			says: ({ cast: [, a, , c] }) =>
				`${a} and ${c} both want a value of their own, and each makes a ballot of its own.`,
			acts: ({ cast: [, a, , c] }) => [proposes(a, 'red'), proposes(c, 'blue')],
			until: ({ news }) => countOf(news, ({ kind }) => kind === 'campaign') === 2,
		},
		{
			says: 'One ballot is higher. A node that has promised it refuses the lower one, and names what it has promised.',
			until: ({ news, cast: [, a, , c] }) => hasFact(news, 'halted', ({ node }) => node === a || node === c),
		},
		{
			says: 'The node that was refused gives its ballot up and waits for a random time, which grows with every refusal, so that the other one gets through.',
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
