/**
 * A fact is one thing that happened at one node. The live feed, the simulator and a saved trace file speak
 * this one language; log lines and metrics are derived from its coarse part.
 *
 * Facts are JSON: a ballot is its text (`1763889731207000003@n3`, '' for none), a value its summary. A raw fact
 * has both as the agent has them: to describe a value takes longer than most of what happens to it, so a
 * watcher that keeps a fact describes it, and a watcher that only counts does not.
 */

import type { Ballot, NodeId } from './paxos/ballot.ts';
import { ballotToText } from './paxos/ballot.ts';
import type { AgentFact } from './paxos/fact.ts';
import type { Message } from './paxos/message.ts';
import { commandsOf, type Value } from './paxos/value.ts';
import { describeValue, type ValueSummary } from './store/describe.ts';

export type BallotText = string;

export interface FactStamp {
	readonly node: NodeId;
	/** One life of the node's process. */
	readonly epoch: string;
	/** Numbered from 1 without gaps within the epoch. */
	readonly seq: number;
	/** The node's wall clock, milliseconds since 1970 with a fraction. Never used to order facts of two nodes. */
	readonly time: number;
}

/** The `sent` and the `received` fact of one message carry the same `messageId`. */
export type RuntimeFact<B = BallotText, V = ValueSummary> =
	| {
			readonly kind: 'sent';
			readonly to: NodeId;
			readonly messageId: string;
			readonly message: Message<B, V>;
	  }
	| {
			readonly kind: 'received';
			readonly from: NodeId;
			readonly messageId: string;
			readonly message: Message<B, V>;
	  }
	| { readonly kind: 'linkUp'; readonly peer: NodeId }
	| { readonly kind: 'linkDown'; readonly peer: NodeId; readonly why: string }
	/** A frame, a handshake or a request that was refused, and why. */
	| {
			readonly kind: 'malformed';
			readonly from: string;
			readonly door: 'mesh' | 'feed' | 'http' | 'client';
			readonly why: string;
	  }
	/** What an operator should know of this node's disk. */
	| {
			readonly kind: 'disk';
			/** A torn tail was cut off; there is no room for the next segment, or there is again; a flush does not return, or did. */
			readonly what: 'repaired' | 'noRoom' | 'hasRoom' | 'hangs' | 'answers';
			/** For people: the rest of a sentence that begins with the node. */
			readonly detail: string;
	  }
	| { readonly kind: 'flushed'; readonly records: number; readonly bytes: number; readonly ms: number }
	| { readonly kind: 'applied'; readonly through: number; readonly revision: number };

export type FactBody = AgentFact<BallotText, ValueSummary> | RuntimeFact;
export type Fact = FactStamp & FactBody;
export type FactKind = FactBody['kind'];

export type RawFactBody = AgentFact | RuntimeFact<Ballot, Value>;
export type RawFact = FactStamp & RawFactBody;

/** `T` as it is in JSON: each ballot as its text, each value as its summary. */
export type Plain<T> = T extends Ballot
	? BallotText
	: T extends Uint8Array
		? ValueSummary
		: T extends readonly (infer Item)[]
			? Plain<Item>[]
			: T extends object
				? { [Key in keyof T]: Plain<T[Key]> }
				: T;

/** Rewrites ballots and values, at any depth, for JSON. */
export function plain<T>(raw: T): Plain<T> {
	return rewrite(raw) as Plain<T>;
}

/** Many facts name the same value, so its summary is kept. */
const summaries = new WeakMap<Value, ValueSummary>();

function summaryOf(value: Value): ValueSummary {
	let summary = summaries.get(value);
	if (!summary) {
		summary = describeValue(commandsOf(value));
		summaries.set(value, summary);
	}
	return summary;
}

function rewrite(raw: unknown): unknown {
	if (raw === null || typeof raw !== 'object') return raw;
	if (raw instanceof Uint8Array) return summaryOf(raw);
	if (Array.isArray(raw)) return raw.map(rewrite);
	if ('ms' in raw && 'ns' in raw && 'node' in raw) return ballotToText(raw as Ballot);
	return Object.fromEntries(Object.entries(raw).map(([key, value]) => [key, rewrite(value)]));
}
