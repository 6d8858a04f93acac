/**
 * The proposals made at this node, until the runtime says that they are settled. They are kept apart by where they
 * are, so that no step looks at those that it does not move: some wait for a leader, some for a campaign of this node,
 * some have left. What left under an earlier ballot leaves again only once its fate is known, that is once everything
 * that could have been chosen before is applied and it was not among it.
 *
 * A proposal may all the same be chosen twice (a late forward); the state machine applies it once.
 */

import type { Reader, Writer } from '../bytes/bytes.ts';
import { type Ballot, NO_BALLOT, readBallot, sameBallot, writeBallot } from './ballot.ts';
import type { Proposal, ProposalId } from './event.ts';
import type { Slot } from './message.ts';

export interface PendingProposal {
	readonly proposal: Proposal;
	/** It has left at least once, so that it may be chosen. */
	mayBeChosen: boolean;
}

type Place = Map<ProposalId, PendingProposal>;

export class Pending {
	readonly #all: Place = new Map();
	/** For the leader, whoever that is: to be placed or forwarded at the next occasion. */
	readonly #waiting: Place = new Map();
	/** Both phases are asked for from here, and no campaign was run for it. */
	readonly #wanting: Place = new Map();
	/** The campaign that it asked for was won by the present leadership. It waits, has left, or contests a slot. */
	readonly #campaigned: Place = new Map();
	/** Placed, or forwarded, under `#ballot`. */
	readonly #left: Place = new Map();
	/** The ballot of the leader that this node leads under, or follows. */
	#ballot: Ballot = NO_BALLOT;
	/** Left under an earlier ballot, and its fate is not known. */
	readonly #earlier: Place = new Map();
	/** Forwarded, and refused by a leader that had no room. */
	readonly #refused: Place = new Map();
	/** Every proposal up to this one is settled. */
	#settledThrough: ProposalId = 0;
	#last: ProposalId = 0;
	#selfRoutedCount = 0;

	add(proposal: Proposal): void {
		const pending = { proposal, mayBeChosen: false };
		this.#all.set(proposal.id, pending);
		this.#last = Math.max(this.#last, proposal.id);
		if (proposal.route === 'self') this.#selfRoutedCount++;
		this.#await(pending);
	}

	get(id: ProposalId): PendingProposal | undefined {
		return this.#all.get(id);
	}

