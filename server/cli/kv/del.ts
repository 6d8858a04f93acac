/** `kv del`, and `del` for short. */
import type { ExitStatus, Terminal } from '../terminal.ts';
import { askSwarm, connectionOf, keyPath, prefixPath } from './connection.ts';
import { reportWrite, type WriteOptions } from './written.ts';

export interface DelOptions extends WriteOptions {
	readonly recurse?: true;
}

export async function del(key: string, options: DelOptions, terminal: Terminal): Promise<ExitStatus> {
	const { cas, recurse } = options;
	const path = recurse ? prefixPath('/v1/kv/', key, { recurse }) : keyPath(key, { cas });
	const answer = await askSwarm(connectionOf(options, terminal), { method: 'DELETE', path });
	return reportWrite(answer, key, options, terminal);
}
