/**
 * Proposals in JSON and their answers, for the feed, the HTTP endpoint and the command line. Requests are checked here,
 * because they may hold anything.
 */
import * as z from 'zod';
import { hasUtf8Form, toUtf8 } from '../../shared/bytes/text.ts';
import type { ProposeAnswer, ProposeRequest } from '../../shared/feed.ts';
import { SLOT_MAX } from '../../shared/paxos/bounds.ts';
import { operationOf, proposeAnswerOf } from '../../shared/replica/propose-answer.ts';
import { CAS_MAX, FLAGS_MAX } from '../../shared/store/batch-format.ts';
import { keyFault, VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import type { ReplicaService } from './service.ts';

const SLOT_RULE = 'must be a slot, or 0 for none';
const CAS_RULE = 'must be a revision, or 0 for an absent key';
const FLAGS_RULE = `must be the digits of a number up to ${FLAGS_MAX}`;

const requestSchema = z
	.strictObject(
		{
			key: z.string('must be text').superRefine((key, context) => {
				const fault = keyFault(key);
				if (fault !== null) context.addIssue(`the key ${fault}`);
			}),
			value: z
				.string('must be text, or null to delete the key')
				.superRefine((value, context) => {
					const fault = valueFault(value);
					if (fault !== null) context.addIssue(`the value ${fault}`);
				})
				.nullable(),
			route: z.enum(['leader', 'self'], 'must be "leader" or "self"'),
			contest: z.int(SLOT_RULE).min(0, SLOT_RULE).max(SLOT_MAX, SLOT_RULE),
			cas: z.int(CAS_RULE).min(0, CAS_RULE).max(CAS_MAX, CAS_RULE).optional(),
			flags: z
				.string(FLAGS_RULE)
				.refine((flags) => /^\d{1,20}$/.test(flags) && BigInt(flags) <= FLAGS_MAX, FLAGS_RULE)
				.optional(),
		},
		{ error: ({ code }) => (code === 'invalid_type' ? 'the request must be a JSON object' : undefined) },
	)
	.refine(({ route, contest }) => contest === 0 || route === 'self', {
		path: ['contest'],
		error: 'only a proposal with the route "self" can contest a slot',
	});

/** Never rejects. @param request one that `readProposeRequest` returned @param timeoutMs as in `SubmitOptions` */
export async function propose(
	service: ReplicaService,
	request: ProposeRequest,
	timeoutMs: number,
): Promise<ProposeAnswer> {
	const { route, contest } = request;
	return proposeAnswerOf(await service.submit(operationOf(request), { route, contest, timeoutMs }));
}

/** The request, or its fault in a text such as `key: the key is empty`. */
export function readProposeRequest(request: unknown): ProposeRequest | string {
	const { success, data, error } = requestSchema.safeParse(request);
	if (success) return data;
	return error.issues
		.map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
		.join('; ');
}

function valueFault(value: string): string | null {
	if (!hasUtf8Form(value)) return 'has half a surrogate pair, which has no UTF-8 form';
	const bytes = toUtf8(value).length;
	return bytes <= VALUE_BYTES_MAX ? null : `has ${bytes} bytes, max size: ${VALUE_BYTES_MAX} bytes`;
}
