/** How the API answers: texts, JSON, methods. Nothing here knows what is asked, nor by which framework. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';

/** Plain data, and unsigned 64-bit integers, which JSON has and JavaScript's numbers have not. */
export type Json = null | boolean | number | bigint | string | object;

/** An error that the client is to read; thrown anywhere in a handler. */
export class HttpError extends Error {
	override readonly name = 'HttpError';
	readonly status: number;

	constructor(status: number, text: string) {
		super(text);
		this.status = status;
	}
}

export function answerText(res: ServerResponse, status: number, text: string): void {
	answer(res, status, 'text/plain', text);
}

export function answerJson(res: ServerResponse, json: Json, pretty: boolean, status = 200): void {
	answer(res, status, 'application/json', printJson(json, pretty ? '\n' : null));
}

/** A text, or its bytes in UTF-8. To HEAD, Node sends the headers alone. */
export function answer(res: ServerResponse, status: number, type: string, body: string | Buffer): void {
	res.statusCode = status;
	res.setHeader('Content-Type', `${type}; charset=utf-8`);
	res.setHeader('Content-Length', Buffer.byteLength(body));
	res.end(body);
}

export function answerNothing(res: ServerResponse, status: number): void {
	res.statusCode = status;
	res.end();
}

/** Answers OPTIONS itself, and every method that is not listed with 405. Returns whether the method is listed. */
export function allows(methods: readonly string[], req: IncomingMessage, res: ServerResponse): boolean {
	if (methods.includes(req.method as string)) return true;
	res.setHeader('Allow', ['OPTIONS', ...methods].join(', '));
	if (req.method === 'OPTIONS') answerNothing(res, 200);
	else answerText(res, 405, `method ${req.method} not allowed`);
	return false;
}

/** `allows`, in front of a route. */
export function onlyMethods(...methods: readonly string[]): RequestHandler {
	return (req, res, next) => {
		if (allows(methods, req, res)) next();
	};
}

/** The parameters after `?`, as they were sent: names may be given without a value, and more than once. */
export function queryOf({ url = '' }: IncomingMessage): URLSearchParams {
	const at = url.indexOf('?');
	return new URLSearchParams(at < 0 ? '' : url.slice(at + 1));
}

/** `?pretty` indents. */
export function isPretty(req: IncomingMessage): boolean {
	return isSet(queryOf(req), 'pretty');
}

/** `?raw` and `?raw=true` are the same. */
export function isSet(query: URLSearchParams, name: string): boolean {
	const given = query.get(name);
	return given !== null && given !== 'false' && given !== '0';
}

/** @param newline null for all in one line, else what begins the line that `json` is on */
export function printJson(json: Json, newline: string | null): string {
	if (json === null || typeof json !== 'object') return typeof json === 'bigint' ? String(json) : JSON.stringify(json);
	const inner = newline === null ? null : `${newline}    `;
	const colon = newline === null ? ':' : ': ';
	const isList = Array.isArray(json);
	const parts = isList
		? json.map((item: Json) => printJson(item, inner))
		: Object.entries(json).map(([name, item]) => `${JSON.stringify(name)}${colon}${printJson(item, inner)}`);
	const [open, close] = isList ? ['[', ']'] : ['{', '}'];
	if (parts.length === 0) return open + close;
	return `${open}${inner ?? ''}${parts.join(`,${inner ?? ''}`)}${newline ?? ''}${close}`;
}
