/** A leader that was replaced while it stood still is asked for a value. */
import {
	countOf,
	everyoneHasProposed,
	hasFact,
	hasPassed,
	isChosen,
	leaderNow,
	proposes,
	type StagedStory,
	slotOf,
} from '../scene.ts';

export const OLD_LEADER_READ: StagedStory = {
	id: 'old-leader-read',
	title: 'A read from an old leader',
	about: 'It holds an old value, and does not know it: so it asks before it answers.',
	seed: 7,
	nodes: 5,
	prelude: everyoneHasProposed,
	scenes: [
		{
			says: ({ cast: [leader] }) => `${leader} leads, and color = red is chosen and known to all.`,
			acts: ({ cast: [leader] }) => [proposes(leader, 'red', 'leader')],
			until: ({ news }) =>
				countOf(
					news,
					(fact) => fact.kind === 'applied' && fact.through >= slotOf(news, 'red') && slotOf(news, 'red') > 0,
				) === 5,
		},
		{
			says: ({ cast: [leader] }) =>
				`Nothing reaches ${leader} any more, and nothing that it sends arrives, so the others elect another leader.`,
			acts: ({ cast: [leader, a, b, c, d] }) => [
				...[a, b, c, d].flatMap((other) => [
					{ kind: 'cut', from: leader, to: other } as const,
					{ kind: 'cut', from: other, to: leader } as const,
				]),
			],
			until: ({ news, cast: [leader] }) =>
				hasFact(news, 'role', ({ node, role }) => node !== leader && role === 'leader'),
		},
		{
			says: ({ stage }) => `${leaderNow(stage)} leads now, and color = blue is chosen.`,
			acts: ({ stage }) => [proposes(leaderNow(stage), 'blue', 'leader')],
			until: ({ news }) => isChosen(news, 'blue'),
		},
		{
			says: ({ cast: [leader] }) =>
				`${leader} is asked for the color: it still has “red”, but no quorum confirms that, so it does not answer.`,
			acts: ({ cast: [leader] }) => [{ kind: 'read', node: leader, key: 'color' }],
			until: ({ stage }) => hasPassed(stage, 100),
		},
		{
			says: ({ cast: [leader] }) =>
				`${leader} is reached again: it learns “blue”, a quorum confirms that nothing newer is there, and it answers “blue”.`,
			acts: () => [{ kind: 'healAll' }],
			until: ({ answers }) => answers[0]?.answer.kind === 'read' && answers[0].answer.isConfirmed,
		},
	],
	ends: 'A node that answers from memory alone may be wrong without knowing it: a read asks a quorum, and costs a round of messages but no write to a disk.',
};
