/**
 * Which ballots are believed, and from which clock ballots are formed. Nothing about safety depends on a clock. But one
 * ballot far in the future would take the head room of all others, so such a one is neither adopted nor formed: a peer
 * that sends one changes nothing, and a node whose clock is off by years forms its ballots from the clocks of a quorum.
 */

import {
	type Ballot,
	ballotAbove,
	compareBallots,
	isWellFormed,
	NO_BALLOT,
	type NodeId,
	sameBallot,
	type WallTime,
} from './ballot.ts';
import {
	BALLOT_AHEAD_MAX_MS,
	BALLOT_LEAD_MAX_MS,
	BALLOT_STEP_MAX_NS,
	CLOCK_SKEW_TOLD_MS,
	UNKNOWN_CLOCKS_MS_MAX,
	WALL_MS_MAX,
	WRITTEN_MS,
} from './bounds.ts';
import { type Context, InvariantError } from './config.ts';
import type { MessageKind } from './message.ts';
import { quorumSize } from './quorum.ts';

const NS_PER_MS = 1_000_000;

export interface ClocksState {
	/** By peer: the time that its clock showed when it last told. */
	readonly toldMs: Map<NodeId, number>;
	/** By peer: the leader that it named in its last answer to a poll. */
	readonly named: Map<NodeId, Ballot>;
	/** The peers whose clocks were reported to be far from this node's. */
	readonly apart: Set<NodeId>;
	/** The last ballot that was reported as not believed. */
	disbelieved: Ballot;
	/** The highest ballot that this node has met and believes: the next one of its own is above it. */
	highestSeen: Ballot;
}

export class Clocks {
	readonly state: ClocksState;
	readonly #context: Context;

	constructor(context: Context, state?: ClocksState) {
		this.#context = context;
		this.state = state ?? {
			toldMs: new Map(),
			named: new Map(),
			apart: new Set(),
			disbelieved: NO_BALLOT,
			highestSeen: NO_BALLOT,
		};
	}

	/** A peer tells what its clock shows. */
	told(from: NodeId, timeMs: number): void {
		this.state.toldMs.set(from, timeMs);
		const aheadMs = timeMs - this.#context.nowMs;
		const isApart = Math.abs(aheadMs) > CLOCK_SKEW_TOLD_MS;
		if (isApart === this.state.apart.has(from)) return;
		if (isApart) this.state.apart.add(from);
		else this.state.apart.delete(from);
		this.#context.out.fact({ kind: 'clockSkew', peer: from, aheadMs });
	}

	/** A peer names the leader that it follows; NO_BALLOT for none. */
	named(from: NodeId, leader: Ballot): void {
		this.state.named.set(from, leader);
	}

	/** Whether this node acts on such a ballot. */
	believes(ballot: Ballot): boolean {
		const wallMs = Math.min(Math.max(this.#context.nowMs, WRITTEN_MS), WALL_MS_MAX);
		if (ballot.ms <= wallMs + BALLOT_AHEAD_MAX_MS) return true;
		return isJustAbove(ballot, this.#context.promised()) || isJustAbove(ballot, this.#followedByQuorum());
	}

	/** Reports, once for each ballot, that a message is ignored for it. */
	disbelieve(from: NodeId, message: MessageKind, ballot: Ballot): void {
		if (sameBallot(ballot, this.state.disbelieved)) return;
		this.state.disbelieved = ballot;
		const years = Math.round((ballot.ms - this.#context.nowMs) / (BALLOT_AHEAD_MAX_MS / 10));
		const why = `its ballot is ${years} years ahead of this node's clock`;
		this.#context.out.fact({ kind: 'ignored', from, message, why });
	}

	/** Whether the last ballot that was not believed is this one, which is believed now. It is told once. */
	hadIgnored(ballot: Ballot): boolean {
		const isLast = sameBallot(ballot, this.state.disbelieved);
		if (isLast) this.state.disbelieved = NO_BALLOT;
		return isLast;
	}

	/** A ballot was met. One that is not believed is not remembered: it may still end what is under way here. */
	saw(ballot: Ballot): void {
		if (!this.believes(ballot)) return;
		if (compareBallots(ballot, this.state.highestSeen) > 0) this.state.highestSeen = ballot;
	}

	/**
	 * The ballot that this node forms at `now`, above every ballot that it has met or promised.
	 *
	 * @throws InvariantError where no ballot is left, rather than form one that nobody can read
	 */
	formBallot(now: WallTime): Ballot {
		this.saw(this.#context.promised());
		const ballot = ballotAbove(this.state.highestSeen, this.#believedTime(now), this.#context.config.id);
		if (!isWellFormed(ballot)) throw new InvariantError('there is no ballot above the highest one');
		this.saw(ballot);
		return ballot;
	}

	/** A quorum, this node included, has clocks that show this time or a later one; undefined where too few are known. */
	#quorumMs(ownMs: number): number | undefined {
		const latestFirst = [...this.state.toldMs.values(), ownMs].sort((a, b) => b - a);
		return latestFirst[this.#quorumSize - 1];
	}

	get #quorumSize(): number {
		return quorumSize(this.#context.members.last.voters);
	}

	#believedTime(now: WallTime): WallTime {
		const quorumMs = this.#quorumMs(now.ms);
		const latestMs = quorumMs === undefined ? UNKNOWN_CLOCKS_MS_MAX : quorumMs + BALLOT_LEAD_MAX_MS;
		if (now.ms <= Math.min(Math.max(latestMs, UNKNOWN_CLOCKS_MS_MAX), WALL_MS_MAX)) return now;
		return { ms: Math.min(Math.max(quorumMs ?? 0, WRITTEN_MS), WALL_MS_MAX), ns: 0 };
	}

	/** The highest ballot that a quorum follows at least, by what its members named. */
	#followedByQuorum(): Ballot {
		const highestFirst = [...this.state.named.values()].sort((a, b) => compareBallots(b, a));
		return highestFirst[this.#quorumSize - 1] ?? NO_BALLOT;
	}
}

function isJustAbove(ballot: Ballot, floor: Ballot): boolean {
	return (ballot.ms - floor.ms) * NS_PER_MS + (ballot.ns - floor.ns) <= BALLOT_STEP_MAX_NS;
}
