/** Reads the body of `PUT /v1/session/create`. */
import * as z from 'zod';
import { fromUtf8 } from '../../shared/bytes/text.ts';
import {
	attributesFault,
	LOCK_DELAY_MS_MAX,
	SESSION_TTL_MS_MAX,
	type SessionAttributes,
} from '../../shared/store/sessions.ts';
import { HttpError } from './answer.ts';
import { durationMs, durationText } from './duration.ts';

const LOCK_DELAY_MS_DEFAULT = 15_000;
/** A lock delay that is a smaller number is in seconds, and any other one in nanoseconds. */
const SECONDS_BELOW = 1000;
const NS_PER_MS = 1_000_000;

/** Names in any case. Checks are accepted, and mean nothing here. */
const bodySchema = z
	.record(z.string(), z.unknown())
	.transform((body) => Object.fromEntries(Object.entries(body).map(([name, value]) => [name.toLowerCase(), value])))
	.pipe(
		z.object({
			name: z.string().nullish(),
			node: z.string().nullish(),
			ttl: z.string().nullish(),
			lockdelay: z.union([z.string(), z.number().nonnegative()]).nullish(),
			behavior: z.string().nullish(),
		}),
	);

export interface SessionBodyOptions {
	/** The node that a session belongs to where the body names none. */
	readonly node: string;
	readonly ttlMinMs: number;
	isNode(name: string): boolean;
}

/** @throws HttpError 400 for a body that cannot be parsed; 500 for attributes that a session cannot have */
export function readSession(body: Uint8Array, { node, ttlMinMs, isNode }: SessionBodyOptions): SessionAttributes {
	const parsed = bodySchema.safeParse(body.length === 0 ? {} : jsonOf(body));
	if (!parsed.success) {
		const [issue] = parsed.error.issues;
		const where = issue?.path.length ? `${issue.path.join('.')}: ` : '';
		throw new HttpError(400, `Request decode failed: ${where}${issue?.message}`);
	}
	const { data } = parsed;
	const attributes: SessionAttributes = {
		name: data.name ?? '',
		node: data.node || node,
		ttlMs: ttlOf(data.ttl ?? '', ttlMinMs),
		lockDelayMs: lockDelayOf(data.lockdelay ?? null),
		behavior: behaviorOf(data.behavior || 'release'),
	};
	if (!isNode(attributes.node)) throw new HttpError(500, 'Missing node registration');
	const fault = attributesFault(attributes);
	if (fault !== null) throw new HttpError(400, `Request decode failed: the session ${fault}`);
	return attributes;
}

/** Milliseconds; 0 for none. */
function ttlOf(text: string, minMs: number): number {
	if (text === '') return 0;
	const ms = durationMs(text);
	if (ms === 0) return 0;
	if (ms !== null && ms >= minMs && ms <= SESSION_TTL_MS_MAX) return Math.ceil(ms);
	const bounds = `[${durationText(minMs)}=${durationText(SESSION_TTL_MS_MAX)}]`;
	throw new HttpError(500, `Invalid Session TTL '${text}', must be between ${bounds}`);
}

function lockDelayOf(given: string | number | null): number {
	if (given === null) return LOCK_DELAY_MS_DEFAULT;
	const ms = typeof given === 'string' ? durationMs(given) : given < SECONDS_BELOW ? given * 1000 : given / NS_PER_MS;
	if (ms === null)
		throw new HttpError(400, `Request decode failed: LockDelay: ${JSON.stringify(given)} is no duration`);
	return Math.min(Math.ceil(ms), LOCK_DELAY_MS_MAX);
}

function behaviorOf(text: string): SessionAttributes['behavior'] {
	if (text === 'release' || text === 'delete') return text;
	throw new HttpError(500, `Invalid Behavior setting '${text}'`);
}

function jsonOf(body: Uint8Array): unknown {
	const text = fromUtf8(body);
	if (text === undefined) throw new HttpError(400, 'Request decode failed: the body is not UTF-8');
	try {
		return JSON.parse(text);
	} catch (error) {
		throw new HttpError(400, `Request decode failed: ${(error as Error).message}`);
	}
}
