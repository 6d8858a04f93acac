/**
 * Answers why something happened: one sentence, the facts behind it, and what no fact tells. It is made only of what was
 * told up to the moment that the page shows, so it says of no moment more than was known then.
 */
import type { BallotText, Fact } from '../../../shared/fact.ts';
import type { ProposeAnswer } from '../../../shared/feed.ts';
import type { NodeId } from '../../../shared/paxos/ballot.ts';
import type { Slot } from '../../../shared/paxos/message.ts';
import { nameBallots } from '../ballot-names.ts';
import type { MemberHistory } from '../members.ts';
import type { RowName } from '../paper.ts';
import type { Story } from '../story.ts';
import { type Item, isEntry } from '../tape.ts';
import { whyAnswered } from './answer.ts';
import { type Clause, clause } from './clause.ts';
import { whyGivenUp, whyHalted, whyRefused } from './end.ts';
import { whyHandsOver, whyPollHeld, whyRole, whyStands } from './leadership.ts';
import { whyOpen } from './open-slot.ts';
import { isOf, Past } from './past.ts';
import { whyRow } from './row.ts';
import { whyHeard, whyLost, whyNoQuorum } from './silence.ts';
import { whyChosen, whyProposed } from './value.ts';

export type Question =
	/** Why did this happen? */
	| { readonly kind: 'item'; readonly item: Item }
	/** Why is nothing chosen in this slot? */
	| { readonly kind: 'open'; readonly slot: Slot }
	/** Why can nothing be chosen? */
	| { readonly kind: 'noQuorum' }
	/** What is behind this row of a decision? */
	| {
			readonly kind: 'row';
			readonly row: RowName;
			readonly slot: Slot;
			readonly ballot: BallotText;
			readonly attempts: readonly BallotText[];
	  }
	/** Why did the proposal end so? `settledMs`: when it had, by the clock of the source. */
	| { readonly kind: 'answer'; readonly node: NodeId; readonly answer: ProposeAnswer; readonly settledMs: number };

export interface Reason {
	/** Null where it is not so at the moment that the page shows. */
	readonly sentence: string | null;
	/** Whole sentences. */
	readonly unknown: readonly string[];
	/** In the order of the tape. */
	readonly facts: readonly Item[];
}

const ANSWERED: ReadonlySet<Fact['kind']> = new Set([
	'role',
	'campaign',
	'handsOver',
	'pollHeld',
	'refused',
	'halted',
	'givenUp',
	'proposed',
	'chosen',
]);

/** Whether there is an answer to why this happened. */
export function isAnswered(item: Item): boolean {
	const { told } = item;
	if (told.kind === 'fact') return ANSWERED.has(told.fact.kind);
	return told.kind === 'lost' || told.kind === 'heard' || told.kind === 'snapshot';
}

/** @param moment null for now */
export function reasonOf(question: Question, story: Story, moment: Item | null): Reason {
	story.tape.settle();
	const through = moment?.at ?? Number.POSITIVE_INFINITY;
	const past = new Past(story.tape, through);
	const swarm = moment ? story.at(moment) : story.live;
	switch (question.kind) {
		case 'item': {
			const { item } = question;
			const found = toReason(whyItem(item, new Past(story.tape, item.at), swarm.history));
			return item.at > through ? { ...found, sentence: null } : found;
		}
		case 'open': {
			const { slot } = question;
			const chosen =
				past.last('chosen', (fact) => fact.slot === slot && fact.how === 'counted') ??
				past.last('chosen', (fact) => fact.slot === slot);
			if (chosen) return toReason(whyChosen(chosen, past, swarm.history));
			const decision = story.decision(story.gather(slot, []), moment);
			if (decision.chosen || swarm.knowsChosen(slot)) return { sentence: null, unknown: [], facts: [] };
			return toReason(whyOpen(decision, swarm, past));
		}
		case 'noQuorum': {
			const found = whyNoQuorum(swarm, past);
			return found ? toReason(found) : { sentence: null, unknown: [], facts: [] };
		}
		case 'row': {
			const { row, slot, ballot, attempts } = question;
			const decision = story.decision(story.gather(slot, attempts), moment);
			const round = decision.rounds.find((one) => one.ballot === ballot);
			if (!round) return { sentence: null, unknown: [], facts: [] };
			return toReason(whyRow(row, decision, round, swarm, past));
		}
		case 'answer': {
			const { node, answer, settledMs } = question;
			const isLater = moment !== null && moment.whenMs < settledMs;
			const then = new Past(story.tape, story.tape.itemAt(settledMs)?.at);
			const found = toReason(whyAnswered(node, answer, isLater ? new Past(story.tape) : past, then, swarm.history));
			return isLater ? { ...found, sentence: null } : found;
		}
	}
}

/** @param past up to the item, which is its last one */
function whyItem(item: Item, past: Past, history: MemberHistory): Clause {
	const { told } = item;
	if (told.kind === 'lost') return whyLost(item, told.sinceMs, past);
	if (told.kind === 'heard' || told.kind === 'snapshot') return whyHeard(item, past);
	if (isOf(item, 'role')) return whyRole(item, past, history);
	if (isOf(item, 'campaign')) return whyStands(item, past.before(item));
	if (isOf(item, 'handsOver')) return whyHandsOver(item);
	if (isOf(item, 'pollHeld')) return whyPollHeld(item, past);
	if (isOf(item, 'refused')) return whyRefused(item, past);
	if (isOf(item, 'halted')) return whyHalted(item, past);
	if (isOf(item, 'givenUp')) return whyGivenUp(item, past, history);
	if (isOf(item, 'proposed')) return whyProposed(item, past);
	if (isOf(item, 'chosen')) return whyChosen(item, past, history);
	return clause('No fact tells why', [item]);
}

function toReason({ text, facts, unknown }: Clause): Reason {
	const inOrder = [...new Set(facts)].sort((a, b) => a.at - b.at);
	const names = nameBallots(inOrder.flatMap((item) => (isEntry(item) ? ballotsOf(item.fact) : [])));
	return { sentence: `${text(names)}.`, unknown, facts: inOrder };
}

/** Every ballot that the line of a fact may name. */
function ballotsOf(fact: Fact): BallotText[] {
	const named = fact.kind === 'sent' || fact.kind === 'received' ? fact.message : fact;
	return [
		'ballot' in named ? named.ballot : '',
		'promised' in named ? named.promised : '',
		'leader' in named ? named.leader : '',
		fact.kind === 'halted' ? fact.by : '',
		fact.kind === 'proposed' ? fact.reportedAt : '',
	];
}
