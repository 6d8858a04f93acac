/** What an agent is told once, and what its rooms share during a step. */
import type { Ballot, NodeId } from './ballot.ts';
import type { Member } from './change.ts';
import type { LogRoom } from './event.ts';
import type { Members } from './members.ts';
import type { Slot } from './message.ts';
import type { Outbox } from './outbox.ts';

/** All in milliseconds. A time is drawn afresh from each range whenever it is asked for. */
export interface Timings {
	/** A leader that was not heard for one to two of these is silent. */
	readonly electionMinMs: number;
	readonly electionMaxMs: number;
	/** A leader's beat. */
	readonly heartbeatMs: number;
	/** After the leader's link closed, a node polls within this. */
	readonly pollMaxMs: number;
	/** A node that does not answer, or has no room, is asked again, or another one is, after this and an observed round. */
	readonly retryMs: number;
	/** After a nack: doubled for each nack in a row, up to the maximum. */
	readonly backoffMinMs: number;
	readonly backoffMaxMs: number;
}

export interface AgentConfig {
	readonly id: NodeId;
	/** The members that the swarm began with, in the same order on every node; 1 to 9. What the log says goes above it. */
	readonly members: readonly Member[];
	/**
	 * How many slots may be proposed beyond what is chosen. It is also α, the number of slots from the one in which a change
	 * of members is chosen to the first one that it governs. So it is the same on all nodes, for ever.
	 */
	readonly openSlotsMax: number;
	/** How far above what it knows to be chosen an acceptor accepts; above `openSlotsMax`, at most SLOTS_AHEAD_MAX. */
	readonly slotsAheadMax: number;
	/** Of one slot, where several proposals are put together. */
	readonly valueBytesMax: number;
	/** Of values in one promise part or one decisions message; a single larger value still goes. */
	readonly messageBytesMax: number;
	readonly timings: Timings;
}

/** What names one value in a promise or in decisions, at most: slot, ballot, lengths. */
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

/** What can only be a bug or a corrupted disk: the node must stop rather than go on. */
export class InvariantError extends Error {
	override readonly name = 'InvariantError';
}
