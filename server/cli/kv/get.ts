/** `kv get`, and `get` for short. */
import { understood } from '../client.ts';
import { CommandError, EXIT, type ExitStatus, type Terminal } from '../terminal.ts';
import {
	askSwarm,
	connectionOf,
	formatOf,
	INDEX,
	type KvOptions,
	keyPath,
	mustBeRead,
	refuseError,
} from './connection.ts';
import { entriesOf, entriesTable } from './entries.ts';

export interface GetOptions extends KvOptions {
	readonly stale?: true;
}

export async function get(key: string, options: GetOptions, terminal: Terminal): Promise<ExitStatus> {
	const format = formatOf(options);
	const path = keyPath(key, { stale: options.stale, [format === 'simple' ? 'raw' : 'pretty']: true });
	const answer = await askSwarm(connectionOf(options, terminal), { method: 'GET', path });
	if (answer.status === 200 || answer.status === 404) mustBeRead(answer.headers.get(INDEX));
	if (answer.status === 404) throw new CommandError(`There is no key "${key}".`, { status: EXIT.missing });
	refuseError(answer);
	const shown =
		format === 'table'
			? entriesTable(
					understood(() => entriesOf(answer.body.toString())),
					terminal,
				)
			: answer.body;
	terminal.stdout.write(shown);
	// A pipe or a file gets exactly the value; on a terminal a line break follows it.
	if (format === 'table' || (terminal.stdout.isTTY && shown.at(-1) !== 0x0a)) terminal.stdout.write('\n');
	return EXIT.ok;
}
