/**
 * The spans of sampled commands on their way: at the node that took one in, until it is answered, and at the leader that
 * it was forwarded to. A command is found again in the value of a message or a slot by the client and the first sequence
 * of its batch.
 */
import { type Attributes, type Context, context, SpanKind } from '@opentelemetry/api';
import type { RawFact } from '../../shared/fact.ts';
import { type Ballot, ballotToText, type NodeId } from '../../shared/paxos/ballot.ts';
import type { Forward, Slot } from '../../shared/paxos/message.ts';
import { commandsOf, isBatch, type Value } from '../../shared/paxos/value.ts';
import type { Follower } from '../../shared/replica/follower.ts';
import type { NamedAnswer, NamedRequest } from '../../shared/replica/named-requests.ts';
import { firstOfRequest } from '../../shared/replica/named-requests.ts';
import type { OnAnswer, OwnBatch } from '../../shared/replica/own-batch.ts';
import type { SubmitAnswer } from '../../shared/replica/submit-answer.ts';
import { BatchReader } from '../../shared/store/batch-reader.ts';
import { acceptKey, type Rounds } from './rounds.ts';
import type { OpenSpan, Spans } from './spans.ts';
import { contextOf } from './traceparent.ts';

/** A command at this node, in one trace. */
interface Way {
	/** The identity of its batch; '' before it has one. */
	client: string;
	first: number;
	/** From its coming to its answer here. */
	readonly span: OpenSpan;
	/** The part of that which is under way. */
	part: OpenSpan | null;
	/** Where it is chosen; 0 before. */
	slot: Slot;
	/** Whether nobody tells that it is answered: then it is once it is applied. */
	readonly endsApplied: boolean;
}

export class Commands implements Follower {
	readonly #spans: Spans;
	readonly #rounds: Rounds;
	readonly #ways = new Set<Way>();
	/** The ways of commands of the node's own client that have no identity yet. */
	readonly #unnamed = new Map<OnAnswer, Way>();

	constructor(spans: Spans, rounds: Rounds) {
		this.#spans = spans;
		this.#rounds = rounds;
	}

	// At the node that takes the command in

	/** The answer to wait for in the place of `answer`: it is the same where the active trace is not sampled. */
	follow(answer: OnAnswer): OnAnswer {
		const way = this.#begin(context.active(), SpanKind.INTERNAL, false);
		if (way === null) return answer;
		const followed: OnAnswer = (submitted) => {
			this.#unnamed.delete(followed);
			this.#answered(way, submitted);
			answer(submitted);
		};
		this.#unnamed.set(followed, way);
		return followed;
	}

	/** As `follow`, for a request that brings its identity. */
	followNamed(request: NamedRequest, answer: (named: NamedAnswer) => void): (named: NamedAnswer) => void {
		const way = this.#begin(context.active(), SpanKind.INTERNAL, false);
		if (way === null) return answer;
		way.client = request.name;
		way.first = firstOfRequest(request);
		return (named) => {
			this.#answered(way, named);
			answer(named);
		};
	}

	batched({ client, first, commands }: OwnBatch): void {
		for (const { answer } of commands) {
			const way = this.#unnamed.get(answer);
			if (way === undefined) continue;
			way.client = client;
			way.first = first;
		}
	}

	traced(client: string, first: number, traceparents: readonly string[]): void {
		for (const traceparent of traceparents) {
			const parent = contextOf(traceparent);
			const way = parent && this.#begin(parent, SpanKind.SERVER, true);
			if (way) Object.assign(way, { client, first });
		}
	}

	ended(client: string, first: number, why: string): void {
		for (const way of this.#ways) {
			if (way.client === client && way.first === first && way.endsApplied) this.#fail(way, nowMs(), why);
		}
	}

