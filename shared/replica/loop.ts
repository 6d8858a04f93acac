/**
 * The loop of one node: mailbox -> step -> persist, send, apply. The server runs it over sockets and files, the
 * simulator over a simulated world; it is the same code, so what the simulator proves of the order of these things
 * holds in production. It does not remember who asked for what: `submissions.ts` and `barriers.ts` do.
 *
 * What it must never do: let an envelope of `sendWhenDurable` go before every record of that step and of all
 * earlier ones is durable; do anything at all after `stop`.
 */

import type { Ballot, NodeId, WallTime } from '../paxos/ballot.ts';
import type { MembersChange } from '../paxos/change.ts';
import { InvariantError } from '../paxos/config.ts';
import type { Decision, Effects, Outcome, TimerRequest } from '../paxos/effects.ts';
import type { ChangeId, Event, LogRoom, Moment, Proposal, ProposalId, ReadId } from '../paxos/event.ts';
import type { AgentFact } from '../paxos/fact.ts';
import type { LogEntry } from '../paxos/log.ts';
import type { Members, MembersState } from '../paxos/members.ts';
import type { Envelope, Message, Slot } from '../paxos/message.ts';
import type { DurableRecord } from '../paxos/record.ts';
import { commandsOf, elapsedMsOf, type Value } from '../paxos/value.ts';
import type { AgentView } from '../paxos/view.ts';
import type { Machine } from '../store/machine.ts';
import type { OnResult, Result } from '../store/result.ts';
import { DigestHistory } from './digests.ts';
import type { Restored } from './restore.ts';
import { RoundEstimate } from './round.ts';

/** The part of `PaxosAgent` that a loop uses. */
export interface LoopAgent {
	/** It is only looked at. */
	readonly members: Members;
	step(event: Event, now: Moment): Effects;
}

/** The part of `Log` that a loop uses. */
export interface LoopLog {
	readonly durableThrough: number;
	/** See `Log.reached` and `Log.newest`. */
	readonly reached: number;
	readonly newest: number;
	/** See `Log.room`. */
	readonly room: LogRoom;
	append(records: readonly DurableRecord[]): number;
	flush(): void;
}

/** The services that a loop needs from its surroundings. None of them may call back into the loop before it returns. */
export interface LoopRuntime {
	/** Monotonic, milliseconds. */
	nowMs(): number;
	wallTime(): WallTime;
	/** See `Moment`. */
	stillMs(): number;
	/** Drawn evenly from 0 up to, not including, 1. */
	random(): number;
	/** Calls `fire(timer)` once, after so many milliseconds. A new request for the same timer replaces the earlier one. */
	setTimer(timer: TimerRequest['timer'], afterMs: number): void;
	/** Sends to another node. */
	send(envelope: Envelope): void;
	fact(fact: AgentFact): void;
	/**
	 * Asks for a call of `turn()` soon, after all input that is ready by then has been handed in. All of it shares one
	 * flush and one frame to each peer.
	 */
	soon(): void;
}

/** Is told the outcomes of this node's proposals and reads and the results of commands, in order. */
export interface LoopListener {
	outcome(outcome: Outcome): void;
	/** The state machine applied a command of `slot`, and this is its result. Any node may have proposed the command. */
	result(client: string, sequence: number, result: Result, slot: Slot, chosenAt: Ballot): void;
	/** The state machine has applied every slot up to `through`. @returns this node's proposals that are settled since */
	applied(through: Slot, revision: number): readonly ProposalId[];
	/**
	 * The state machine has taken over a snapshot, which holds every slot up to `through`, and the agent knows the members
	 * behind it. `applied` follows.
	 */
	installed(through: Slot): void;
}