	remove(id: ProposalId): void {
		if (this.#all.get(id)?.proposal.route === 'self') this.#selfRoutedCount--;
		for (const place of this.#places) place.delete(id);
	}

	get size(): number {
		return this.#all.size;
	}

	/** Whether something asked for both phases from here, and is not settled. */
	get hasSelfRouted(): boolean {
		return this.#selfRoutedCount > 0;
	}

	/** Every proposal up to this one needs no more care of any leader. */
	get settledThrough(): ProposalId {
		while (this.#settledThrough < this.#last && !this.#all.has(this.#settledThrough + 1)) this.#settledThrough++;
		return this.#settledThrough;
	}

	/** From now on proposals leave under this ballot. */
	under(ballot: Ballot): void {
		if (sameBallot(ballot, this.#ballot)) return;
		this.#ballot = ballot;
		move(this.#left, this.#earlier);
		move(this.#refused, this.#waiting);
	}

	/** The fate of everything before the present ballot is known: what is still here was not chosen, and waits again. */
	release(): void {
		if (this.#earlier.size === 0) return;
		for (const pending of this.#earlier.values()) this.#await(pending);
		this.#earlier.clear();
		// The older ones first.
		const inOrder = [...this.#waiting].sort(([a], [b]) => a - b);
		this.#waiting.clear();
		for (const [id, pending] of inOrder) this.#waiting.set(id, pending);
	}

	/** Hands over what waits, in order, until one cannot leave. */
	leaveAll(leaves: (proposal: Proposal) => boolean): void {
		for (const pending of this.#waiting.values()) {
			if (!leaves(pending.proposal)) return;
			this.left(pending);
		}
	}

	/** It was placed or forwarded, under the present ballot. */
	left(pending: PendingProposal): void {
		this.#waiting.delete(pending.proposal.id);
		this.#left.set(pending.proposal.id, pending);
		pending.mayBeChosen = true;
	}

	/** What has left under the present ballot, in the order in which it left. */
	allLeft(): Iterable<PendingProposal> {
		return this.#left.values();
	}

	/** The leader had no room for it. */
	refused(id: ProposalId): void {
		const pending = this.#left.get(id);
		if (!pending) return;
		this.#left.delete(id);
		this.#refused.set(id, pending);
	}

	/** What was refused for want of room waits again. */
	retryRefused(): void {
		move(this.#refused, this.#waiting);
	}

	/** Whether both phases from here are asked for by something that no campaign was run for yet. */
	get wantsCampaign(): boolean {
		return this.#wanting.size > 0;
	}

	/** Whether phase 2 of a campaign that was run for something here is under way. */
	get hasCampaigned(): boolean {
		return this.#campaigned.size > 0;
	}

	/** The slot to contest in the next campaign; 0 for none. */
	contest(): Slot {
		for (const { proposal } of this.#wanting.values()) if (proposal.contest > 0) return proposal.contest;
		return 0;
	}

	/** A campaign was won: it was run for everything that asked for one and contests no other slot. */
	campaigned(contest: Slot): void {
		for (const place of [this.#wanting, this.#earlier]) {
			for (const [id, pending] of place) {
				const { proposal } = pending;
				if (proposal.route === 'leader' || (proposal.contest !== 0 && proposal.contest !== contest)) continue;
				this.#campaigned.set(id, pending);
				// What may have been chosen before waits for its fate.
				if (place !== this.#wanting) continue;
				this.#wanting.delete(id);
				this.#await(pending);
			}
		}
	}

	/** Those that the campaign was run for and that contest this slot. */
	contenders(slot: Slot): PendingProposal[] {
		return [...this.#campaigned.values()].filter(({ proposal }) => proposal.contest === slot);
	}

	/** The leadership is over: what has not left under it needs another campaign. */
	leadershipEnded(): void {
		for (const [id, pending] of this.#campaigned) {
			if (this.#left.has(id) || this.#earlier.has(id)) continue;
			this.#waiting.delete(id);
			this.#wanting.set(id, pending);
		}
		this.#campaigned.clear();
	}

	save(to: Writer): void {
		to.list(this.#all.values(), ({ proposal, mayBeChosen }) => {
			to.int(proposal.id);
			to.bytes(proposal.value);
			to.bool(proposal.route === 'self');
			to.int(proposal.contest);
			to.bool(mayBeChosen);
		});
		for (const place of this.#places) to.list(place.keys(), (id) => to.int(id));
		writeBallot(to, this.#ballot);
		to.int(this.settledThrough);
		to.int(this.#last);
		to.int(this.#selfRoutedCount);
	}

	load(from: Reader): void {
		const all = from.list(() => ({
			proposal: {
				id: from.int(),
				value: from.bytes(),
				route: from.bool() ? ('self' as const) : ('leader' as const),
				contest: from.int(),
			},
			mayBeChosen: from.bool(),
		}));
		const byId = new Map(all.map((pending) => [pending.proposal.id, pending]));
		for (const place of this.#places) {
			for (const id of from.list(() => from.int())) place.set(id, byId.get(id) as PendingProposal);
		}
		this.#ballot = readBallot(from);
		this.#settledThrough = from.int();
		this.#last = from.int();
		this.#selfRoutedCount = from.int();
	}

	get #places(): readonly Place[] {
		return [this.#all, this.#waiting, this.#wanting, this.#campaigned, this.#left, this.#earlier, this.#refused];
	}

	#await(pending: PendingProposal): void {
		const { id, route, contest } = pending.proposal;
		if (route === 'leader') this.#waiting.set(id, pending);
		else if (!this.#campaigned.has(id)) this.#wanting.set(id, pending);
		else if (contest === 0) this.#waiting.set(id, pending);
	}
}

function move(from: Place, to: Place): void {
	for (const [id, pending] of from) to.set(id, pending);
	from.clear();
}
