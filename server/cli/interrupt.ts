/** Commands that leave nothing half-made when they are told to stop. */

const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs `act`, and aborts its signal when this process is told to stop. Once `act`
 * has cleaned up, the process ends by that signal, as its parent expects.
 */
export async function stoppable<T>(act: (signal: AbortSignal) => Promise<T>): Promise<T> {
	const controller = new AbortController();
	let stoppedBy: NodeJS.Signals | undefined;
	const stop = (signal: NodeJS.Signals): void => {
		stoppedBy ??= signal;
		controller.abort();
	};
	for (const signal of SIGNALS) process.on(signal, stop);
	try {
		return await act(controller.signal);
	} finally {
		for (const signal of SIGNALS) process.off(signal, stop);
		if (stoppedBy !== undefined) process.kill(process.pid, stoppedBy);
	}
}
