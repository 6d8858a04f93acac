/**
 * The proposals made at this node, until the runtime says that they are settled. They are kept apart by where they
 * are, so that no step looks at those that it does not move: some wait for a leader, some for a campaign of this node,
 * some have left. What left under an earlier ballot leaves again only once its fate is known, that is once everything
 * that could have been chosen before is applied and it was not among it.
 *
 * A proposal may all the same be chosen twice (a late forward); the state machine applies it once.
 */

import { type Ballot, NO_BALLOT, sameBallot } from './ballot.ts';
import type { Proposal, ProposalId } from './event.ts';
import type { Slot } from './message.ts';

export interface PendingProposal {
	readonly proposal: Proposal;
	/**
	 * How many copies of it have left, so that it may be chosen; 2 for any more. Which of several copies a leader had no room
	 * for is not known.
	 */
	copies: 0 | 1 | 2;
}

type Place = Map<ProposalId, PendingProposal>;

export interface PendingState {
	readonly all: Place;
	/** What waits for the leader, whichever node that is: it is placed or forwarded at the next occasion. */
	readonly waiting: Place;
	/** What asks for both phases from here, and had no campaign yet. */
	readonly wanting: Place;
	/** The present leadership won the campaign that these asked for. They wait, have left, or contest a slot. */
	readonly campaigned: Place;
	/** What was placed, or forwarded, under `ballot`. */
	readonly left: Place;
	/** What left under an earlier ballot, and whose fate is not known. */
	readonly earlier: Place;
	/** What was forwarded, and refused by a leader that had no room. */
	readonly refused: Place;
	/** The ballot of the leader that this node leads under, or follows. */
	ballot: Ballot;
	/** Every proposal up to this one is settled. */
	settledThrough: ProposalId;
	last: ProposalId;
	selfRoutedCount: number;
}

export class Pending {
	readonly state: PendingState;
	/** Where a proposal may be. */
	readonly #places: readonly Place[];

	constructor(state: PendingState = nothingPending()) {
		this.state = state;
		const { all, waiting, wanting, campaigned, left, earlier, refused } = state;
		this.#places = [all, waiting, wanting, campaigned, left, earlier, refused];
	}

	add(proposal: Proposal): void {
		const pending: PendingProposal = { proposal, copies: 0 };
		this.state.all.set(proposal.id, pending);
		this.state.last = Math.max(this.state.last, proposal.id);
		if (proposal.route === 'self') this.state.selfRoutedCount++;
		this.#await(pending);
	}

	get(id: ProposalId): PendingProposal | undefined {
		return this.state.all.get(id);
	}

