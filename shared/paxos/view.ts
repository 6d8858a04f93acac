/** What may be seen of an agent, and what it remembers. */

import type { Acceptor, AcceptorState } from './acceptor.ts';
import type { Ballot, NodeId } from './ballot.ts';
import type { Phase1 } from './campaign.ts';
import type { ClocksState } from './clocks.ts';
import type { DepartureState } from './departure.ts';
import type { Role } from './fact.ts';
import type { HandoverState } from './handover.ts';
import type { LearnerState } from './learner.ts';
import type { LogEntry, LogState, SlotLog } from './log.ts';
import type { MembersState } from './members.ts';
import type { Slot } from './message.ts';
import type { NeighboursState } from './neighbours.ts';
import type { PendingState } from './pending.ts';
import type { PollState } from './poll.ts';
import type { Proposals } from './proposals.ts';
import type { Reads, ReadsState } from './reads.ts';
import type { RoleMachine, RoleState } from './role.ts';

/** What may be looked at between steps. Copies nothing, and changes with the next step. */
export interface AgentView {
	readonly role: Role;
	/** Of the campaign or leadership under way. */
	readonly ballot: Ballot;
	readonly promised: Ballot;
	/** The leader's ballot as this node hears it, its own if it leads; NO_BALLOT for none. */
	readonly leader: Ballot;
	readonly chosenThrough: Slot;
	readonly appliedThrough: Slot;
	/** No entry is kept of the slots up to here. */
	readonly trimmedThrough: Slot;
	readonly lastSlot: Slot;
	entry(slot: Slot): LogEntry | undefined;
	/** The members as the slots say them that are known to be chosen. */
	readonly members: MembersState;
	/** At a leader: what its quorum promised. */
	readonly phase1: Phase1 | null;
	/** At a leader, by follower: how far it was when it last confirmed. */
	readonly confirmedThrough: ReadonlyMap<NodeId, Slot> | null;
	/** Proposals of this node that are not settled. */
	readonly pendingCount: number;
	readonly openSlotsCount: number;
	/** At a leader: proposals that wait for a slot. */
	readonly queuedCount: number;
	/** Reads of this node that wait for a read index, and asks of followers that wait for one. */
	readonly readsCount: number;
}

/**
 * Everything that an agent remembers, as plain data: objects, arrays, maps, sets, bytes and numbers, without a cycle.
 * Two agents whose states are equal behave alike from there on. It is the agent's own, and changes with the next step:
 * take a copy of it (`shared/simulation/snapshot.ts`).
 */
export interface AgentState {
	readonly epoch: number;
	readonly appliedThrough: Slot;
	readonly clocks: ClocksState;
	readonly log: LogState;
	readonly members: MembersState;
	readonly acceptor: AcceptorState;
	readonly learner: LearnerState;
	readonly pending: PendingState;
	readonly reads: ReadsState;
	readonly poll: PollState;
	readonly handover: HandoverState;
	readonly departure: DepartureState;
	readonly neighbours: NeighboursState;
	readonly role: RoleState;
}

/** The rooms of an agent that its view looks into. */
interface ViewedRooms {
	readonly log: SlotLog;
	readonly acceptor: Acceptor;
	readonly proposals: Proposals;
	readonly reads: Reads;
	readonly role: RoleMachine;
}

/** Reads each number where it is kept, at the moment when it is asked for, so that looking costs nothing else. */
export class LiveView implements AgentView {
	readonly #rooms: ViewedRooms;
	readonly #appliedThrough: () => Slot;

	constructor(rooms: ViewedRooms, appliedThrough: () => Slot) {
		this.#rooms = rooms;
		this.#appliedThrough = appliedThrough;
	}

	get role(): Role {
		return this.#rooms.role.role;
	}

	get ballot(): Ballot {
		return this.#rooms.role.ballot;
	}

	get promised(): Ballot {
		return this.#rooms.acceptor.promised;
	}

	get leader(): Ballot {
		return this.#rooms.role.leader.ballot;
	}

	get chosenThrough(): Slot {
		return this.#rooms.log.chosenThrough;
	}

	get appliedThrough(): Slot {
		return this.#appliedThrough();
	}

	get trimmedThrough(): Slot {
		return this.#rooms.log.trimmedThrough;
	}

	get lastSlot(): Slot {
		return this.#rooms.log.lastSlot;
	}

	entry(slot: Slot): LogEntry | undefined {
		return this.#rooms.log.entry(slot);
	}

	get members(): MembersState {
		return this.#rooms.log.members.state;
	}

	get phase1(): Phase1 | null {
		return this.#rooms.role.leadership?.phase1 ?? null;
	}

	get confirmedThrough(): ReadonlyMap<NodeId, Slot> | null {
		return this.#rooms.role.leadership?.state.confirmedThrough ?? null;
	}

	get pendingCount(): number {
		return this.#rooms.proposals.pending.size;
	}

	get openSlotsCount(): number {
		return this.#rooms.role.leadership?.openCount ?? 0;
	}

	get queuedCount(): number {
		return this.#rooms.role.leadership?.queuedCount ?? 0;
	}

	get readsCount(): number {
		return this.#rooms.reads.count;
	}
}
