/** `kv ls`: the keys below a prefix, as they are at one moment. */
import * as z from 'zod';
import { understood } from '../client.ts';
import { CommandError, EXIT, type ExitStatus, type Terminal } from '../terminal.ts';
import { type Connection, connectionOf, formatOf, type KvOptions, prefixPath } from './connection.ts';
import { type Entry, entriesTable, entryOf, parseExact } from './entries.ts';
import { type ListTaker, takeList } from './lists.ts';
import { print, whileRead } from './print.ts';

export interface LsOptions extends KvOptions {
	readonly separator?: string;
	readonly stale?: true;
}

export function ls(prefix: string, options: LsOptions, terminal: Terminal): Promise<ExitStatus> {
	return whileRead(terminal, (readerIsGone) => list(prefix, options, terminal, readerIsGone));
}

async function list(
	prefix: string,
	options: LsOptions,
	terminal: Terminal,
	readerIsGone: AbortSignal,
): Promise<ExitStatus> {
	const { separator, stale } = options;
	const format = formatOf(options);
	const path = prefixPath('/v1/kv/', prefix, {
		...(format === 'table' ? { recurse: true } : { keys: true, separator }),
		stale,
	});
	const connection = connectionOf(options, terminal);
	if (format === 'table') return table(await takeAll(connection, path, readerIsGone), prefix, terminal);
	const isJson = format === 'json';
	let count = 0;
	const taker: ListTaker = {
		get isFresh() {
			return count === 0;
		},
		begin: () => undefined,
		take: (item) => {
			const before = count++ === 0 ? '[\n' : ',\n';
			return print(terminal, isJson ? before + item : `${understood(() => z.string().parse(JSON.parse(item)))}\n`);
		},
	};
	const isThere = await takeList(connection, path, taker, readerIsGone);
	if (!isThere) throw noKeys(prefix);
	if (isJson) terminal.stdout.write(count === 0 ? '[]\n' : '\n]\n');
	return EXIT.ok;
}

/** A table is as wide as its longest key, so all of it has to be there first. */
async function takeAll(connection: Connection, path: string, readerIsGone: AbortSignal): Promise<Entry[] | null> {
	let entries: Entry[] = [];
	const taker: ListTaker = {
		isFresh: true,
		begin: () => {
			entries = [];
		},
		take: (item) => void entries.push(understood(() => entryOf(parseExact(item)))),
	};
	const isThere = await takeList(connection, path, taker, readerIsGone);
	return isThere ? entries : null;
}

function table(entries: readonly Entry[] | null, prefix: string, terminal: Terminal): ExitStatus {
	if (!entries) throw noKeys(prefix);
	terminal.stdout.write(`${entriesTable(entries, terminal)}\n`);
	return EXIT.ok;
}

function noKeys(prefix: string): CommandError {
	return new CommandError(`There is no key that begins with "${prefix}".`, { status: EXIT.missing });
}
