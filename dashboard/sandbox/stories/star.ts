/** Constrained election: only one node still reaches a quorum, and it is not the leader. */
import { cutBetween, everyoneHasProposed, hasFact, isChosen, proposes, type StagedStory } from '../scene.ts';

export const STAR: StagedStory = {
	id: 'star',
	title: 'Only one reaches a quorum',
	about: 'All links break except those of one node, which is not the leader.',
	seed: 7,
	nodes: 5,
	prelude: everyoneHasProposed,
	scenes: [
		{
			says: ({ cast: [leader, a] }) =>
				`All links break except those of ${a}: ${leader} leads, and reaches one node of the other four.`,
			acts: ({ cast: [leader, , b, c, d] }) => [
				...cutBetween([leader], [b, c, d]),
				...cutBetween([b], [c, d]),
				...cutBetween([c], [d]),
			],
			until: ({ news, cast: [leader] }) =>
				hasFact(news, 'role', ({ node, role }) => node === leader && role === 'follower') ||
				hasFact(news, 'role', ({ node, role }) => node !== leader && role === 'leader'),
		},
		{
			says: ({ cast: [, a] }) =>
				`A leader without a quorum stops leading, and only ${a} can be elected, because only ${a} reaches a quorum.`,
			until: ({ facts, cast: [, a] }) => hasFact(facts, 'role', ({ node, role }) => node === a && role === 'leader'),
		},
		{
			says: ({ cast: [, a, b] }) => `${b} is asked to propose “red”, and passes it on to ${a}: it is chosen.`,
			acts: ({ cast: [, , b] }) => [proposes(b, 'red', 'leader')],
			until: ({ news }) => isChosen(news, 'red'),
		},
	],
	ends: 'As long as one node reaches a quorum, it comes to lead, and the swarm goes on.',
};
