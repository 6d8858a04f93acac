/**
 * Bounds what is read from WebSockets in one turn of the event loop. A read that fills its buffer is followed by up to 31
 * others in the same turn. That is 2 MiB, in which there may be hundreds of thousands of small frames, and there may be
 * as many on each of many connections.
 *
 * @source libuv, uv__read in src/unix/stream.c
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';

/** The buffer of one read. */
const BYTES_OF_TURN = 65_536;
/** After so many frames, on whichever WebSockets they came, nothing more is read in a turn. */
export const FRAMES_OF_TURN = 8192;

/** For each WebSocket that is open, what lets it rest until the next turn. */
const rests = new Set<() => void>();
/** For each that rests, what lets it go on. They go on together, so that one may let the others rest again. */
const resting = new Set<() => void>();
/** The number of frames since the last rest of all. */
let frames = 0;

/** @param socket that of `ws` @returns a function that ends the bound, for an end that is trusted */
export function readInTurns(ws: WebSocket, socket: Duplex): () => void {
	let bytes = 0;
	const goOn = (): void => {
		if (!ws.isPaused) socket.resume();
	};
	const rest = (): void => {
		if (resting.has(goOn)) return;
		socket.pause();
		if (resting.size === 0) setImmediate(allGoOn);
		resting.add(goOn);
	};
	const count = (chunk: Uint8Array): void => {
		bytes += chunk.length;
		if (bytes < BYTES_OF_TURN) return;
		bytes = 0;
		rest();
	};
	const leave = (): void => {
		socket.off('data', count);
		ws.off('message', countFrame).off('ping', countFrame);
		rests.delete(rest);
	};
	socket.on('data', count);
	ws.on('message', countFrame).on('ping', countFrame);
	rests.add(rest);
	ws.once('close', leave);
	return leave;
}

function countFrame(): void {
	if (++frames < FRAMES_OF_TURN) return;
	frames = 0;
	for (const rest of rests) rest();
}

function allGoOn(): void {
	const all = [...resting];
	resting.clear();
	for (const goOn of all) goOn();
}
