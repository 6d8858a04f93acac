/** The answers to writes that were not chosen, or not known to be. */
import type { ServerResponse } from 'node:http';
import type { SubmitAnswer } from '../../shared/replica/submit-answer.ts';
import { answerText } from './answer.ts';

export type Unapplied = Exclude<SubmitAnswer, { readonly outcome: 'chosen' }>;

export function answerUnapplied(res: ServerResponse, submitted: Unapplied): void {
	if (submitted.outcome === 'refused') res.setHeader('X-Swarm-Refused', submitted.why);
	res.setHeader('X-Swarm-Outcome', submitted.outcome === 'unknown' ? 'unknown' : 'not-applied');
	answerText(res, 500, textOf(submitted));
}

function textOf(submitted: Unapplied): string {
	if (submitted.outcome === 'kept') return 'The slot was taken.';
	if (submitted.outcome === 'unknown') return `It is unknown whether the write happened: ${submitted.detail}`;
	return submitted.why === 'noLeader' ? 'No cluster leader' : `The write did not happen: ${submitted.detail}`;
}
