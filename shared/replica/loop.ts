/**
 * The loop of one node: mailbox -> step -> persist, send, apply. The server runs it over sockets and files, the
 * simulator over a simulated world; it is the same code, so what the simulator proves of the order of these things
 * holds in production. It keeps nothing of what was asked of it: `submissions.ts` and `barriers.ts` do.
 *
 * What it must never do: let an envelope of `sendWhenDurable` go before every record of that step and of all
 * earlier ones is durable; do anything at all after `stop`.
 */
import type { AgentView } from '../paxos/agent.ts';
import { type Ballot, type NodeId, sameBallot, type WallTime } from '../paxos/ballot.ts';
import type { Decision, Effects, Outcome, TimerRequest } from '../paxos/effects.ts';
import type { Event, Proposal, ProposalId, ReadId } from '../paxos/event.ts';
import type { AgentFact } from '../paxos/fact.ts';
import type { LogEntry } from '../paxos/log.ts';
import type { Envelope, Message, Slot } from '../paxos/message.ts';
import type { DurableRecord } from '../paxos/record.ts';
import { commandsOf } from '../paxos/value.ts';
import type { OnResult, Result, Store } from '../store/store.ts';

/** What a loop needs of `PaxosAgent`. */
export interface LoopAgent {
	/** @param nowMs the wall clock, milliseconds since 1970 */
	step(event: Event, nowMs: number): Effects;
}

/** What a loop needs of `Log`. */
export interface LoopLog {
	readonly durableThrough: number;
	/** Whether it is good to append values now: see `Log.takesValues`. */
	readonly takesValues: boolean;
	append(records: readonly DurableRecord[]): number;
	flush(): void;
}

/** What a loop needs of the place it runs in. None of it may call back into the loop before it returns. */
export interface LoopRuntime {
	/** Monotonic, milliseconds. */
	nowMs(): number;
	wallTime(): WallTime;
	/** Drawn evenly from 0 up to, not including, 1. */
	random(): number;
	/** Calls `fire(timer)` once, after that long; asking again for the same timer replaces it. */
	setTimer(timer: TimerRequest['timer'], afterMs: number): void;
	/** To another node. */
	send(envelope: Envelope): void;
	fact(fact: AgentFact): void;
	/**
	 * Something waits for `turn()`, to be called soon after, when all that is ready by then was handed in: it shares
	 * one flush and one frame to each peer.
	 */
	soon(): void;
}

/** Hears what became of what this node was asked, in order. */
export interface LoopListener {
	outcome(outcome: Outcome): void;
	/** A command has its result, as the state machine applies `slot`; also of what was proposed at other nodes. */
	result(client: string, sequence: number, result: Result, slot: Slot, chosenAt: Ballot): void;
	/** The state machine has gone on. @returns the proposals of this node that need no more care */
	applied(through: Slot, revision: number): readonly ProposalId[];
}

interface Held {
	readonly position: number;
	readonly envelopes: readonly Envelope[];
}

interface Probe {
	readonly ballot: Ballot;
	readonly slot: Slot;
	readonly sentMs: number;
}

/** How many different numbers an epoch is drawn from. */
const EPOCHS = 2 ** 52;
/** A probe that nobody answered is given up for the next one. */
const PROBE_AGE_MAX_MS = 10_000;
/** How much of the old estimate of a round a new observation leaves. */
const ROUND_MEMORY = 0.75;

export class ReplicaLoop {
	readonly store: Store;
	appliedThrough: Slot = 0;
	/** What one round (request, flush, answer) takes, as observed; milliseconds. */
	roundMs = 0;

	readonly #id: NodeId;
	readonly #agent: LoopAgent;
	readonly #log: LoopLog;
	readonly #runtime: LoopRuntime;
	readonly #listener: LoopListener;
	readonly #mailbox: Event[] = [];
	#running = false;
	#stopped = false;
	/** Position in the log, counted in this life. */
	#appended = 0;
	readonly #held: Held[] = [];
	#proposalNext: ProposalId = 1;
	#readNext: ReadId = 1;
	#applying: Decision | undefined;
	#probe: Probe | undefined;

	constructor(id: NodeId, agent: LoopAgent, log: LoopLog, store: Store, runtime: LoopRuntime, listener: LoopListener) {
		this.#id = id;
		this.#agent = agent;
		this.#log = log;
		this.store = store;
		this.#runtime = runtime;
		this.#listener = listener;
	}

	/**
	 * Before `start`: applies what was chosen before the last stop, one slot at a time, and gives the number of each.
	 *
	 * @param view of the agent: what was chosen, and the entries that hold it
	 */
	*replay(view: Pick<AgentView, 'chosenThrough' | 'entry'>): Generator<Slot, void> {
		const { chosenThrough } = view;
		for (let slot = this.appliedThrough + 1; slot <= chosenThrough; slot++) {
			this.store.apply(commandsOf((view.entry(slot) as LogEntry).value));
			this.appliedThrough = slot;
			yield slot;
		}
	}

	start(): void {
		if (this.appliedThrough > 0) this.#mailbox.push({ kind: 'applied', through: this.appliedThrough, settled: [] });
		this.#post({ kind: 'start', epoch: Math.floor(this.#runtime.random() * EPOCHS) });
	}

	/** All messages of one frame: one flush serves them. */
	receive(from: NodeId, messages: readonly Message[]): void {
		for (const message of messages) {
			this.#answerProbe(from, message);
			this.#mailbox.push({ kind: 'receive', from, message });
		}
		this.#runtime.soon();
	}

	linkUp(peer: NodeId): void {
		this.#post({ kind: 'linkUp', peer });
	}

