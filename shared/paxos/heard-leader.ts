/** The leader as this node hears it, itself or through a neighbour. A leader hears itself. */

import { type Ballot, compareBallots, NO_BALLOT, type NodeId, sameBallot } from './ballot.ts';
import type { Context } from './config.ts';
import type { Hearing, Slot } from './message.ts';
import type { Neighbours, Route } from './neighbours.ts';

export interface HeardLeaderState {
	/** The leader's ballot; NO_BALLOT for none. */
	ballot: Ballot;
	/** As of `Leading`, of the leader that was heard last. */
	recoveredThrough: Slot;
	/** A leader, or a candidate that may become one, was heard in this election period. */
	inPeriod: boolean;
	/** What the monotonic clock showed when this period began. */
	periodBeganMs: number;
}

export class HeardLeader {
	readonly state: HeardLeaderState;
	readonly #context: Context;
	readonly #neighbours: Neighbours;

	constructor(context: Context, neighbours: Neighbours, state: HeardLeaderState) {
		this.#context = context;
		this.#neighbours = neighbours;
		this.state = state;
	}

	/** The leader's ballot; NO_BALLOT for none. */
	get ballot(): Ballot {
		return this.state.ballot;
	}

	/** Whether no leader is heard by this node itself. */
	get isNone(): boolean {
		return this.state.ballot.node === '';
	}

	/** Neither a leader is heard, nor a candidate that may become one. */
	get isSilent(): boolean {
		return this.isNone && !this.state.inPeriod;
	}

	/** The leader, where it is another node and is heard by this one. */
	get otherNode(): NodeId | null {
		const { node } = this.state.ballot;
		return node === '' || node === this.#context.config.id ? null : node;
	}

	/** The way to the leader, which may be this node, or a neighbour that hears it; null where none is known. */
	get route(): Route | null {
		const { ballot } = this.state;
		return this.isNone ? this.#neighbours.relay : { ballot, to: ballot.node };
	}

	/** No slot above this one was chosen before the ballot of the leader that the route leads to. */
	get recoveredThrough(): Slot {
		return (this.isNone ? this.#neighbours.relay?.recoveredThrough : undefined) ?? this.state.recoveredThrough;
	}

	/** What this node tells other nodes. A candidate that was promised in this period stands for the leader it may become. */
	get hearing(): Hearing {
		const { ballot, inPeriod, recoveredThrough } = this.state;
		const relays = this.otherNode !== null;
		return {
			leader: inPeriod && this.isNone ? this.#context.promised() : ballot,
			relays,
			recoveredThrough: relays ? recoveredThrough : 0,
			chosenThrough: this.#context.chosenThrough(),
		};
	}

	/** @returns true when this leader is new to the node */
	heard(ballot: Ballot, recoveredThrough: Slot): boolean {
		this.state.inPeriod = true;
		if (sameBallot(ballot, this.state.ballot)) {
			// A late message says less: its sender did not know it yet.
			this.state.recoveredThrough = Math.min(this.state.recoveredThrough, recoveredThrough);
			return false;
		}
		this.state.recoveredThrough = recoveredThrough;
		this.state.ballot = ballot;
		this.#neighbours.heardLeader();
		return true;
	}

	/** A ballot is promised, to another node or this one: its candidate has a period to become the leader. */
	promised(ballot: Ballot): void {
		this.state.inPeriod = true;
		if (compareBallots(ballot, this.state.ballot) > 0) this.state.ballot = NO_BALLOT;
		this.#neighbours.promised(ballot);
	}

	/** @returns the node that led */
	lost(): NodeId {
		const { node } = this.state.ballot;
		this.state.ballot = NO_BALLOT;
		this.state.inPeriod = false;
		return node;
	}

	/** An election period begins. */
	periodBegins(): void {
		this.state.periodBeganMs = this.#context.steadyMs;
	}

	/** @returns for how long the period lasted, in which neither a leader was heard nor a candidate; null where one was */
	periodEnded(): number | null {
		const { inPeriod, periodBeganMs } = this.state;
		this.state.inPeriod = false;
		this.#neighbours.periodEnded(this.hearing);
		return inPeriod ? null : this.#context.steadyMs - periodBeganMs;
	}
}
