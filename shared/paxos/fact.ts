/**
 * What an agent tells of itself: one thing that happened at one node. The runtime stamps who, when and in
 * which order (`shared/fact.ts`). Generic in how ballots and values are written: raw here, text in JSON.
 */
import type { Ballot, NodeId } from './ballot.ts';
import type { Member } from './change.ts';
import type { Acceptance, MessageKind, Nack, Slot } from './message.ts';
import type { Value } from './value.ts';

export type Role = 'follower' | 'candidate' | 'leader';

export type AgentFact<B = Ballot, V = Value> =
	/** Phase 1a begins here. */
	| {
			readonly kind: 'campaign';
			readonly ballot: B;
			readonly why: 'noLeader' | 'handedOver' | 'proposal' | 'contest';
			readonly contest: Slot;
			/** The slots up to here are known to be chosen: the campaign is for all above. */
			readonly chosenThrough: Slot;
	  }
	/** Phase 1b here: this acceptor's promise rose, from `previous`, for `to`. */
	| { readonly kind: 'promised'; readonly ballot: B; readonly previous: B; readonly reported: number }
	/** Phase 1b or 2b here: refused, because `promised` is higher. */
	| {
			readonly kind: 'refused';
			readonly refused: Nack['refused'];
			readonly slot: Slot;
			readonly ballot: B;
			readonly promised: B;
	  }
	/** The proposer counted a promise, and what it reported. */
	| {
			readonly kind: 'promiseCounted';
			readonly ballot: B;
			readonly from: NodeId;
			readonly chosenThrough: Slot;
			readonly reported: readonly Acceptance<B, V>[];
			readonly voters: readonly NodeId[];
			readonly needed: number;
	  }
	/** A campaign or a leadership was ended by a higher ballot. */
	| { readonly kind: 'halted'; readonly ballot: B; readonly by: B; readonly from: NodeId }
	/** A campaign or a leadership ended by itself. */
	| {
			readonly kind: 'givenUp';
			readonly ballot: B;
			/**
			 * `noQuorum`: too few answered for too long. `behind`: a quorum answers, but nobody tells this leader what it lacks of
			 * what is chosen, or only a snapshot does, which does not say whether its own proposals are. `overtaken`: a slot is
			 * chosen that this leader did not propose so, under a higher ballot that nobody has named. `noVote`: this candidate is
			 * no voter any more.
			 */
			readonly why: 'noQuorum' | 'behind' | 'overtaken' | 'noVote';
	  }
	/** Phase 2a here. `reportedAt` is the ballot whose value phase 1 obliges to take; empty for a free choice. */
	| {
			readonly kind: 'proposed';
			readonly ballot: B;
			readonly slot: Slot;
			readonly value: V;
			readonly origin: 'own' | 'reported' | 'noop';
			readonly reportedAt: B;
	  }
	/** Phase 2b here: this acceptor accepted. */
	| { readonly kind: 'accepted'; readonly ballot: B; readonly slot: Slot; readonly value: V }
	/** The proposer counted an accepted. */
	| {
			readonly kind: 'voteCounted';
			readonly ballot: B;
			readonly slot: Slot;
			readonly from: NodeId;
			readonly voters: readonly NodeId[];
			readonly needed: number;
	  }
	/** This node knows the slot to be chosen: as the leader by counting, as a follower by being told. */
	| {
			readonly kind: 'chosen';
			readonly ballot: B;
			readonly slot: Slot;
			readonly value: V;
			readonly how: 'counted' | 'told' | 'fetched';
	  }
	| {
			readonly kind: 'role';
			readonly role: Role;
			readonly ballot: B;
			/** The leader's ballot as this node hears it; empty for none. */
			readonly leader: B;
			readonly why:
				| 'started'
				| 'campaign'
				| 'promisedByQuorum'
				| 'heardLeader'
				| 'higherBallot'
				| 'lostQuorum'
				| 'leaderSilent'
				| 'leaderLinkDown';
			/** Who made it so: the promisers, or the one that was heard or lost. */
			readonly by: readonly NodeId[];
			/** For `leaderSilent`: for so long, at least, neither that leader was heard nor a candidate, milliseconds. Otherwise 0. */
			readonly silentMs: number;
	  }
	/** This leader asks `to` to lead in its place, and leads on until that node has its promises. */
	| {
			readonly kind: 'handsOver';
			readonly ballot: B;
			readonly to: NodeId;
			/**
			 * `leaving`: this node is about to stop, or has no vote any more. `wanted`: people want another leader. `noRoom`: its
			 * log takes no values. `unsteady`: it stands still again and again.
			 */
			readonly why: 'leaving' | 'wanted' | 'noRoom' | 'unsteady';
	  }
	/** A quorum hears a leader (or too few answer), so this node does not campaign. */
	| {
			readonly kind: 'pollHeld';
			readonly silent: readonly NodeId[];
			readonly hearing: readonly NodeId[];
			readonly needed: number;
	  }
	/** What is chosen is fetched from `from`. */
	| { readonly kind: 'fetching'; readonly from: NodeId; readonly slot: Slot; readonly through: Slot }
	/** The state machine has taken over a snapshot, which holds every slot up to `through`. */
	| { readonly kind: 'installed'; readonly through: Slot }
	/** A change of members is chosen, in slot `chosenAt`. These members govern the slots from `from` on. */
	| { readonly kind: 'members'; readonly chosenAt: Slot; readonly from: Slot; readonly members: readonly Member[] }
	/** The clock of `peer` is now much ahead of this node's (behind it, below zero), or not any more. */
	| { readonly kind: 'clockSkew'; readonly peer: NodeId; readonly aheadMs: number }
	/** A message that makes no sense here. */
	| { readonly kind: 'ignored'; readonly from: NodeId; readonly message: MessageKind; readonly why: string };

/** Facts that are made even while nobody watches: rare, and what logs and metrics are derived from. */
export const COARSE_FACTS: ReadonlySet<AgentFact['kind']> = new Set([
	'campaign',
	'halted',
	'givenUp',
	'role',
	'promised',
	'pollHeld',
	'installed',
	'members',
	'clockSkew',
	'ignored',
]);
