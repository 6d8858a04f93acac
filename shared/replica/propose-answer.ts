/** The answer to a proposal in the types of the feed: ballots are texts, and a value is its summary. */
import type { ProposeAnswer } from '../feed.ts';
import { ballotToText } from '../paxos/ballot.ts';
import { describeValue } from '../store/describe.ts';
import type { SubmitAnswer } from './submit-answer.ts';

export function proposeAnswerOf(answer: SubmitAnswer): ProposeAnswer {
	const { attempts } = answer;
	switch (answer.outcome) {
		case 'chosen': {
			const { outcome, slot, revision } = answer;
			const ballot = ballotToText(answer.ballot);
			return { outcome, slot, ballot, chosenAt: ballotToText(answer.chosenAt), revision, attempts };
		}
		case 'kept': {
			const { outcome, slot } = answer;
			return { outcome, slot, ballot: ballotToText(answer.ballot), value: describeValue(answer.value), attempts };
		}
		case 'refused':
		case 'unknown':
			return { outcome: answer.outcome, why: answer.detail, attempts };
	}
}
