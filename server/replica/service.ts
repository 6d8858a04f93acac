/** What the doors of a node (HTTP API, feed, command line) may ask of its replica. */

import type { RawFact } from '../../shared/fact.ts';
import type { Attempt, NodeSnapshot } from '../../shared/feed.ts';
import type { Ballot, NodeId } from '../../shared/paxos/ballot.ts';
import type { Role } from '../../shared/paxos/fact.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import type { Operation } from '../../shared/store/command.ts';
import type { Store } from '../../shared/store/store.ts';

export interface SubmitOptions {
	/** `self`: both phases from this node, under a fresh ballot. */
	readonly route: 'leader' | 'self';
	/** With route `self`: the slot to contest; 0 for none. */
	readonly contest: Slot;
	/** After this long the answer is `refused` where it was never proposed, else `unknown`. Milliseconds. */
	readonly timeoutMs: number;
}

export type SubmitAnswer =
	| {
			readonly outcome: 'chosen';
			/** The operation's own result: false for a compare-and-set that did not match. */
			readonly ok: boolean;
			readonly revision: number;
			readonly slot: Slot;
			/** Under which this node placed it; of a leader elsewhere, as `chosenAt`. */
			readonly ballot: Ballot;
			/** Under which this node saw it chosen. */
			readonly chosenAt: Ballot;
			readonly attempts: readonly Attempt[];
	  }
	| {
			readonly outcome: 'kept';
			readonly slot: Slot;
			readonly ballot: Ballot;
			/** The commands that the slot holds; no bytes for a no-op. */
			readonly value: Uint8Array;
			readonly attempts: readonly Attempt[];
	  }
	/** It surely did not and will not happen. */
	| {
			readonly outcome: 'refused';
			readonly why: 'noLeader' | 'slotNotOpen' | 'stopping' | 'overloaded';
			readonly detail: string;
			readonly attempts: readonly Attempt[];
	  }
	/** It was proposed; it may have happened or may yet. */
	| {
			readonly outcome: 'unknown';
			readonly why: 'timeout' | 'stopping';
			readonly detail: string;
			readonly attempts: readonly Attempt[];
	  };

export interface ReplicaView {
	readonly id: NodeId;
	readonly role: Role;
	readonly promised: Ballot;
	/** The leader's ballot as this node hears it; NO_BALLOT for none. Its `node` is the leader. */
	readonly leader: Ballot;
	readonly chosenThrough: Slot;
	readonly appliedThrough: Slot;
	/** Milliseconds since a leader (this node itself: 0) was last heard; Infinity for never. */
	readonly lastContactMs: number;
	readonly linked: readonly NodeId[];
}

/** What this node knows of another: the newest that was heard, and how long ago. */
export interface PeerView {
	readonly id: NodeId;
	readonly linked: boolean;
	readonly role: Role | 'unknown';
	readonly ballot: Ballot;
	readonly chosenThrough: Slot;
	/** Milliseconds since anything was heard of it; Infinity for never. */
	readonly heardMs: number;
	/** How many milliseconds its clock is ahead of this node's, as it last told; null for never. */
	readonly clockAheadMs: number | null;
}

export interface ReplicaService {
	/** The state machine. Read it, never write it. */
	readonly store: Store;
	/** Never rejects. The command gets its identity here; it is applied once, whatever is retried inside. */
	submit(operation: Operation, options: SubmitOptions): Promise<SubmitAnswer>;
	/**
	 * Resolves once `store` may answer a linearizable read that began before this call.
	 * `false`: no leader confirmed within `timeoutMs`.
	 */
	readBarrier(timeoutMs: number): Promise<boolean>;
	view(): ReplicaView;
	peers(): readonly PeerView[];
	/** As of the last fact that was told. */
	snapshot(): NodeSnapshot;
	/** All facts while at least one watcher is there; returns the way to stop. */
	watch(onFact: (fact: RawFact) => void): () => void;
}
