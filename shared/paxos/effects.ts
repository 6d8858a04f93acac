/** What an agent asks its runtime to do after a step. Read only; nothing in it is shared with later steps. */
import type { Ballot, NodeId } from './ballot.ts';
import type { ChangeId, ProposalId, ReadId, Timer } from './event.ts';
import type { AgentFact } from './fact.ts';
import type { Envelope, Slot } from './message.ts';
import type { DurableRecord } from './record.ts';
import type { Value } from './value.ts';

export interface Effects {
	/** In order, behind the records of all earlier steps. */
	readonly persist: readonly DurableRecord[];
	/** May leave at once. */
	readonly send: readonly Envelope[];
	/** May leave once every record of this and of all earlier steps is durable; those to this node itself too. */
	readonly sendWhenDurable: readonly Envelope[];
	/** Chosen, in slot order, without gaps. */
	readonly apply: readonly Decision[];
	readonly outcomes: readonly Outcome[];
	readonly timers: readonly TimerRequest[];
	readonly facts: readonly AgentFact[];
}

export interface Decision {
	readonly slot: Slot;
	/** A ballot under which this node knows the value to be accepted; nodes may know different ones. */
	readonly ballot: Ballot;
	readonly value: Value;
}

/** Fires once, after a time drawn from [minMs, maxMs]; asking again for the same timer replaces it. */
export interface TimerRequest {
	/** `campaign` is answered by the event `campaign`, all others by the event `timer`. */
	readonly timer: Timer | 'campaign';
	readonly minMs: number;
	readonly maxMs: number;
	/** Add one observed round (request, flush, answer) to the time drawn: back-off must outlast a round. */
	readonly plusRound: boolean;
}

/** What became of what this node was asked. */
export type Outcome = ProposalOutcome | ReadOutcome | LacksSnapshot | ChangeOutcome;

export type ProposalOutcome =
	/** Our proposals went into this slot, under this ballot of ours. */
	| { readonly kind: 'placed'; readonly proposals: readonly ProposalId[]; readonly slot: Slot; readonly ballot: Ballot }
	/** A campaign for what was proposed here began. */
	| { readonly kind: 'attempt'; readonly ballot: Ballot }
	/** That campaign, or the leadership that it won, was ended by a higher promise. */
	| { readonly kind: 'halted'; readonly ballot: Ballot; readonly by: Ballot }
	/** That campaign or leadership was given up, as its fact says. */
	| { readonly kind: 'givenUp'; readonly ballot: Ballot }
	/**
	 * This node does nothing more for the proposal, for a reason. `refused`: it has never left, so it surely was not and will
	 * not be chosen. `abandoned`: it may be what its slot holds, or be found by a later leader and chosen.
	 */
	| {
			readonly kind: 'refused' | 'abandoned';
			readonly proposal: ProposalId;
			/**
			 * - `slotNotOpen`: the contested slot is too far ahead.
			 * - `slotTrimmed`: the contested slot is so old that no node keeps it, or this node has only a snapshot of it.
			 * - `notABatch`, `tooLarge`: the value cannot be proposed.
			 * - `notAVoter`: this node has no vote, and so runs no campaign.
			 */
			readonly reason: 'slotNotOpen' | 'slotTrimmed' | 'notABatch' | 'tooLarge' | 'notAVoter';
			/** The first slot that nothing was proposed for, as far as this node knows. */
			readonly nextSlot: Slot;
	  }
	/** The contested slot keeps what it had; the proposal surely was not chosen. */
	| {
			readonly kind: 'kept';
			readonly proposal: ProposalId;
			readonly slot: Slot;
			readonly ballot: Ballot;
			readonly value: Value;
	  }
	/** The withdrawn proposal: `left` tells whether it was ever placed or forwarded, so that it may yet be chosen. */
	| { readonly kind: 'withdrawn'; readonly proposal: ProposalId; readonly left: boolean };

/** The next slot that this node needs is kept no more at `from`: it has to take over the snapshot that `from` has. */
export interface LacksSnapshot {
	readonly kind: 'lacksSnapshot';
	readonly from: NodeId;
}

/** The read may be answered from a state that has applied `slot`. */
export interface ReadOutcome {
	readonly kind: 'readAt';
	readonly read: ReadId;
	readonly slot: Slot;
}

export type ChangeRefusal =
	/** Another node leads, or none. */
	| 'notLeader'
	/** The leader has yet to learn what earlier leaders may have chosen. */
	| 'notSettled'
	/** A change is not in force yet. */
	| 'underWay'
	/** The members are others by now than those that the change was made for. */
	| 'outdated'
	/** No swarm can have these members: see `membersFault`. */
	| 'noVoter'
	| 'tooMany'
	| 'urlTooLong'
	| 'sameId';

/** What became of a change of members that this node was asked to propose. */
export type ChangeOutcome =
	| { readonly kind: 'changeRefused'; readonly id: ChangeId; readonly why: ChangeRefusal }
	/** It was proposed in this slot. The slot may yet get another value, if this node is deposed. */
	| { readonly kind: 'changePlaced'; readonly id: ChangeId; readonly slot: Slot }
	/** This node is no member any more, and no other one needs it for what it knows: it is to stop. */
	| { readonly kind: 'removed'; readonly chosenAt: Slot };
