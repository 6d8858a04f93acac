/**
 * A request's body, whole or not at all: what is half sent never reaches a handler, and what is too large is
 * refused before it is kept. Node reads the rest of a refused body and throws it away, so that the client gets
 * to read the answer; the server's `requestTimeout` ends one that never ends.
 */
import type { IncomingMessage } from 'node:http';
import { HttpError } from './answer.ts';

/**
 * Resolves with the bytes once all of them are here.
 *
 * @throws HttpError 413 beyond `bytesMax`; 400 where the client went away, which nobody is left to read
 */
export function readBody(req: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
	return new Promise((resolve, reject) => {
		const chunks: Buffer[] = [];
		let bytes = 0;
		const announced = Number(req.headers['content-length'] ?? 0);
		if (announced > bytesMax) return refuse(announced);
		req.on('data', keep);
		req.once('end', () => resolve(Buffer.concat(chunks, bytes)));
		req.once('close', () => {
			if (!req.complete) reject(new HttpError(400, 'The request was cut off.'));
		});

		function keep(chunk: Buffer): void {
			bytes += chunk.length;
			if (bytes > bytesMax) return refuse(bytes);
			chunks.push(chunk);
		}

		function refuse(size: number): void {
			req.off('data', keep);
			chunks.length = 0;
			reject(new HttpError(413, `Request body(${size} bytes) too large, max size: ${bytesMax} bytes.`));
		}
	});
}
