/** A proposer dies before it knows that its value is chosen, and the next leader has to propose that value. */
import { countOf, hasFact, type Performance, proposes, type StagedStory } from '../scene.ts';

/** Whether `node` has the promises of so many others. */
function hasPromises(node: string, { news }: Performance, count: number): boolean {
	const promises = news.filter(
		(fact) => fact.kind === 'received' && fact.node === node && fact.message.kind === 'promise',
	);
	return promises.length >= count;
}

export const DEAD_PROPOSER: StagedStory = {
	id: 'dead-proposer',
	title: 'The dead proposer',
	about: 'It dies before it hears a single vote, and its value is chosen all the same.',
	seed: 7,
	nodes: 5,
	scenes: [
		{
			says: ({ cast: [, a] }) => `${a} wants “red” to be chosen, and asks everyone for a promise.`,
			acts: ({ cast: [, a] }) => [proposes(a, 'red')],
			until: (performance) => hasPromises(performance.cast[1], performance, 1),
		},
		{
			says: ({ cast: [leader, a, b, c, d] }) =>
				`What ${a} sends to ${c} and ${d} is lost from here on: only ${leader} and ${b} are asked to accept “red”, and they do.`,
			acts: ({ cast: [, a, , c, d] }) => [
				{ kind: 'cut', from: a, to: c },
				{ kind: 'cut', from: a, to: d },
			],
			until: ({ news, cast: [leader, a, b] }) =>
				hasFact(news, 'accepted', ({ node }) => node === leader) &&
				hasFact(news, 'accepted', ({ node }) => node === b) &&
				hasFact(news, 'voteCounted', ({ node, from }) => node === a && from === a),
		},
		{
			says: ({ cast: [, a] }) =>
				`${a} dies before it hears of a vote: three of five have accepted “red”, so it is chosen, and no node that is left knows that.`,
			acts: ({ cast: [, a] }) => [{ kind: 'crash', node: a }],
			until: ({ news }) => hasFact(news, 'campaign'),
		},
		{
			says: 'Another node asks for promises, and since every quorum has one of the three in it, it is told of “red” and of the ballot under which that was accepted.',
			until: ({ news }) => hasFact(news, 'proposed', ({ origin }) => origin === 'reported'),
		},
		{
			says: 'It may not propose what it likes: it has to propose “red”, under its own ballot, and “red” is chosen once more.',
			until: ({ news, cast: [, a] }) => countOf(news, (fact) => fact.kind === 'chosen' && fact.node !== a) >= 3,
		},
	],
	ends: 'Every later leader proposes what may have been chosen before it, so what was chosen stays chosen, although its proposer is dead.',
};
