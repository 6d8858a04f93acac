/**
 * Where facts come from. The live swarm is one source, and a simulated one in the page is another. All feed the same model
 * through the same few calls. No source knows the model, nor the model a source.
 */
import type { EntriesBelow, FactBatch, NodeSnapshot, ProposeAnswer, ProposeRequest } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Told } from '../../shared/trace-file.ts';
import type { BallotIdentity } from './lamps.ts';
import type { QuorumSize } from './members.ts';
import type { Flight } from './playback.ts';

export interface Source {
	/** Time passes, and things go wrong, only where the person wants it. */
	readonly isDirected: boolean;
	/** Begins to deliver facts. It is called once. */
	start(listener: SourceListener): void;
	/** Asks a node for a whole snapshot of its state. */
	resync(node: NodeId): void;
	/** The entries below a prefix, as the node holds them now. Never rejects. The answer is null where nobody can be asked. */
	list(node: NodeId, prefix: string): Promise<EntriesBelow | null>;
	/**
	 * Never rejects. The answer is `refused` where the node cannot be asked, and `unknown` where it fell silent after it
	 * was asked.
	 *
	 * @param atMs the moment that the page shows, by the clock of the source; null for now. Only a directed source goes there.
	 */
	propose(node: NodeId, request: ProposeRequest, atMs: number | null): Promise<ProposeAnswer>;
	/** The clock by which things are told, milliseconds. It never goes back, but `begin` may set it anew. */
	nowMs(): number;
	/** The right time of day, milliseconds since 1970. */
	wallMs(): number;
	/** The rail shows so much of the past, milliseconds. */
	spanMs(): number;
	/** What was on its way at that time; null where nobody knows but by the facts. */
	flightsAt(ms: number): readonly Flight[] | null;
}

/** Something that was told, or happened, at an earlier time. */
export interface Recalled {
	readonly node: NodeId;
	readonly told: Told;
	/** When it happened, by the clock of the source, which may have begun later. */
	readonly whenMs: number;
}

/** A run that begins. */
export interface Beginning {
	/** So much will be told, and all of it is gone back to; without it, the end of what is told. */
	readonly items?: number;
	/** How many voters are a quorum in it; a majority by default. */
	readonly quorumSize?: QuorumSize;
	/** Which ballots are the same one in it; each by itself by default. */
	readonly identityOf?: BallotIdentity;
}

export interface SourceListener {
	/**
	 * Another run begins. What was told before is no part of it.
	 */
	begin(run?: Beginning): void;
	/** The clock of a directed source has moved on. */
	moved(): void;
	/** The page comes from this node. It may have another id later, with a new disk. */
	entry(node: NodeId): void;
	/** What was before the page was opened, in the order of time. It is called before anything else, and once at most. */
	recalled(past: readonly Recalled[]): void;
	snapshot(node: NodeId, snapshot: NodeSnapshot): void;
	batch(node: NodeId, batch: FactBatch): void;
	/** Nothing was heard of `node` since `sinceMs` (milliseconds since 1970). */
	lost(node: NodeId, sinceMs: number): void;
	/** `node` runs and cannot be watched, for the reason given. null: the page's own node, whose name it has not told. */
	refused(node: NodeId | null, why: string): void;
	/** What another page was told, in the order in which that page had it at last. */
	replayed(next: Recalled): void;
	/** The page is to show the moment after so many of the things that were replayed. */
	shows(count: number): void;
	/** The page may not reach `node`, which came in after the page was opened. It may once it is loaded again. */
	newer(node: NodeId): void;
}
