/** Answers of the HTTP API: texts, JSON, methods. They are the same for every route, with Express and without. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';

/** Plain data. A bigint is printed as an integer, because flags have 64 bits and JavaScript's numbers have fewer. */
export type Json = null | boolean | number | bigint | string | object;

/**
 * An error whose text is sent to the client. Any handler may throw it. With a status of 500 or more it says that the request
 * had no effect, unless the handler has set `X-Swarm-Outcome`.
 */
export class HttpError extends Error {
	override readonly name = 'HttpError';
	readonly status: number;
	/** Whether nothing more is to be read from the client. */
	readonly endsConnection: boolean;

	constructor(status: number, text: string, { endsConnection = false } = {}) {
		super(text);
		this.status = status;
		this.endsConnection = endsConnection;
	}
}

export function answerText(res: ServerResponse, status: number, text: string): void {
	answer(res, status, 'text/plain', text);
}

export function answerJson(res: ServerResponse, json: Json, pretty: boolean, status = 200): void {
	answer(res, status, 'application/json', printJson(json, pretty ? '\n' : null));
}

/** Sends a text, or bytes. For a HEAD request Node sends the headers alone. */
export function answer(res: ServerResponse, status: number, type: string, body: string | Buffer): void {
	res.statusCode = status;
	res.setHeader('Content-Type', `${type}; charset=utf-8`);
	res.setHeader('Content-Length', Buffer.byteLength(body));
	res.end(body);
}

/**
 * Whether nobody takes the answer any more. A response that never gets its turn on its connection is never closed, so its
 * request has to tell.
 */
export function isGone(req: IncomingMessage, res: ServerResponse): boolean {
	return res.destroyed || (res.socket === null && req.destroyed);
}

export function answerNothing(res: ServerResponse, status: number): void {
	res.statusCode = status;
	res.end();
}

/**
 * Answers OPTIONS, and methods that are not listed with 405. @returns whether the method is listed, and not answered
 * here
 */
export function allows(methods: readonly string[], req: IncomingMessage, res: ServerResponse): boolean {
	if (methods.includes(req.method as string)) return true;
	res.setHeader('Allow', ['OPTIONS', ...methods].join(', '));
	if (req.method === 'OPTIONS') answerNothing(res, 200);
	else answerText(res, 405, `method ${req.method} not allowed`);
	return false;
}

/** `allows` as a handler in front of a route. */
export function onlyMethods(...methods: readonly string[]): RequestHandler {
	return (req, res, next) => {
		if (allows(methods, req, res)) next();
	};
}

/** Nobody may change it. Most requests have no parameters, and to make an empty object for each would take time. */
const NO_QUERY = new URLSearchParams();

/** The parameters after `?`, to be read only. A name may come without a value, and more than once. */
export function queryOf({ url = '' }: IncomingMessage): URLSearchParams {
	const at = url.indexOf('?');
	return at < 0 ? NO_QUERY : new URLSearchParams(url.slice(at + 1));
}

/** Whether the answer is to be indented: `?pretty`. */
export function isPretty(req: IncomingMessage): boolean {
	return isSet(queryOf(req), 'pretty');
}

/** Whether a parameter is set: `?raw` and `?raw=true` are the same. */
export function isSet(query: URLSearchParams, name: string): boolean {
	const given = query.get(name);
	return given !== null && given !== 'false' && given !== '0';
}

/** @param newline a line break with the indentation of the line that `json` is on; null to print in one line */
export function printJson(json: Json, newline: string | null): string {
	if (json === null || typeof json !== 'object') return typeof json === 'bigint' ? String(json) : JSON.stringify(json);
	const inner = newline === null ? null : `${newline}    `;
	const colon = newline === null ? ':' : ': ';
	const isList = Array.isArray(json);
	const parts = isList
		? json.map((item: Json) => printJson(item, inner))
		: Object.entries(json).flatMap(([name, item]) =>
				item === undefined ? [] : [`${JSON.stringify(name)}${colon}${printJson(item, inner)}`],
			);
	const [open, close] = isList ? ['[', ']'] : ['{', '}'];
	if (parts.length === 0) return open + close;
	return `${open}${inner ?? ''}${parts.join(`,${inner ?? ''}`)}${newline ?? ''}${close}`;
}
