/** What a person can do to a staged run, in plain data: a run is a seed and a list of these with their times. */
import type { NodeId } from '../paxos/ballot.ts';
import type { Slot } from '../paxos/message.ts';
import type { FlightNumber } from './flights.ts';
import type { Instant } from './schedule.ts';

export type Action =
	/** As `ProposeRequest`. */
	| {
			readonly kind: 'propose';
			readonly node: NodeId;
			readonly key: string;
			/** null deletes the key. */
			readonly value: string | null;
			readonly route: 'leader' | 'self';
			/** With the route `self`: the slot to contest; 0 for none. */
			readonly contest: Slot;
			/** The revision that the key must have, 0 for an absent one. */
			readonly cas?: number;
	  }
	/** A linearizable read. */
	| { readonly kind: 'read'; readonly node: NodeId; readonly key: string }
	/** The process ends at once. Its disk keeps what was flushed, and of the rest it may keep any part. */
	| { readonly kind: 'crash'; readonly node: NodeId }
	/** The machine of the node loses power: the process ends, and of what was not flushed nothing is kept. */
	| { readonly kind: 'losePower'; readonly node: NodeId }
	| { readonly kind: 'restart'; readonly node: NodeId }
	/** The process ends, and its disk is gone for good. It must not come back, because it forgot its promises. */
	| { readonly kind: 'loseDisk'; readonly node: NodeId }
	/** The process stands still until `resume`. What is for it waits. */
	| { readonly kind: 'pause'; readonly node: NodeId }
	| { readonly kind: 'resume'; readonly node: NodeId }
	/** The wall clock jumps. @param byMs below zero for a step back */
	| { readonly kind: 'stepClock'; readonly node: NodeId; readonly byMs: number }
	/** What `from` sends to `to` is lost from now on. */
	| { readonly kind: 'cut'; readonly from: NodeId; readonly to: NodeId }
	/** Both directions work again. */
	| { readonly kind: 'heal'; readonly a: NodeId; readonly b: NodeId }
	/** Every link works again, as fast as in the beginning. */
	| { readonly kind: 'healAll' }
	/** A message takes so long from now on, in both directions. */
	| { readonly kind: 'slow'; readonly a: NodeId; readonly b: NodeId; readonly ms: number }
	/** What is in flight arrives now; or never, which ends its connection; or once more; or later. */
	| { readonly kind: 'deliver'; readonly flight: FlightNumber }
	| { readonly kind: 'drop'; readonly flight: FlightNumber }
	| { readonly kind: 'duplicate'; readonly flight: FlightNumber }
	| { readonly kind: 'hold'; readonly flight: FlightNumber; readonly ms: number }
	/** The leader is asked to let the next spare node in, in the place of `replaces` where that is not null. */
	| { readonly kind: 'addMember'; readonly replaces: NodeId | null }
	| { readonly kind: 'removeMember'; readonly node: NodeId };

export interface TimedAction {
	readonly at: Instant;
	readonly action: Action;
}

/** All that a run depends on. */
export interface Script {
	readonly seed: number;
	/** The number of nodes that the swarm begins with. */
	readonly nodes: number;
	/** In the order of their times. */
	readonly actions: readonly TimedAction[];
}