export interface LoopOptions {
	/** The node's id. */
	readonly id: NodeId;
	readonly agent: LoopAgent;
	readonly log: LoopLog;
	readonly machine: Machine;
	/** The last slot that the machine holds already, from a snapshot; 0 for none. */
	readonly appliedThrough: Slot;
	readonly runtime: LoopRuntime;
	readonly listener: LoopListener;
	/** See `ReplicaLimits.appliedBytesFull`. */
	readonly appliedBytesFull: number;
}

/** Envelopes that wait until the log is durable up to `position`. */
interface Held {
	readonly position: number;
	readonly envelopes: readonly Envelope[];
}

/** A turn applies at least this share of the bytes that are chosen and not applied. */
const APPLIED_SHARE = 0.25;
/** An epoch is drawn from so many numbers. */
const EPOCHS = 2 ** 52;

export class ReplicaLoop {
	readonly machine: Machine;
	/** The machine's digests after the last slots. */
	readonly digests = new DigestHistory();
	appliedThrough: Slot;
	readonly #round: RoundEstimate;
	readonly #id: NodeId;
	readonly #agent: LoopAgent;
	readonly #log: LoopLog;
	readonly #runtime: LoopRuntime;
	readonly #listener: LoopListener;
	readonly #mailbox: Event[] = [];
	#running = false;
	#stopped = false;
	/** The number of records appended in this life of the process. */
	#appended = 0;
	readonly #held: Held[] = [];
	#proposalNext: ProposalId = 1;
	#readNext: ReadId = 1;
	#applying: Decision | undefined;
	/** Chosen slots that are to be applied, from the one behind `appliedThrough`, and the bytes of their values. */
	readonly #chosen: Decision[] = [];
	#chosenBytes = 0;
	readonly #appliedBytesFull: number;
	/** The bytes that this turn has applied. */
	#appliedBytes = 0;
	/** A snapshot of another node that is durable here and waits for its turn. */
	#snapshot: ({ readonly through: Slot } & Restored) | undefined;
	/** The members as of `appliedThrough`. Those of the agent are as of the last chosen slot. */
	readonly #members: Members;

	constructor({ id, agent, log, machine, appliedThrough, runtime, listener, appliedBytesFull }: LoopOptions) {
		this.#id = id;
		this.appliedThrough = appliedThrough;
		if (appliedThrough > 0) this.digests.note(appliedThrough, machine.digest);
		this.#agent = agent;
		this.#members = agent.members.copy();
		this.#log = log;
		this.machine = machine;
		this.#runtime = runtime;
		this.#round = new RoundEstimate(() => runtime.nowMs());
		this.#listener = listener;
		this.#appliedBytesFull = appliedBytesFull;
	}

	/**
	 * Applies the slots that were chosen before the last stop, one at a time, and yields the number of each. It is
	 * called before `start`.
	 *
	 * @param view how far slots are chosen, and the agent's entries for them
	 */
	*replay(view: Pick<AgentView, 'chosenThrough' | 'entry'>): Generator<Slot, void> {
		const { chosenThrough } = view;
		for (let slot = this.appliedThrough + 1; slot <= chosenThrough; slot++) {
			this.#applyValue(slot, (view.entry(slot) as LogEntry).value);
			yield slot;
		}
	}

	start(): void {
		if (this.appliedThrough > 0) this.#mailbox.push({ kind: 'applied', through: this.appliedThrough, settled: [] });
		this.#post({ kind: 'start', epoch: Math.floor(this.#runtime.random() * EPOCHS) });
	}

