/**
 * A trace file: what nodes told over some time, as it is saved, and opened again in the page. It is JSON, and may come
 * from anywhere, so what reads it checks it.
 */
import type { Fact } from './fact.ts';
import type { NodeSnapshot } from './feed.ts';
import type { NodeId } from './paxos/ballot.ts';

export const TRACE_FORMAT = 'paxos-swarm trace 1';

export interface TraceFile {
	readonly format: typeof TRACE_FORMAT;
	/** For people: what the trace is of, in one sentence. */
	readonly title: string;
	/** In the order in which it was told. It begins with a snapshot of each node that runs. */
	readonly told: readonly TraceItem[];
}

/** `ms`: milliseconds since the run began, which never go back. */
export type TraceItem = { readonly ms: number } & TraceTold;

export type TraceTold =
	| { readonly kind: 'snapshot'; readonly snapshot: NodeSnapshot }
	/** Facts of one life of one node, numbered without gaps. */
	| { readonly kind: 'facts'; readonly facts: readonly Fact[] }
	/** Nothing was heard of the node since `sinceMs`, milliseconds since 1970. */
	| { readonly kind: 'lost'; readonly node: NodeId; readonly sinceMs: number };
