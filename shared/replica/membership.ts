/**
 * Changes of members, as an operator asks for them at the leader. A node comes in as a learner, which has no vote and
 * only learns. Once it is within a tick of the leader, the leader makes it a voter by a second change. Where it comes in
 * the place of another node, that one leaves with the same change, so the number of voters does not rise in between.
 *
 * What it must never do: propose a change that its caller made for other members than those in force, which the agent
 * would refuse; propose a change after which too few voters can be reached to choose anything, because no later change
 * could mend that.
 *
 * @source Raft thesis (Ongaro 2014) 4.2.1 (catching up new servers)
 */
import type { NodeId } from '../paxos/ballot.ts';
import { type Member, type MembersChange, URL_CHARS_MAX } from '../paxos/change.ts';
import type { ChangeOutcome, ChangeRefusal } from '../paxos/effects.ts';
import type { ChangeId } from '../paxos/event.ts';
import type { MemberSet, Members } from '../paxos/members.ts';
import type { Slot } from '../paxos/message.ts';
import { isQuorumOf, MEMBERS_MAX } from '../paxos/quorum.ts';
import type { AgentView } from '../paxos/view.ts';
import { type Deadlines, Limited } from './deadlines.ts';

export type MembersRequest =
	/**
	 * `id` comes in, as a learner at first. `replaces` is the member that leaves as soon as `id` votes; null for none.
	 * Another learner that was to replace the same member leaves with this change.
	 */
	| { readonly kind: 'add'; readonly id: NodeId; readonly url: string; readonly replaces: NodeId | null }
	| { readonly kind: 'remove'; readonly id: NodeId };

export type MembersAnswer =
	/** The change is chosen, and this set is in force from its first slot on. */
	| { readonly kind: 'chosen'; readonly set: MemberSet }
	/** Nothing was changed by it. @param detail a sentence */
	| { readonly kind: 'refused'; readonly why: MembersRefusal; readonly detail: string }
	/** The node stopped, or leads no more: the change may have been chosen, or may yet be. */
	| { readonly kind: 'unknown' };

export type MembersRefusal = ChangeRefusal | 'noSuchMember' | 'usedBefore' | 'inUse' | 'noQuorumLeft';

export type OnMembers = (answer: MembersAnswer) => void;

export interface MembershipRuntime {
	/** Calls `Membership.fire` after so many milliseconds. */
	setTimer(afterMs: number): void;
	view(): Pick<AgentView, 'role' | 'chosenThrough' | 'confirmedThrough'>;
	linked(): readonly NodeId[];
	/** As the agent's event `changeMembers`. */
	change(id: ChangeId, change: MembersChange): void;
}

/** A learner that knows what was chosen at the last tick is made a voter. Milliseconds. */
const MEMBERS_TICK_MS = 500;

/** The time limit of a change that makes a learner a voter, milliseconds. */
const PROMOTION_MS = 5000;

const WHY: Readonly<Record<ChangeRefusal, string>> = {
	notLeader: 'This node does not lead',
	notSettled: 'The leader is new, and has yet to learn what earlier leaders may have chosen. Ask again',
	underWay: 'Another change of members is under way. Ask again when it is in force',
	outdated: 'The members have changed meanwhile. Ask again',
	noVoter: 'The last voter cannot be removed',
	tooMany: `A swarm has ${MEMBERS_MAX} members at most`,
	urlTooLong: `The address of a member has ${URL_CHARS_MAX} characters at most`,
	sameId: 'Two members would have the same id',
};

/** A change that was asked for. */
class Wanted extends Limited {
	readonly id: ChangeId;
	readonly done: OnMembers;
	/** The slot in which it was proposed; null before. */
	slot: Slot | null = null;
	readonly #membership: Membership;

	constructor(membership: Membership, id: ChangeId, done: OnMembers) {
		super();
		this.#membership = membership;
		this.id = id;
		this.done = done;
	}

	override overdue(): void {
		this.#membership.overdue();
	}
}

export class Membership {
	readonly #id: NodeId;
	readonly #members: Members;
	readonly #deadlines: Deadlines;
	readonly #runtime: MembershipRuntime;
	/** The one change that has no answer yet. */
	#wanted: Wanted | null = null;
	#idNext: ChangeId = 1;
	/** How far this node knew the slots to be chosen at the last tick. */
	#chosenAtTick: Slot = Number.POSITIVE_INFINITY;

	constructor(id: NodeId, members: Members, deadlines: Deadlines, runtime: MembershipRuntime) {
		this.#id = id;
		this.#members = members;
		this.#deadlines = deadlines;
		this.#runtime = runtime;
	}

	start(): void {
		this.#runtime.setTimer(MEMBERS_TICK_MS);
	}

