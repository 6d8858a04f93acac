/** A sixth node comes in. */
import { everyoneHasProposed, hasFact, type Performance, proposes, type StagedStory } from '../scene.ts';

function newcomer({ stage }: Performance): string {
	return stage.nodes[5] ?? '';
}

export const NEW_MEMBER: StagedStory = {
	id: 'new-member',
	title: 'A member is added',
	about: 'The members are a value in the log like any other, and the log says who decides.',
	seed: 7,
	nodes: 5,
	prelude: everyoneHasProposed,
	scenes: [
		{
			says: (performance) =>
				`${newcomer(performance)} is to come in, and this change is proposed like a value and chosen in a slot.`,
			acts: () => [{ kind: 'addMember', replaces: null }],
			until: ({ answers }) => answers.some(({ answer }) => answer.kind === 'members' && answer.outcome === 'chosen'),
		},
		{
			says: (performance) =>
				`${newcomer(performance)} learns all that is chosen, and has no vote yet: the quorum is still three of five.`,
			until: (performance) => hasFact(performance.news, 'members', ({ node }) => node === newcomer(performance)),
		},
		{
			says: 'It has caught up, so the leader proposes a second change: six nodes are to vote, and a quorum will be four.',
			until: ({ news }) =>
				hasFact(news, 'members', ({ members }) => members.filter(({ isVoter }) => isVoter).length === 6),
		},
		{
			says: 'A change of members holds from a few slots later on, so that the slots under way are decided by the members that began them.',
			acts: ({ cast: [leader] }) => [proposes(leader, 'red', 'leader')],
			until: ({ news }) => hasFact(news, 'voteCounted', ({ needed }) => needed === 4),
		},
	],
	ends: 'Who decides a slot is decided in an earlier slot, so all nodes agree on it as they agree on everything else.',
};
