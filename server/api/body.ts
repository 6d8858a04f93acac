/**
 * Reads a request's body. A body that was cut off never reaches a handler, and one that is too large is refused before
 * it is kept. Node reads and drops the rest of a refused body, so that the client can read the answer; the server's
 * `requestTimeout` ends a body that never ends.
 */
import type { IncomingMessage } from 'node:http';
import { fromUtf8 } from '../../shared/bytes/text.ts';
import { hasMoreItems } from '../front/json-items.ts';
import { Turns } from '../process/turns.ts';
import { HttpError } from './answer.ts';

/** So many chunks are kept apart at most, and about so many are taken in one turn of the event loop. */
const CHUNKS_MAX = 1024;
/** So many chunks and more have to have this many bytes on average, because each costs more than its bytes. */
export const CHUNK_BYTES_MIN = 8;

/**
 * A turn of the event loop takes in no more bodies once it has taken in so many bytes, from all connections. So much JSON
 * with values in base64 takes some 5 ms on a slow machine.
 */
const BYTES_OF_TURN_FULL = 262_144;
const bodies = new Turns(BYTES_OF_TURN_FULL);

/**
 * Resolves with the bytes of the whole body.
 *
 * @throws HttpError 413 above `bytesMax`; 400 where its chunks are too small, or the client closed its connection
 */
export function readBody(req: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
	return new Promise((resolve, reject) => {
		const chunks: Buffer[] = [];
		let bytes = 0;
		let joined = 0;
		const announced = Number(req.headers['content-length'] ?? 0);
		if (announced > bytesMax) return reject(tooLarge(announced));
		req.on('data', keep);
		// These come once, and `on` takes less time than `once`.
		req.on('end', () => bodies.run(() => resolve(Buffer.concat(chunks, bytes)), bytes));
		req.on('close', () => {
			if (!req.complete) reject(new HttpError(400, 'The request was cut off.'));
		});

		function keep(chunk: Buffer): void {
			bytes += chunk.length;
			if (bytes > bytesMax) {
				forget();
				drop(req);
				return reject(tooLarge(bytes));
			}
			if (chunks.push(chunk) < CHUNKS_MAX) return;
			// The first of them is what was joined before.
			joined += CHUNKS_MAX - 1;
			if (bytes < joined * CHUNK_BYTES_MIN) {
				forget();
				req.pause();
				return reject(new HttpError(400, TOO_SMALL, { endsConnection: true }));
			}
			chunks.push(Buffer.concat(chunks.splice(0)));
			goOnInNextTurn(req);
		}

		function forget(): void {
			req.off('data', keep);
			chunks.length = 0;
		}

		function tooLarge(size: number): HttpError {
			return new HttpError(413, `Request body(${size} bytes) too large, max size: ${bytesMax} bytes.`);
		}
	});
}

const TOO_SMALL = `The body comes in chunks of less than ${CHUNK_BYTES_MIN} bytes on average.`;

/** Reads the rest of a body, and keeps nothing of it. */
function drop(req: IncomingMessage): void {
	let chunks = 0;
	req.on('data', () => {
		if (++chunks % CHUNKS_MAX === 0) goOnInNextTurn(req);
	});
}

/** Where chunks are small, thousands may have come that would be taken in one turn of the event loop. */
function goOnInNextTurn(req: IncomingMessage): void {
	req.pause();
	setImmediate(() => req.resume());
}

/**
 * The body as JSON; undefined where it is none, which is no valid request either.
 *
 * @param itemsMax one with more lists, objects and commas counts as none
 */
export function jsonOf(body: Uint8Array, itemsMax = Number.POSITIVE_INFINITY): unknown {
	const text = fromUtf8(body) ?? '';
	try {
		return hasMoreItems(text, itemsMax) ? undefined : JSON.parse(text);
	} catch {
		return undefined;
	}
}
