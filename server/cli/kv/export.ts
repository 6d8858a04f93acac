/** `kv export`: the keys below a prefix with their values, as they are at one moment, in the form of Consul's exports. */
import { resolve } from 'node:path';
import { NewFileError } from '../../backup/new-file.ts';
import { understood } from '../client.ts';
import { stoppable } from '../interrupt.ts';
import { ProgressBar } from '../progress-bar.ts';
import { CommandError, EXIT, type ExitStatus, type Terminal } from '../terminal.ts';
import { connectionOf, type KvOptions, prefixPath } from './connection.ts';
import { entryOf, parseExact } from './entries.ts';
import { PrintedExport, SavedExport } from './export-file.ts';
import { type ListTaker, takeList } from './lists.ts';
import { whileRead } from './print.ts';

export interface ExportOptions extends KvOptions {
	readonly out?: string;
	readonly force?: true;
	readonly stale?: true;
}

/** Where it is told to stop, no part of a file stays: the list ends first, and then the file is removed. */
export function exportKeys(prefix: string, options: ExportOptions, terminal: Terminal): Promise<ExitStatus> {
	return stoppable(() =>
		options.out === undefined
			? whileRead(terminal, (readerIsGone) => exportAll(prefix, options, terminal, readerIsGone))
			: exportAll(prefix, options, terminal, NEVER),
	);
}

/** A file is written to its end, although nobody may read the messages about it. */
const NEVER = new AbortController().signal;

async function exportAll(
	prefix: string,
	options: ExportOptions,
	terminal: Terminal,
	readerIsGone: AbortSignal,
): Promise<ExitStatus> {
	const connection = connectionOf(options, terminal);
	const path = prefixPath('/v1/kv/', prefix, { recurse: true, stale: options.stale });
	const bar = new ProgressBar(terminal, 'exporting');
	const out =
		options.out === undefined
			? new PrintedExport(terminal)
			: new SavedExport(resolve(terminal.workingDir, options.out), options.force === true);
	const taker: ListTaker = {
		get isFresh() {
			return out.isFresh;
		},
		begin: () => out.begin(),
		take: async (item) => {
			await out.write(`${out.count === 0 ? '[' : ','}\n${exported(item)}`);
			bar.count(++out.count, 'keys');
		},
	};
	try {
		if (!(await takeList(connection, path, taker, readerIsGone))) await out.begin();
		await out.write(out.count === 0 ? '[]\n' : '\n]\n');
		await out.finish();
	} catch (error) {
		await out.abandon();
		if (error instanceof NewFileError) throw new CommandError(error.message, { status: EXIT.error, cause: error });
		throw error;
	} finally {
		bar.clear();
	}
	if (options.out === undefined) return EXIT.ok;
	terminal.stdout.write(`${out.count} ${out.count === 1 ? 'key is' : 'keys are'} in ${options.out}\n`);
	return EXIT.ok;
}

function exported(item: string): string {
	const { Key, Flags, Value } = understood(() => entryOf(parseExact(item)));
	return `{"key":${JSON.stringify(Key)},"flags":${Flags},"value":${JSON.stringify(Value ?? '')}}`;
}
