/** One request to one node over HTTP, and what is known of it where no answer came. */
import { ConfigError } from '../config/errors.ts';
import type { Fetch } from '../tls/fetch.ts';

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

/** By what a node is asked: the certificates are those of `fetch`, and the headers show a token. */
export interface Credentials {
	readonly fetch: Fetch;
	readonly headers: Readonly<Record<string, string>>;
}

export type Tried =
	| { readonly kind: 'answered'; readonly answer: SwarmAnswer }
	/** There was no connection, so nothing happened. */
	| { readonly kind: 'notSent'; readonly why: string }
	/** No answer came in time: the request may have been carried out, or may yet be. */
	| { readonly kind: 'silent'; readonly why: string }
	| { readonly kind: 'unknown'; readonly why: string };

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

/** Whether nothing was sent. @param code of the cause of what `fetch` has thrown */
export function isNotConnected(code: unknown): boolean {
	return NOT_CONNECTED.includes(code);
}

/** What `fetch` says of a port that belongs to another protocol. @source Fetch Standard, 2.9 Port blocking */
const BAD_PORT = 'bad port';

/** @throws ConfigError where the certificates cannot be used */
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

/** The body of a refusal, as one line for people. */
export function textOf({ status, body }: SwarmAnswer): string {
	return body.toString().trim() || `HTTP status ${status}`;
}

/** Failures of the handshake, before a request is sent: of OpenSSL, and of what it says of a certificate. */
function isOfTls(code: string): boolean {
	return /^(EPROTO$|ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_)/.test(code);
}

/**
 * OpenSSL tells an error as fields with colons between them, and the fifth is for people.
 *
 * @source OpenSSL, ERR_error_string(3)
 */
function reasonOf({ message }: Error): string {
	const reason = /error:[0-9a-f]+:[^:]*:[^:]*:([^:]+)/i.exec(message)?.[1] ?? message;
	return reason === 'wrong version number' ? 'it speaks something else there, perhaps http' : reason;
}

function describeFailure(error: unknown, timeoutMs: number): Tried {
	if (!(error instanceof Error)) return { kind: 'unknown', why: String(error) };
	if (error.name === 'TimeoutError') return { kind: 'silent', why: `no answer within ${timeoutMs} ms` };
	const { cause } = error;
	const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
	if (isNotConnected(code)) return { kind: 'notSent', why: `no connection (${code})` };
	if (cause instanceof Error && cause.message === BAD_PORT) {
		return { kind: 'notSent', why: 'no connection: fetch and browsers refuse its port, so choose another one' };
	}
	if (isOfTls(String(code))) return { kind: 'notSent', why: `no TLS: ${reasonOf(cause as Error)}` };
	return { kind: 'unknown', why: cause instanceof Error ? cause.message : error.message };
}
