/** Prints what may be long, no faster than its reader takes it. */
import type { Terminal } from '../terminal.ts';

/** Resolves once more may be printed, also where the reader is gone or the output has failed, which others tell. */
export function print({ stdout }: Pick<Terminal, 'stdout'>, text: string): Promise<void> {
	if (stdout.destroyed || stdout.write(text)) return Promise.resolve();
	return new Promise((resolve) => {
		const end = (): void => {
			for (const event of ENDS) stdout.off(event, end);
			resolve();
		};
		for (const event of ENDS) stdout.on(event, end);
	});
}

const ENDS = ['drain', 'error', 'close'] as const;
