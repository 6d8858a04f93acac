/**
 * Sends one request to the first node that answers. After a failure a read goes to the next node; a write does so only
 * where it surely did not happen, so this client never makes a command happen twice. Nodes that do not say whether they
 * are alive are tried last: a write that one of them got may be given to no other, and its answer may never come.
 */

import { urlOf } from '../config/addresses.ts';
import { ConfigError } from '../config/errors.ts';
import type { SwarmConfig } from '../config/swarm-file.ts';
import type { Fetch } from '../tls/fetch.ts';
import { fetchNode, tokenHeaders } from './credentials.ts';
import { CommandError, EXIT } from './terminal.ts';

export interface SwarmRequest {
	readonly method: 'GET' | 'PUT' | 'DELETE' | 'POST';
	/** The path below the node's address, with the query. */
	readonly path: string;
	readonly body?: Buffer | string;
	readonly contentType?: string;
	readonly headers?: Readonly<Record<string, string>>;
	/** Whether an answer above 499 is one for good too, because of the request and not of the node. */
	readonly isForGood?: (answer: SwarmAnswer) => boolean;
}

export interface SwarmAnswer {
	readonly status: number;
	readonly headers: Headers;
	readonly body: Buffer;
}

/** A node holds a request for this long while there is no leader, beyond its own time limit. */
const LEADER_WAIT_MS = 3000;
const NETWORK_MS = 1000;
/** A node is tried last where another one has said that it is alive, and this one has not so long after. */
const SILENT_AFTER_MS = 500;
/** The nodes have so long to say that they are alive where none of them does. */
const ALIVE_WITHIN_MS = 2000;

/** A write was sent, and may have happened or may yet. */
export class UnknownWriteError extends CommandError {}

/** Failures before there was a connection, so nothing was sent. */
const NOT_CONNECTED: readonly unknown[] = [
	'ECONNREFUSED',
	'EHOSTUNREACH',
	'ENETUNREACH',
	'ENOTFOUND',
	'EAI_AGAIN',
	'EADDRNOTAVAIL',
	'UND_ERR_CONNECT_TIMEOUT',
];

/** What `fetch` says of a port that belongs to another protocol. @source Fetch Standard, 2.9 Port blocking */
const BAD_PORT = 'bad port';

/** How long a client waits for an answer, milliseconds: the node's time limits, and some time for the network. */
export function clientTimeoutMs({ timings }: SwarmConfig): number {
	return timings.requestMs + LEADER_WAIT_MS + NETWORK_MS;
}

/** The base addresses to try, in order: those of all nodes, or only `endpoint` where it is given. */
export function endpointsOf({ nodes }: SwarmConfig, endpoint: string | undefined): string[] {
	return endpoint === undefined ? nodes.map(urlOf) : [endpoint.replace(/\/+$/, '')];
}

export function idsOf(nodes: readonly { readonly id: string }[]): string {
	return nodes.map(({ id }) => id).join(', ');
}

/**
 * The first answer with a status below 500, or that `isForGood`.
 *
 * @throws CommandError `unavailable` where no node answered; UnknownWriteError where one was sent a write and may have done it
 */
export async function askAny(
	endpoints: readonly string[],
	request: SwarmRequest,
	timeoutMs: number,
): Promise<SwarmAnswer> {
	const failures: string[] = [];
	for (const endpoint of await silentLast(endpoints)) {
		const tried = await ask(endpoint, request, timeoutMs);
		if (tried.kind === 'answered' && (tried.answer.status < 500 || request.isForGood?.(tried.answer)))
			return tried.answer;
		failures.push(`${endpoint}: ${tried.kind === 'answered' ? textOf(tried.answer) : tried.why}`);
		if (request.method !== 'GET' && !surelyNotDone(tried)) {
			const message = `The outcome is unknown: it may have happened, or may yet.\n${failures.join('\n')}`;
			throw new UnknownWriteError(message, { status: EXIT.unavailable });
		}
	}
	throw new CommandError(`No node could answer.\n${failures.join('\n')}`, { status: EXIT.unavailable });
}

/**
 * The endpoints in their order, with silent ones last. One that cannot be reached fails at once, and is not silent.
 * The first answer starts the clock, so that a program that is itself slow does not take all nodes for silent.
 */
