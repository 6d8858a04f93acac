/**
 * The members of the swarm, as the log says them. A change of members is a value that is chosen in a slot like any other.
 * A change that is chosen in slot i governs the slots from i + α on, where α is `openSlotsMax`. So a node
 * that knows all slots up to i knows which acceptors decide every slot up to i + α. No leader proposes further than that.
 *
 * A change names the whole new list of members, and the change that it follows. It counts only where that one is the last
 * and is in force: of two changes that were proposed at once, the second one counts nowhere. So at any time at most two
 * sets matter, the one in force and the one that follows.
 *
 * @source Paxos Made Simple 3 ("letting the set of servers that execute instance i + α of the consensus algorithm be
 * specified by the state after execution of the ith state machine command"); Lamport, Malkhi and Zhou 2010, Reconfiguring
 * a State Machine, the method R_α
 */

import { MalformedError, type Reader, type Writer } from '../bytes/bytes.ts';
import type { NodeId } from './ballot.ts';
import { readThrough } from './bounds.ts';
import { type Member, type MembersChange, readMembers, writeMembers } from './change.ts';
import type { Slot } from './message.ts';
import { isQuorumOf } from './quorum.ts';
import { changeOf, isMembersChange, type Value } from './value.ts';

/** The members that govern the slots from `from` on, up to where another set does. */
export interface MemberSet {
	/** The slot in which the change was chosen; 0 for the members that the swarm began with. */
	readonly chosenAt: Slot;
	readonly from: Slot;
	readonly members: readonly Member[];
	/** The ids of the voters, in the order of `members`. */
	readonly voters: readonly NodeId[];
}

/** In the order of their slots: the set in force, and perhaps the one that follows. */
export type MemberSets = readonly [MemberSet] | readonly [MemberSet, MemberSet];

export interface MembersState {
	readonly sets: MemberSets;
	/** The nodes that were members and are none any more, the newest last. Their ids do not come back. */
	readonly past: readonly NodeId[];
}

/** A node remembers so many past members. */
const PAST_MEMBERS_MAX = 1024;

export class Members {
	#state: MembersState;
	readonly #alpha: number;
	/** What is asked for with each message, made anew with each change. */
	#ids: readonly NodeId[] = [];
	#voters: readonly NodeId[] = [];
	#learners: readonly NodeId[] = [];

	/**
	 * @param alpha the slot in which a change is chosen, and so many, is the first that it governs; the same on all nodes
	 * @param state as the slots say that are known to be chosen
	 */
	constructor(alpha: number, state: MembersState) {
		this.#alpha = alpha;
		this.#state = state;
		this.#derive();
	}

	/** The same members, which go on by themselves. */
	copy(): Members {
		return new Members(this.#alpha, this.#state);
	}

	/** It is never changed, but replaced. */
	get state(): MembersState {
		return this.#state;
	}

	/** The sets that govern a slot which this node does not know to be chosen: one, or two. */
	get sets(): MemberSets {
		return this.#state.sets;
	}

	/** The last set that was chosen. It may not be in force yet. */
	get last(): MemberSet {
		return this.#state.sets[1] ?? this.#state.sets[0];
	}

	/** The nodes that were members and are none any more. */
	get past(): readonly NodeId[] {
		return this.#state.past;
	}

	/** All members of these sets. */
	get ids(): readonly NodeId[] {
		return this.#ids;
	}

	/** The voters of these sets. */
	get voters(): readonly NodeId[] {
		return this.#voters;
	}

	/** The members that vote in none of these sets. */
	get learners(): readonly NodeId[] {
		return this.#learners;
	}

	isVoter(id: NodeId): boolean {
		return this.#voters.includes(id);
	}

	/** The set that decides the slot. For a slot that is known to be chosen, the answer is the oldest set that is known. */
	governing(slot: Slot): MemberSet {
		const { sets } = this.#state;
		return sets[1] && slot >= sets[1].from ? sets[1] : sets[0];
	}

	/** Whether these nodes are a quorum of each of the sets, and so of the one that governs any of the next slots. */
	isQuorum(nodes: ReadonlySet<NodeId>): boolean {
		return this.#state.sets.every(({ voters }) => isQuorumOf(nodes, voters));
	}

	/** This slot is chosen, and so are all before it. Slots are told in order. */
	chosen(slot: Slot, value: Value): void {
		const { sets, past } = this.#state;
		const set = isMembersChange(value) ? this.#broughtBy(slot, changeOf(value)) : null;
		if (set) this.become({ sets: [sets[0], set], past });
		const [inForce, next] = this.#state.sets;
		if (next && slot + 1 >= next.from) this.become({ sets: [next], past: [...past, ...leaving(inForce, next)] });
	}

	/** Another node's snapshot says them: they govern the slots behind it. */
	become({ sets, past }: MembersState): void {
		this.#state = { sets, past: past.slice(-PAST_MEMBERS_MAX) };
		this.#derive();
	}

	/** null for a change that counts nowhere */
	#broughtBy(slot: Slot, { follows, members }: MembersChange): MemberSet | null {
		const { chosenAt, from } = this.last;
		if (follows !== chosenAt || slot < from || members.some(({ id }) => this.past.includes(id))) return null;
		return memberSet(slot, slot + this.#alpha, members);
	}

	#derive(): void {
		const all = this.#state.sets.flatMap(({ members }) => members.map(({ id }) => id));
		this.#ids = [...new Set(all)];
		this.#voters = [...new Set(this.#state.sets.flatMap(({ voters }) => voters))];
		this.#learners = this.#ids.filter((id) => !this.#voters.includes(id));
	}
}

/**
 * A number that grows with each change of the sets: when a change is chosen, and when it comes into force. It is derived
 * from slots, because the revisions of the store do not count changes of members.
 */
export function membersIndex(sets: readonly Pick<MemberSet, 'chosenAt' | 'from'>[]): number {
	const [inForce, next] = sets;
	return next ? next.chosenAt + 1 : (inForce?.from ?? 1);
}

/** The members that a swarm begins with. */
export function firstMembers(members: readonly Member[]): MembersState {
	return { sets: [memberSet(0, 1, members)], past: [] };
}

function leaving(before: MemberSet, after: MemberSet): NodeId[] {
	const stays = new Set(after.members.map(({ id }) => id));
	return before.members.map(({ id }) => id).filter((id) => !stays.has(id));
}

function memberSet(chosenAt: Slot, from: Slot, members: readonly Member[]): MemberSet {
	const voters = members.filter(({ isVoter }) => isVoter).map(({ id }) => id);
	return { chosenAt, from, members, voters };
}

export function writeMembersState(out: Writer, { sets, past }: MembersState): void {
	out.list(sets, ({ chosenAt, from, members }) => {
		out.int(chosenAt);
		out.int(from);
		writeMembers(out, members);
	});
	out.list(past, (id) => out.id(id));
}

/** @throws MalformedError */
export function readMembersState(from: Reader): MembersState {
	const count = from.int();
	if (count < 1 || count > 2) throw new MalformedError(`${count} sets of members`);
	const first = readSet(from);
	const sets: MemberSets = count === 1 ? [first] : [first, readSet(from)];
	const pastCount = from.int();
	if (pastCount > PAST_MEMBERS_MAX) throw new MalformedError(`${pastCount} past members`);
	return { sets, past: Array.from({ length: pastCount }, () => from.id()) };
}

function readSet(from: Reader): MemberSet {
	return memberSet(readThrough(from), readThrough(from), readMembers(from));
}
