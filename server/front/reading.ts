/**
 * Bounds what is read from a WebSocket in one turn of the event loop. A read that fills its buffer is followed by up to 31
 * others in the same turn. That is 2 MiB, in which there may be hundreds of thousands of small frames.
 *
 * @source libuv, uv__read in src/unix/stream.c
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';

/** The buffer of one read. */
const BYTES_OF_TURN = 65_536;

/** @param socket that of `ws` */
export function readInTurns(ws: WebSocket, socket: Duplex): void {
	let bytes = 0;
	socket.on('data', (chunk: Uint8Array) => {
		bytes += chunk.length;
		if (bytes < BYTES_OF_TURN) return;
		bytes = 0;
		socket.pause();
		setImmediate(() => {
			if (!ws.isPaused) socket.resume();
		});
	});
}
