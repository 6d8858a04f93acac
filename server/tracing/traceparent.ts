/**
 * The place in a trace as text, by which nodes and clients tell it to each other: `00-TRACE-SPAN-01`. Only what is sampled
 * is told.
 *
 * @source W3C, Trace Context, 3.2 traceparent header
 */
import { type Context, ROOT_CONTEXT, type Span, TraceFlags, trace } from '@opentelemetry/api';

const SAMPLED = /^00-(?<traceId>(?!0{32})[0-9a-f]{32})-(?<spanId>(?!0{16})[0-9a-f]{16})-01$/;

export function isSampled(span: Span): boolean {
	return (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0;
}

export function traceparentOf(span: Span): string {
	const { traceId, spanId } = span.spanContext();
	return `00-${traceId}-${spanId}-01`;
}

/** null for a text that is no place in a sampled trace. */
export function contextOf(traceparent: string): Context | null {
	const { traceId, spanId } = SAMPLED.exec(traceparent)?.groups ?? {};
	if (traceId === undefined || spanId === undefined) return null;
	return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true });
}
