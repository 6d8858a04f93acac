/**
 * The spans of a node that are open. While there are some, or one is about to begin, the node is active: then it tells
 * facts of single messages, which the spans are made of. A span whose end was not told within a time limit is ended as
 * failed, so that a lost message leaves nothing behind.
 */
import {
	type Attributes,
	type Context,
	type Span,
	SpanKind,
	SpanStatusCode,
	type Tracer,
	trace,
} from '@opentelemetry/api';
import { isSampled, traceparentOf } from './traceparent.ts';

/** What keeps the node active until it is over. */
interface Pending {
	readonly sinceMs: number;
	expire(nowMs: number): void;
}

export interface SpansOptions {
	readonly tracer: Tracer;
	readonly node: string;
	/** Is told whenever the node becomes active or is so no more. */
	active(isActive: boolean): void;
	/** What is over may be forgotten. It is called about once a second while the node is active, and at the end of that. */
	tidy(): void;
}

/** A span is open for so long at most, and what was told of a message is kept for as long, milliseconds. */
const OPEN_MS_MAX = 30_000;
const SWEEP_EVERY_MS = 1000;
/** Beyond so many no span begins. */
const OPEN_MAX = 100_000;

export class Spans {
	readonly #options: SpansOptions;
	readonly #pending = new Set<Pending>();
	#timer: NodeJS.Timeout | undefined;

	constructor(options: SpansOptions) {
		this.#options = options;
	}

	/**
	 * Begins a span of this node.
	 *
	 * @param startMs milliseconds since 1970
	 * @returns null where it is not sampled
	 */
	start(
		name: string,
		parent: Context,
		startMs: number,
		attributes: Attributes = {},
		kind = SpanKind.INTERNAL,
	): OpenSpan | null {
		if (this.#pending.size >= OPEN_MAX) return null;
		const { tracer, node } = this.#options;
		const all = { 'paxos_swarm.node': node, ...attributes };
		const span = tracer.startSpan(name, { kind, startTime: startMs, attributes: all }, parent);
		if (!isSampled(span)) return null;
		const open: OpenSpan = new OpenSpan(span, trace.setSpan(parent, span), startMs, () => this.release(open));
		this.hold(open);
		return open;
	}

	hold(pending: Pending): void {
		this.#pending.add(pending);
		if (this.#timer !== undefined) return;
		this.#timer = setInterval(() => this.#sweep(), SWEEP_EVERY_MS).unref();
		this.#options.active(true);
	}

	release(pending: Pending): void {
		if (!this.#pending.delete(pending) || this.#pending.size > 0) return;
		clearInterval(this.#timer);
		this.#timer = undefined;
		this.#options.tidy();
		this.#options.active(false);
	}

	/** Ends all, because the node stops. */
	stop(nowMs: number): void {
		for (const pending of [...this.#pending]) pending.expire(nowMs);
	}

	#sweep(): void {
		const nowMs = performance.timeOrigin + performance.now();
		for (const pending of [...this.#pending]) {
			if (nowMs - pending.sinceMs > OPEN_MS_MAX) pending.expire(nowMs);
		}
		this.#options.tidy();
	}
}

export class OpenSpan implements Pending {
	readonly sinceMs: number;
	/** The parent of what it is made of. */
	readonly context: Context;
	readonly #span: Span;
	readonly #ended: () => void;
	#isOver = false;

	constructor(span: Span, context: Context, sinceMs: number, ended: () => void) {
		this.#span = span;
		this.context = context;
		this.sinceMs = sinceMs;
		this.#ended = ended;
	}

	get isOver(): boolean {
		return this.#isOver;
	}

	get traceparent(): string {
		return traceparentOf(this.#span);
	}

	event(name: string, timeMs: number, attributes: Attributes = {}): void {
		this.#span.addEvent(name, attributes, timeMs);
	}

	/** Nothing happens where it is over. */
	end(timeMs: number, attributes: Attributes = {}): void {
		if (this.#isOver) return;
		this.#isOver = true;
		this.#span.setAttributes(attributes);
		this.#span.end(timeMs);
		this.#ended();
	}

	/** As `end`, as an error. @param why a sentence for people */
	fail(timeMs: number, why: string, attributes: Attributes = {}): void {
		if (this.#isOver) return;
		this.#span.setStatus({ code: SpanStatusCode.ERROR, message: why });
		this.end(timeMs, attributes);
	}

	expire(nowMs: number): void {
		this.fail(nowMs, 'its end was not seen');
	}
}
