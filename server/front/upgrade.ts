/**
 * Decides about requests with an `Upgrade` header. A WebSocket for one of our paths is made; any other upgrade is
 * ignored and the request is served, as HTTP allows: `curl --http2` and Java's client ask for `h2c` on each first
 * request, and go on without it.
 *
 * Node.js passes all such requests to the `upgrade` listener, and has detached the connection from HTTP by then. So a
 * request that is to be served is written back, without that header, in front of the bytes that follow it, and the
 * connection is given to the HTTP server again. Later versions ask first (`shouldUpgradeCallback`). They have to be
 * asked where the request has a body, because they read it apart from the connection.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

/** For `http.createServer`: whether Node.js is to detach the connection from HTTP. Versions without it always do. */
export function shouldUpgradeCallback(isOurs: (request: IncomingMessage) => boolean) {
	return (request: IncomingMessage): boolean => isOurs(request) || !announcesBody(request);
}

/** Whether Node.js has ignored the upgrade of this request. It then loses the bytes that follow in the same packet. */
export function hasIgnoredUpgrade({ headers }: IncomingMessage): boolean {
	return headers.upgrade !== undefined && /\bupgrade\b/i.test(headers.connection ?? '');
}

export function asksForWebSocket({ method, headers }: IncomingMessage): boolean {
	return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';
}

/**
 * Serves a request as if it had not asked for an upgrade. All earlier ones on its connection must be answered.
 *
 * @param arrival the event by which the server is given a connection
 */
export function serveAnyway(
	server: Server,
	arrival: 'connection' | 'secureConnection',
	request: IncomingMessage,
	socket: Duplex,
	head: Buffer,
): void {
	const { method, url, httpVersion, rawHeaders } = request;
	let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
	for (let at = 0; at < rawHeaders.length; at += 2) {
		if (rawHeaders[at]?.toLowerCase() !== 'upgrade') text += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
	}
	socket.unshift(Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), head]));
	server.emit(arrival, socket);
}

/**
 * Refuses a WebSocket with a status, and closes the connection once it is sent, because nothing reads from it any more
 * and no time limit of HTTP holds for it.
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
