/**
 * `/v1/kv/:key`, compatible with Consul's KV: keys to raw bytes, read and written at any node. A write becomes one
 * command to the replica, a read one barrier and a look at the store.
 *
 * Most requests come here, so it is plain `node:http`: a router in front of it would take as long as all the rest of a
 * request.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { KeysAsked } from '../../shared/replica/grant.ts';
import type { Operation } from '../../shared/store/command.ts';
import { VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import { allows, HttpError, isSet, queryOf } from './answer.ts';
import { readBody } from './body.ts';
import type { Guard } from './guard.ts';
import { submitWrite } from './idempotency.ts';
import { checkKey, decodedKeyOf, pathOf } from './key-of-url.ts';
import { changeLock } from './kv-lock.ts';
import { isOfMany, read } from './kv-read.ts';
import type { LongReads } from './long-reads.ts';
import { casOf, flagsOf, refuseConflicting, refuseOtherDatacenter } from './query.ts';
import type { ReadOptions } from './read.ts';
import { answerUnapplied, type Unapplied } from './unapplied.ts';

export interface KvOptions extends ReadOptions {
	/** null where the swarm has no tokens. */
	readonly guard: Guard | null;
	readonly datacenter: string;
	readonly longReads: LongReads;
}

const PATH = '/v1/kv';
/** A deletion has none, and one that is sent is not looked at. */
const NO_BODY = new Uint8Array(0);
const METHODS = ['GET', 'HEAD', 'PUT', 'DELETE'] as const;

export type Headers = readonly (readonly [name: string, value: string])[];

/** Headers of every answer. A value is data even if it looks like a page, and pages of other sites may not use it. */
const KV_HEADERS: Headers = [
	['X-Content-Type-Options', 'nosniff'],
	['Content-Security-Policy', 'sandbox'],
	['Cross-Origin-Resource-Policy', 'same-origin'],
	['Vary', 'Origin'],
];

/** The usual answers to writes. Their headers are handed to Node.js at once: one by one they would take twice the time. */
const WRITTEN = { true: writtenHeaders('true'), false: writtenHeaders('false') } as const;

/** Sets the headers that every answer has. */
export function setKvHeaders(res: ServerResponse): void {
	for (const [name, value] of KV_HEADERS) res.setHeader(name, value);
}

/** Whether the answer may be one of `WRITTEN`, for which no header is set before. */
export function isPlainWrite({ method, headers }: IncomingMessage): boolean {
	return (method === 'PUT' || method === 'DELETE') && headers.origin === undefined;
}

/** Whether `url`, as it was sent, is below `/v1/kv`. */
export function isKv(url: string): boolean {
	const path = pathOf(url);
	return path.startsWith(PATH) && (path.length === PATH.length || path[PATH.length] === '/');
}

/**
 * Answers requests whose URL `isKv`. The caller has called `setKvHeaders`, unless the request `isPlainWrite`. Rejects
 * with an HttpError for the client, or with an unexpected error.
 */
export function kvHandler(options: KvOptions): (req: IncomingMessage, res: ServerResponse) => Promise<void> {
	return async (req, res) => {
		if (!allows(METHODS, req, res)) return;
		const query = queryOf(req);
		refuseOtherDatacenter(query, options.datacenter);
		const key = decodedKeyOf(req.url as string, PATH);
		if (options.guard !== null) options.guard.keys(req, askedBy(req, key, query));
		if (req.method === 'PUT') return put(options, req, res, key, query);
		if (req.method === 'DELETE') return remove(options, req, res, key, query);
		checkKey(key, isOfMany(query));
		return read(options, req, res, key, query);
	};
}

function askedBy({ method }: IncomingMessage, name: string, query: URLSearchParams): KeysAsked {
	if (method === 'PUT') return { need: 'write', name, isPrefix: false };
	if (method === 'DELETE') return { need: 'write', name, isPrefix: isSet(query, 'recurse') };
	return { need: 'read', name, isPrefix: isOfMany(query) };
}

async function put(
	options: KvOptions,
	req: IncomingMessage,
	res: ServerResponse,
	key: string,
	query: URLSearchParams,
): Promise<void> {
	checkKey(key, false);
	refuseConflicting(query, ['cas', 'acquire', 'release']);
	const flags = flagsOf(query);
	const cas = casOf(query);
	const value = await readBody(req, VALUE_BYTES_MAX);
	const session = query.get('acquire') ?? query.get('release');
	if (session === '') throw new HttpError(500, 'missing session');
	if (session !== null) {
		const kind = query.has('acquire') ? 'acquire' : 'release';
		const done = await changeLock(options, req, res, { kind, key, value, flags, session });
		return typeof done === 'boolean' ? answerWritten(res, done) : answerNotWritten(res, done);
	}
	return write(options, req, res, value, { kind: 'put', key, value, flags, cas });
}

async function remove(
	options: KvOptions,
	req: IncomingMessage,
	res: ServerResponse,
	key: string,
	query: URLSearchParams,
): Promise<void> {
	const recurse = isSet(query, 'recurse');
	checkKey(key, recurse);
	refuseConflicting(query, ['recurse', 'cas']);
	return write(
		options,
		req,
		res,
		NO_BODY,
		recurse ? { kind: 'deletePrefix', prefix: key } : { kind: 'delete', key, cas: casOf(query) },
	);
}

async function write(
	options: KvOptions,
	req: IncomingMessage,
	res: ServerResponse,
	body: Uint8Array,
	operation: Operation,
): Promise<void> {
	const submitted = await submitWrite(options, req, res, body, operation);
	if (submitted.outcome === 'chosen') return answerWritten(res, submitted.ok);
	answerNotWritten(res, submitted);
}

function answerNotWritten(res: ServerResponse, submitted: Unapplied): void {
	setKvHeaders(res);
	answerUnapplied(res, submitted);
}

function answerWritten(res: ServerResponse, ok: boolean): void {
	const body = ok ? 'true' : 'false';
	res.writeHead(200, WRITTEN[body]);
	res.end(body);
}

function writtenHeaders(body: string): string[] {
	const ofBody: Headers = [
		['Content-Type', 'application/json; charset=utf-8'],
		['Content-Length', String(body.length)],
	];
	return [...KV_HEADERS, ...ofBody].flat();
}
