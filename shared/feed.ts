/**
 * The types of the feed, which a node's socket.io server and its watchers exchange.
 *
 * On connect the server emits a `snapshot`, before it a `recall` where the watcher asked for one and there is one, and
 * then batches of facts, numbered without gaps from `snapshot.seq + 1`, at most 60 batches a second. Facts are not
 * queued for a watcher that falls behind: it gets a `batch` with counts of `skipped` facts, and then a new `snapshot`.
 * A watcher that sees a gap emits `resync`, and gets a new `snapshot` too.
 *
 * Under load a node tells everything of a few slots in a row, the same ones as the other nodes, and makes no fact of the
 * others: each of them is counted as one `chosen` among those `skipped`.
 */
import type { BallotText, Fact, FactKind } from './fact.ts';
import type { LinkFaultFrom } from './lab.ts';
import type { NodeId } from './paxos/ballot.ts';
import type { Role } from './paxos/fact.ts';
import type { Acceptance, Slot } from './paxos/message.ts';
import type { ValueSummary } from './store/describe.ts';
import type { DurationCounts } from './write-times.ts';

export interface Member {
	readonly id: NodeId;
	/** The address of its dashboard, API and feed, such as `http://host:port`. */
	readonly url: string;
}

/** A member as the log says. */
export interface SwarmMember extends Member {
	/** Its votes count. A learner only learns what is chosen. */
	readonly isVoter: boolean;
	/** Of a learner: the member that leaves when this one becomes a voter; null for none. */
	readonly replaces: NodeId | null;
}

/** The members that govern the slots from `from` on. */
export interface MembersView {
	/** The slot in which the change was chosen that brought them; 0 for the members that the swarm began with. */
	readonly chosenAt: Slot;
	readonly from: Slot;
	readonly members: readonly SwarmMember[];
}

/** The swarm as a node knows it. */
export interface SwarmView {
	readonly name: string;
	readonly id: string;
	/** The members of all of `sets`. */
	readonly members: readonly Member[];
	/** The members in force, and behind them those of a change that is chosen and not yet in force. */
	readonly sets: readonly MembersView[];
}

export interface SlotView {
	readonly slot: Slot;
	/**
	 * The highest ballot under which this node has accepted; '' where it has accepted nothing, also where it fetched what
	 * is chosen.
	 */
	readonly acceptedBallot: BallotText;
	/** What it has accepted or fetched; null for neither. */
	readonly value: ValueSummary | null;
	/** Whether this node knows the slot to be chosen. */
	readonly chosen: boolean;
}

/** The phase 1 of the present leader, which later decisions rest on and do not run again. */
export interface Phase1View {
	readonly ballot: BallotText;
	/** It ran for every slot above this one. */
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
	/** The beginning of the value where it is UTF-8, else the text `12 bytes`. */
	readonly value: string;
	readonly bytes: number;
	/** Whether `value` is the whole of it. */
	readonly isWhole: boolean;
	/** An unsigned number of 64 bits, in decimal. */
	readonly flags: string;
	readonly modifyRevision: number;
}

/** The entries below a prefix as the node holds them. */
export interface EntriesBelow {
	readonly revision: number;
	/** The first ones in the order of keys, at most 100. */
	readonly entries: readonly EntryView[];
	/** Whether these are all. */
	readonly isAll: boolean;
}

/** A node's own state after fact `seq`. */
export interface NodeSnapshot {
	readonly node: NodeId;
	readonly epoch: string;
	readonly seq: number;
	readonly time: number;
	readonly swarm: SwarmView;
	readonly role: Role;
	readonly promised: BallotText;
	/** The leader's ballot as this node hears it; '' for none. */
	readonly leader: BallotText;
	readonly chosenThrough: Slot;
	readonly appliedThrough: Slot;
	/** The node keeps no slot up to here any more: its snapshot stands for them. */
	readonly trimmedThrough: Slot;
	readonly revision: number;
	/** The most recent slots, at most 64 and fewer where their values are large, in slot order. Open ones are among them. */
	readonly slots: readonly SlotView[];
	/** The first entries in the order of keys, at most 100. */
	readonly entries: readonly EntryView[];
	/** The number of all entries. */
	readonly entriesCount: number;
	readonly linked: readonly NodeId[];
	/** Null where this node is no leader. */
	readonly phase1: Phase1View | null;
	/** The faults that people made in what others send to this node; null where it does not run as a lab. */
	readonly faults: readonly LinkFaultFrom[] | null;
	/** What is wrong at the node, for people, by what it is about; none where it is left out. */
	readonly troubles?: Troubles;
}

