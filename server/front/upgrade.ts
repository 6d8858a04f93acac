/**
 * Decides about a request with an `Upgrade` header. A WebSocket for one of our paths becomes one; any other wish is
 * ignored and the request is served, as HTTP says: `curl --http2` and Java's client ask for `h2c` on each first
 * request, and take no for an answer.
 *
 * Node.js hands all of them to the `upgrade` listener, once there is one, and has taken the connection off HTTP by
 * then. So what is to be served is put back in front of what follows it, without that header, and the connection is
 * given to the HTTP server once more. Later versions ask first (`shouldUpgradeCallback`), and need it where the
 * request has a body, which they take apart from the connection.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

/** For `http.createServer`: whether Node.js is to take the connection off HTTP. Versions without it always do. */
export function shouldUpgradeCallback(isOurs: (request: IncomingMessage) => boolean) {
	return (request: IncomingMessage): boolean => isOurs(request) || !announcesBody(request);
}

/** Node.js has served a request whose wish to upgrade it ignored: it loses what follows in the same packet. */
export function hasIgnoredUpgrade({ headers }: IncomingMessage): boolean {
	return headers.upgrade !== undefined && /\bupgrade\b/i.test(headers.connection ?? '');
}

export function asksForWebSocket({ method, headers }: IncomingMessage): boolean {
	return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';
}

/** Serves a request on its own connection as if it had not asked for an upgrade. All before it must be answered. */
export function serveAnyway(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
	const { method, url, httpVersion, rawHeaders } = request;
	let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
	for (let at = 0; at < rawHeaders.length; at += 2) {
		if (rawHeaders[at]?.toLowerCase() !== 'upgrade') text += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
	}
	socket.unshift(Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), head]));
	server.emit('connection', socket);
}

/**
 * Refuses a WebSocket by a status, and the connection is gone at once: nothing reads what else comes, and no time
 * limit of HTTP holds for such a socket any more.
 */
export function refuseUpgrade(socket: Duplex, status: string, text = ''): void {
	socket.on('error', () => socket.destroy());
	const type = text === '' ? '' : 'Content-Type: text/plain; charset=utf-8\r\n';
	const head = `HTTP/1.1 ${status}\r\nConnection: close\r\n${type}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n`;
	socket.end(head + text, () => socket.destroy());
}

function announcesBody({ headers }: IncomingMessage): boolean {
	return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}
