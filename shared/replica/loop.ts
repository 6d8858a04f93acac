/**
 * The loop of one node: mailbox -> step -> persist, send, apply, answer. The server runs it over sockets and
 * files, the simulator over a simulated world; it is the same code, so what the simulator proves of the order
 * of these things holds in production. Pure: time, chance, timers and the network are its `LoopRuntime`.
 *
 * What it must never do: let an envelope of `sendWhenDurable` go before every record of that step and of all
 * earlier ones is durable; answer a command before it is applied; do anything at all after `stop`.
 */
import { type Ballot, type NodeId, sameBallot, type WallTime } from '../paxos/ballot.ts';
import type { Effects, Outcome, ProposalOutcome, TimerRequest } from '../paxos/effects.ts';
import type { Event, Proposal, ProposalId, ReadId } from '../paxos/event.ts';
import type { AgentFact } from '../paxos/fact.ts';
import type { Envelope, Message, Slot } from '../paxos/message.ts';
import type { DurableRecord } from '../paxos/record.ts';
import { batchValue, commandsOf } from '../paxos/value.ts';
import type { Result, Store } from '../store/store.ts';

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
	/** The state machine has gone on. */
	applied(through: Slot, revision: number): void;
	/**
	 * Something waits for `turn()`. Left out: everything is done at once, one thing after the other. A runtime
	 * that has it calls `turn()` and then `flush()` soon after, when all that is ready by then was handed in: it
	 * shares one flush and one frame to each peer.
	 */
	soon?(): void;
}

/** A command is known by who sent it and as which of theirs. */
export interface CommandName {
	readonly client: string;
	readonly sequence: number;
}

/** What the one who proposed is told, in order. */
export type Progress =
	| ProposalOutcome
	/** A named command of the proposal has its outcome, in `slot`, chosen as far as this node knows at `chosenAt`. */
	| {
			readonly kind: 'result';
			readonly name: CommandName;
			readonly result: Result;
			readonly slot: Slot;
			readonly chosenAt: Ballot;
	  };

export type OnProgress = (progress: Progress) => void;

/** What became of one command of a client, in the order in which they are applied; also of what others proposed. */
export type OnClientResult = (sequence: number, result: Result, slot: Slot, chosenAt: Ballot) => void;

interface Pending {
	readonly id: ProposalId;
	readonly names: readonly CommandName[];
	/** How many of `names` have no result yet. */
	open: number;
	onProgress: OnProgress;
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
	readonly #mailbox: Event[] = [];
	#running = false;
	#stopped = false;
	/** Position in the log, counted in this life. */
	#appended = 0;
	readonly #held: Held[] = [];
	#proposalNext: ProposalId = 1;
	readonly #pending = new Map<ProposalId, Pending>();
	readonly #clients = new Map<string, Map<number, Pending[]>>();
	readonly #listeners = new Map<string, OnClientResult>();
	#readNext: ReadId = 1;
	readonly #reads = new Map<ReadId, () => void>();
	#ready: { readonly slot: Slot; readonly answer: () => void }[] = [];
	#probe: Probe | undefined;

	constructor(id: NodeId, agent: LoopAgent, log: LoopLog, store: Store, runtime: LoopRuntime) {
		this.#id = id;
		this.#agent = agent;
		this.#log = log;
		this.store = store;
		this.#runtime = runtime;
	}

	start(): void {
		this.#post({ kind: 'start', epoch: Math.floor(this.#runtime.random() * EPOCHS) });
	}

