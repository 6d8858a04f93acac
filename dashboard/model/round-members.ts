/** Those who decide one ballot of a decision, as far as the page was told. */
import type { BallotText } from '../../shared/fact.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { type Deciders, type Electorate, electorateOf, type MemberHistory } from './members.ts';
import type { Entry } from './tape.ts';

export interface RoundMembers {
	/** Those who decide the slot in this round; null where the page was not told. */
	readonly electorate: Electorate | null;
	/** The sets that govern other slots, of which the campaign needs a quorum too. */
	readonly alsoNeeded: readonly Deciders[];
}

/**
 * The members that govern the slot decide it. A slot that the proposer knew to be chosen before it campaigned is voted on
 * once more by the members of that time.
 */
export function membersOfRound(
	ballot: BallotText,
	slot: Slot,
	entries: readonly Entry[],
	history: MemberHistory,
): RoundMembers {
	let set = history.governing(slot);
	let alsoNeeded: readonly Deciders[] = [];
	for (const { fact } of entries) {
		if (fact.kind !== 'campaign' || fact.ballot !== ballot) continue;
		const sets = history.at(fact.chosenThrough);
		if (slot <= fact.chosenThrough) set = sets[0] ?? null;
		alsoNeeded = sets.filter((other) => other !== set);
	}
	const electorate = set && electorateOf(set);
	return { electorate: electorate && agrees(electorate, ballot, entries) ? electorate : null, alsoNeeded };
}

/** Whether the votes that the proposer has counted are votes of these. */
function agrees({ voters, needed }: Electorate, ballot: BallotText, entries: readonly Entry[]): boolean {
	return entries.every(({ fact }) => {
		if (fact.kind !== 'voteCounted' || fact.ballot !== ballot) return true;
		return fact.needed === needed && fact.voters.every((voter) => voters.includes(voter));
	});
}
