/**
 * The connections at the port of a node that speaks TLS. Node.js makes another socket of one once its handshake is done, and
 * does not say of which. The two have the same ends.
 */
import type { Socket } from 'node:net';

export class Handshakes {
	readonly #sockets = new Map<string, Socket>();

	/** A handshake begins. */
	begin(socket: Socket): void {
		const ends = endsOf(socket);
		this.#sockets.set(ends, socket);
		socket.once('close', () => {
			if (this.#sockets.get(ends) === socket) this.#sockets.delete(ends);
		});
	}

	/** The handshake is done, and has made `secured`. @returns the socket that it began with; undefined where that is gone */
	end(secured: Socket): Socket | undefined {
		const ends = endsOf(secured);
		const socket = this.#sockets.get(ends);
		this.#sockets.delete(ends);
		return socket;
	}
}

function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
	return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
