/** What may be seen of an agent, and what it remembers. */

import type { AcceptorState } from './acceptor.ts';
import type { Ballot, NodeId } from './ballot.ts';
import type { Phase1 } from './campaign.ts';
import type { ClocksState } from './clocks.ts';
import type { DepartureState } from './departure.ts';
import type { Role } from './fact.ts';
import type { HandoverState } from './handover.ts';
import type { LearnerState } from './learner.ts';
import type { LogEntry, LogState } from './log.ts';
import type { MembersState } from './members.ts';
import type { Slot } from './message.ts';
import type { NeighboursState } from './neighbours.ts';
import type { PendingState } from './pending.ts';
import type { PollState } from './poll.ts';
import type { ReadsState } from './reads.ts';
import type { RoleState } from './role.ts';

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
