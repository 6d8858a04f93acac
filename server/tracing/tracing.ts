/**
 * The traces of one node, by OpenTelemetry. Spans are made of the facts that the node tells of itself, and of the
 * messages that it sends and receives. The place in a trace goes to another node beside the message that it belongs to,
 * and only for what is sampled. Where the program has no provider of traces, there is no object of this class, and
 * nothing is looked up for a command.
 */
import { type Context, ROOT_CONTEXT } from '@opentelemetry/api';
import { GIVEN_UP, type RawFact } from '../../shared/fact.ts';
import { type Ballot, ballotToText, type NodeId, sameBallot } from '../../shared/paxos/ballot.ts';
import type { Message } from '../../shared/paxos/message.ts';
import { TRACES_PER_MESSAGE_MAX } from '../mesh/frame.ts';
import { Commands } from './commands.ts';
import { prepareKey, Rounds } from './rounds.ts';
import { type OpenSpan, Spans } from './spans.ts';
import { contextOf } from './traceparent.ts';
import { hostTracer } from './tracer.ts';

export interface TracingPort {
	readonly node: NodeId;
	/** While it is active the node has to tell all facts, and otherwise those that it tells to everybody. */
	active(isActive: boolean): void;
	/** Tells another node the places in traces that the message of this number belongs to, before the message leaves. */
	tell(to: NodeId, message: number, traceparents: readonly string[]): void;
}

interface Told {
	readonly sinceMs: number;
	readonly parents: readonly Context[];
	expire(): void;
}

export class NodeTracing {
	readonly commands: Commands;
	readonly #port: TracingPort;
	readonly #spans: Spans;
	readonly #rounds: Rounds;
	/** What other nodes have told of messages that are to come, by their ids. */
	readonly #told = new Map<string, Told>();
	#election: { readonly ballot: Ballot; readonly span: OpenSpan } | null = null;

	/** null where the program has no provider of traces. */
	static ofHost(port: TracingPort): NodeTracing | null {
		const tracer = hostTracer();
		if (tracer === null) return null;
		const spans: Spans = new Spans({
			tracer,
			node: port.node,
			active: (isActive) => port.active(isActive),
			tidy: () => {
				tracing.#rounds.tidy();
				tracing.commands.tidy();
			},
		});
		const tracing = new NodeTracing(port, spans);
		return tracing;
	}

	private constructor(port: TracingPort, spans: Spans) {
		this.#port = port;
		this.#spans = spans;
		this.#rounds = new Rounds(spans);
		this.commands = new Commands(spans, this.#rounds);
	}

	/** Another node tells that the message with this id, which it sends next, belongs to these traces. */
	told(messageId: string, traceparents: readonly string[]): void {
		const parents = traceparents.flatMap((each) => contextOf(each) ?? []);
		if (parents.length === 0) return;
		const told: Told = { sinceMs: nowMs(), parents, expire: () => this.#taken(messageId) };
		this.#taken(messageId);
		this.#told.set(messageId, told);
		this.#spans.hold(told);
	}

	/** @param number as of the message's id */
	sent(to: NodeId, number: number, message: Message): void {
		const timeMs = nowMs();
		const spans =
			message.kind === 'forward'
				? this.commands.forwarded(to, message, timeMs)
				: this.#rounds.sent(to, message, timeMs);
		if (spans.length === 0) return;
		const traceparents = spans.slice(0, TRACES_PER_MESSAGE_MAX).map(({ traceparent }) => traceparent);
		this.#port.tell(to, number, traceparents);
	}

	readonly fact = (fact: RawFact): void => {
		switch (fact.kind) {
			case 'received': {
				const parents = this.#told.get(fact.messageId)?.parents ?? [];
				if (fact.message.kind === 'forward') this.commands.taken(fact.message, parents, fact.time);
				else this.#rounds.received(fact.from, fact.message, parents, fact.time);
				return this.#taken(fact.messageId);
			}
			case 'campaign':
				return this.#campaign(fact.ballot, fact.why, fact.time);
			case 'role':
				if (fact.role !== 'leader') return;
				return this.#elected(fact.ballot, (span) => span.end(fact.time, { 'paxos_swarm.voters': [...fact.by] }));
			case 'halted':
				return this.#elected(fact.ballot, (span) => span.fail(fact.time, `halted by ${ballotToText(fact.by)}`));
			case 'givenUp':
				return this.#elected(fact.ballot, (span) => span.fail(fact.time, GIVEN_UP[fact.why]));
			default:
				this.#rounds.fact(fact);
				this.commands.fact(fact);
		}
	};

	stop(): void {
		this.#spans.stop(nowMs());
	}

	#taken(messageId: string): void {
		const told = this.#told.get(messageId);
		if (told === undefined) return;
		this.#told.delete(messageId);
		this.#spans.release(told);
	}

	/** An election is a trace of its own. */
	#campaign(ballot: Ballot, why: string, timeMs: number): void {
		const attributes = { 'paxos_swarm.ballot': ballotToText(ballot), 'paxos_swarm.why': why };
		const span = this.#spans.start('paxos election', ROOT_CONTEXT, timeMs, attributes);
		this.#election = span && { ballot, span };
		if (span) this.#rounds.begin(prepareKey(ballot), span);
	}

	#elected(ballot: Ballot, end: (span: OpenSpan) => void): void {
		if (this.#election && sameBallot(this.#election.ballot, ballot)) end(this.#election.span);
	}
}

function nowMs(): number {
	return performance.timeOrigin + performance.now();
}