/** Sentences by `disk`, `state`, `loop`, or `clock` with a node. */
export type Troubles = Readonly<Record<string, string>>;

/** What a node's watchers were told of late, for one that comes later: the node's state then, and what has happened since. */
export interface Recall {
	readonly snapshot: NodeSnapshot;
	/** All facts after `snapshot.seq` but those that `isBeat` names, in order; the next snapshot follows them without a gap. */
	readonly facts: readonly Fact[];
}

/** What a watcher may say when it joins, as the `auth` of socket.io. */
export interface JoinWish {
	/** It wants a `recall`. */
	readonly recall?: boolean;
	/** The token of the page, where the swarm has tokens. */
	readonly token?: string;
}

export interface FactBatch {
	readonly epoch: string;
	/** `seq` of the first of `facts`; the others follow without gaps. */
	readonly from: number;
	readonly facts: readonly Fact[];
	/** The numbers of facts that were not sent, by kind. Where it is not empty, a `snapshot` follows. */
	readonly skipped: Partial<Record<FactKind, number>>;
	/** How long writes took that were applied with facts that were not sent; without it none was. */
	readonly took?: DurationCounts;
}

export interface ProposeRequest {
	readonly key: string;
	/** null deletes the key. */
	readonly value: string | null;
	readonly route: 'leader' | 'self';
	/** With route `self`: the slot to contest; 0 for none. */
	readonly contest: Slot;
	/** It is carried out only while the key has this revision, or with 0 while it is absent; without it always. */
	readonly cas?: number;
	/** The flags of the key from then on, as those of `EntryView`; without them 0. Of a deletion they mean nothing. */
	readonly flags?: string;
}

/** A campaign that was run for a proposal. */
export interface Attempt {
	readonly ballot: BallotText;
	/** The higher promised ballot that ended the campaign; '' where none did. */
	readonly haltedBy: BallotText;
	/** Whether the campaign ended without a higher promise. */
	readonly givenUp: boolean;
}

export type ProposeAnswer =
	| {
			readonly outcome: 'chosen';
			/** False where the condition of the command did not hold: it changed nothing. */
			readonly ok: boolean;
			readonly slot: Slot;
			/** The ballot under which this node or the leader proposed the command. */
			readonly ballot: BallotText;
			/** The ballot under which this node saw the slot chosen. It differs where another leader finished the slot. */
			readonly chosenAt: BallotText;
			readonly revision: number;
			readonly attempts: readonly Attempt[];
	  }
	/** The contested slot keeps the value it had; the command surely was not and will not be chosen. */
	| {
			readonly outcome: 'kept';
			readonly slot: Slot;
			readonly ballot: BallotText;
			readonly value: ValueSummary;
			readonly attempts: readonly Attempt[];
	  }
	/** The command surely did not and will not happen. */
	| { readonly outcome: 'refused'; readonly why: string; readonly attempts: readonly Attempt[] }
	/** The command may have happened or may yet happen. */
	| { readonly outcome: 'unknown'; readonly why: string; readonly attempts: readonly Attempt[] };

/** The `data` of the error by which a watcher is refused when it joins. */
export type JoinRefusal =
	/** `watchersMax` others watch already. */
	| { readonly reason: 'full'; readonly watchersMax: number }
	/** The node lets in only who has a token for the page, and it was shown none, or another one. */
	| { readonly reason: 'denied' };

export interface ServerToWatcher {
	recall(recall: Recall): void;
	snapshot(snapshot: NodeSnapshot): void;
	batch(batch: FactBatch): void;
}

export interface WatcherToServer {
	/** Proposes a command. Bad input is answered with `refused`. */
	propose(request: ProposeRequest, answer: (answer: ProposeAnswer) => void): void;
	resync(): void;
	/** Asks for the entries below a prefix. The answer is null to bad input, and to one that asks and does not read. */
	list(prefix: string, answer: (below: EntriesBelow | null) => void): void;
}
