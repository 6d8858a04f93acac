/** What a program imports from `paxos-swarm/tracing`. */
import { context, trace } from '@opentelemetry/api';
import { isSampled, traceparentOf } from './traceparent.ts';

/**
 * The trace of the code that calls it, for the option `traceparent` of `SwarmClient`: the text of the header of W3C Trace
 * Context; null where no span is active, or where the active one is not sampled.
 */
export function activeTraceparent(): string | null {
	const span = trace.getSpan(context.active());
	return span && isSampled(span) ? traceparentOf(span) : null;
}
