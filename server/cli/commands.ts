/** Command lines for hints and refusals, as people have to type them in their folder, with the flags that they gave. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadedConfig } from '../config/config.ts';
import { FolderError } from '../storage/errors.ts';
import { CommandError, EXIT, type Terminal } from './terminal.ts';

const SCRIPTS = {
	up: 'npm start',
	node: 'npm run node',
	init: 'npm run swarm init',
	help: 'npm run swarm help',
} as const;

/** An npm script in the repository, `npx paxos-swarm` elsewhere. @param args other arguments first, then flags */
export function command(terminal: Terminal, name: keyof typeof SCRIPTS, args: readonly string[]): string {
	const words = args.map(quoted);
	if (!existsSync(join(terminal.workingDir, 'server/bootstrap.mjs')))
		return ['npx paxos-swarm', name, ...words].join(' ');
	const flagsAt = words.findIndex((word) => word.startsWith('--'));
	const plain = flagsAt < 0 ? words : words.slice(0, flagsAt);
	return [SCRIPTS[name], ...plain, ...(flagsAt < 0 ? [] : ['--', ...words.slice(flagsAt)])].join(' ');
}

/** An argument as shells take it: in quotes where they would take it apart or put something else in its place. */
function quoted(arg: string): string {
	return /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`;
}

/** Runs `act`. Where it fails because of a data folder and a command helps, the error ends with that command. */
export async function withRemedy<T>(
	{ flags }: LoadedConfig,
	terminal: Terminal,
	act: () => T | Promise<T>,
): Promise<T> {
	try {
		return await act();
	} catch (cause) {
		if (!(cause instanceof FolderError) || cause.remedy === null) throw cause;
		throw new CommandError(`${cause.message}: ${remedyOf(cause, flags, terminal)}`, { status: EXIT.error, cause });
	}
}

function remedyOf({ remedy, node }: FolderError, flags: readonly string[], terminal: Terminal): string {
	if (remedy === 'otherFolder') return '--data-dir OTHER';
	if (remedy === 'newDisk') return command(terminal, 'node', [node, '--join', ...flags]);
	return command(terminal, 'init', [...(remedy === 'erase' ? ['--force'] : []), ...flags]);
}