	linkDown(peer: NodeId): void {
		this.#post({ kind: 'linkDown', peer });
	}

	/** What `setTimer` promised. */
	fire(timer: TimerRequest['timer']): void {
		this.#post(timer === 'campaign' ? { kind: 'campaign', now: this.#runtime.wallTime() } : { kind: 'timer', timer });
	}

	/** The log holds every record up to this position through a crash. */
	durable(through: number): void {
		if (this.#stopped) return;
		while (this.#held.length > 0 && (this.#held[0] as Held).position <= through) {
			for (const envelope of (this.#held.shift() as Held).envelopes) this.#send(envelope);
		}
		this.#runtime.soon();
	}

	/** Nothing is done any more: the log failed, an invariant is broken, or the process ends. */
	stop(): void {
		this.#stopped = true;
	}

	/** What becomes of it is told to the listener under this number. */
	propose(proposal: Omit<Proposal, 'id'>): ProposalId {
		const id = this.#proposalNext++;
		this.#post({ kind: 'propose', proposal: { id, ...proposal } });
		return id;
	}

	/** Nobody waits for it any more: the last thing told of it is `withdrawn`. */
	withdraw(id: ProposalId): void {
		this.#post({ kind: 'withdraw', proposal: id });
	}

	/** The listener is told from which slot on `store` may answer a linearizable read that began now; perhaps never. */
	read(): ReadId {
		const id = this.#readNext++;
		this.#post({ kind: 'read', read: id });
		return id;
	}

	/** Something that was appended to the log is not durable yet. */
	get waitsForDisk(): boolean {
		return this.#appended > this.#log.durableThrough;
	}

	/** Does everything that was handed in. */
	turn(): void {
		if (this.#running || this.#stopped) return;
		this.#running = true;
		try {
			const nowMs = this.#runtime.wallTime().ms;
			for (let at = 0; at < this.#mailbox.length && !this.#stopped; at++) {
				this.#carryOut(this.#agent.step(this.#mailbox[at] as Event, nowMs));
			}
		} finally {
			this.#mailbox.length = 0;
			this.#running = false;
		}
	}

	/** One flush for everything that turns have left. */
	flush(): void {
		if (!this.#stopped) this.#log.flush();
	}

	#post(event: Event): void {
		this.#mailbox.push(event);
		this.#runtime.soon();
	}

	#carryOut(effects: Effects): void {
		if (effects.persist.length > 0) this.#appended = this.#log.append(effects.persist);
		for (const fact of effects.facts) this.#runtime.fact(fact);
		for (const envelope of effects.send) this.#send(envelope);
		this.#hold(effects.sendWhenDurable);
		for (const request of effects.timers) this.#setTimer(request);
		for (const outcome of effects.outcomes) this.#listener.outcome(outcome);
		if (effects.apply.length > 0) this.#apply(effects.apply);
	}

	/** The records of earlier steps too: a repeated prepare must wait for the promise that is being flushed. */
	#hold(envelopes: readonly Envelope[]): void {
		if (envelopes.length === 0) return;
		for (const envelope of envelopes) this.#startProbe(envelope.message);
		if (this.#appended > this.#log.durableThrough) this.#held.push({ position: this.#appended, envelopes });
		else for (const envelope of envelopes) this.#send(envelope);
	}

	#send(envelope: Envelope): void {
		if (envelope.to === this.#id) this.#mailbox.push({ kind: 'receive', from: this.#id, message: envelope.message });
		else {
			this.#startProbe(envelope.message);
			this.#runtime.send(envelope);
		}
	}

	#setTimer(request: TimerRequest): void {
		const drawnMs = request.minMs + this.#runtime.random() * (request.maxMs - request.minMs);
		this.#runtime.setTimer(request.timer, request.plusRound ? drawnMs + this.roundMs : drawnMs);
	}

	#apply(decisions: readonly Decision[]): void {
		for (const decision of decisions) {
			this.#applying = decision;
			this.store.apply(commandsOf(decision.value), this.#onResult);
			this.appliedThrough = decision.slot;
		}
		this.#applying = undefined;
		const settled = this.#listener.applied(this.appliedThrough, this.store.revision);
		this.#mailbox.push({ kind: 'applied', through: this.appliedThrough, settled });
	}

	/** One for all slots: a function for each would be one more object on the way of every write. */
	readonly #onResult: OnResult = (client, sequence, result) => {
		const { slot, ballot } = this.#applying as Decision;
		this.#listener.result(client, sequence, result, slot, ballot);
	};

	#startProbe(message: Message): void {
		if (message.kind !== 'prepare' && message.kind !== 'accept') return;
		const nowMs = this.#runtime.nowMs();
		if (this.#probe && nowMs - this.#probe.sentMs < PROBE_AGE_MAX_MS) return;
		this.#probe = { ballot: message.ballot, slot: message.kind === 'accept' ? message.slot : 0, sentMs: nowMs };
	}

	#answerProbe(from: NodeId, message: Message): void {
		const probe = this.#probe;
		if (!probe || from === this.#id) return;
		if (message.kind !== 'promise' && message.kind !== 'accepted' && message.kind !== 'nack') return;
		if (!sameBallot(message.ballot, probe.ballot)) return;
		if (message.kind === 'accepted' && message.slot !== probe.slot) return;
		const observedMs = this.#runtime.nowMs() - probe.sentMs;
		this.roundMs = this.roundMs === 0 ? observedMs : ROUND_MEMORY * this.roundMs + (1 - ROUND_MEMORY) * observedMs;
		this.#probe = undefined;
	}
}
