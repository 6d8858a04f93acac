/** How the API answers: texts, JSON, methods. Nothing here knows what is asked. */
import type { Request, RequestHandler, Response } from 'express';

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

export function answerText(res: Response, status: number, text: string): void {
	res.status(status).type('text/plain').send(text);
}

export function answerJson(res: Response, json: Json, pretty: boolean, status = 200): void {
	res
		.status(status)
		.type('application/json')
		.send(printJson(json, pretty ? '\n' : null));
}

/** Answers OPTIONS itself, and every method that is not listed with 405. */
export function onlyMethods(...methods: readonly string[]): RequestHandler {
	const allow = ['OPTIONS', ...methods].join(', ');
	return (req, res, next) => {
		if (methods.includes(req.method)) return next();
		res.set('Allow', allow);
		if (req.method === 'OPTIONS') res.status(200).end();
		else answerText(res, 405, `method ${req.method} not allowed`);
	};
}

/** The parameters after `?`, as they were sent: names may be given without a value, and more than once. */
export function queryOf(req: Request): URLSearchParams {
	const at = req.originalUrl.indexOf('?');
	return new URLSearchParams(at < 0 ? '' : req.originalUrl.slice(at + 1));
}

/** `?pretty` indents. */
export function isPretty(req: Request): boolean {
	return isSet(queryOf(req), 'pretty');
}

/** `?raw` and `?raw=true` are the same. */
export function isSet(query: URLSearchParams, name: string): boolean {
	const given = query.get(name);
	return given !== null && given !== 'false' && given !== '0';
}

/** @param newline null for all in one line, else what begins the line that `json` is on */
function printJson(json: Json, newline: string | null): string {
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
