/** The trace of a write, as a program tells it: see `SwarmClientOptions.traceparent`. */
import type { Traceparent } from './writes.ts';

/** @source W3C, Trace Context, 3.2 traceparent header: version 00 */
const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The same, but null where it throws, or returns anything else. A write must not fail, or be lost, for its trace. */
export function soundTraceparent(traceparent: () => unknown): Traceparent {
	return () => {
		try {
			const told = traceparent();
			return typeof told === 'string' && TRACEPARENT.test(told) ? told : null;
		} catch {
			return null;
		}
	};
}
