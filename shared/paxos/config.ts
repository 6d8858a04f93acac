/** What an agent is told once, and what its rooms share during a step. */
import type { Ballot, NodeId } from './ballot.ts';
import type { Member } from './change.ts';
import type { LogRoom } from './event.ts';
import type { Members } from './members.ts';
import type { Slot } from './message.ts';
import type { Outbox } from './outbox.ts';

/** All in milliseconds. A time is drawn afresh from each range whenever it is asked for. */
export interface Timings {
	/** The range of an election period. A leader that was not heard for one to two periods is silent. */
	readonly electionMinMs: number;
	readonly electionMaxMs: number;
	/** The interval of a leader's heartbeats. */
	readonly heartbeatMs: number;
	/** A node polls within this time after its link to the leader closed. */
	readonly pollMaxMs: number;
	/** The wait, beside an observed round, before a node that did not answer or had no room is asked again, or another one. */
	readonly retryMs: number;
	/** The back-off after a nack. It doubles with each nack in a row, up to the maximum. */
	readonly backoffMinMs: number;
	readonly backoffMaxMs: number;
}

export interface AgentConfig {
	readonly id: NodeId;
	/** The members that the swarm began with, 1 to 9, in the same order on every node. Those that the log says replace them. */
	readonly members: readonly Member[];
	/**
	 * How many slots may be proposed beyond what is chosen. It is also α, the number of slots from the one in which a change
	 * of members is chosen to the first one that it governs. So it is the same on all nodes, for ever.
	 */
	readonly openSlotsMax: number;
	/** An acceptor accepts up to so many slots above those that it knows to be chosen: `openSlotsMax` to SLOTS_AHEAD_MAX. */
	readonly slotsAheadMax: number;
	/** The most bytes of the value of a slot in which several proposals are put together. */
	readonly valueBytesMax: number;
	/** The most bytes of values in one part of a promise or one message of decisions. A single larger value is sent too. */
	readonly messageBytesMax: number;
	readonly timings: Timings;
}

/** The most bytes that a promise or a message of decisions has for a value beside the value itself: slot, ballot, lengths. */
export const ENTRY_BYTES_MAX = 96;

/** What every room of an agent sees. `out` is the one of the present step. */
export interface Context {
	readonly config: AgentConfig;
	readonly members: Members;
	out: Outbox;
	/** What this node's wall clock shows in the present step, milliseconds since 1970. No room keeps it. */
	nowMs: number;
	/** What its monotonic clock shows in the present step, whole milliseconds. Only differences say anything. */
	steadyMs: number;
	/** For how long this node stood still lately: see `Moment`. */
	stillMs: number;
	/** What its log takes in the present step. */
	room: LogRoom;
	/** A number that no other life of this node has: a late answer to an earlier one must not be taken for one to this. */
	epoch: number;
	/** The acceptor's promise. */
	promised(): Ballot;
	/** How far this node knows the slots to be chosen. */
	chosenThrough(): Slot;
}

/** Something happened that only a bug or a corrupted disk can cause. The node must stop rather than go on. */
export class InvariantError extends Error {
	override readonly name = 'InvariantError';
}
