/** The spans of a trace as a tree of lines, and the wait until all of them have ended. */
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-node';

/**
 * The spans below one, each as `NAME NODE` or `NAME NODE to PEER`, below its parent and two spaces to the right of it. Those
 * of one parent are in the order of their starts, and those to several peers in the order of these.
 *
 * @param parent undefined for the spans without one
 * @param names by the ids of the nodes
 */
export function treeOf(
	spans: readonly ReadableSpan[],
	parent: string | undefined,
	names: Readonly<Record<string, string>>,
): string[] {
	const nameOf = (id: unknown): string => names[String(id)] ?? String(id);
	const lineOf = ({ name, attributes }: ReadableSpan): string => {
		const peer = attributes['paxos_swarm.peer'];
		return `${name} ${nameOf(attributes['paxos_swarm.node'])}${peer === undefined ? '' : ` to ${nameOf(peer)}`}`;
	};
	const below = spans.filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent);
	const inOrder = below.toSorted((a, b) =>
		a.name === b.name ? lineOf(a).localeCompare(lineOf(b)) : startOf(a) - startOf(b),
	);
	return inOrder.flatMap((span) => [
		lineOf(span),
		...treeOf(spans, span.spanContext().spanId, names).map((line) => `  ${line}`),
	]);
}

function startOf({ startTime: [seconds, nanoseconds] }: ReadableSpan): number {
	return seconds * 1e9 + nanoseconds;
}

/** Counts the spans that have begun and not ended. */
export class OpenCount implements SpanProcessor {
	#count = 0;
	#waiting: (() => void)[] = [];

	/** Resolves once no span is open. */
	none(): Promise<void> {
		if (this.#count === 0) return Promise.resolve();
		return new Promise((resolve) => {
			this.#waiting.push(resolve);
		});
	}

	onStart(): void {
		this.#count++;
	}

	onEnd(): void {
		if (--this.#count > 0) return;
		for (const resolve of this.#waiting.splice(0)) resolve();
	}

	async forceFlush(): Promise<void> {
		// Nothing is kept.
	}

	async shutdown(): Promise<void> {
		// Nothing is kept.
	}
}
