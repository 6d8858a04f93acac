/**
 * A trace file: what nodes told over some time, as it is saved, and opened again in the page. It is JSON, and may come
 * from anywhere, so what reads it checks it.
 */
import type { Fact } from './fact.ts';
import type { FactBatch, NodeSnapshot } from './feed.ts';
import type { NodeId } from './paxos/ballot.ts';

export const TRACE_FORMAT = 'paxos-swarm trace 1';

export interface TraceFile {
	readonly format: typeof TRACE_FORMAT;
	/** For people: what the trace is of, in one sentence. */
	readonly title: string;
	/** In the order in which it was told. It begins with a snapshot of each node that runs. */
	readonly told: readonly TraceItem[];
	/** The moment to be shown is the one after so many of `told`; without it, the last one. */
	readonly shown?: number;
	/** The rule of the game that the run is without, such as `half`; not there where it has all rules. */
	readonly without?: string;
}

/** `ms`: milliseconds since the run began, which never go back. */
export type TraceItem = { readonly ms: number } & TraceTold;

export type TraceTold =
	| { readonly kind: 'snapshot'; readonly snapshot: NodeSnapshot }
	/** Facts of one life of one node, numbered without gaps. */
	| { readonly kind: 'facts'; readonly facts: readonly Fact[] }
	/** Nothing was heard of the node since `sinceMs`, milliseconds since 1970. */
	| { readonly kind: 'lost'; readonly node: NodeId; readonly sinceMs: number }
	/** Of a page that watched a swarm. Facts that change nothing, such as heartbeats, may be missing. */
	| { readonly kind: 'told'; readonly node: NodeId; readonly told: Told };

/** One thing that a page was told of a node. */
export type Told =
	| { readonly kind: 'fact'; readonly fact: Fact }
	| { readonly kind: 'snapshot'; readonly snapshot: NodeSnapshot }
	/** Facts of the node are missing, and a snapshot is on its way. `skipped`: how many the node says that it left out. */
	| ({ readonly kind: 'missing' } & Pick<FactBatch, 'skipped' | 'took'>)
	/** The node is heard again, and nothing has happened at it meanwhile. */
	| { readonly kind: 'heard' }
	/** Nothing was heard of it since `sinceMs`, milliseconds since 1970. */
	| { readonly kind: 'lost'; readonly sinceMs: number }
	/** It cannot be watched. The page's own node is '' while it has not told its name. */
	| { readonly kind: 'refused'; readonly why: string }
	/** It came in after the page was opened, which may not reach it. */
	| { readonly kind: 'newer' }
	/** The page comes from this node. */
	| { readonly kind: 'entry' }
	/** A person does not want to see this former member any more. */
	| { readonly kind: 'forgotten' };
