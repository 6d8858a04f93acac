/**
 * A span for each request over HTTP below `/v1`, from its coming to the end of its answer. It goes on with the trace that
 * the client tells by the header `traceparent`, or with that of a span which is active already. Its attributes are those of
 * OpenTelemetry's semantic conventions; the path is left out, because it has keys in it.
 *
 * @source OpenTelemetry, Semantic conventions for HTTP spans: HTTP server
 */
import type { IncomingMessage, RequestListener } from 'node:http';
import { context, propagation, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';

const METHODS: readonly string[] = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS'];
const ROUTES: readonly string[] = ['kv', 'txn', 'session', 'watch', 'members', 'leader', 'snapshot'];

/** @param node the id of this node */
export function traceRequests(tracer: Tracer, node: string, listener: RequestListener): RequestListener {
	return (request, response) => {
		const { headers, url = '' } = request;
		if (!url.startsWith('/v1/')) return listener(request, response);
		const active = context.active();
		const isLocal = trace.getSpan(active) !== undefined;
		const parent = isLocal ? active : propagation.extract(active, headers);
		const method = METHODS.includes(request.method ?? '') ? String(request.method) : '_OTHER';
		const route = routeOf(url);
		const span = tracer.startSpan(
			route === null ? method : `${method} ${route}`,
			{
				kind: isLocal ? SpanKind.INTERNAL : SpanKind.SERVER,
				attributes: {
					'paxos_swarm.node': node,
					'http.request.method': method,
					...(route && { 'http.route': route }),
					...peerOf(request),
				},
			},
			parent,
		);
		response.once('close', () => {
			const { statusCode, writableFinished } = response;
			if (writableFinished) span.setAttribute('http.response.status_code', statusCode);
			if (!writableFinished || statusCode >= 500) {
				span.setAttribute('error.type', writableFinished ? String(statusCode) : 'closed');
				span.setStatus({ code: SpanStatusCode.ERROR });
			}
			span.end();
		});
		context.with(trace.setSpan(parent, span), () => listener(request, response));
	};
}

/** null for a path that the node may not know. */
function routeOf(url: string): string | null {
	const group = /^\/v1\/([a-z]+)/.exec(url)?.[1];
	return group !== undefined && ROUTES.includes(group) ? `/v1/${group}` : null;
}

function peerOf({ socket }: IncomingMessage): Record<string, string | number> {
	const { remoteAddress, remotePort } = socket;
	return remoteAddress && remotePort ? { 'network.peer.address': remoteAddress, 'network.peer.port': remotePort } : {};
}
