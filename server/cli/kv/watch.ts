/** `kv watch`: every change below a prefix, as it happens. It goes on at another node where one is lost. */
import { setTimeout } from 'node:timers/promises';
import * as z from 'zod';
import { silentLast, understood } from '../client.ts';
import { beginDownload, DownloadError } from '../download.ts';
import { stoppable } from '../interrupt.ts';
import { fitted } from '../progress-bar.ts';
import { styleOf } from '../style.ts';
import { CommandError, EXIT, type ExitStatus, type Terminal } from '../terminal.ts';
import { type Connection, connectionOf, formatOf, type KvOptions, prefixPath } from './connection.ts';
import { type ServerSentEvent, serverSentEvents } from './events.ts';
import { print, whileRead } from './print.ts';
import { shownValue } from './value.ts';

export interface WatchOptions extends KvOptions {
	readonly index?: string;
	readonly count?: string;
}

/** A node says how far it is every 15 s. */
const SILENT_MS = 40_000;
const PAUSE_MS = 500;
const REFUSAL_CHARS_MAX = 4096;

const changesSchema = z.array(
	z.union([
		z.object({ Key: z.string(), Deleted: z.literal(true), ModifyIndex: z.number() }),
		z.object({ Prefix: z.string(), Deleted: z.literal(true), ModifyIndex: z.number() }),
		z.object({ Key: z.string(), Value: z.string().nullable(), ModifyIndex: z.number() }),
	]),
);

type Change = z.output<typeof changesSchema>[number];

export async function watch(prefix: string, options: WatchOptions, terminal: Terminal): Promise<ExitStatus> {
	const format = formatOf(options);
	const path = prefixPath('/v1/watch/', prefix, {});
	const watching = new Watching(connectionOf(options, terminal), path, options.index ?? '');
	let left = Number(options.count ?? Number.POSITIVE_INFINITY);
	return stoppable((signal) =>
		whileRead(terminal, async (readerIsGone) => {
			for await (const { id, data } of watching.events(AbortSignal.any([signal, readerIsGone]))) {
				await print(terminal, format === 'json' ? `{"Index":${id},"Changes":${data}}\n` : linesOf(data, terminal));
				if (--left <= 0) break;
			}
			return EXIT.ok;
		}),
	);
}

class Watching {
	readonly #connection: Connection;
	readonly #path: string;
	/** The last id that came, behind which the watch goes on; '' before the first. */
	#id: string;

	constructor(connection: Connection, path: string, index: string) {
		this.#connection = connection;
		this.#path = path;
		this.#id = index;
	}

	/** The changes, from one node after the other. @throws CommandError where none goes on */
	async *events(signal: AbortSignal): AsyncGenerator<ServerSentEvent, never> {
		let heardMs = performance.now();
		for (;;) {
			const failures: string[] = [];
			for (const endpoint of await silentLast(this.#connection.endpoints)) {
				try {
					yield* this.#from(endpoint, signal, () => {
						heardMs = performance.now();
					});
					failures.push(`${endpoint}: it ended the watch`);
				} catch (error) {
					if (!(error instanceof DownloadError)) throw error;
					failures.push(`${endpoint}: ${error.message}`);
				}
			}
			if (performance.now() - heardMs > this.#connection.timeoutMs || this.#id === '') {
				throw new CommandError(`No node goes on with the watch.\n${failures.join('\n')}`, { status: EXIT.unavailable });
			}
			await setTimeout(PAUSE_MS, undefined, { signal });
		}
	}

	/** The changes that one node tells, until it ends or is lost. */
	async *#from(endpoint: string, signal: AbortSignal, heard: () => void): AsyncGenerator<ServerSentEvent, void> {
		const after: Record<string, string> = this.#id === '' ? {} : { 'Last-Event-ID': this.#id };
		const answer = await beginDownload(`${endpoint}${this.#path}`, { silentMs: SILENT_MS, headers: after, signal });
		try {
			if (answer.status !== 200) throw refusalOf(answer.status, await textOf(answer.pieces));
			for await (const event of serverSentEvents(answer.pieces)) {
				heard();
				if (event.name === 'compacted') throw compacted(event);
				if (event.name === 'end') return;
				if (event.data !== '') yield event;
				// It is noted once the event was printed: an event that was not is told again.
				if (event.id !== '') this.#id = event.id;
			}
		} finally {
			answer.close();
		}
	}
}

function compacted({ data }: ServerSentEvent): CommandError {
	const { Message } = understood(() => z.object({ Message: z.string() }).parse(JSON.parse(data)));
	return new CommandError(Message, { status: EXIT.error });
}

function refusalOf(status: number, text: string): Error {
	const why = text || `HTTP status ${status}`;
	return status >= 500 ? new DownloadError(why) : new CommandError(why, { status: EXIT.error });
}

async function textOf(pieces: AsyncIterable<Buffer>): Promise<string> {
	let text = '';
	for await (const piece of pieces) {
		text += piece;
		if (text.length > REFUSAL_CHARS_MAX) break;
	}
	return text.slice(0, REFUSAL_CHARS_MAX).trim();
}

/** A line for each change: its index, what it is, its key and its value. On a terminal it is cut where that ends. */
function linesOf(data: string, { stdout, environment }: Terminal): string {
	const style = styleOf(stdout, environment);
	const lines = understood(() => changesSchema.parse(JSON.parse(data))).map((change) => {
		const [what, rest] = described(change);
		const line = `${change.ModifyIndex} ${what} ${rest}`;
		const shown = stdout.isTTY ? fitted(line, stdout.columns) : line;
		return shown.replace(what, what === 'put' ? style.green(what) : style.red(what));
	});
	return `${lines.join('\n')}\n`;
}

function described(change: Change): [what: string, rest: string] {
	if ('Prefix' in change) return ['del-prefix', change.Prefix];
	return 'Deleted' in change ? ['del', change.Key] : ['put', `${change.Key} ${shownValue(change.Value)}`];
}
