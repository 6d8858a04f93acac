/**
 * Gets an answer that may be long, piece by piece, each when the one before was taken. A node that says nothing for a
 * while is given up. Unlike `fetch`, it hears the provisional answers by which a node says that it is still at work.
 */
import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { tlsOptions, tokenHeaders } from './credentials.ts';

/** The node did not answer, or not to the end. */
export class DownloadError extends Error {
	override readonly name = 'DownloadError';
}

export interface DownloadOptions {
	/** A node that says nothing for so long is given up, milliseconds. */
	readonly silentMs: number;
	readonly headers?: Readonly<Record<string, string>>;
	readonly signal: AbortSignal;
}

/** An answer that has begun. It has to be closed. */
export interface Download {
	readonly status: number;
	readonly headers: IncomingHttpHeaders;
	/** To be taken once. Throws DownloadError, or the reason of the signal. */
	readonly pieces: AsyncIterable<Buffer>;
	close(): void;
}

/**
 * @param use is handed the answer, whose pieces it may take. The answer is over when it resolves.
 * @throws DownloadError, and what `use` throws
 */
export async function download<T>(
	url: string,
	options: DownloadOptions,
	use: (answer: Omit<Download, 'close'>) => Promise<T>,
): Promise<T> {
	const answer = await beginDownload(url, options);
	try {
		return await use(answer);
	} finally {
		answer.close();
	}
}

/** Resolves when the head of the answer is there. @throws DownloadError, or the reason of the signal */
export async function beginDownload(
	url: string,
	{ silentMs, headers: asked = {}, signal }: DownloadOptions,
): Promise<Download> {
	const silent = new AbortController();
	const timer = setTimeout(() => silent.abort(), silentMs);
	const heard = (): void => void timer.refresh();
	const explained = (error: unknown): unknown => {
		if (signal.aborted) return signal.reason;
		if (!silent.signal.aborted) return error;
		return new DownloadError(`it said nothing for ${silentMs / 1000} s`, { cause: error });
	};
	try {
		const answer = await answered(
			url,
			{ ...tokenHeaders(), ...asked },
			AbortSignal.any([silent.signal, signal]),
			heard,
		);
		const close = (): void => {
			clearTimeout(timer);
			answer.destroy();
		};
		const { statusCode: status = 0, headers } = answer;
		return { status, headers, pieces: pieces(answer, heard, explained), close };
	} catch (error) {
		clearTimeout(timer);
		throw explained(error);
	}
}

function answered(
	url: string,
	headers: Readonly<Record<string, string>>,
	signal: AbortSignal,
	heard: () => void,
): Promise<IncomingMessage> {
	const isSecure = url.startsWith('https:');
	const options = { headers, signal, agent: false } as const;
	const tls = isSecure ? tlsOptions() : {};
	return new Promise((resolve, reject) => {
		const request = isSecure ? requestHttps(url, { ...options, ...tls }) : requestHttp(url, options);
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

async function* pieces(
	answer: IncomingMessage,
	heard: () => void,
	explained: (error: unknown) => unknown,
): AsyncGenerator<Buffer, void> {
	// An error of the taker is thrown in no piece, and so is none of the answer.
	const taken = answer[Symbol.asyncIterator]();
	for (;;) {
		const next = await taken.next().catch((error: unknown) => {
			throw explained(new DownloadError('its answer was cut off', { cause: error }));
		});
		if (next.done) return;
		heard();
		yield next.value as Buffer;
		heard();
	}
}
