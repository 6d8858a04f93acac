/**
 * The contest of one slot: a proposal asks for both phases, from this node, for a slot that it names. If phase 1 reports
 * a value for the slot, that value is proposed again, and the slot keeps it; a free slot takes the proposal.
 *
 * @source Paxos Made Simple 2.2, for one slot
 */

import type { Context } from './config.ts';
import type { ProposalId } from './event.ts';
import type { Leadership } from './leadership.ts';
import type { Slot } from './message.ts';
import type { Proposals } from './proposals.ts';
import { sameCommands } from './value.ts';

/** The slot that a leadership contests. It is forgotten with the leadership. */
export interface Contest {
	readonly slot: Slot;
	/** The proposals for the slot that have lost, unless the slot holds the same value. */
	readonly losing: readonly ProposalId[];
	/** An acceptor keeps the slot no more, so it will not vote for it. */
	readonly isTrimmed: boolean;
}

/** Phase 1 is over. */
export function beginContest(leadership: Leadership, proposals: Proposals): Contest | null {
	const { phase1 } = leadership;
	const slot = phase1.contest;
	if (slot === 0) return null;
	const contenders = proposals.pending.contenders(slot);
	const losing = contenders.map(({ proposal }) => proposal.id);
	const [first] = contenders;
	const isChosen = slot < leadership.nextSlot;
	// Of a slot that is chosen, an acceptor that does not know it may have reported another value, of an older ballot.
	const held = isChosen ? (leadership.known(slot) ?? phase1.contested) : phase1.bound.get(slot);
	if (held) {
		// A slot that is known to be chosen is not the window's to propose. A slot far ahead is proposed once it is learned.
		if (isChosen && slot <= leadership.acceptableThrough) {
			leadership.propose(slot, held.value, 'reported', [], held.ballot);
		}
		return { slot, losing, isTrimmed: false };
	}
	const firstFree = Math.max(leadership.nextSlot, phase1.recoveredThrough + 1);
	if (!isChosen && slot <= firstFree && first) {
		leadership.reserve(slot, first.proposal.value, first.proposal.id);
		proposals.pending.left(first);
		return { slot, losing, isTrimmed: false };
	}
	// The slot is chosen, and the nodes that know it do not keep it any more; or it is too far ahead.
	const reason = isChosen ? 'slotTrimmed' : 'slotNotOpen';
	for (const { proposal } of contenders) proposals.refuse(proposal.id, reason, firstFree);
	return null;
}

/** The contested slot is chosen: a proposal of another value has lost it. */
export function endContest({ out }: Context, contest: Contest, leadership: Leadership, { pending }: Proposals): void {
	const { slot } = contest;
	const { ballot } = leadership.phase1;
	const value = leadership.proposed(slot);
	if (value === undefined) return;
	for (const id of contest.losing) {
		const lost = pending.get(id);
		if (!lost || sameCommands(lost.proposal.value, value)) continue;
		pending.remove(id);
		out.outcomes.push({ kind: 'kept', proposal: id, slot, ballot, value });
	}
}

/**
 * A snapshot stands for the contested slot, and does not tell what the slot holds.
 *
 * @param firstFree the first slot behind the snapshot
 */
export function dropContest({ losing }: Contest, firstFree: Slot, proposals: Proposals): void {
	for (const id of losing) if (proposals.pending.get(id)) proposals.refuse(id, 'slotTrimmed', firstFree);
}