	remove(id: ProposalId): void {
		if (this.state.all.get(id)?.proposal.route === 'self') this.state.selfRoutedCount--;
		for (const place of this.#places) place.delete(id);
	}

	get size(): number {
		return this.state.all.size;
	}

	/** Whether something waits for a leader, or for its fate under an earlier one. */
	get hasWaiting(): boolean {
		return this.state.waiting.size > 0 || this.state.earlier.size > 0;
	}

	/** Whether something asked for both phases from here, and is not settled. */
	get hasSelfRouted(): boolean {
		return this.state.selfRoutedCount > 0;
	}

	/** Every proposal up to this one needs no more care of any leader. */
	get settledThrough(): ProposalId {
		while (this.state.settledThrough < this.state.last && !this.state.all.has(this.state.settledThrough + 1))
			this.state.settledThrough++;
		return this.state.settledThrough;
	}

	/** From now on proposals leave under this ballot. */
	under(ballot: Ballot): void {
		if (sameBallot(ballot, this.state.ballot)) return;
		this.state.ballot = ballot;
		move(this.state.left, this.state.earlier);
		move(this.state.refused, this.state.waiting);
	}

	/** The fate of everything before the present ballot is known: what is still here was not chosen, and waits again. */
	release(): void {
		if (this.state.earlier.size === 0) return;
		for (const pending of this.state.earlier.values()) this.#await(pending);
		this.state.earlier.clear();
		// The older ones first.
		const inOrder = [...this.state.waiting].sort(([a], [b]) => a - b);
		this.state.waiting.clear();
		for (const [id, pending] of inOrder) this.state.waiting.set(id, pending);
	}

	/** Hands over what waits, in order, until one cannot leave. */
	leaveAll(leaves: (proposal: Proposal) => boolean): void {
		for (const pending of this.state.waiting.values()) {
			if (!leaves(pending.proposal)) return;
			this.left(pending);
		}
	}

	/** It was placed or forwarded, under the present ballot. */
	left(pending: PendingProposal): void {
		this.state.waiting.delete(pending.proposal.id);
		this.state.left.set(pending.proposal.id, pending);
		leaves(pending);
	}

	/** All that has left under the present ballot leaves again, in the same order. */
	allAgain(forward: (proposal: Proposal) => void): void {
		for (const pending of this.state.left.values()) {
			forward(pending.proposal);
			leaves(pending);
		}
	}

	/** A leader had no room for it, and so does not have what was forwarded. */
	refused(id: ProposalId): void {
		const pending = this.state.all.get(id);
		if (pending?.copies === 1) pending.copies = 0;
		if (!pending || !this.state.left.delete(id)) return;
		this.state.refused.set(id, pending);
	}

	/** What was refused for want of room waits again. */
	retryRefused(): void {
		move(this.state.refused, this.state.waiting);
	}

	/** Whether both phases from here are asked for by something that no campaign was run for yet. */
	get wantsCampaign(): boolean {
		return this.state.wanting.size > 0;
	}

	/** What asks for both phases from here, and had no campaign yet. */
	wanting(): ProposalId[] {
		return [...this.state.wanting.keys()];
	}

	/** Whether phase 2 of a campaign that was run for something here is under way. */
	get hasCampaigned(): boolean {
		return this.state.campaigned.size > 0;
	}

	/** The slot to contest in the next campaign; 0 for none. */
	contest(): Slot {
		for (const { proposal } of this.state.wanting.values()) if (proposal.contest > 0) return proposal.contest;
		return 0;
	}

	/** A campaign was won: it was run for everything that asked for one and contests no other slot. */
	campaigned(contest: Slot): void {
		for (const place of [this.state.wanting, this.state.earlier]) {
			for (const [id, pending] of place) {
				const { proposal } = pending;
				if (proposal.route === 'leader' || (proposal.contest !== 0 && proposal.contest !== contest)) continue;
				this.state.campaigned.set(id, pending);
				// What may have been chosen before waits for its fate.
				if (place !== this.state.wanting) continue;
				this.state.wanting.delete(id);
				this.#await(pending);
			}
		}
	}

	/** Those that the campaign was run for and that contest this slot. */
	contenders(slot: Slot): PendingProposal[] {
		return [...this.state.campaigned.values()].filter(({ proposal }) => proposal.contest === slot);
	}

	/** The leadership is over: what has not left under it needs another campaign. */
	leadershipEnded(): void {
		for (const [id, pending] of this.state.campaigned) {
			if (this.state.left.has(id) || this.state.earlier.has(id)) continue;
			this.state.waiting.delete(id);
			this.state.wanting.set(id, pending);
		}
		this.state.campaigned.clear();
	}

	#await(pending: PendingProposal): void {
		const { id, route, contest } = pending.proposal;
		if (route === 'leader') this.state.waiting.set(id, pending);
		else if (!this.state.campaigned.has(id)) this.state.wanting.set(id, pending);
		else if (contest === 0) this.state.waiting.set(id, pending);
	}
}

function nothingPending(): PendingState {
	return {
		all: new Map(),
		waiting: new Map(),
		wanting: new Map(),
		campaigned: new Map(),
		left: new Map(),
		earlier: new Map(),
		refused: new Map(),
		ballot: NO_BALLOT,
		settledThrough: 0,
		last: 0,
		selfRoutedCount: 0,
	};
}

function leaves(pending: PendingProposal): void {
	pending.copies = pending.copies === 0 ? 1 : 2;
}

function move(from: Place, to: Place): void {
	for (const [id, pending] of from) to.set(id, pending);
	from.clear();
}