	/** Takes all messages of one frame, which share one flush. */
	receive(from: NodeId, messages: readonly Message[]): void {
		for (const message of messages) {
			if (from !== this.#id) this.#round.received(message);
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

	/** A timer that was set by `setTimer` has fired. */
	fire(timer: TimerRequest['timer']): void {
		this.#post(timer === 'campaign' ? { kind: 'campaign', now: this.#runtime.wallTime() } : { kind: 'timer', timer });
	}

	/** This node is about to stop: if it leads, it asks a follower to take its place. */
	leave(): void {
		this.#post({ kind: 'leave' });
	}

	/** People want another leader: see the agent's event. */
	handOver(to: NodeId | null): void {
		this.#post({ kind: 'handOver', to });
	}

	/** As the agent's event `changeMembers`. */
	changeMembers(id: ChangeId, { members, follows }: MembersChange): void {
		this.#post({ kind: 'changeMembers', id, members, follows });
	}

	/** A durable snapshot of this node holds every slot up to `through`, and the agent needs to keep them no more. */
	trim(through: Slot): void {
		this.#post({ kind: 'snapshot', through, members: null });
	}

	/** This node takes over a snapshot of another node, which is durable here. @param restored what is in it */
	install(through: Slot, restored: Restored): void {
		this.#snapshot = { through, ...restored };
		this.#post({ kind: 'snapshot', through, members: restored.members });
	}

	/** Every record up to position `through` is durable: the envelopes that waited for it leave. */
	durable(through: number): void {
		if (this.#stopped) return;
		while (this.#held.length > 0 && (this.#held[0] as Held).position <= through) {
			for (const envelope of (this.#held.shift() as Held).envelopes) this.#send(envelope);
		}
		this.#runtime.soon();
	}

	/** Stops for good, because the log failed, an invariant is broken, or the process ends. */
	stop(): void {
		this.#stopped = true;
	}

	/** @returns the number under which the listener is told the outcome */
	propose({ value, route, contest }: Omit<Proposal, 'id'>): ProposalId {
		const id = this.#proposalNext++;
		this.#post({ kind: 'propose', proposal: { id, value, route, contest } });
		return id;
	}

	/** Gives up a proposal. Its last outcome is `withdrawn`. */
	withdraw(id: ProposalId): void {
		this.#post({ kind: 'withdraw', proposal: id });
	}

	/**
	 * Begins a linearizable read. The listener is told, by `readAt`, which slot the machine must have applied before it may
	 * answer. Without a leader the listener is never told.
	 */
	read(): ReadId {
		const id = this.#readNext++;
		this.#post({ kind: 'read', read: id });
		return id;
	}

	/** The members that govern the slots behind `appliedThrough`, once what was chosen before `start` is applied. */
	get members(): MembersState {
		return this.#members.state;
	}

	/** Whether a record that was appended to the log is not durable yet. */
	get waitsForDisk(): boolean {
		return this.#appended > this.#log.durableThrough;
	}

	/**
	 * Steps the agent through the events that were handed in, and carries out the effects.
	 *
	 * @param mayVote false where the node must not vote yet: then its own requests are handled, and all other events wait
	 */
	turn(mayVote: boolean): void {
		if (this.#running || this.#stopped) return;
		this.#running = true;
		let waiting = 0;
		this.#appliedBytes = 0;
		try {
			this.#apply();
			const now = {
				wallMs: this.#runtime.wallTime().ms,
				steadyMs: this.#runtime.nowMs(),
				stillMs: this.#runtime.stillMs(),
				room: this.#log.room,
			};
			for (let at = 0; at < this.#mailbox.length && !this.#stopped; at++) {
				const event = this.#mailbox[at] as Event;
				if (!mayVote && !isOfThisNode(event)) {
					this.#mailbox[waiting++] = event;
					continue;
				}
				const isTakenOver = event.kind === 'snapshot' && this.#takesOver(event.through);
				const effects = this.#agent.step(event, now);
				if (isTakenOver) this.#tellTakenOver();
				this.#carryOut(effects);
			}
		} finally {
			this.#mailbox.length = waiting;
			this.#running = false;
		}
		if (this.#chosen.length > 0) this.#runtime.soon();
	}

	/** Begins one flush for all records that turns have appended. */
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
		for (const decision of effects.apply) {
			this.#chosen.push(decision);
			this.#chosenBytes += decision.value.length;
		}
		this.#apply();
	}

	/**
	 * Envelopes wait for the records of this step and of all earlier ones: the answer to a repeated prepare must wait for
	 * the promise that is being flushed.
	 */
	#hold(envelopes: readonly Envelope[]): void {
		if (envelopes.length === 0) return;
		for (const { message } of envelopes) this.#round.sent(message);
		if (this.#appended > this.#log.durableThrough) this.#held.push({ position: this.#appended, envelopes });
		else for (const envelope of envelopes) this.#send(envelope);
	}

	#send(envelope: Envelope): void {
		if (envelope.to === this.#id) this.#mailbox.push({ kind: 'receive', from: this.#id, message: envelope.message });
		else {
			this.#round.sent(envelope.message);
			this.#runtime.send(envelope);
		}
	}

	#setTimer(request: TimerRequest): void {
		const drawnMs = request.minMs + this.#runtime.random() * (request.maxMs - request.minMs);
		this.#runtime.setTimer(request.timer, request.plusRound ? drawnMs + this.#round.ms : drawnMs);
	}

	/** Applies what is chosen, as far as one turn may. Where much waits it may more, so that what waits stays bounded. */
	#apply(): void {
		const bytesFull = Math.max(this.#appliedBytesFull, this.#chosenBytes * APPLIED_SHARE);
		let count = 0;
		while (count < this.#chosen.length && this.#appliedBytes < bytesFull) {
			const decision = this.#chosen[count++] as Decision;
			this.#applying = decision;
			this.#appliedBytes += decision.value.length;
			this.#chosenBytes -= decision.value.length;
			this.#applyValue(decision.slot, decision.value, this.#onResult);
			this.#members.chosen(decision.slot, decision.value);
		}
		if (count === 0) return;
		this.#applying = undefined;
		this.#chosen.splice(0, count);
		this.#tellApplied();
	}

	/**
	 * Nothing is taken over where the event is about this node's own snapshot, or the slots have come by another way: then
	 * they are applied, or are about to be.
	 */
	#takesOver(through: Slot): boolean {
		const snapshot = this.#snapshot;
		if (snapshot?.through !== through) return false;
		this.#snapshot = undefined;
		if (through <= this.appliedThrough + this.#chosen.length) return false;
		this.machine.become(snapshot.machine);
		this.#members.become(snapshot.members);
		// The snapshot holds these slots too.
		this.#chosen.length = 0;
		this.#chosenBytes = 0;
		this.appliedThrough = through;
		this.digests.note(through, this.machine.digest);
		return true;
	}

	/** The agent knows the members behind the snapshot now, by which it is told what became of a change of them. */
	#tellTakenOver(): void {
		this.#listener.installed(this.appliedThrough);
		this.#tellApplied();
	}

	#tellApplied(): void {
		const settled = this.#listener.applied(this.appliedThrough, this.machine.revision);
		this.#mailbox.push({ kind: 'applied', through: this.appliedThrough, settled });
	}

	/** @throws InvariantError for a slot that is not the next one: the machine would not be in the state of the others */
	#applyValue(slot: Slot, value: Value, onResult?: OnResult): void {
		if (slot !== this.appliedThrough + 1) {
			throw new InvariantError(`slot ${slot} was to be applied after slot ${this.appliedThrough}`);
		}
		this.machine.passTime(elapsedMsOf(value), slot);
		this.machine.apply(commandsOf(value), onResult);
		this.digests.note(slot, this.machine.digest);
		this.appliedThrough = slot;
	}

	/**
	 * This one function serves all slots, because a closure for each slot would be one more allocation for every write.
	 */
	readonly #onResult: OnResult = (client, sequence, result) => {
		const { slot, ballot } = this.#applying as Decision;
		this.#listener.result(client, sequence, result, slot, ballot);
	};
}

/** Whether the event is the start, or a request or a result of this node. None of these alone begins a ballot. */
export function isOfThisNode({ kind }: Event): boolean {
	return kind === 'start' || kind === 'propose' || kind === 'withdraw' || kind === 'read' || kind === 'applied';
}
