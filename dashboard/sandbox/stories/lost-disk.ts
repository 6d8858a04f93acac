/** A node loses its disk. */
import { everyoneHasProposed, hasFact, isChosen, type Performance, proposes, type StagedStory } from '../scene.ts';

/** The node that came in the place of the other. */
function newcomer({ stage }: Performance): string {
	return stage.nodes.find((id) => !INITIAL.has(id) && stage.presence(id) === 'up') ?? '';
}

const INITIAL = new Set(['n1', 'n2', 'n3', 'n4', 'n5']);

export const LOST_DISK: StagedStory = {
	id: 'lost-disk',
	title: 'A lost disk',
	about: 'A node that has forgotten its promises must not come back as if it remembered them.',
	seed: 7,
	nodes: 5,
	prelude: everyoneHasProposed,
	scenes: [
		{
			says: ({ cast: [leader] }) => `${leader} leads, and “red” is chosen.`,
			acts: ({ cast: [leader] }) => [proposes(leader, 'red', 'leader')],
			until: ({ news }) => isChosen(news, 'red'),
		},
		{
			says: ({ cast: [, a] }) =>
				`The disk of ${a} is lost, and with it all that ${a} has promised and accepted, so it must never vote as ${a} again.`,
			acts: ({ cast: [, a] }) => [{ kind: 'loseDisk', node: a }],
			until: ({ stage, cast: [leader, a] }) => stage.snapshot(leader)?.linked.includes(a) === false,
		},
		{
			says: ({ cast: [, a] }) =>
				`A node with an empty disk comes in, in the place of ${a}, and has no vote at first: it only learns what is chosen.`,
			acts: ({ cast: [, a] }) => [{ kind: 'addMember', replaces: a }],
			until: (performance) =>
				hasFact(
					performance.news,
					'chosen',
					({ node, value }) => node === newcomer(performance) && value.text.includes('red'),
				),
		},
		{
			says: ({ cast: [, a] }) =>
				`Once it knows everything, a second change of the members lets it vote, and takes the vote of ${a} away.`,
			until: (performance) =>
				hasFact(
					performance.news,
					'members',
					({ node, members }) =>
						node === newcomer(performance) &&
						members.some(({ id, isVoter }) => isVoter && id === newcomer(performance)),
				),
		},
		{
			says: (performance) => `${newcomer(performance)} votes for the next value like any other node.`,
			acts: ({ cast: [leader] }) => [proposes(leader, 'blue', 'leader')],
			until: (performance) =>
				hasFact(performance.news, 'accepted', ({ node }) => node === newcomer(performance)) &&
				isChosen(performance.news, 'blue'),
		},
	],
	ends: 'A vote counts because it cannot be forgotten: a node without its disk is a new node, and has to be let in.',
};
