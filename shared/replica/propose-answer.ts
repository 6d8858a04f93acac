/** A proposal in the types of the feed: the operation that it asks for, and its answer, in texts for ballots and values. */
import { toUtf8 } from '../bytes/text.ts';
import type { ProposeAnswer, ProposeRequest } from '../feed.ts';
import { ballotToText } from '../paxos/ballot.ts';
import type { Operation } from '../store/command.ts';
import { describeValue } from '../store/describe.ts';
import type { SubmitAnswer } from './submit-answer.ts';

export function operationOf(asked: Pick<ProposeRequest, 'key' | 'value' | 'cas' | 'flags'>): Operation {
	const { key, value, cas = null, flags = '0' } = asked;
	if (value === null) return { kind: 'delete', key, cas };
	return { kind: 'put', key, value: toUtf8(value), flags: BigInt(flags), cas };
}

export function proposeAnswerOf(answer: SubmitAnswer): ProposeAnswer {
	const { attempts } = answer;
	switch (answer.outcome) {
		case 'chosen': {
			const { outcome, ok, slot, revision } = answer;
			const ballot = ballotToText(answer.ballot);
			return { outcome, ok, slot, ballot, chosenAt: ballotToText(answer.chosenAt), revision, attempts };
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
