/** Reads the body of a transaction: what each operation is for the store, what it answers, and why it may fail. */
import { nanoid } from 'nanoid';
import * as z from 'zod';
import { fromUtf8 } from '../../shared/bytes/text.ts';
import { CAS_MAX, FLAGS_MAX, TRANSACTION_COMMANDS_MAX } from '../../shared/store/batch-format.ts';
import type { OfLock, PartOfTransaction } from '../../shared/store/command.ts';
import { keyFault, prefixFault } from '../../shared/store/key.ts';
import { isSessionId } from '../../shared/store/sessions.ts';
import { READ_BYTES_MAX, TREE_KEYS_MAX } from '../../shared/store/transaction.ts';
import { hasMoreItems } from '../front/json-items.ts';
import { HttpError } from './answer.ts';
import { invalidSession } from './kv-lock.ts';

export interface TxnOperation {
	readonly operation: PartOfTransaction;
	/** What it answers: the entry without its value, or with it, all entries below a prefix, or nothing. */
	readonly answers: 'entry' | 'value' | 'tree' | 'nothing';
	/** What is wrong where its condition does not hold. */
	readonly unmet: string;
}

/** An operation that can never be carried out. */
export interface TxnFault {
	readonly fault: string;
}

/** The bound on the lists, objects and commas in a body. Operations with all their fields have nine each. */
const ITEMS_MAX = 4096;

/** Stands in front of a long integer, which is read as a text: see `jsonOf`. No client can know it, and send such a text. */
const MARK = `\u0000integer ${nanoid()} `;

const unsigned = z
	.union([
		z.number().int().nonnegative().transform(BigInt),
		z
			.string()
			.refine((text) => text.startsWith(MARK) && /^\d{16,20}$/.test(text.slice(MARK.length)))
			.transform((text) => BigInt(text.slice(MARK.length))),
	])
	.refine((value) => value <= FLAGS_MAX);
/** A long integer is no text. */
const text = z.string().refine((text) => !text.startsWith(MARK), 'expected string');
const operationSchema = z.object({
	KV: z.object({
		Verb: text,
		Key: text.default(''),
		Value: z.base64().nullish(),
		Flags: unsigned.default(0n),
		Index: unsigned.default(0n),
		Session: text.default(''),
	}),
});
const bodySchema = z.array(operationSchema);
type Kv = z.output<typeof operationSchema>['KV'];

/** @throws HttpError 400 for a body that cannot be parsed; 413 for too many operations */
export function readTxn(body: Uint8Array): (TxnOperation | TxnFault)[] {
	const json = jsonOf(body);
	// A list that is too long is not looked into.
	if (Array.isArray(json) && json.length > TRANSACTION_COMMANDS_MAX) {
		const text = `Transaction contains too many operations (${json.length} > ${TRANSACTION_COMMANDS_MAX})`;
		throw new HttpError(413, text);
	}
	const parsed = bodySchema.safeParse(json);
	if (!parsed.success) {
		const [issue] = parsed.error.issues;
		const where = issue?.path.length ? `${issue.path.join('.')}: ` : '';
		throw new HttpError(400, `Failed to parse body: ${where}${issue?.message}`);
	}
	return parsed.data.map(({ KV }) => operationOf(KV));
}

const TOO_MUCH = `more than ${READ_BYTES_MAX} bytes of values are to be read`;
const PREFIXED: readonly string[] = ['get-tree', 'delete-tree'];