	/** The timer has fired: a learner that has caught up becomes a voter. */
	fire(): void {
		this.start();
		const { role, chosenThrough, confirmedThrough } = this.#runtime.view();
		const before = this.#chosenAtTick;
		this.#chosenAtTick = chosenThrough;
		if (role !== 'leader' || !confirmedThrough || this.#members.sets.length > 1 || this.#wanted) return;
		const linked = this.#runtime.linked();
		const { members } = this.#members.last;
		const ready = members.find(
			({ id, isVoter }) => !isVoter && linked.includes(id) && (confirmedThrough.get(id) ?? -1) >= before,
		);
		if (ready) this.#want(withVoter(members, ready), PROMOTION_MS, () => undefined);
	}

	/** @param done called once @param timeoutMs after it the outcome is unknown */
	request(request: MembersRequest, timeoutMs: number, done: OnMembers): void {
		if (this.#runtime.view().role !== 'leader') return done(refused('notLeader'));
		if (this.#wanted) return done(refused('underWay'));
		const { members } = this.#members.last;
		const after = request.kind === 'add' ? this.#withLearner(request) : withoutMember(members, request.id);
		if (!Array.isArray(after)) return done(after);
		const lack = this.#lackOfQuorum(after);
		if (lack !== null) return done(refusal('noQuorumLeft', lack));
		this.#want(after, timeoutMs, done);
	}

	/** The agent's answer. */
	outcome(outcome: Exclude<ChangeOutcome, { kind: 'removed' }>): void {
		const wanted = this.#wanted;
		if (wanted?.id !== outcome.id) return;
		if (outcome.kind === 'changeRefused') this.#end(refused(outcome.why));
		else wanted.slot = outcome.slot;
	}

	/** The state machine has applied every slot up to `through`. */
	applied(through: Slot): void {
		const slot = this.#wanted?.slot ?? null;
		if (slot === null || through < slot) return;
		const { sets } = this.#members;
		const set = sets.find(({ chosenAt }) => chosenAt === slot);
		if (set) return this.#end({ kind: 'chosen', set });
		// Slots may come many at a time. Where a later change is in force by now, nothing tells what this slot brought.
		this.#end(sets[0].chosenAt > slot ? { kind: 'unknown' } : refused('notLeader'));
	}

	/** The change that waits for an answer calls this when its time limit is over. */
	overdue(): void {
		this.#end({ kind: 'unknown' });
	}

	/** The node stops. */
	stop(): void {
		this.#end({ kind: 'unknown' });
	}

	/** How many wait for an answer. */
	get count(): number {
		return this.#wanted ? 1 : 0;
	}

	#withLearner({ id, url, replaces }: MembersRequest & { kind: 'add' }): Member[] | MembersAnswer {
		const { members } = this.#members.last;
		if (members.some((member) => member.id === id)) return refusal('inUse', `${id} is a member already`);
		if (this.#members.past.includes(id)) {
			return refusal('usedBefore', `${id} was a member before, and its name stands for what that one has promised`);
		}
		if (replaces !== null && !members.some((member) => member.id === replaces)) return noMember(replaces);
		return [...withoutHeirs(members, replaces), { id, url, isVoter: false, replaces }];
	}

	/** Why these members could choose nothing, as far as this node sees; null if they could. */
	#lackOfQuorum(members: readonly Member[]): string | null {
		const voters = members.filter(({ isVoter }) => isVoter).map(({ id }) => id);
		const there = new Set([this.#id, ...this.#runtime.linked()]);
		if (isQuorumOf(there, voters) || voters.length === 0) return null;
		const present = voters.filter((id) => there.has(id));
		const reached = present.length > 0 ? `only ${present.join(' and ')}` : 'none';
		return `Of the voters that would be left, ${voters.join(' and ')}, ${reached} can be reached now, which is no majority`;
	}

	#want(members: readonly Member[], timeoutMs: number, done: OnMembers): void {
		const wanted = new Wanted(this, this.#idNext++, done);
		this.#wanted = wanted;
		this.#deadlines.add(wanted, timeoutMs);
		this.#runtime.change(wanted.id, { members, follows: this.#members.last.chosenAt });
	}

	#end(answer: MembersAnswer): void {
		const wanted = this.#wanted;
		if (wanted === null) return;
		this.#wanted = null;
		this.#deadlines.remove(wanted);
		wanted.done(answer);
	}
}

function withVoter(members: readonly Member[], { id, url, replaces }: Member): Member[] {
	const voter: Member = { id, url, isVoter: true, replaces: null };
	const rest = members.filter((member) => member.id !== id && member.id !== replaces);
	return [...rest, voter];
}

/** One node comes in the place of another: the learners that were to do so before have lost their disks too. */
function withoutHeirs(members: readonly Member[], replaced: NodeId | null): readonly Member[] {
	return replaced === null ? members : members.filter(({ replaces }) => replaces !== replaced);
}

/** A learner that was to come in the place of that node comes in all the same. */
function withoutMember(members: readonly Member[], id: NodeId): Member[] | MembersAnswer {
	if (!members.some((member) => member.id === id)) return noMember(id);
	return members
		.filter((member) => member.id !== id)
		.map((member) => (member.replaces === id ? { ...member, replaces: null } : member));
}

function refused(why: ChangeRefusal): MembersAnswer {
	return refusal(why, WHY[why]);
}

function noMember(id: NodeId): MembersAnswer {
	return refusal('noSuchMember', `${id} is no member`);
}

function refusal(why: MembersRefusal, detail: string): MembersAnswer {
	return { kind: 'refused', why, detail };
}
