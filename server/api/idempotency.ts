/**
 * `Idempotency-Key`: a client may send a write again, to any node, and is told the outcome of the first copy. The key
 * names the request in the replicated table of clients (`shared/replica/named-requests.ts`).
 *
 * @source draft-ietf-httpapi-idempotency-key-header
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import { CONTENT_MAX, type NamedAnswer, type NamedRequest } from '../../shared/replica/named-requests.ts';
import type { OnPart } from '../../shared/replica/own-batch.ts';
import { REQUEST_MARK } from '../../shared/store/client-limits.ts';
import type { Operation } from '../../shared/store/command.ts';
import type { ReplicaService } from '../replica/service.ts';
import { HttpError } from './answer.ts';
import { pathOf } from './key-of-url.ts';
import type { Unapplied } from './unapplied.ts';

/** The bound on a key, in characters. */
const KEY_CHARS_MAX = 255;
/** Parameters that say nothing of what is asked for. */
const ASIDE: readonly string[] = ['pretty', 'token'];

export interface WriteOptions {
	readonly service: ReplicaService;
	/** How long a write waits for its outcome, milliseconds. */
	readonly holdMs: number;
}

/** What became of a write. `ok` is false where its condition did not hold. */
export type Written = { readonly outcome: 'chosen'; readonly ok: boolean } | Unapplied;

/**
 * Submits the write that a request asks for, under its name where it has one.
 *
 * @param onNamed told the outcome where it has one: the result is a duplicate where an earlier copy has happened
 * @throws HttpError 400 for a key that cannot be one; 422 where it stands for another request, or for one whose outcome
 * is not kept
 */
export function submitWrite(
	{ service, holdMs }: WriteOptions,
	req: IncomingMessage,
	res: ServerResponse,
	body: Uint8Array,
	operation: Operation,
	onNamed: OnPart = () => undefined,
): Promise<Written> {
	if (req.headers['idempotency-key'] === undefined) {
		return service.submit(operation, { route: 'leader', contest: 0, timeoutMs: holdMs });
	}
	const named = { ...nameOf(req, body), isTransaction: false, timeoutMs: holdMs, operations: () => [operation] };
	return submitNamed(service, res, named, onNamed);
}

/** The name of a request by its `Idempotency-Key`; null where it has none. @throws HttpError 400 */
export function nameOfRequest(req: IncomingMessage, body: Uint8Array): Pick<NamedRequest, 'name' | 'content'> | null {
	return req.headers['idempotency-key'] === undefined ? null : nameOf(req, body);
}

/** @throws HttpError 422 as `submitWrite` */
export async function submitNamed(
	service: ReplicaService,
	res: ServerResponse,
	request: NamedRequest,
	onPart: OnPart,
): Promise<Extract<NamedAnswer, { readonly outcome: 'chosen' }> | Unapplied> {
	const answer = await service.submitNamed(request, onPart);
	switch (answer.outcome) {
		case 'chosen':
			return answer;
		case 'unknown':
			return { outcome: 'unknown', why: 'timeout', detail: answer.detail, attempts: [] };
		case 'taken':
			res.setHeader('X-Swarm-Outcome', 'not-applied');
			throw new HttpError(422, 'This Idempotency-Key was used for another request.');
		case 'forgotten':
			res.setHeader('X-Swarm-Outcome', 'unknown');
			throw new HttpError(422, 'This Idempotency-Key was used so long ago that its outcome is not kept any more.');
	}
}

/** Refuses a key where none is heeded, because a client that sends one relies on it. */
export const takesNoKey: RequestHandler = (req, _res, next) => {
	if (req.headers['idempotency-key'] !== undefined && req.method !== 'GET' && req.method !== 'HEAD') {
		throw new HttpError(400, `An Idempotency-Key has no effect on ${req.method} ${req.baseUrl}${req.path}.`);
	}
	next();
};

function nameOf(req: IncomingMessage, body: Uint8Array): Pick<NamedRequest, 'name' | 'content'> {
	const key = unquoted(String(req.headers['idempotency-key']).trim());
	if (key === '' || key.length > KEY_CHARS_MAX) {
		throw new HttpError(400, `Invalid Idempotency-Key: it has 1 to ${KEY_CHARS_MAX} characters`);
	}
	const url = req.url as string;
	const query = new URLSearchParams(url.slice(pathOf(url).length));
	for (const name of ASIDE) query.delete(name);
	const content = createHash('sha256')
		.update(`${req.method} ${pathOf(url)}?${query}\n`)
		.update(body)
		.digest();
	return {
		name: REQUEST_MARK + createHash('sha256').update(key, 'latin1').digest('base64url'),
		content: 1 + (content.readUIntBE(0, 6) % CONTENT_MAX),
	};
}

/** The draft has the key in quotation marks, and many clients send it without. */
function unquoted(text: string): string {
	return /^".*"$/.test(text) ? text.slice(1, -1) : text;
}
