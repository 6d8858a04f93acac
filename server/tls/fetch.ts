/**
 * `fetch` with certificates: the `fetch` of Node.js 20 takes none. It is for requests whose answers are short, between nodes
 * and from commands.
 */
import type { IncomingMessage } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { Readable } from 'node:stream';

/** The part of `fetch` that is used here. */
export interface FetchInit {
	readonly method?: string;
	readonly headers?: Readonly<Record<string, string>>;
	readonly body?: Uint8Array | string;
	readonly signal?: AbortSignal | undefined;
}

/** Never follows a redirect: that is an error. */
export type Fetch = (url: string, init?: FetchInit) => Promise<Response>;

/** Why there was no answer, in a few words: `fetch` itself only says that it failed. */
export function whyFailed({ message, cause }: Error): string {
	if (!(cause instanceof Error)) return message;
	return 'code' in cause ? String(cause.code) : cause.message;
}

/** These answers have no body, and `Response` refuses one. */
const WITHOUT_BODY: readonly number[] = [204, 205, 304];

/** @param tls the certificates of a request by https, as they are at its time; null for those that the system trusts */
export function fetchWith(tls: () => RequestOptions | null): Fetch {
	return (url, init = {}) => {
		const options = url.startsWith('https:') ? tls() : null;
		return options === null
			? fetch(url, { ...(init as RequestInit), redirect: 'error' })
			: fetchSecurely(url, init, options);
	};
}

/** @throws as `fetch` does: TypeError with the cause, or the reason of the signal */
async function fetchSecurely(url: string, init: FetchInit, options: RequestOptions): Promise<Response> {
	try {
		const answer = await answered(url, init, options);
		const status = answer.statusCode as number;
		if (status >= 300 && status < 400 && answer.headers.location !== undefined) {
			answer.destroy();
			throw new Error('it redirects to another address');
		}
		const headers = new Headers();
		for (const [name, values] of Object.entries(answer.headersDistinct)) {
			for (const value of values ?? []) headers.append(name, value);
		}
		if (!WITHOUT_BODY.includes(status))
			return new Response(Readable.toWeb(answer) as ReadableStream, { status, headers });
		answer.resume();
		return new Response(null, { status, headers });
	} catch (cause) {
		init.signal?.throwIfAborted();
		throw new TypeError('fetch failed', { cause });
	}
}

function answered(
	url: string,
	{ method = 'GET', headers, body, signal }: FetchInit,
	options: RequestOptions,
): Promise<IncomingMessage> {
	return new Promise((resolve, reject) => {
		const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
		const asked = request(url, { ...options, method, headers: { ...headers, ...length }, ...(signal && { signal }) });
		asked.once('response', resolve);
		asked.once('error', reject);
		asked.end(body);
	});
}
