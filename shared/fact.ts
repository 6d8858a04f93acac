/**
 * A fact is one thing that happened at one node. The live feed, the simulator and saved trace files all consist of facts,
 * and log lines are made from some of them.
 *
 * Facts are JSON: a ballot is its text (`1763889731207000003@n3`, '' for none), a value its summary. A raw fact holds the
 * agent's own ballots and values. To describe a value is slow, so only a listener that keeps a fact makes it plain, and
 * one that only counts facts does not.
 */

import type { KeyChanges } from './key-change.ts';
import type { LinkFaultFrom, NodeAct } from './lab.ts';
import type { Ballot, NodeId } from './paxos/ballot.ts';
import { ballotToText } from './paxos/ballot.ts';
import type { Member } from './paxos/change.ts';
import type { AgentFact } from './paxos/fact.ts';
import type { Message, MessageKind, SnapshotPart } from './paxos/message.ts';
import { changeOf, commandsOf, isMembersChange, type Value } from './paxos/value.ts';
import { describeValue, type ValueSummary, valueDigest } from './store/describe.ts';

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

/** The facts of the runtime. Those of sending and of receiving one message have the same `messageId`. */
export type RuntimeFact<B = BallotText, V = ValueSummary, C = KeyChanges> =
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
	/** In a lab: people have changed what becomes of the messages of `from` to this node. */
	| ({ readonly kind: 'linkFault' } & LinkFaultFrom)
	/** In a lab: people have done this to the process of `target`, and asked this node to. */
	| { readonly kind: 'nodeFault'; readonly act: NodeAct; readonly target: NodeId }
	/** A frame, a handshake or a request that was refused, and why. */
	| {
			readonly kind: 'malformed';
			readonly from: string;
			readonly door: 'mesh' | 'feed' | 'http' | 'client';
			readonly why: string;
	  }
	/** News of this node's disk for an operator. */
	| {
			readonly kind: 'disk';
			/**
			 * `repaired`: a torn tail was cut off. `noRoom`, `hasRoom`: there is no room for the next segment, or there is again.
			 * `hangs`, `answers`: flushes have not returned for long, or do so again.
			 */
			readonly what: 'repaired' | 'noRoom' | 'hasRoom' | 'hangs' | 'answers';
			/** The rest of a sentence that begins with the node, for people. */
			readonly detail: string;
	  }
	/** What an operator should know of this node's state beside that of the others. */
	| {
			readonly kind: 'state';
			/** A peer has another state; all that had one have the same one again; or a peer remembers what cannot be. */
			readonly what: 'differs' | 'agrees' | 'disbelieved';
			/** For people: the rest of a sentence that begins with the node. */
			readonly detail: string;
	  }
	/** The event loop of this node's process stood still for so many milliseconds. */
	| {
			readonly kind: 'stall';
			readonly ms: number;
			/** For people. */
			readonly detail: string;
	  }
	/** What becomes of this node's snapshots. */
	| {
			readonly kind: 'snapshot';
			/**
			 * `cut`: a snapshot is taken and is being written. `written`: it is durable. `abandoned`: it will not be. `trimmed`:
			 * the log keeps no slot up to `through`. `sending`, `receiving`: another node gets the snapshot of this one, or this
			 * node gets that of another.
			 */
			readonly what: 'cut' | 'written' | 'abandoned' | 'trimmed' | 'sending' | 'receiving';
			/** The snapshot holds, or the log lacks, every slot up to here. */
			readonly through: number;
			/** For people: the rest of a sentence that begins with the node. */
			readonly detail: string;
	  }
	| { readonly kind: 'flushed'; readonly records: number; readonly bytes: number; readonly ms: number }
	/** `changes`: those of keys since the fact of this kind before; it lacks them where the node was not asked for them. */
	| { readonly kind: 'applied'; readonly through: number; readonly revision: number; readonly changes?: C };

export type FactBody = AgentFact<BallotText, ValueSummary> | RuntimeFact;
export type Fact = FactStamp & FactBody;
export type FactKind = FactBody['kind'];

/** What costs more than a fact should where nobody keeps it is a function in a raw one, and valid at once only. */
export type RawFactBody = AgentFact | RuntimeFact<Ballot, Value, () => KeyChanges>;
export type RawFact = FactStamp & RawFactBody;

/** Whether the fact is one that keeps coming while nothing is decided, and that changes nothing which a snapshot tells. */
export function isBeat(fact: Fact | RawFact): boolean {
	return fact.kind === 'flushed' || ((fact.kind === 'sent' || fact.kind === 'received') && isBeatMessage(fact.message));
}

function isBeatMessage({ kind }: { readonly kind: MessageKind }): boolean {
	return kind === 'heartbeat' || kind === 'confirm' || kind === 'readAsk' || kind === 'readIndex' || kind === 'digest';
}

/** The JSON form of `T`: each ballot is its text, each value its summary. */
export type Plain<T> = T extends Ballot
	? BallotText
	: T extends Uint8Array
		? ValueSummary
		: T extends readonly (infer Item)[]
			? Plain<Item>[]
			: T extends () => infer Made
				? Made
				: T extends object
					? { [Key in keyof T]: Plain<T[Key]> }
					: T;

/** Rewrites ballots and values, at any depth, for JSON. */
export function plain<T>(raw: T): Plain<T> {
	return rewrite(raw) as Plain<T>;
}

/** Summaries are kept for as long as their values are, because many facts name the same value. */
const summaries = new WeakMap<Value, ValueSummary>();

function summaryOf(value: Value): ValueSummary {
	let summary = summaries.get(value);
	if (!summary) {
		summary = isMembersChange(value) ? describeMembers(value) : describeValue(commandsOf(value));
		summaries.set(value, summary);
	}
	return summary;
}

function describeMembers(change: Value): ValueSummary {
	const text = `members ${membersText(changeOf(change).members)}`;
	return { digest: valueDigest(change), bytes: text.length, commands: 0, text };
}

/** Why a campaign or a leadership ended by itself, for people. */
export const GIVEN_UP = {
	noQuorum: 'too few nodes answered',
	behind: 'no node tells it what it lacks of what is chosen',
	overtaken: 'another leader has decided a slot',
	noVote: 'it has no vote any more',
} as const;

/** Such as `n1, n2, n4 (learns)`. */
export function membersText(members: readonly Member[]): string {
	return members.map(({ id, isVoter }) => (isVoter ? id : `${id} (learns)`)).join(', ');
}

/** The bytes of a part are no commands, and nobody reads them. */
function partOf(part: SnapshotPart): SnapshotPart<ValueSummary> {
	return { ...part, bytes: { digest: '', bytes: part.bytes.length, commands: 0, text: 'part of a snapshot' } };
}

function rewrite(raw: unknown): unknown {
	if (typeof raw === 'function') return raw();
	if (raw === null || typeof raw !== 'object') return raw;
	if (raw instanceof Uint8Array) return summaryOf(raw);
	if (Array.isArray(raw)) return raw.map(rewrite);
	if ('kind' in raw && raw.kind === 'snapshotPart') return partOf(raw as SnapshotPart);
	if ('ms' in raw && 'ns' in raw && 'node' in raw) return ballotToText(raw as Ballot);
	// A loop takes a tenth of the time of a list of entries, and every fact that is told comes here.
	const rewritten: Record<string, unknown> = {};
	for (const key in raw) rewritten[key] = rewrite((raw as Record<string, unknown>)[key]);
	return rewritten;
}
