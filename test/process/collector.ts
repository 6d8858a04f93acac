/** A collector of traces, by the protocol of OpenTelemetry over HTTP with JSON. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

export interface CollectedSpan {
	readonly name: string;
	readonly traceId: string;
	readonly id: string;
	readonly parent: string | undefined;
	/** The node that has told it; undefined for none. */
	readonly node: string | undefined;
}

interface Body {
	readonly resourceSpans: readonly {
		readonly scopeSpans: readonly {
			readonly spans: readonly {
				readonly name: string;
				readonly traceId: string;
				readonly spanId: string;
				readonly parentSpanId?: string;
				readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];
			}[];
		}[];
	}[];
}

export class Collector {
	readonly #server: Server;
	readonly #spans: CollectedSpan[] = [];
	#waiting: (() => void)[] = [];

	private constructor() {
		this.#server = createServer(async (request, response) => {
			this.#take((await json(request)) as Body);
			response.setHeader('Content-Type', 'application/json').end('{}');
		});
	}

	static async listen(): Promise<Collector> {
		const collector = new Collector();
		await once(collector.#server.listen(0, '127.0.0.1'), 'listening');
		return collector;
	}

	get url(): string {
		return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
	}

	/** The spans of a trace, once there are so many. */
	async until(traceId: string, count: number): Promise<CollectedSpan[]> {
		for (;;) {
			const spans = this.#spans.filter((span) => span.traceId === traceId);
			if (spans.length >= count) return spans;
			await new Promise<void>((resolve) => {
				this.#waiting.push(resolve);
			});
		}
	}

	async close(): Promise<void> {
		this.#server.closeAllConnections();
		await once(this.#server.close(), 'close');
	}

	#take({ resourceSpans }: Body): void {
		for (const { name, traceId, spanId, parentSpanId, attributes } of resourceSpans.flatMap(({ scopeSpans }) =>
			scopeSpans.flatMap(({ spans }) => spans),
		)) {
			const node = attributes.find(({ key }) => key === 'paxos_swarm.node')?.value.stringValue;
			this.#spans.push({ name, traceId, id: spanId, parent: parentSpanId, node });
		}
		for (const resolve of this.#waiting.splice(0)) resolve();
	}
}
