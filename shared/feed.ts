/**
 * The feed's contract: what a node's socket.io server and a watcher say to each other. Types only.
 *
 * On connect the server emits `snapshot`; then `batch` after `batch` of facts, numbered without gaps from
 * `snapshot.seq + 1`, at most 60 batches a second. A watcher that falls behind gets a `batch` with `skipped`
 * counts, and a new `snapshot` instead of a queue. A watcher that sees a gap emits `resync`, and gets one.
 */
import type { BallotText, Fact, FactKind } from './fact.ts';
import type { NodeId } from './paxos/ballot.ts';
import type { Role } from './paxos/fact.ts';
import type { Acceptance, Slot } from './paxos/message.ts';
import type { ValueSummary } from './store/describe.ts';

export interface Member {
	readonly id: NodeId;
	/** `http://host:port`, where its dashboard, API, feed and mesh are. */
	readonly url: string;
}

export interface SlotView {
	readonly slot: Slot;
	/** The highest acceptance of this node; '' and null where it has none. */
	readonly acceptedBallot: BallotText;
	readonly value: ValueSummary | null;
	/** This node knows it to be chosen. */
	readonly chosen: boolean;
}

/** Phase 1 of the present leadership, for a decision that did not need one of its own. */
export interface Phase1View {
	readonly ballot: BallotText;
	/** It ran once, for every slot above this one. */
	readonly chosenThrough: Slot;
	readonly recoveredThrough: Slot;
	readonly promises: readonly {
		readonly from: NodeId;
		readonly chosenThrough: Slot;
		readonly reported: readonly Acceptance<BallotText, ValueSummary>[];
	}[];
}

export interface EntryView {
	readonly key: string;
	/** The beginning of the value as text where it is UTF-8, else its number of bytes. */
	readonly value: string;
	readonly bytes: number;
	readonly modifyRevision: number;
}

/** A node's own state, whole as of fact `seq`. */
export interface NodeSnapshot {
	readonly node: NodeId;
	readonly epoch: string;
	readonly seq: number;
	readonly time: number;
	readonly swarm: { readonly name: string; readonly id: string; readonly members: readonly Member[] };
	readonly role: Role;
	readonly promised: BallotText;
	/** The leader's ballot as this node hears it; '' for none. */
	readonly leader: BallotText;
	readonly chosenThrough: Slot;
	readonly appliedThrough: Slot;
	readonly revision: number;
	/** The most recent slots, at most 64, in slot order. */
	readonly slots: readonly SlotView[];
	/** The first keys in order, at most 100, and how many there are. */
	readonly entries: readonly EntryView[];
	readonly entriesCount: number;
	readonly linked: readonly NodeId[];
	/** It is set at a leader only. */
	readonly phase1: Phase1View | null;
}

export interface FactBatch {
	readonly epoch: string;
	/** `seq` of the first of `facts`; the others follow without gaps. */
	readonly from: number;
	readonly facts: readonly Fact[];
	/** Facts that were added up instead of sent, by kind; a `snapshot` follows. Empty for none. */
	readonly skipped: Partial<Record<FactKind, number>>;
}

export interface ProposeRequest {
	readonly key: string;
	/** null deletes the key. */
	readonly value: string | null;
	readonly route: 'leader' | 'self';
	/** With route `self`: the slot to contest; 0 for none. */
	readonly contest: Slot;
}

/** A campaign that was run for a proposal. */
export interface Attempt {
	readonly ballot: BallotText;
	/** The higher promise that ended it; '' where none did. */
	readonly haltedBy: BallotText;
	/** It ended because too few nodes answered. */
	readonly givenUp: boolean;
}

export type ProposeAnswer =
	| {
			readonly outcome: 'chosen';
			readonly slot: Slot;
			/** The ballot under which this node, or the leader it was passed to, proposed it. */
			readonly ballot: BallotText;
			/** The ballot under which this node saw it chosen: another one where another leader finished it. */
			readonly chosenAt: BallotText;
			readonly revision: number;
			readonly attempts: readonly Attempt[];
	  }
	/** The contested slot keeps what it had; the proposal surely was not chosen. */
	| {
			readonly outcome: 'kept';
			readonly slot: Slot;
			readonly ballot: BallotText;
			readonly value: ValueSummary;
			readonly attempts: readonly Attempt[];
	  }
	/** It surely did not happen. */
	| { readonly outcome: 'refused'; readonly why: string; readonly attempts: readonly Attempt[] }
	/** It may still happen. */
	| { readonly outcome: 'unknown'; readonly why: string; readonly attempts: readonly Attempt[] };

/** The `data` of the error that a watcher is refused with when it joins. */
export interface JoinRefusal {
	/** So many watch already. */
	readonly reason: 'full';
	readonly watchersMax: number;
}

export interface ServerToWatcher {
	snapshot(snapshot: NodeSnapshot): void;
	batch(batch: FactBatch): void;
}

export interface WatcherToServer {
	/** Bad input is answered with `refused`. */
	propose(request: ProposeRequest, answer: (answer: ProposeAnswer) => void): void;
	resync(): void;
}
