/** Prints what may be long, no faster than its reader takes it. */
import { once } from 'node:events';
import type { Terminal } from '../terminal.ts';

/** Resolves once more may be printed, also where the reader is gone. */
export async function print({ stdout }: Pick<Terminal, 'stdout'>, text: string): Promise<void> {
	if (stdout.destroyed || stdout.write(text)) return;
	await Promise.race([once(stdout, 'drain'), once(stdout, 'close')]);
}
