/**
 * Reads a request's body. A body that was cut off never reaches a handler, and one that is too large is refused before
 * it is kept. Node reads and drops the rest of a refused body, so that the client can read the answer; the server's
 * `requestTimeout` ends a body that never ends.
 */
import type { IncomingMessage } from 'node:http';
import { fromUtf8 } from '../../shared/bytes/text.ts';
import { hasMoreItems } from '../json-items.ts';
import { HttpError } from './answer.ts';

/** So many chunks are kept apart at most. */
const CHUNKS_MAX = 1024;

/**
 * Resolves with the bytes of the whole body.
 *
 * @throws HttpError 413 above `bytesMax`; 400 where the client closed its connection
 */
export function readBody(req: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
	return new Promise((resolve, reject) => {
		const chunks: Buffer[] = [];
		let bytes = 0;
		const announced = Number(req.headers['content-length'] ?? 0);
		if (announced > bytesMax) return refuse(announced);
		req.on('data', keep);
		// These come once, and `on` takes less time than `once`.
		req.on('end', () => resolve(Buffer.concat(chunks, bytes)));
		req.on('close', () => {
			if (!req.complete) reject(new HttpError(400, 'The request was cut off.'));
		});

		function keep(chunk: Buffer): void {
			bytes += chunk.length;
			if (bytes > bytesMax) return refuse(bytes);
			// Each chunk costs more than its bytes where it is small.
			if (chunks.push(chunk) === CHUNKS_MAX) chunks.push(Buffer.concat(chunks.splice(0)));
		}

		function refuse(size: number): void {
			req.off('data', keep);
			chunks.length = 0;
			reject(new HttpError(413, `Request body(${size} bytes) too large, max size: ${bytesMax} bytes.`));
		}
	});
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