function operationOf(kv: Kv): TxnOperation | TxnFault {
	const { Verb, Key: key, Value, Flags: flags, Index, Session: session } = kv;
	const cas = Number(Index > BigInt(CAS_MAX) ? CAS_MAX : Index);
	const name = JSON.stringify(key);
	const stale = cas === 0 ? `the key ${name} is there already` : `the key ${name} does not have the index ${Index}`;
	const value = Buffer.from(Value ?? '', 'base64');
	const notHeld = `the key ${name} is not held by the session ${JSON.stringify(session)}`;
	const known = ((): TxnOperation | null => {
		switch (Verb) {
			case 'set':
				return { operation: { kind: 'put', key, value, flags, cas: null }, answers: 'entry', unmet: '' };
			case 'cas':
				return { operation: { kind: 'put', key, value, flags, cas }, answers: 'entry', unmet: stale };
			case 'get':
				return {
					operation: { kind: 'check', key, cas: null },
					answers: 'value',
					unmet: `the key ${name} is missing, or ${TOO_MUCH}`,
				};
			case 'get-or-empty':
				return { operation: { kind: 'read', key }, answers: 'value', unmet: TOO_MUCH };
			case 'get-tree': {
				const unmet = `more than ${TREE_KEYS_MAX} keys are to be read below prefixes, or ${TOO_MUCH}`;
				return { operation: { kind: 'readTree', prefix: key }, answers: 'tree', unmet };
			}
			case 'check-index': {
				// No key has the index 0, and a check of 0 would hold for a missing one.
				const unmet = `the key ${name} does not have the index ${Index}`;
				return { operation: { kind: 'check', key, cas: cas || CAS_MAX }, answers: 'entry', unmet };
			}
			case 'check-not-exists':
				return { operation: { kind: 'check', key, cas: 0 }, answers: 'nothing', unmet: `the key ${name} is there` };
			case 'delete':
				return { operation: { kind: 'delete', key, cas: null }, answers: 'nothing', unmet: '' };
			case 'delete-cas': {
				const unmet = `the key ${name} does not have the index ${Index}`;
				return { operation: { kind: 'delete', key, cas }, answers: 'nothing', unmet };
			}
			case 'lock': {
				const unmet = `the key ${name} is held by another session, or nobody may acquire it yet, or the session "${session}" is not there or holds too many`;
				return { operation: { kind: 'acquire', key, value, flags, session }, answers: 'entry', unmet };
			}
			case 'unlock':
				return { operation: { kind: 'release', key, value, flags, session }, answers: 'entry', unmet: notHeld };
			case 'check-session': {
				const unmet = session === '' ? `the key ${name} is missing, or held by a session` : notHeld;
				return { operation: { kind: 'checkSession', key, session }, answers: 'entry', unmet };
			}
			case 'delete-tree':
				return { operation: { kind: 'deletePrefix', prefix: key }, answers: 'nothing', unmet: '' };
			default:
				return null;
		}
	})();
	if (known === null) return { fault: `unknown verb ${JSON.stringify(Verb)}` };
	const fault = PREFIXED.includes(Verb) ? prefixFault(key) : keyFault(key);
	if (fault !== null) return { fault: `the key ${fault}` };
	return 'session' in known.operation ? withSession(known, known.operation) : known;
}

/** What no session can be named is refused at once: the log has no place for it. */
function withSession(known: TxnOperation, { kind, session }: OfLock): TxnOperation | TxnFault {
	if (isSessionId(session) || (kind === 'checkSession' && session === '')) return known;
	if (session === '') return { fault: 'missing session' };
	return { fault: kind === 'acquire' ? invalidSession(session) : known.unmet };
}

/**
 * A string, which is passed over, or an integer of so many digits that a number might lose some. A string that does not
 * end goes on to the end of the text, so that nothing is looked at twice.
 */
const LONG_INTEGER = /"(?:[^"\\]|\\[\s\S]?)*(?:"|$)|(?<![\d.eE+-])\d{16,20}(?![\d.eE])/g;

/** JSON in which long integers are texts behind a MARK. @throws HttpError 400 for a body that is no JSON; 413 */
function jsonOf(body: Uint8Array): unknown {
	const text = fromUtf8(body);
	if (text === undefined) throw new HttpError(400, 'Failed to parse body: the body is not UTF-8');
	if (hasMoreItems(text, ITEMS_MAX)) {
		throw new HttpError(413, `Transaction contains too many operations or fields (more than ${ITEMS_MAX})`);
	}
	const json = parsed(text);
	if (!/\d{16}/.test(text)) return json;
	return JSON.parse(
		text.replace(LONG_INTEGER, (found) => (found.startsWith('"') ? found : JSON.stringify(MARK + found))),
	);
}

/** @throws HttpError 400 */
function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch (error) {
		throw new HttpError(400, `Failed to parse body: ${(error as Error).message}`);
	}
}
