/** What may happen to an agent. Time, ids and everything drawn at random come in here or not at all. */
import type { NodeId, WallTime } from './ballot.ts';
import type { Member } from './change.ts';
import type { MembersState } from './members.ts';
import type { Message, Slot } from './message.ts';
import type { Value } from './value.ts';

/** A handle, unique within one life of one process, by which the runtime knows its own proposal again. */
export type ProposalId = number;
export type ReadId = number;
export type ChangeId = number;

export interface Proposal {
	readonly id: ProposalId;
	/** A batch: the batches of several proposals may become one slot's value. Another kind of value is refused. */
	readonly value: Value;
	/** `leader`: wherever the leader is. `self`: both phases from this node, under a fresh ballot. */
	readonly route: 'leader' | 'self';
	/** With `route: 'self'`: contest this very slot. 0 for none. */
	readonly contest: Slot;
}

export type Timer =
	/** An election period of a follower is over. It polls where it has heard no leader in the period. */
	| 'election'
	/** An election period of a candidate is over, and no quorum has promised. */
	| 'patience'
	/** An election period of a leader is over. It steps down where no quorum has answered in the period. */
	| 'quorum'
	/** The next heartbeat of a leader is due. */
	| 'heartbeat'
	/** A follower that hears no leader is to send a poll. */
	| 'poll'
	/** A node that was asked for chosen values has not answered. */
	| 'fetch'
	/** Proposals that a leader had no room for may be forwarded again. */
	| 'forward';

/**
 * What the log of a node takes while its disk is full, or does not keep up: everything; or, beside promises, only what a
 * new leader has to recover and values that no client waits for; or promises alone.
 */
export type LogRoom = 'everything' | 'recovery' | 'promises';

/** What a node's clocks show in a step, and what its log takes. */
export interface Moment {
	/** The wall clock, milliseconds since 1970; it may be wrong, and step. */
	readonly wallMs: number;
	/** Milliseconds since some moment of this life of the node, by a clock that is never set. */
	readonly steadyMs: number;
	/** For how long the node stood still in the last ten seconds, milliseconds; each time counts for a second at most. */
	readonly stillMs: number;
	readonly room: LogRoom;
}

export type Event =
	/** Once, before all others. `epoch` is a number that no other life of this node has, drawn by the runtime. */
	| { readonly kind: 'start'; readonly epoch: number }
	| { readonly kind: 'receive'; readonly from: NodeId; readonly message: Message }
	| { readonly kind: 'propose'; readonly proposal: Proposal }
	/** Nobody waits for the proposal any more. The agent forgets it, and tells whether it ever left. */
	| { readonly kind: 'withdraw'; readonly proposal: ProposalId }
	| { readonly kind: 'read'; readonly read: ReadId }
	| { readonly kind: 'timer'; readonly timer: Timer }
	/** The campaign that was asked for may begin, under a ballot of this time. */
	| { readonly kind: 'campaign'; readonly now: WallTime }
	| { readonly kind: 'linkUp'; readonly peer: NodeId }
	| { readonly kind: 'linkDown'; readonly peer: NodeId }
	/** This node is about to stop: if it leads, another one is to take its place first. */
	| { readonly kind: 'leave' }
	/** If this node leads, `to` is to lead instead, or the follower that suits best (null). It may take several requests. */
	| { readonly kind: 'handOver'; readonly to: NodeId | null }
	/**
	 * This node, if it leads, is to propose these members. `follows` is the slot of the change that they were made for: the
	 * last one, so that no change undoes another one unseen.
	 */
	| {
			readonly kind: 'changeMembers';
			readonly id: ChangeId;
			readonly members: readonly Member[];
			readonly follows: Slot;
	  }
	/**
	 * A durable snapshot stands for every slot up to `through`. Where this node has not applied all of them, its state
	 * machine has taken the snapshot over. Then `members` are those that govern the slots behind it.
	 */
	| { readonly kind: 'snapshot'; readonly through: Slot; readonly members: MembersState | null }
	/** The state machine has applied every slot up to `through`; `settled` proposals of ours need no more care. */
	| { readonly kind: 'applied'; readonly through: Slot; readonly settled: readonly ProposalId[] };
