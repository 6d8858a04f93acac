/** The checks of the explorer, on votes that no run of a sound agent leads to. */
import { expect, it } from 'vitest';
import { membersValue, NOOP, type Value } from '../../shared/paxos/value.ts';
import { Checks } from '../../shared/simulation/explore-check.ts';
import { begun } from '../../shared/simulation/explore-turn.ts';
import { MEMBERS_CHANGE, Numbers, proposalOf } from '../../shared/simulation/explore-world.ts';
import { votersNamed } from '../../shared/simulation/node.ts';

const [, FOUR = [], LAST = []] = MEMBERS_CHANGE.sets;
const VALUE = proposalOf(0, 2);
const OTHER = proposalOf(1, 2);
/** Four members govern the slots from 3 on, and three of them, without n1, those from 5 on. */
const ACCEPTED: readonly Accepted[] = [
	[1, membersValue({ follows: 0, members: votersNamed(FOUR) }), [0, 1]],
	[2, NOOP, [1, 2]],
	[3, membersValue({ follows: 1, members: votersNamed(LAST) }), [0, 1, 3]],
	[4, NOOP, [0, 2, 3]],
];

/** What these nodes have accepted in a slot, under the ballot of the node with that number, or else of n1. */
type Accepted = readonly [slot: number, value: Value, nodes: readonly number[], ballot?: number];

/** @param believed what n4 takes for chosen, from the first slot on */
function check(accepted: readonly Accepted[], believed: readonly Value[] = []): void {
	const numbers = new Numbers(MEMBERS_CHANGE);
	const votes = [0, 0, 0, 0];
	for (const [slot, value, nodes, ballot = 0] of accepted) {
		const vote = { slot, ballot, value: numbers.valueNumber(value) };
		for (const node of nodes) votes[node] = numbers.withVote(votes[node] as number, vote);
	}
	const chosen = believed.map((value) => numbers.valueNumber(value));
	const locals = votes.map((of, node) => ({
		...begun(numbers, node, false),
		votes: of,
		chosen: node === 3 ? chosen : [],
	}));
	new Checks(numbers).check(locals);
}

const CHOSEN = ACCEPTED.map(([, value]) => value);

it('what a quorum of those accepts that decide the slot is chosen', () => {
	check(ACCEPTED, CHOSEN);
	check([...ACCEPTED, [5, VALUE, [1, 3]]], [...CHOSEN, VALUE]);
});

it('the vote of a removed member does not count', () => {
	expect(() => check([...ACCEPTED, [5, VALUE, [0, 3]]], [...CHOSEN, VALUE])).toThrow('OnlyChosenIsLearned');
	check([...ACCEPTED, [5, VALUE, [0, 1]], [5, OTHER, [2, 3], 1]], [...CHOSEN, OTHER]);
});

it('the vote of a new member does not count in the slots before', () => {
	expect(() => check([[1, VALUE, [0, 3]]], [VALUE])).toThrow('OnlyChosenIsLearned');
});

it('a quorum of the members before is none of those that follow', () => {
	const until = ACCEPTED.slice(0, 2);
	const values = CHOSEN.slice(0, 2);
	expect(() => check([...until, [3, VALUE, [0, 1]]], [...values, VALUE])).toThrow('OnlyChosenIsLearned');
	check([...until, [3, VALUE, [0, 1, 2]]], [...values, VALUE]);
});

it('no slot has two values', () => {
	expect(() => check([...ACCEPTED, [5, VALUE, [1, 2]], [5, OTHER, [2, 3], 1]])).toThrow('Agreement');
});

it('nobody accepts in a slot before it is known who decides it', () => {
	const [first, , third] = ACCEPTED as [Accepted, Accepted, Accepted];
	expect(() => check([third])).toThrow('MembersAreKnown');
	check([first, third]);
});