export async function silentLast(endpoints: readonly string[]): Promise<readonly string[]> {
	if (endpoints.length < 2) return endpoints;
	const silent = new Set(endpoints);
	const given = new AbortController();
	const asks = endpoints.map(async (endpoint) => {
		const tried = await ask(endpoint, { method: 'GET', path: '/livez' }, ALIVE_WITHIN_MS, given.signal);
		if (given.signal.aborted || tried.kind === 'silent') return;
		silent.delete(endpoint);
		if (tried.kind === 'answered') setTimeout(() => given.abort(), SILENT_AFTER_MS).unref();
	});
	await Promise.all(asks);
	return [...endpoints.filter((each) => !silent.has(each)), ...silent];
}

/** By what a node is asked: the certificates are those of `fetch`, and the headers show a token. */
export interface Credentials {
	readonly fetch: Fetch;
	readonly headers: Readonly<Record<string, string>>;
}

/** One request to one node, by the credentials of this process. @throws ConfigError where the certificates cannot be used */
export function ask(endpoint: string, request: SwarmRequest, timeoutMs: number, signal?: AbortSignal): Promise<Tried> {
	return askBy({ fetch: fetchNode, headers: tokenHeaders() }, endpoint, request, timeoutMs, signal);
}

/** As `ask`, by the credentials that are given. */
export async function askBy(
	credentials: Credentials,
	endpoint: string,
	{ method, path, body, contentType, headers }: SwarmRequest,
	timeoutMs: number,
	signal?: AbortSignal,
): Promise<Tried> {
	try {
		const limit = AbortSignal.timeout(timeoutMs);
		const response = await credentials.fetch(endpoint + path, {
			method,
			signal: signal ? AbortSignal.any([limit, signal]) : limit,
			...(body === undefined ? {} : { body }),
			headers: {
				...credentials.headers,
				...headers,
				...(contentType === undefined ? {} : { 'content-type': contentType }),
			},
		});
		const bytes = Buffer.from(await response.arrayBuffer());
		return { kind: 'answered', answer: { status: response.status, headers: response.headers, body: bytes } };
	} catch (error) {
		if (error instanceof ConfigError) throw error;
		return describeFailure(error, timeoutMs);
	}
}

export type Tried =
	| { readonly kind: 'answered'; readonly answer: SwarmAnswer }
	/** There was no connection, so nothing happened. */
	| { readonly kind: 'notSent'; readonly why: string }
	/** No answer came in time: the request may have been carried out, or may yet be. */
	| { readonly kind: 'silent'; readonly why: string }
	| { readonly kind: 'unknown'; readonly why: string };

function surelyNotDone(tried: Tried): boolean {
	if (tried.kind !== 'answered') return tried.kind === 'notSent';
	return tried.answer.headers.get('x-swarm-outcome') === 'not-applied';
}

/** The body of a refusal, as one line for people. */
export function textOf({ status, body }: SwarmAnswer): string {
	return body.toString().trim() || `HTTP status ${status}`;
}

/**
 * What a node has answered. Another program at its address answers otherwise.
 *
 * @param read throws where it is not the answer of a node
 * @throws CommandError
 */
export function understood<T>(read: () => T): T {
	try {
		return read();
	} catch (cause) {
		const why = 'This is not the answer of a node. Does another program listen at that address?';
		throw new CommandError(why, { status: EXIT.error, cause });
	}
}

/** Failures of the handshake, before a request is sent: of OpenSSL, and of what it says of a certificate. */
function isOfTls(code: string): boolean {
	return /^(EPROTO$|ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_)/.test(code);
}

function describeFailure(error: unknown, timeoutMs: number): Tried {
	if (!(error instanceof Error)) return { kind: 'unknown', why: String(error) };
	if (error.name === 'TimeoutError') return { kind: 'silent', why: `no answer within ${timeoutMs} ms` };
	const { cause } = error;
	const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
	if (NOT_CONNECTED.includes(code)) return { kind: 'notSent', why: `no connection (${code})` };
	if (cause instanceof Error && cause.message === BAD_PORT) {
		return { kind: 'notSent', why: 'no connection: fetch and browsers refuse its port, so choose another one' };
	}
	if (isOfTls(String(code))) return { kind: 'notSent', why: `no TLS: ${(cause as Error).message}` };
	return { kind: 'unknown', why: cause instanceof Error ? cause.message : error.message };
}
