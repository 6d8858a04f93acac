// Sends the traces of a node to a collector: NODE_OPTIONS="--import /etc/paxos-swarm/tracing.mjs" paxos-swarm node n1
// OTEL_EXPORTER_OTLP_ENDPOINT names the collector, http://localhost:4318 by default. OTEL_TRACES_SAMPLER and
// OTEL_TRACES_SAMPLER_ARG say which part of the traces is kept: see README.md.
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

const provider = new NodeTracerProvider({
	resource: defaultResource().merge(
		resourceFromAttributes({ 'service.name': process.env.OTEL_SERVICE_NAME ?? 'paxos-swarm' }),
	),
	spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
provider.register();
process.once('beforeExit', () => provider.shutdown());
