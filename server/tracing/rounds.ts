/**
 * The spans of the two phases: what a proposer asks of each acceptor until it has the answer, what an acceptor does until
 * it answers, the writes of the log for both, and how an acceptor learns what is chosen. A prepare, and an accept of one
 * slot, are told apart by ballot and slot.
 */
import { type Context, SpanKind } from '@opentelemetry/api';
import type { RawFact } from '../../shared/fact.ts';
import { type Ballot, ballotToText, type NodeId } from '../../shared/paxos/ballot.ts';
import type { Message, Slot } from '../../shared/paxos/message.ts';
import type { OpenSpan, Spans } from './spans.ts';

/** A phase of one ballot at its proposer, in one trace. */
interface Asking {
	readonly span: OpenSpan;
	/** What each acceptor was asked. */
	readonly asked: Map<NodeId, OpenSpan>;
}

interface Learning {
	readonly slot: Slot;
	readonly span: OpenSpan;
}

export class Rounds {
	readonly #spans: Spans;
	readonly #asking = new Map<string, Asking[]>();
	readonly #answering = new Map<string, OpenSpan[]>();
	#writing: OpenSpan[] = [];
	#learning: Learning[] = [];

	constructor(spans: Spans) {
		this.#spans = spans;
	}

	/** This node begins a phase. @param span that of the phase @param key as `prepareKey` or `acceptKey` */
	begin(key: string, span: OpenSpan): void {
		const asking = this.#asking.get(key) ?? [];
		this.#asking.set(key, asking);
		asking.push({ span, asked: new Map() });
	}

	/** @returns the spans that the receiver of the message is to go on with */
	sent(to: NodeId, message: Message, timeMs: number): readonly OpenSpan[] {
		switch (message.kind) {
			case 'prepare':
				return this.#ask('paxos prepare', prepareKey(message.ballot), to, timeMs);
			case 'accept':
				return this.#ask('paxos accept', acceptKey(message.ballot, message.slot), to, timeMs);
			case 'promise':
				for (const span of this.#answering.get(prepareKey(message.ballot)) ?? []) span.end(timeMs);
				return [];
			case 'accepted':
				for (const span of this.#answering.get(acceptKey(message.ballot, message.slot)) ?? []) span.end(timeMs);
				return [];
			case 'nack':
				for (const [key, spans] of this.#answering) {
					if (!isOf(key, message.refused, message.ballot)) continue;
					for (const span of spans) span.fail(timeMs, `refused: ${ballotToText(message.promised)} is promised`);
				}
				return [];
			default:
				return [];
		}
	}

	/** @param parents the spans that the sender of the message has told */
	received(from: NodeId, message: Message, parents: readonly Context[], timeMs: number): void {
		switch (message.kind) {
			case 'prepare':
				return this.#answer('paxos promise', prepareKey(message.ballot), parents, timeMs, message.ballot, 0);
			case 'accept': {
				const { ballot, slot } = message;
				return this.#answer('paxos vote', acceptKey(ballot, slot), parents, timeMs, ballot, slot);
			}
			case 'promise':
				for (const { asked } of this.#asking.get(prepareKey(message.ballot)) ?? []) asked.get(from)?.end(timeMs);
				return;
			case 'accepted':
				for (const { asked } of this.#asking.get(acceptKey(message.ballot, message.slot)) ?? []) {
					asked.get(from)?.end(timeMs);
				}
				return;
			case 'nack':
				for (const [key, all] of this.#asking) {
					if (!isOf(key, message.refused, message.ballot)) continue;
					const why = `refused: ${ballotToText(message.promised)} is promised`;
					for (const { asked } of all) asked.get(from)?.fail(timeMs, why);
				}
				return;
			default:
		}
	}

	fact(fact: RawFact): void {
		switch (fact.kind) {
			case 'promised':
				return this.#write(prepareKey(fact.ballot), fact.time);
			case 'accepted':
				return this.#write(acceptKey(fact.ballot, fact.slot), fact.time);
			case 'flushed': {
				// What was appended before the write began is in it.
				for (const span of this.#writing) if (span.sinceMs <= fact.time - fact.ms) span.end(fact.time);
				this.#writing = this.#writing.filter(({ isOver }) => !isOver);
				return;
			}
			case 'chosen':
				for (const { slot, span } of this.#learning) if (slot === fact.slot) span.event('chosen', fact.time);
				return;
			case 'applied':
				for (const { slot, span } of this.#learning) if (slot <= fact.through) span.end(fact.time);
				this.#learning = this.#learning.filter(({ span }) => !span.isOver);
				return;
			default:
		}
	}

	/** Forgets what is over. */
	tidy(): void {
		for (const [key, all] of this.#asking) {
			if (all.every(({ span, asked }) => span.isOver && [...asked.values()].every(({ isOver }) => isOver))) {
				this.#asking.delete(key);
			}
		}
		for (const [key, spans] of this.#answering) {
			if (spans.every(({ isOver }) => isOver)) this.#answering.delete(key);
		}
	}

	#ask(name: string, key: string, to: NodeId, timeMs: number): readonly OpenSpan[] {
		const told: OpenSpan[] = [];
		for (const { span, asked } of this.#asking.get(key) ?? []) {
			// It is sent again where its link was made anew.
			const before = asked.get(to);
			const open =
				before && !before.isOver
					? before
					: this.#spans.start(name, span.context, timeMs, { 'paxos_swarm.peer': to }, SpanKind.CLIENT);
			if (open === null) continue;
			asked.set(to, open);
			told.push(open);
		}
		return told;
	}

	#answer(name: string, key: string, parents: readonly Context[], timeMs: number, ballot: Ballot, slot: Slot): void {
		const attributes = { 'paxos_swarm.ballot': ballotToText(ballot), ...(slot > 0 && { 'paxos_swarm.slot': slot }) };
		const spans = parents.flatMap(
			(parent) => this.#spans.start(name, parent, timeMs, attributes, SpanKind.SERVER) ?? [],
		);
		if (spans.length > 0) this.#answering.set(key, [...(this.#answering.get(key) ?? []), ...spans]);
		// It may learn that the slot is chosen before its own vote is durable.
		if (slot > 0) for (const span of spans) this.#learn(slot, span, timeMs);
	}

	/** A record is appended to the log, and has to be durable before it counts. */
	#write(key: string, timeMs: number): void {
		const under = [...(this.#asking.get(key) ?? []).map(({ span }) => span), ...(this.#answering.get(key) ?? [])];
		for (const { isOver, context } of under) {
			const span = isOver ? null : this.#spans.start('paxos log write', context, timeMs);
			if (span) this.#writing.push(span);
		}
	}

	#learn(slot: Slot, { context }: OpenSpan, timeMs: number): void {
		const span = this.#spans.start('paxos learn', context, timeMs, { 'paxos_swarm.slot': slot });
		if (span) this.#learning.push({ slot, span });
	}
}

export function prepareKey(ballot: Ballot): string {
	return `prepare ${ballotToText(ballot)} `;
}

export function acceptKey(ballot: Ballot, slot: Slot): string {
	return `accept ${ballotToText(ballot)} ${slot}`;
}

function isOf(key: string, refused: string, ballot: Ballot): boolean {
	return key.startsWith(`${refused} ${ballotToText(ballot)} `);
}
