/** One node runs both phases, and a value is chosen. */
import { countOf, hasFact, proposes, type StagedStory } from '../scene.ts';

export const FIRST_DECISION: StagedStory = {
	id: 'first-decision',
	title: 'A first decision',
	about: 'A quorum promises, a quorum accepts, and nothing can change the value any more.',
	seed: 7,
	nodes: 5,
	scenes: [
		{
			says: ({ cast: [, a] }) =>
				`${a} wants “red” to be chosen: it makes a ballot, a number above all that it has seen, and asks everyone for a promise.`,
			acts: ({ cast: [, a] }) => [proposes(a, 'red')],
			until: ({ news }) => hasFact(news, 'sent', ({ message }) => message.kind === 'prepare'),
		},
		{
			says: 'Each node promises to refuse every lower ballot from now on, and reports what it has accepted before: nothing yet.',
			until: ({ news }) => countOf(news, ({ kind }) => kind === 'promised') >= 3,
		},
		{
			says: ({ cast: [, a] }) =>
				`Three promises of five are a quorum, which is more than half, and none reports a value, so ${a} is free to ask everyone to accept “red”.`,
			until: ({ news }) => hasFact(news, 'proposed', ({ origin }) => origin === 'own'),
		},
		{
			says: 'Each node writes “red” to its disk before it answers, because a vote that could be forgotten would be worth nothing.',
			until: ({ news }) => countOf(news, (fact) => fact.kind === 'sent' && fact.message.kind === 'accepted') >= 2,
		},
		{
			says: 'With three votes of five “red” is chosen: every other quorum has a node in common with this one, so no other value can ever be.',
			until: ({ news }) => hasFact(news, 'chosen', ({ how }) => how === 'counted'),
		},
		{
			says: ({ cast: [, a] }) =>
				`${a} is the leader now, and from its next message the others learn that “red” is chosen.`,
			until: ({ facts }) => countOf(facts, ({ kind }) => kind === 'chosen') === 5,
		},
	],
	ends: 'Two quorums always have a node in common: that is why five processes can agree although any two may die.',
};
