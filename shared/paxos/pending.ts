/**
 * The proposals made at this node, until the runtime says that they are settled. It knows for each whether
 * it has left, and under which ballot: what left under an earlier ballot leaves again only once its fate is
 * known, that is once everything that could have been chosen before is applied and it was not among it.
 *
 * A proposal may all the same be chosen twice (a late forward); the state machine applies it once.
 */

import type { Reader, Writer } from '../bytes/bytes.ts';
import { type Ballot, readBallot, sameBallot, writeBallot } from './ballot.ts';
import type { Proposal, ProposalId } from './event.ts';
import type { Slot } from './message.ts';

export interface PendingProposal {
	readonly proposal: Proposal;
	/** The ballot under which it was placed, or of the leader it was forwarded to; null if it waits here. */
	leftUnder: Ballot | null;
	/** It has left at least once, so that it may be chosen. */
	mayBeChosen: boolean;
	/** Both phases from here: the ballot of the campaign that was run for it; null before. */
	campaign: Ballot | null;
	/** It went unanswered for one whole retry period. */
	overdue: boolean;
}

export class Pending {
	readonly #byId = new Map<ProposalId, PendingProposal>();

	add(proposal: Proposal): void {
		this.#byId.set(proposal.id, {
			proposal,
			leftUnder: null,
			mayBeChosen: false,
			campaign: null,
			overdue: false,
		});
	}

	get(id: ProposalId): PendingProposal | undefined {
		return this.#byId.get(id);
	}

	remove(id: ProposalId): void {
		this.#byId.delete(id);
	}

	get size(): number {
		return this.#byId.size;
	}

	/** In the order they were proposed. */
	all(): IterableIterator<PendingProposal> {
		return this.#byId.values();
	}

	/** Marks it as gone under `ballot`. */
	leave(pending: PendingProposal, ballot: Ballot): void {
		pending.leftUnder = ballot;
		pending.mayBeChosen = true;
		pending.overdue = false;
	}

	/** The fate of everything before `ballot` is known: what is still here was not chosen, and waits again. */
	releaseBefore(ballot: Ballot): void {
		for (const pending of this.#byId.values()) {
			if (pending.leftUnder && !sameBallot(pending.leftUnder, ballot)) pending.leftUnder = null;
		}
	}

	/** Whether both phases from here are asked for by something that no campaign was run for yet. */
	wantsCampaign(): boolean {
		for (const { proposal, campaign, leftUnder } of this.#byId.values()) {
			if (proposal.route === 'self' && campaign === null && leftUnder === null) return true;
		}
		return false;
	}

	/** Whether something asked for both phases from here, and is not settled. */
	hasSelfRouted(): boolean {
		for (const { proposal } of this.#byId.values()) if (proposal.route === 'self') return true;
		return false;
	}

	/** The slot to contest in the next campaign; 0 for none. */
	contest(): Slot {
		for (const { proposal } of this.#byId.values()) if (proposal.contest > 0) return proposal.contest;
		return 0;
	}

	/** A campaign of `ballot` was won: it was run for everything that asked for one and contests no other slot. */
	campaigned(ballot: Ballot, contest: Slot): void {
		for (const pending of this.#byId.values()) {
			const { proposal } = pending;
			if (proposal.route === 'self' && (proposal.contest === 0 || proposal.contest === contest))
				pending.campaign = ballot;
		}
	}

	save(to: Writer): void {
		to.list(this.#byId.values(), ({ proposal, leftUnder, mayBeChosen, campaign, overdue }) => {
			to.int(proposal.id);
			to.bytes(proposal.value);
			to.bool(proposal.route === 'self');
			to.int(proposal.contest);
			to.maybe(leftUnder, (ballot) => writeBallot(to, ballot));
			to.bool(mayBeChosen);
			to.maybe(campaign, (ballot) => writeBallot(to, ballot));
			to.bool(overdue);
		});
	}

	load(from: Reader): void {
		const all = from.list(() => ({
			proposal: {
				id: from.int(),
				value: from.bytes(),
				route: from.bool() ? ('self' as const) : ('leader' as const),
				contest: from.int(),
			},
			leftUnder: from.maybe(() => readBallot(from)),
			mayBeChosen: from.bool(),
			campaign: from.maybe(() => readBallot(from)),
			overdue: from.bool(),
		}));
		for (const pending of all) this.#byId.set(pending.proposal.id, pending);
	}
}
