/**
 * The services of a replica for the doors of its node: the HTTP API and the feed. Those of the key-value store are apart
 * from those that every node has, whatever its state machine is.
 */
import type { FilePart } from '../../shared/disk/disk.ts';
import type { SnapshotNote } from '../../shared/disk/snapshot-file.ts';
import type { RawFact } from '../../shared/fact.ts';
import type { NodeSnapshot } from '../../shared/feed.ts';
import type { Ballot, NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import type { SubmitOptions } from '../../shared/replica/batch.ts';
import type { MembersAnswer, MembersRequest } from '../../shared/replica/membership.ts';
import type { NamedAnswer, NamedRequest } from '../../shared/replica/named-requests.ts';
import type { OnPart } from '../../shared/replica/own-batch.ts';
import type { SubmitAnswer } from '../../shared/replica/submit-answer.ts';
import type { PeerView, ReplicaView } from '../../shared/replica/view.ts';
import type { Subject } from '../../shared/replica/waits.ts';
import type { Watch, Watcher } from '../../shared/replica/watches.ts';
import type { Operation, PartOfTransaction } from '../../shared/store/command.ts';
import type { Store } from '../../shared/store/store.ts';

/** The file of a snapshot, which is there until it is closed. */
export interface OpenSnapshot {
	readonly note: SnapshotNote;
	/** Fewer bytes only at the end of the file. One call at a time. @throws Error where the disk fails */
	read(part: FilePart): Promise<Uint8Array>;
	close(): void;
}

/** The facts of a node, those of single messages included, as one listener gets them. */
export interface FactListener {
	fact(fact: RawFact): void;
	/**
	 * While the facts were paused so many slots came to be known as chosen, none of whose facts was made. The facts through
	 * number `seq` stand for them.
	 */
	passed(slots: number, seq: number): void;
}

/** What a listener may ask for. */
export interface FactWatch {
	/**
	 * From now on only the rare facts are made that logs need. `reached` is called before this node takes the first message
	 * about the acceptance of slot `from` or of a later one, unless `resume` was called before.
	 */
	pause(from: Slot, reached: () => void): void;
	/** All facts are made again. What happened during the pause is in a `snapshot` taken just before. */
	resume(): void;
	end(): void;
}

/** A node with any state machine. */
export interface NodeService {
	/** Whether it has ended, so that nothing is done or waited for any more. */
	readonly isStopped: boolean;
	/** The revision of its state machine. */
	readonly revision: number;
	/**
	 * Resolves with true once the state machine may answer a linearizable read that began before this call, and with
	 * false when no leader has confirmed it within `timeoutMs`.
	 */
	readBarrier(timeoutMs: number): Promise<boolean>;
	/**
	 * Where this node leads, it asks `to` to lead instead, or the follower that suits best (null), again and again. Resolves
	 * with the ballot of the node that leads then, which may be a third one; with NO_BALLOT where none does within
	 * `timeoutMs`.
	 */
	handOver(to: NodeId | null, timeoutMs: number): Promise<Ballot>;
	/**
	 * A durable snapshot of this node that holds all that it has applied, which may have to be written first.
	 *
	 * @returns in a few words why there is none, where the node cannot
	 */
	openSnapshot(): Promise<OpenSnapshot | string>;
	/** As `Replica.changeMembers`. */
	changeMembers(request: MembersRequest, timeoutMs: number): Promise<MembersAnswer>;
	view(): ReplicaView;
	/** The number of proposals of this node that wait, and of those that ended without results. */
	proposals(): { readonly pending: number; readonly failed: number };
	peers(): readonly PeerView[];
	/** This node's state after the last fact. */
	snapshot(): NodeSnapshot;
	/** One listener at a time. */
	watch(listener: FactListener): FactWatch;
}

/** A node that keeps keys. */
export interface ReplicaService extends NodeService {
	/** The state machine. The doors read it and never write to it. */
	readonly store: Store;
	/**
	 * Gives the command an identity and proposes it. It is applied at most once, however often it is proposed again. After
	 * `options.timeoutMs` the answer is `refused` where no copy has left this node, and `unknown` otherwise. Never rejects.
	 */
	submit(operation: Operation, options: SubmitOptions): Promise<SubmitAnswer>;
	/** As `OwnClient.transact`. Never rejects. */
	transact(operations: readonly PartOfTransaction[], timeoutMs: number, onPart: OnPart): Promise<SubmitAnswer>;
	/** As `NamedRequests.submit`. Never rejects. */
	submitNamed(request: NamedRequest, onPart: OnPart): Promise<NamedAnswer>;
	/** As `KeyValueDoors.whenChanged`. */
	whenChanged(subject: Subject, index: number, waitMs: number, done: () => void): (() => void) | null;
	/** As `KeyValueDoors.openWatch`. */
	openWatch(prefix: string, after: number | null, watcher: Watcher): Watch | null;
}

/** A node with a state machine of the user's own. */
export interface OwnService extends NodeService {
	readonly store: null;
}

export type AnyService = ReplicaService | OwnService;
