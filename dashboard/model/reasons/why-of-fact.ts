/** Why a fact is as it is: by the sentences of the decision that it is a part of, or by what came before it at its node. */
import type { Fact } from '../../../shared/fact.ts';
import type { Slot } from '../../../shared/paxos/message.ts';
import { nameBallots } from '../ballot-names.ts';
import { ballotOf, slotOf } from '../decision-index.ts';
import type { Story } from '../story.ts';
import type { Entry } from '../tape.ts';
import { whyAccept, whyLearn, whyPrepare, whyPromise, whyVote } from '../why.ts';
import { reasonOf } from './reason.ts';

/** The facts that say more of one node than of a row of a decision. */
const OF_A_NODE: ReadonlySet<Fact['kind']> = new Set(['role', 'refused', 'halted', 'givenUp', 'handsOver', 'pollHeld']);

/** Why it happened, and what is not known of that, as of its own moment. */
export function whyOf(entry: Entry, story: Story): readonly string[] {
	const { sentence, unknown } = reasonOf({ kind: 'item', item: entry }, story, entry);
	return [...(sentence === null ? [] : [sentence]), ...unknown];
}

/** The sentences of the decision that the fact is a part of, as it stood then; none for a fact that is of no decision. */
export function whyOfFact(entry: Entry, story: Story, shownSlot: Slot): readonly string[] {
	const { fact } = entry;
	if (OF_A_NODE.has(fact.kind)) return whyOf(entry, story);
	const ballot = ballotOf(fact);
	const slot = slotOf(fact) || shownSlot;
	if (slot === 0) return [];
	const gathered = story.gather(slot, ballot === '' ? [] : [ballot]);
	if (!gathered.entries.includes(entry)) return [];
	const decision = story.decision(gathered, entry);
	const names = nameBallots(gathered.ballots);
	if (fact.kind === 'chosen') {
		const { nodes } = story.at(entry);
		return [
			whyLearn(
				decision,
				nodes.map(({ id }) => id),
				nodes.filter(({ isUp }) => !isUp).map(({ id }) => id),
			),
		];
	}
	const round = decision.rounds.find((each) => each.ballot === ballot);
	const why = round && WHY[rowOf(fact)];
	return why ? [why(round, decision, names)] : [];
}

type Row = 'prepare' | 'promise' | 'accept' | 'vote' | 'none';

const WHY: Readonly<Record<Row, typeof whyPrepare | null>> = {
	prepare: whyPrepare,
	promise: whyPromise,
	accept: whyAccept,
	vote: whyVote,
	none: null,
};

function rowOf(fact: Fact): Row {
	switch (fact.kind) {
		case 'campaign':
			return 'prepare';
		case 'promised':
		case 'promiseCounted':
		case 'role':
			return 'promise';
		case 'proposed':
			return 'accept';
		case 'accepted':
		case 'voteCounted':
			return 'vote';
		case 'refused':
			return fact.refused === 'accept' ? 'vote' : 'promise';
		case 'halted':
		case 'givenUp':
			return 'promise';
		case 'sent':
		case 'received':
			switch (fact.message.kind) {
				case 'prepare':
				case 'promise':
				case 'accept':
					return fact.message.kind;
				case 'accepted':
					return 'vote';
				case 'nack':
					return fact.message.refused === 'accept' ? 'vote' : 'promise';
				default:
					return 'none';
			}
		default:
			return 'none';
	}
}