	#begin(parent: Context, kind: SpanKind, endsApplied: boolean): Way | null {
		const span = this.#spans.start('paxos propose', parent, nowMs(), {}, kind);
		return span && this.#add(span, endsApplied);
	}

	#add(span: OpenSpan, endsApplied: boolean): Way {
		const part = this.#spans.start('paxos queue', span.context, span.sinceMs);
		const way: Way = { client: '', first: 0, span, part, slot: 0, endsApplied };
		this.#ways.add(way);
		return way;
	}

	#answered(way: Way, answer: SubmitAnswer | NamedAnswer): void {
		const timeMs = nowMs();
		if (answer.outcome === 'chosen') {
			const revision = 'revision' in answer ? { 'paxos_swarm.revision': answer.revision } : {};
			this.#end(way, timeMs, { 'paxos_swarm.slot': answer.slot, ...revision });
		} else this.#fail(way, timeMs, 'detail' in answer ? answer.detail : answer.outcome);
	}

	#end(way: Way, timeMs: number, attributes: Attributes): void {
		this.#ways.delete(way);
		way.part?.end(timeMs);
		way.span.end(timeMs, attributes);
	}

	#fail(way: Way, timeMs: number, why: string): void {
		this.#ways.delete(way);
		way.part?.end(timeMs);
		way.span.fail(timeMs, why);
	}

	// On its way

	/** @returns the spans that the leader is to go on with */
	forwarded(to: NodeId, { value }: Forward, timeMs: number): readonly OpenSpan[] {
		return this.#waysIn(value).flatMap((way) => {
			this.#goesOn(way, 'paxos forward', timeMs, { 'paxos_swarm.peer': to }, SpanKind.CLIENT);
			return way.part ?? [];
		});
	}

	/** This node leads, and is to propose it. */
	taken({ value }: Forward, parents: readonly Context[], timeMs: number): void {
		const batches = batchesOf(value);
		if (parents.length === 0 || !batches.nextBatch()) return;
		const { client, first } = batches;
		for (const parent of parents) {
			const span = this.#spans.start('paxos lead', parent, timeMs, {}, SpanKind.SERVER);
			if (span) Object.assign(this.#add(span, true), { client, first });
		}
	}

	fact(fact: RawFact): void {
		switch (fact.kind) {
			case 'proposed':
				return this.#proposed(fact.ballot, fact.slot, fact.value, fact.time);
			case 'chosen':
				for (const way of this.#waysIn(fact.value)) {
					if (way.slot > 0) continue;
					way.slot = fact.slot;
					this.#goesOn(way, 'paxos apply', fact.time, { 'paxos_swarm.slot': fact.slot });
				}
				return;
			case 'applied':
				for (const way of this.#ways) {
					if (way.slot === 0 || way.slot > fact.through || !way.endsApplied) continue;
					this.#end(way, fact.time, { 'paxos_swarm.slot': way.slot });
				}
				return;
			default:
		}
	}

	/** Forgets what is over. */
	tidy(): void {
		for (const way of this.#ways) if (way.span.isOver) this.#ways.delete(way);
		for (const [answer, way] of this.#unnamed) if (way.span.isOver) this.#unnamed.delete(answer);
	}

	#proposed(ballot: Ballot, slot: Slot, value: Value, timeMs: number): void {
		const attributes = { 'paxos_swarm.ballot': ballotToText(ballot), 'paxos_swarm.slot': slot };
		for (const way of this.#waysIn(value)) {
			this.#goesOn(way, 'paxos phase 2', timeMs, attributes);
			if (way.part) this.#rounds.begin(acceptKey(ballot, slot), way.part);
		}
	}

	#goesOn(way: Way, name: string, timeMs: number, attributes: Attributes, kind = SpanKind.INTERNAL): void {
		way.part?.end(timeMs);
		way.part = this.#spans.start(name, way.span.context, timeMs, attributes, kind);
	}

	#waysIn(value: Value): Way[] {
		const found: Way[] = [];
		if (this.#ways.size === 0) return found;
		const batches = batchesOf(value);
		while (batches.nextBatch()) {
			for (const way of this.#ways) if (way.client === batches.client && way.first === batches.first) found.push(way);
		}
		return found;
	}
}

function batchesOf(value: Value): BatchReader {
	return new BatchReader(isBatch(value) ? commandsOf(value) : new Uint8Array(0));
}

function nowMs(): number {
	return performance.timeOrigin + performance.now();
}
