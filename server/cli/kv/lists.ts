/** Lists of keys and entries that may be long: their items come one at a time, from the first node that answers. */
import { silentLast } from '../client.ts';
import { type Download, DownloadError, download } from '../download.ts';
import { stoppable } from '../interrupt.ts';
import { CommandError, EXIT } from '../terminal.ts';
import { type Connection, INDEX, mustBeRead } from './connection.ts';
import { JsonListError, jsonItems } from './json-list.ts';

/** An answer that is no list is a sentence. */
const REFUSAL_BYTES_MAX = 4096;

/** Takes the items of one list. Where the list is cut off and `isFresh`, it is begun again at another node. */
export interface ListTaker {
	/** Whether nothing that was taken has gone out yet. */
	readonly isFresh: boolean;
	/** A list begins. */
	begin(): Promise<void> | void;
	take(item: string): Promise<void> | void;
}

/**
 * @param path of the list, with its parameters
 * @param readerIsGone ends it with an error, because nobody wants the rest
 * @returns false where there is nothing below the prefix
 * @throws CommandError
 */
export function takeList(
	connection: Connection,
	path: string,
	taker: ListTaker,
	readerIsGone: AbortSignal,
): Promise<boolean> {
	return stoppable((signal) => fromAny(connection, path, taker, AbortSignal.any([signal, readerIsGone])));
}

async function fromAny(connection: Connection, path: string, taker: ListTaker, signal: AbortSignal): Promise<boolean> {
	const { endpoints, timeoutMs } = connection;
	const failures: string[] = [];
	for (const endpoint of await silentLast(endpoints)) {
		try {
			return await download(`${endpoint}${path}`, { silentMs: timeoutMs, signal }, (answer) =>
				takeAnswer(answer, taker),
			);
		} catch (error) {
			if (!(error instanceof DownloadError)) throw error;
			failures.push(`${endpoint}: ${error.message}`);
			if (!taker.isFresh) break;
		}
	}
	const what = taker.isFresh ? 'No node could answer.' : 'The list was cut off, and what was printed is not the whole.';
	throw new CommandError(`${what}\n${failures.join('\n')}`, { status: EXIT.unavailable });
}

async function takeAnswer({ status, headers, pieces }: Omit<Download, 'close'>, taker: ListTaker): Promise<boolean> {
	if (status === 200 || status === 404) mustBeRead(headers[INDEX]);
	if (status === 404) return false;
	if (status !== 200) {
		const text = (await refusalOf(pieces)) || `HTTP status ${status}`;
		if (status >= 500) throw new DownloadError(text);
		throw new CommandError(text, { status: EXIT.error });
	}
	await taker.begin();
	try {
		for await (const item of jsonItems(pieces)) await taker.take(item);
	} catch (error) {
		throw error instanceof JsonListError ? new DownloadError(`its answer was cut off: ${error.message}`) : error;
	}
	return true;
}

async function refusalOf(pieces: AsyncIterable<Buffer>): Promise<string> {
	let text = '';
	for await (const piece of pieces) {
		text += piece;
		if (text.length > REFUSAL_BYTES_MAX) break;
	}
	return text.slice(0, REFUSAL_BYTES_MAX).trim();
}
