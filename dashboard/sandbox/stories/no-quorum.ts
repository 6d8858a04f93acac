/** Three of five are down: nothing is chosen, and nothing is lost. */
import { everyoneHasProposed, hasFact, isChosen, proposes, type StagedStory, slotOf } from '../scene.ts';

export const NO_QUORUM: StagedStory = {
	id: 'no-quorum',
	title: 'No quorum',
	about: 'Three of five are down: nothing can be chosen, and nothing chosen is lost.',
	seed: 7,
	nodes: 5,
	prelude: everyoneHasProposed,
	scenes: [
		{
			says: ({ cast: [leader, a, b, c, d] }) =>
				`${b}, ${c} and ${d} die, and ${leader}, which leads, proposes “red”: it votes, and ${a} votes, and two votes of five are no quorum.`,
			acts: ({ cast: [leader, , b, c, d] }) => [
				...[b, c, d].map((node) => ({ kind: 'crash', node }) as const),
				proposes(leader, 'red', 'leader'),
			],
			until: ({ news, cast: [leader, a] }) =>
				hasFact(
					news,
					'voteCounted',
					({ node, from, slot }) => node === leader && from === a && slot === slotOf(news, 'red'),
				),
		},
		{
			says: ({ cast: [leader] }) =>
				`No quorum has answered ${leader} for so long that it stops leading, and “red” waits.`,
			until: ({ news, cast: [leader] }) =>
				hasFact(news, 'role', ({ node, role }) => node === leader && role === 'follower'),
		},
		{
			says: ({ cast: [, , b] }) =>
				`${b} comes back with what its disk remembers: three of five are a quorum, and one of them is elected.`,
			acts: ({ cast: [, , b] }) => [{ kind: 'restart', node: b }],
			until: ({ news }) => hasFact(news, 'role', ({ role }) => role === 'leader'),
		},
		{
			says: '“red”, which waited, is chosen now.',
			until: ({ facts }) => isChosen(facts, 'red'),
		},
	],
	ends: 'Paxos is never wrong, but it waits: it goes on as soon as a quorum is there, and not before.',
};
