/**
 * A run in which a rule was taken out on purpose: the rooms that would end it at the first step that breaks a rule look
 * away, and so the run goes on to what comes of it.
 */
import type { PaxosAgent } from '../paxos/agent.ts';
import type { Effects } from '../paxos/effects.ts';
import type { Event, Moment } from '../paxos/event.ts';
import type { Members } from '../paxos/members.ts';
import { Outbox } from '../paxos/outbox.ts';
import type { AgentView } from '../paxos/view.ts';
import type { ReplicaAgent } from '../replica/runtime.ts';
import { Invariants } from './invariants.ts';
import { Ledger } from './ledger.ts';

const lookAway = (): void => undefined;

export class UncheckedLedger extends Ledger {
	override readonly appended = lookAway;
	override readonly durable = lookAway;
	override readonly sureOfReadBack = lookAway;
	override readonly recovered = lookAway;
	override readonly snapshot = lookAway;
	override readonly mustBeRemoved = lookAway;
}

export class UncheckedInvariants extends Invariants {
	override readonly started = lookAway;
	override readonly stepped = lookAway;
	override readonly campaigned = lookAway;
	override readonly sent = lookAway;
	override readonly result = lookAway;
	override readonly applied = lookAway;
	override readonly installed = lookAway;
	override readonly replayed = lookAway;
}

/** The agent notices some of what cannot be. Its process then ends, as a real one does. */
export class UncheckedAgent implements ReplicaAgent {
	readonly #agent: PaxosAgent;
	readonly #end: () => void;

	/** @param end ends the process */
	constructor(agent: PaxosAgent, end: () => void) {
		this.#agent = agent;
		this.#end = end;
	}

	get members(): Members {
		return this.#agent.members;
	}

	view(): AgentView {
		return this.#agent.view();
	}

	step(event: Event, now: Moment): Effects {
		try {
			return this.#agent.step(event, now);
		} catch (error) {
			// The agent has a class of errors of its own.
			if (!(error instanceof Error && error.name === 'InvariantError')) throw error;
			this.#end();
			return new Outbox(false);
		}
	}
}
