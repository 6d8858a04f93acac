/** A leader dies with a gap in the log: a later slot is chosen, an earlier one is not. */
import {
	countOf,
	everyoneHasProposed,
	hasFact,
	type Performance,
	proposes,
	type StagedStory,
	slotOf,
} from '../scene.ts';

const LATE_MS = 10_000;

/** The messages with the first value that are on their way. */
function accepts({ stage, cast: [leader] }: Performance): number[] {
	return [...stage.flights].flatMap(({ from, kinds, number }) =>
		from === leader && kinds.includes('accept') ? [number] : [],
	);
}

export const GAP: StagedStory = {
	id: 'gap',
	title: 'A gap in the log',
	about: 'A new leader finds a later slot filled and an earlier one empty.',
	seed: 7,
	nodes: 5,
	prelude: everyoneHasProposed,
	scenes: [
		{
			says: ({ cast: [leader], news }) =>
				`${leader} leads, and proposes “red” for slot ${slotOf(news, 'red')}, the next place in the log.`,
			acts: ({ cast: [leader] }) => [proposes(leader, 'red', 'leader')],
			until: (performance) => accepts(performance).length === 4,
		},
		{
			says: ({ facts }) =>
				`All four messages are late, and meanwhile it proposes “blue” for slot ${slotOf(facts, 'red') + 1}, in messages that are in time.`,
			acts: (performance) => [
				...accepts(performance).map((flight) => ({ kind: 'hold', flight, ms: LATE_MS }) as const),
				proposes(performance.cast[0], 'blue', 'leader', 'shape'),
			],
			until: ({ news }) =>
				countOf(news, (fact) => fact.kind === 'accepted' && fact.slot === slotOf(news, 'blue')) === 5,
		},
		{
			says: ({ cast: [leader], facts }) =>
				`${leader} dies: slot ${slotOf(facts, 'blue')} is chosen, no node that is left knows of slot ${slotOf(facts, 'blue') - 1}, and the slots can only be applied in order.`,
			acts: ({ cast: [leader] }) => [{ kind: 'crash', node: leader }],
			until: ({ news }) => hasFact(news, 'campaign'),
		},
		{
			says: 'The new leader is told of “blue” and of nothing in the slot before: it proposes “blue” again, and for the empty slot a no-op, a value that does nothing.',
			until: ({ news }) =>
				hasFact(news, 'proposed', ({ slot, origin }) => origin === 'noop' && slot === slotOf(news, 'blue') - 1) &&
				hasFact(news, 'proposed', ({ value, origin }) => origin === 'reported' && value.text.includes('blue')),
		},
		{
			says: 'Both are chosen, and everyone applies them in the same order.',
			until: ({ news, facts }) =>
				countOf(news, (fact) => fact.kind === 'applied' && fact.through >= slotOf(facts, 'blue')) === 4,
		},
	],
	ends: 'The log has no holes: what may have been chosen is kept, and what surely was not is filled with nothing.',
};
