/** How a call ends by its signal. */
import type { Settle } from './core.ts';

/** The call fails with the signal's reason. Returns how to stop listening; null for no signal. */
export function whenAborted(signal: AbortSignal | undefined, settle: Settle<never>): (() => void) | null {
	if (!signal) return null;
	const abort = (): void => settle.reject(signal.reason);
	signal.addEventListener('abort', abort, { once: true });
	return () => signal.removeEventListener('abort', abort);
}
