/**
 * The unique ordinal ID of phase 1: time in nanoseconds since 1970, ties broken by node id.
 *
 * Nanoseconds since 1970 exceed 2^53, so in memory a ballot is two safe integers and the node. In JSON it
 * is one string, `1763889731207000003@n3`. This room never reads a clock: wall time comes in as an argument.
 *
 * @source Paxos Made Simple 2.2: "different proposals have different numbers"
 */

import { MalformedError, type Reader, type Writer } from '../bytes/bytes.ts';

/** A node's name, such as `n3`. */
export type NodeId = string;

/** A moment of a node's wall clock. */
export interface WallTime {
	/** Milliseconds since 1970, a safe integer. */
	readonly ms: number;
	/** Nanoseconds within the millisecond, 0 to 999,999. */
	readonly ns: number;
}

/** A proposal number. No two nodes can form the same one, and no node forms one twice. */
export interface Ballot extends WallTime {
	readonly node: NodeId;
}

/** Below every ballot that a node can form: "has promised nothing", "has accepted nothing". */
export const NO_BALLOT: Ballot = { ms: 0, ns: 0, node: '' };

const NS_PER_MS = 1_000_000;
const BALLOT_NS_MAX = 2n ** 62n;
/** The milliseconds of a well-formed ballot are below this. */
const BALLOT_MS_END = Number(BALLOT_NS_MAX / BigInt(NS_PER_MS));

/** Negative, zero or positive, as `a` is below, equal to or above `b`. */
export function compareBallots(a: Ballot, b: Ballot): number {
	if (a.ms !== b.ms) return a.ms - b.ms;
	if (a.ns !== b.ns) return a.ns - b.ns;
	return a.node < b.node ? -1 : a.node > b.node ? 1 : 0;
}

export function sameBallot(a: Ballot, b: Ballot): boolean {
	return a === b || (a.ns === b.ns && a.ms === b.ms && a.node === b.node);
}

/**
 * The ballot that `node` forms at `now`: the time, or one nanosecond above `floor` where the clock is not
 * past it (it was stepped back, or another node's clock is ahead).
 *
 * @param floor the highest ballot this node has seen or durably promised
 */
export function ballotAbove(floor: Ballot, now: WallTime, node: NodeId): Ballot {
	if (now.ms > floor.ms || (now.ms === floor.ms && now.ns > floor.ns)) return { ms: now.ms, ns: now.ns, node };
	return floor.ns + 1 < NS_PER_MS ? { ms: floor.ms, ns: floor.ns + 1, node } : { ms: floor.ms + 1, ns: 0, node };
}

/** True for what `ballotAbove` can form and for `NO_BALLOT`; the bound on time is 2^62 ns. */
export function isWellFormed(ballot: Ballot): boolean {
	return (
		Number.isSafeInteger(ballot.ms) &&
		ballot.ms >= 0 &&
		ballot.ms < BALLOT_MS_END &&
		Number.isInteger(ballot.ns) &&
		ballot.ns >= 0 &&
		ballot.ns < NS_PER_MS &&
		(ballot.node !== '' || (ballot.ms === 0 && ballot.ns === 0))
	);
}

/** `1763889731207000003@n3`; `NO_BALLOT` is the empty string. */
export function ballotToText(ballot: Ballot): string {
	if (ballot.node === '') return '';
	return `${ballot.ms}${String(ballot.ns).padStart(6, '0')}@${ballot.node}`;
}

/** The inverse of `ballotToText`; undefined for what is malformed or above 2^62 ns. */
export function ballotFromText(text: string): Ballot | undefined {
	if (text === '') return NO_BALLOT;
	const match = /^(\d{1,19})@(.+)$/.exec(text);
	if (!match) return undefined;
	const ns = BigInt(match[1] as string);
	if (ns >= BALLOT_NS_MAX) return undefined;
	return { ms: Number(ns / 1_000_000n), ns: Number(ns % 1_000_000n), node: match[2] as string };
}

export function writeBallot(out: Writer, ballot: Ballot): void {
	out.int(ballot.ms);
	out.int(ballot.ns);
	out.id(ballot.node);
}

/** @throws MalformedError for what is not well formed */
export function readBallot(from: Reader): Ballot {
	const ballot = { ms: from.int(), ns: from.int(), node: from.id() };
	if (!isWellFormed(ballot)) throw new MalformedError('ballot out of range');
	return ballot;
}
