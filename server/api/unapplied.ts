/** The answers to writes that were not chosen, or not known to be. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RefusedWhy } from '../../shared/replica/batch.ts';
import type { SubmitAnswer } from '../../shared/replica/submit-answer.ts';
import { answerText } from './answer.ts';

export type Unapplied = Exclude<SubmitAnswer, { readonly outcome: 'chosen' }>;

export function answerUnapplied(res: ServerResponse, submitted: Unapplied): void {
	if (submitted.outcome === 'refused') res.setHeader('X-Swarm-Refused', submitted.why);
	res.setHeader('X-Swarm-Outcome', submitted.outcome === 'unknown' ? 'unknown' : 'not-applied');
	answerText(res, 500, textOf(submitted));
}

/**
 * Sets the headers of the answer to a write that this node does not take in. One with an `Idempotency-Key` may have
 * happened all the same, because an earlier copy of it may have been taken in.
 *
 * @param why null where the body of the answer says it
 */
export function setNotTaken({ headers }: IncomingMessage, res: ServerResponse, why: RefusedWhy | null): void {
	const isNamed = headers['idempotency-key'] !== undefined;
	if (why !== null && !isNamed) res.setHeader('X-Swarm-Refused', why);
	res.setHeader('X-Swarm-Outcome', isNamed ? 'unknown' : 'not-applied');
}

/**
 * Sets the outcome of any request that is answered with an error of 500 or more, unless it reads, or its outcome was set
 * before.
 *
 * @param isRefused whether it had no effect; where it may have had one, the outcome is unknown
 */
export function setOutcomeOfError(req: IncomingMessage, res: ServerResponse, isRefused: boolean): void {
	if (READS.includes(req.method as string) || res.hasHeader('X-Swarm-Outcome')) return;
	if (isRefused) setNotTaken(req, res, null);
	else res.setHeader('X-Swarm-Outcome', 'unknown');
}

const READS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

function textOf(submitted: Unapplied): string {
	if (submitted.outcome === 'kept') return 'The slot was taken.';
	if (submitted.outcome === 'unknown') return `It is unknown whether the write happened: ${submitted.detail}`;
	return submitted.why === 'noLeader' ? 'No cluster leader' : `The write did not happen: ${submitted.detail}`;
}
