/**
 * The tracer of the program around a node. It is that of `@opentelemetry/api`, which does nothing by itself: the program
 * registers a provider of traces, such as that of OpenTelemetry's SDK, before it starts a node.
 */
import { type Tracer, type TracerProvider, trace } from '@opentelemetry/api';
import { packageVersion } from '../process/package.ts';

const NAME = 'paxos-swarm';

/** null where the program has registered no provider. A node asks once, as it starts. */
export function hostTracer(): Tracer | null {
	const provider: Standing = trace.getTracerProvider();
	const hasNone = provider.getDelegateTracer !== undefined && provider.getDelegateTracer(NAME) === undefined;
	return hasNone ? null : trace.getTracer(NAME, packageVersion);
}

/** The API has a provider of its own, which stands for the one that is registered, or for none. */
type Standing = TracerProvider & { getDelegateTracer?(name: string): Tracer | undefined };
