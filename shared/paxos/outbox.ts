/** Gathers the effects of one step. */
import type { NodeId } from './ballot.ts';
import type { Decision, Effects, Outcome, TimerRequest } from './effects.ts';
import { type AgentFact, COARSE_FACTS } from './fact.ts';
import type { Envelope, Message } from './message.ts';
import type { DurableRecord } from './record.ts';

export class Outbox implements Effects {
	readonly persist: DurableRecord[] = [];
	readonly send: Envelope[] = [];
	readonly sendWhenDurable: Envelope[] = [];
	readonly apply: Decision[] = [];
	readonly outcomes: Outcome[] = [];
	readonly timers: TimerRequest[] = [];
	readonly facts: AgentFact[] = [];
	/** Whether facts of single messages are wanted: ask before making one on the hot path. */
	readonly watched: boolean;
	/** How far the slots are chosen, as all voters were told in this step by an accept or a heartbeat; -1 for nothing told. */
	votersToldThrough = -1;

	constructor(watched: boolean) {
		this.watched = watched;
	}

	fact(fact: AgentFact): void {
		if (this.watched || COARSE_FACTS.has(fact.kind)) this.facts.push(fact);
	}

	now(to: NodeId, message: Message): void {
		this.send.push({ to, message });
	}

	whenDurable(to: NodeId, message: Message): void {
		this.sendWhenDurable.push({ to, message });
	}

	timer(timer: TimerRequest['timer'], minMs: number, maxMs: number, plusRound = false): void {
		this.timers.push({ timer, minMs, maxMs, plusRound });
	}
}
