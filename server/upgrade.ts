/** How a request for a WebSocket is refused: by a status, and the connection is gone at once. */
import type { Duplex } from 'node:stream';

/** Nothing reads what else comes, and no time limit of HTTP holds for such a socket any more: it must not stay open. */
export function refuseUpgrade(socket: Duplex, status: string): void {
	socket.on('error', () => socket.destroy());
	socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}
