/** `kv put`, and `put` for short. */
import type { ExitStatus, Terminal } from '../terminal.ts';
import { askSwarm, connectionOf, keyPath } from './connection.ts';
import { readArgument } from './value.ts';
import { reportWrite, type WriteOptions } from './written.ts';

export interface PutOptions extends WriteOptions {
	readonly flags?: string;
}

/** @param takesFiles as of `readArgument` */
export async function put(
	key: string,
	value: string,
	takesFiles: boolean,
	options: PutOptions,
	terminal: Terminal,
): Promise<ExitStatus> {
	const path = keyPath(key, { cas: options.cas, flags: options.flags });
	const body = await readArgument(value, takesFiles, terminal);
	const request = { method: 'PUT', path, body, contentType: 'application/octet-stream' } as const;
	return reportWrite(await askSwarm(connectionOf(options, terminal), request), key, options, terminal);
}
