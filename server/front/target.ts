/** The target of a request, as its first line has it, and what it says before anything else of the request is looked at. */
import type { IncomingMessage } from 'node:http';

/**
 * The form of URL that proxies are sent, `http://host:port/path`. Its host replaces the header's. @source RFC 9112,
 * 3.2.2
 */
const ABSOLUTE_FORM = /^https?:\/\/([^/?#]*)/i;

/** A request of HTTP/1.1 must have one, also where its URL names a host. @source RFC 9112, 3.2 */
export function lacksHost({ headers, httpVersion }: IncomingMessage): boolean {
	return headers.host === undefined && httpVersion !== '1.0';
}

/** A URL that names a host becomes a path, and its host that of the request. */
export function toOriginForm(request: IncomingMessage): void {
	const { url = '' } = request;
	if (lacksHost(request)) return;
	const [prefix, host] = ABSOLUTE_FORM.exec(url) ?? [];
	if (prefix === undefined || host === undefined) return;
	const path = url.slice(prefix.length);
	request.url = path.startsWith('/') ? path : `/${path}`;
	request.headers.host = host;
}

/** Its path as it was sent, without the query. */
export function pathOf({ url = '' }: IncomingMessage): string {
	const path = url.startsWith('/') ? url : url.replace(ABSOLUTE_FORM, '');
	const end = path.indexOf('?');
	return end < 0 ? path : path.slice(0, end);
}

/** Whether a path is `/livez`, `/readyz` or one of their checks, by which other programs see how the node is. */
export function isProbe(path: string): boolean {
	return path === '/livez' || path === '/readyz' || path.startsWith('/livez/') || path.startsWith('/readyz/');
}
