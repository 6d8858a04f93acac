/** A partition: the old leader is on the smaller side. */
import {
	cutBetween,
	everyoneHasProposed,
	hasFact,
	isChosen,
	leaderNow,
	proposes,
	type StagedStory,
	slotOf,
} from '../scene.ts';

export const MINORITY: StagedStory = {
	id: 'minority',
	title: 'The minority side',
	about: 'The network falls apart, with the leader on the smaller side.',
	seed: 7,
	nodes: 5,
	prelude: everyoneHasProposed,
	scenes: [
		{
			says: ({ cast: [leader, a, b, c, d] }) =>
				`The network falls apart into ${leader} and ${a} here, and ${b}, ${c} and ${d} there: ${leader} proposes “blue”, and gets two votes of five.`,
			acts: ({ cast: [leader, a, b, c, d] }) => [
				...cutBetween([leader, a], [b, c, d]),
				proposes(leader, 'blue', 'leader'),
			],
			until: ({ news, cast: [leader, a] }) =>
				hasFact(
					news,
					'voteCounted',
					({ node, from, slot }) => node === leader && from === a && slot === slotOf(news, 'blue'),
				),
		},
		{
			says: 'On the other side three nodes hear no leader any more, and three are a quorum: they elect one of themselves.',
			until: ({ news, cast: [leader] }) =>
				hasFact(news, 'role', ({ node, role }) => node !== leader && role === 'leader'),
		},
		{
			says: ({ stage }) => `${leaderNow(stage)} leads there, proposes “red”, and has three votes: “red” is chosen.`,
			acts: ({ stage }) => [proposes(leaderNow(stage), 'red', 'leader')],
			until: ({ news }) => isChosen(news, 'red'),
		},
		{
			says: ({ cast: [leader] }) =>
				`The parts find each other again: ${leader} hears of the higher ballot, and learns what was chosen without it.`,
			acts: () => [{ kind: 'healAll' }],
			until: ({ news, cast: [leader] }) =>
				hasFact(news, 'chosen', ({ node, value }) => node === leader && value.text.includes('red')),
		},
		{
			says: '“blue” was never chosen, and so it is proposed again, for a later slot.',
			until: ({ facts }) => isChosen(facts, 'blue'),
		},
	],
	ends: 'At most one side of a partition has a quorum, so the two sides can never choose different values.',
};
