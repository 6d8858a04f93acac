/** Chained links: one link is broken, so one node does not hear the leader. */
import { cutBetween, everyoneHasProposed, hasFact, isChosen, proposes, type StagedStory } from '../scene.ts';

export const CHAIN: StagedStory = {
	id: 'chain',
	title: 'Chained links',
	about: 'Of three nodes, two do not hear each other, and one of these leads.',
	seed: 7,
	nodes: 3,
	prelude: everyoneHasProposed,
	scenes: [
		{
			says: ({ cast: [leader, a, b] }) =>
				`The link between ${leader}, which leads, and ${b} breaks, so ${b} asks ${a} whether it hears a leader.`,
			acts: ({ cast: [leader, , b] }) => cutBetween([leader], [b]),
			until: ({ news, cast: [, a, b] }) =>
				hasFact(
					news,
					'received',
					({ node, from, message }) => node === b && from === a && message.kind === 'pollReply',
				),
		},
		{
			says: ({ cast: [leader, a, b] }) =>
				`${a} hears ${leader}, so ${b} does not ask for promises, which would only depose a leader that works, and ${a} passes on what ${b} proposes.`,
			acts: ({ cast: [, , b] }) => [proposes(b, 'red', 'leader')],
			until: ({ news }) => isChosen(news, 'red'),
		},
		{
			says: ({ cast: [, a, b] }) => `“red” is chosen, and ${b} learns it from ${a}.`,
			until: ({ news, cast: [, , b] }) =>
				hasFact(news, 'chosen', ({ node, value }) => node === b && value.text.includes('red')),
		},
	],
	ends: 'A node that hears no leader asks the others before it tries to lead, so one broken link never makes two nodes depose each other for ever.',
};
