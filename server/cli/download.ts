/**
 * Gets an answer that may be long, piece by piece, each when the one before was taken. A node that says nothing for a
 * while is given up. Unlike `fetch`, it hears the provisional answers by which a node says that it is still at work.
 */
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

/** The node did not answer, or not to the end. */
export class DownloadError extends Error {
	override readonly name = 'DownloadError';
}

export interface DownloadOptions {
	/** A node that says nothing for so long is given up, milliseconds. */
	readonly silentMs: number;
	readonly signal: AbortSignal;
}

/**
 * @param use is handed the answer, whose pieces it may take. The answer is over when it resolves.
 * @throws DownloadError, and what `use` throws
 */
export async function download<T>(
	url: string,
	{ silentMs, signal }: DownloadOptions,
	use: (status: number, pieces: AsyncIterable<Buffer>) => Promise<T>,
): Promise<T> {
	const silent = new AbortController();
	const timer = setTimeout(() => silent.abort(), silentMs);
	const heard = (): void => void timer.refresh();
	let answer: IncomingMessage | undefined;
	try {
		answer = await answered(url, AbortSignal.any([silent.signal, signal]), heard);
		return await use(answer.statusCode ?? 0, pieces(answer, heard));
	} catch (error) {
		if (signal.aborted) throw signal.reason;
		if (silent.signal.aborted) throw new DownloadError(`it said nothing for ${silentMs / 1000} s`, { cause: error });
		throw error;
	} finally {
		clearTimeout(timer);
		answer?.destroy();
	}
}

function answered(url: string, signal: AbortSignal, heard: () => void): Promise<IncomingMessage> {
	const send = url.startsWith('https:') ? requestHttps : requestHttp;
	return new Promise((resolve, reject) => {
		const request = send(url, { signal, agent: false });
		request.on('information', heard);
		request.on('response', (response) => {
			heard();
			resolve(response);
		});
		request.on('error', (error: NodeJS.ErrnoException) =>
			reject(
				new DownloadError(error.code === undefined ? error.message : `no answer (${error.code})`, { cause: error }),
			),
		);
		request.end();
	});
}

async function* pieces(answer: IncomingMessage, heard: () => void): AsyncGenerator<Buffer, void> {
	try {
		for await (const piece of answer) {
			heard();
			yield piece as Buffer;
			heard();
		}
	} catch (error) {
		throw new DownloadError('its answer was cut off', { cause: error });
	}
}
