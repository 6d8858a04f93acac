/**
 * Who the members are, slot by slot, as far as the nodes have told. The slots between two sets that were told may be
 * governed by a third one, of which the page has missed everything. Nobody is said to decide those.
 */
import type { MembersView } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { quorumSize } from '../../shared/paxos/quorum.ts';

/** Those whose votes count, and how many of them are a quorum. */
export interface Electorate {
	readonly voters: readonly NodeId[];
	readonly needed: number;
}

/** How many of these are a quorum. It is a majority but where that rule was taken out of the run. */
export type QuorumSize = (voters: readonly NodeId[]) => number;

/** A set of members, and how many of its voters are a quorum. */
export interface Deciders extends MembersView {
	readonly needed: number;
}

export function electorateOf({ members, needed }: Deciders): Electorate {
	return { voters: votersOf(members), needed };
}

function votersOf(members: MembersView['members']): readonly NodeId[] {
	return members.filter(({ isVoter }) => isVoter).map(({ id }) => id);
}

/** Whether the node's vote counts. Where the page was not told who decides, what the proposer counted is believed. */
export function hasVote(electorate: Electorate | null, node: NodeId): boolean {
	return electorate === null || electorate.voters.includes(node);
}

/** How many of these nodes have a vote that counts. */
export function countVoters({ voters }: Electorate, nodes: readonly NodeId[]): number {
	return voters.filter((voter) => nodes.includes(voter)).length;
}

export function isQuorum(electorate: Electorate, nodes: readonly NodeId[]): boolean {
	return countVoters(electorate, nodes) >= electorate.needed;
}

interface Span {
	readonly set: Deciders;
	/** The last slot that the set is known to govern. */
	through: Slot;
}

const SETS_MAX = 64;

export class MemberHistory {
	/** In the order of their slots. */
	#spans: Span[] = [];
	readonly #quorumSize: QuorumSize;

	constructor(size: QuorumSize = quorumSize) {
		this.#quorumSize = size;
	}

	/** The last set that was told; null for none. */
	get last(): Deciders | null {
		return this.#spans.at(-1)?.set ?? null;
	}

	/**
	 * A node that knows all slots up to `chosenThrough` tells its sets. Each governs the slots up to the next one.
	 */
	told(sets: readonly MembersView[], chosenThrough: Slot): void {
		for (const [index, set] of sets.entries()) {
			const next = sets[index + 1];
			this.#governs(set, next ? next.from - 1 : Math.max(set.from, chosenThrough + 1));
		}
	}

	/** Those that decide the slot; null where the page was not told. */
	governing(slot: Slot): Deciders | null {
		const index = this.#spans.findLastIndex(({ set }) => set.from <= slot);
		const span = this.#spans[index];
		if (!span) return null;
		const isLast = index === this.#spans.length - 1;
		return isLast || slot <= span.through ? span.set : null;
	}

	/**
	 * The sets that govern the next slots, at a node that knows the slots up to `chosenThrough`: one, or two while a change
	 * is not yet in force. None where the page was not told.
	 */
	at(chosenThrough: Slot): readonly Deciders[] {
		const inForce = this.governing(chosenThrough + 1);
		if (!inForce) return [];
		const later = this.#spans.map(({ set }) => set).filter(({ from }) => from > chosenThrough + 1);
		return [inForce, ...later.filter(({ chosenAt }) => chosenAt <= chosenThrough)];
	}

	/** The set that the change in this slot brought; null for none that is known. */
	broughtBy(slot: Slot): Deciders | null {
		return this.#spans.find(({ set }) => slot > 0 && set.chosenAt === slot)?.set ?? null;
	}

	/** The first slot that is known to be governed without this node, which was a member before; 0 for none. */
	leftFrom(id: NodeId): Slot {
		const last = this.#spans.findLastIndex(({ set }) => set.members.some((member) => member.id === id));
		return last < 0 ? 0 : (this.#spans[last + 1]?.set.from ?? 0);
	}

	/** A copy that changes apart from this one. */
	clone(): MemberHistory {
		const copy = new MemberHistory(this.#quorumSize);
		copy.#spans = this.#spans.map((span) => ({ ...span }));
		return copy;
	}

	#governs(set: MembersView, through: Slot): void {
		const known = this.#spans.find((span) => span.set.chosenAt === set.chosenAt);
		if (known) {
			known.through = Math.max(known.through, through);
			return;
		}
		this.#spans.push({ set: { ...set, needed: this.#quorumSize(votersOf(set.members)) }, through });
		this.#spans.sort((a, b) => a.set.from - b.set.from);
		if (this.#spans.length > SETS_MAX) this.#spans.shift();
	}
}
