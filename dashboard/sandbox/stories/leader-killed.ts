/** The leader dies, another one takes its place, and the old one comes back. */
import { everyoneHasProposed, hasFact, isChosen, leaderNow, proposes, type StagedStory } from '../scene.ts';

export const LEADER_KILLED: StagedStory = {
	id: 'leader-killed',
	title: 'A leader is killed',
	about: 'The others notice, make sure, and elect another one.',
	seed: 7,
	nodes: 5,
	prelude: everyoneHasProposed,
	scenes: [
		{
			says: ({ cast: [leader] }) =>
				`${leader}, which leads, dies, and the others ask each other whether anyone still hears it.`,
			acts: ({ cast: [leader] }) => [{ kind: 'crash', node: leader }],
			until: ({ news }) => hasFact(news, 'sent', ({ message }) => message.kind === 'poll'),
		},
		{
			says: 'A quorum hears no leader, so the first node that knows it makes a new ballot and asks for promises.',
			until: ({ news }) => hasFact(news, 'campaign', ({ why }) => why === 'noLeader'),
		},
		{
			says: 'A quorum promises: there is a leader again, and the promises hold for all slots to come.',
			until: ({ news }) => hasFact(news, 'role', ({ role }) => role === 'leader'),
		},
		{
			says: ({ stage }) =>
				`${leaderNow(stage)} has its promises already, so for each value it asks for votes only: one round to a quorum.`,
			acts: ({ stage }) => [proposes(leaderNow(stage), 'red', 'leader')],
			until: ({ news }) => isChosen(news, 'red'),
		},
		{
			says: ({ cast: [leader] }) =>
				`${leader} starts again, remembers its promises, hears the new leader, and learns what it missed.`,
			acts: ({ cast: [leader] }) => [{ kind: 'restart', node: leader }],
			until: ({ news, cast: [leader] }) => hasFact(news, 'chosen', ({ node }) => node === leader),
		},
	],
	ends: 'A leader only makes Paxos fast: any node can take its place, and what is chosen never depends on who leads.',
};