	receive(from: NodeId, message: Message): void {
		if (this.#isTooMuch(message)) return;
		this.#answerProbe(from, message);
		this.#post({ kind: 'receive', from, message });
	}

	/** All messages of one frame: one flush serves them. */
	receiveAll(from: NodeId, messages: readonly Message[]): void {
		for (const message of messages) {
			if (this.#isTooMuch(message)) continue;
			this.#answerProbe(from, message);
			this.#mailbox.push({ kind: 'receive', from, message });
		}
		this.#wake();
	}

	/**
	 * While the log takes no values, a message that brings some counts as lost: it would only wait in memory. Whoever
	 * sent it sends it again.
	 */
	#isTooMuch({ kind }: Message): boolean {
		return (kind === 'accept' || kind === 'decisions' || kind === 'forward') && !this.#log.takesValues;
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
		this.#wake();
	}

	/** Nothing is done any more: the log failed, an invariant is broken, or the process ends. */
	stop(): void {
		this.#stopped = true;
	}

	/**
	 * @param proposal its `value` is batches of commands, without the kind that a slot's value begins with
	 * @param names of the commands whose results settle it, the last of each batch in `value`. Each gets its
	 * `result`, unless the proposal is refused or kept out of the slot it contested, or the node stops
	 */
	propose(names: readonly CommandName[], proposal: Omit<Proposal, 'id'>, onProgress: OnProgress): ProposalId {
		const id = this.#proposalNext++;
		const pending: Pending = { id, names, open: names.length, onProgress };
		this.#pending.set(id, pending);
		for (const name of names) this.#await(name, pending);
		this.#post({ kind: 'propose', proposal: { id, ...proposal, value: batchValue(proposal.value) } });
		return id;
	}

	/** Proposals without an outcome, also those that nobody waits for any more: to be bounded by the doors. */
	get pendingCount(): number {
		return this.#pending.size;
	}

	/** One listener for each client: a later one takes the place of an earlier one. */
	listen(client: string, onResult: OnClientResult): void {
		this.#listeners.set(client, onResult);
	}

	/** @param onResult nothing happens where another has taken its place */
	unlisten(client: string, onResult: OnClientResult): void {
		if (this.#listeners.get(client) === onResult) this.#listeners.delete(client);
	}

	/** Nobody waits for it any more: the last thing told of it is `withdrawn`, unless it has its result by then. */
	withdraw(id: ProposalId): void {
		if (this.#pending.has(id)) this.#post({ kind: 'withdraw', proposal: id });
	}

	/** `answer` is called once `store` may answer a linearizable read that began now; perhaps never. */
	read(answer: () => void): ReadId {
		const id = this.#readNext++;
		this.#reads.set(id, answer);
		this.#post({ kind: 'read', read: id });
		return id;
	}

	forgetRead(id: ReadId): void {
		this.#reads.delete(id);
	}

	/** Does everything that was handed in. For a runtime with `soon`. */
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
		this.#wake();
	}

	#wake(): void {
		// What runs goes on until the mailbox is empty.
		if (this.#running) return;
		if (this.#runtime.soon) return this.#runtime.soon();
		this.turn();
		this.flush();
	}

	#carryOut(effects: Effects): void {
		if (effects.persist.length > 0) this.#appended = this.#log.append(effects.persist);
		for (const fact of effects.facts) this.#runtime.fact(fact);
		for (const envelope of effects.send) this.#send(envelope);
		this.#hold(effects.sendWhenDurable);
		for (const request of effects.timers) this.#setTimer(request);
		for (const outcome of effects.outcomes) this.#tell(outcome);
		if (effects.apply.length > 0) this.#apply(effects);
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

	#tell(outcome: Outcome): void {
		switch (outcome.kind) {
			case 'placed':
				for (const id of outcome.proposals) this.#pending.get(id)?.onProgress(outcome);
				return;
			case 'attempt':
			case 'halted':
			case 'givenUp':
				for (const pending of this.#pending.values()) pending.onProgress(outcome);
				return;
			case 'refused':
			case 'withdrawn':
			case 'kept': {
				const pending = this.#pending.get(outcome.proposal);
				if (!pending) return;
				this.#settle(pending);
				if (outcome.kind !== 'kept') return pending.onProgress(outcome);
				return pending.onProgress({ ...outcome, value: commandsOf(outcome.value) });
			}
			case 'readAt': {
				const answer = this.#reads.get(outcome.read);
				if (!answer) return;
				this.#reads.delete(outcome.read);
				if (outcome.slot <= this.appliedThrough) return answer();
				this.#ready.push({ slot: outcome.slot, answer });
			}
		}
	}

	#apply(effects: Effects): void {
		const settled: ProposalId[] = [];
		for (const { slot, ballot, value } of effects.apply) {
			let client = '';
			let listener: OnClientResult | undefined;
			let awaited: Map<number, Pending[]> | undefined;
			this.store.apply(commandsOf(value), (of, sequence, result) => {
				if (of !== client) {
					client = of;
					listener = this.#listeners.get(of);
					awaited = this.#clients.get(of);
				}
				listener?.(sequence, result, slot, ballot);
				const waiting = awaited?.get(sequence);
				if (!waiting) return;
				const name = { client, sequence };
				for (const pending of [...waiting]) {
					if (--pending.open === 0) {
						settled.push(pending.id);
						this.#settle(pending);
					}
					pending.onProgress({ kind: 'result', name, result, slot, chosenAt: ballot });
				}
				awaited?.delete(sequence);
				// Whoever was told may have proposed again.
				client = '';
			});
			this.appliedThrough = slot;
		}
		this.#runtime.applied(this.appliedThrough, this.store.revision);
		this.#mailbox.push({ kind: 'applied', through: this.appliedThrough, settled });
		this.#answerReads();
	}

	#answerReads(): void {
		if (this.#ready.length === 0) return;
		const due = this.#ready.filter((read) => read.slot <= this.appliedThrough);
		this.#ready = this.#ready.filter((read) => read.slot > this.appliedThrough);
		for (const read of due) read.answer();
	}

	#await(name: CommandName, pending: Pending): void {
		let sequences = this.#clients.get(name.client);
		if (!sequences) {
			sequences = new Map();
			this.#clients.set(name.client, sequences);
		}
		const waiting = sequences.get(name.sequence);
		if (waiting) waiting.push(pending);
		else sequences.set(name.sequence, [pending]);
	}

	#settle(pending: Pending): void {
		this.#pending.delete(pending.id);
		for (const name of pending.names) {
			const sequences = this.#clients.get(name.client);
			const waiting = sequences?.get(name.sequence)?.filter((other) => other !== pending);
			if (!sequences || !waiting) continue;
			if (waiting.length > 0) sequences.set(name.sequence, waiting);
			else sequences.delete(name.sequence);
			if (sequences.size === 0) this.#clients.delete(name.client);
		}
	}

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
