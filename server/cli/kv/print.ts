/** Prints what may be long, no faster than its reader takes it. */
import { EXIT, type ExitStatus, type Terminal } from '../terminal.ts';

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

/**
 * Runs `act` as long as somebody reads what it prints. A command whose reader is gone, as in `paxos-swarm kv ls | head -1`,
 * ends well and at once.
 *
 * @param act is handed a signal that is aborted when the reader is gone
 */
export async function whileRead(
	{ stdout }: Pick<Terminal, 'stdout'>,
	act: (readerIsGone: AbortSignal) => Promise<ExitStatus>,
): Promise<ExitStatus> {
	const gone = new AbortController();
	const abort = (): void => gone.abort();
	stdout.once('close', abort);
	try {
		return await act(gone.signal);
	} catch (error) {
		if (!gone.signal.aborted) throw error;
		return EXIT.ok;
	} finally {
		stdout.off('close', abort);
	}
}

const ENDS = ['drain', 'error', 'close'] as const;
