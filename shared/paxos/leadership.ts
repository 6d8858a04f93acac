/**
 * Phase 2 of one ballot, at its proposer: slots that are proposed and not yet chosen. First what phase 1
 * binds, then what waits in the queue, within a window of open slots. It begins when a quorum has promised
 * and ends, for good, when a higher promise is met.
 *
 * Accepts leave while this node's own acceptance is still being flushed: its promise of the ballot is durable,
 * so a restarted node never leads under it again.
 *
 * @source Paxos Made Simple 2.2, phase 2, and 3 (a leader runs phase 1 once for infinitely many instances)
 */

import { sameBytes } from '../bytes/bytes.ts';
import type { Acceptor } from './acceptor.ts';
import { type Ballot, NO_BALLOT, type NodeId } from './ballot.ts';
import { ELAPSED_MS_MAX } from './bounds.ts';
import type { Phase1 } from './campaign.ts';
import type { Context } from './config.ts';
import type { Contest } from './contest.ts';
import type { ProposalId } from './event.ts';
import type { Learner } from './learner.ts';
import type { LogEntry, SlotLog } from './log.ts';
import type { Accept, Forward, Leading, Slot } from './message.ts';
import { Queue, type Queued, type QueueState } from './queue.ts';
import { hasVoted, isQuorum, NO_VOTERS, quorumSize, type Voters, votersOf, withVote } from './quorum.ts';
import { elapsedMsOf, joinBatches, NOOP, type Value } from './value.ts';

interface OpenSlot {
	readonly value: Value;
	/** The milliseconds that this leader wrote into the value; 0 for a value that it did not make. */
	readonly elapsedMs: number;
	voters: Voters;
}

export interface LeadershipState {
	readonly phase1: Phase1;
	readonly open: Map<Slot, OpenSlot>;
	readonly queue: QueueState;
	/** The next slot that no value is proposed for yet. */
	nextSlot: Slot;
	/** What the monotonic clock showed when this leader last made a value of proposals; null before the first. */
	measuredMs: number | null;
	/** The sum of `elapsedMs` over all open slots. */
	openMs: number;
	/** A slot that one proposal contests, and that phase 1 left free. */
	reserved: (Queued & { readonly slot: Slot }) | null;
	/** The nodes that answered since the last look: a leader that reaches no quorum is none. */
	answered: Voters;
	/** By follower: how far it was when it last confirmed. */
	readonly confirmedThrough: Map<NodeId, Slot>;
	/** How far this node knew the slots to be chosen at the last look; -1 before the first one. */
	chosenAtLook: Slot;
	/** The slot that this leadership contests. */
	contest: Contest | null;
}

/** What a leadership acts on. */
export interface LeadershipRooms {
	readonly context: Context;
	readonly log: SlotLog;
	readonly acceptor: Acceptor;
	readonly learner: Learner;
}

export class Leadership {
	readonly state: LeadershipState;
	readonly #context: Context;
	readonly #log: SlotLog;
	readonly #acceptor: Acceptor;
	readonly #learner: Learner;
	readonly #queue: Queue;

	constructor({ context, log, acceptor, learner }: LeadershipRooms, state: LeadershipState) {
		this.#context = context;
		this.#log = log;
		this.#acceptor = acceptor;
		this.#learner = learner;
		this.#queue = new Queue(context, state.queue);
		this.state = state;
	}

	static begin(rooms: LeadershipRooms, phase1: Phase1): Leadership {
		const { context, log } = rooms;
		let answered = NO_VOTERS;
		for (const { from } of phase1.promises) answered = withVote(answered, from, context.config.members);
		return new Leadership(rooms, {
			phase1,
			open: new Map(),
			queue: { waiting: [], head: 0, bytes: 0, forwards: { known: new Map() } },
			nextSlot: Math.max(phase1.chosenThrough, log.chosenThrough) + 1,
			measuredMs: null,
			openMs: 0,
			reserved: null,
			answered,
			confirmedThrough: new Map(phase1.promises.map(({ from, chosenThrough }) => [from, chosenThrough])),
			chosenAtLook: -1,
			contest: null,
		});
	}

	get phase1(): Phase1 {
		return this.state.phase1;
	}

	/** The next slot that no value is proposed for yet. */
	get nextSlot(): Slot {
		return this.state.nextSlot;
	}

	get openCount(): number {
		return this.state.open.size;
	}

	get queuedCount(): number {
		return this.#queue.length;
	}

	/** How far this node's own acceptor would accept: what lies further ahead cannot have its vote yet. */
	get acceptableThrough(): Slot {
		return this.#log.chosenThrough + this.#context.config.slotsAheadMax;
	}

	/** What rides on everything a leader sends. */
	get stamp(): Leading {
		return {
			ballot: this.phase1.ballot,
			chosenThrough: this.#log.chosenThrough,
			recoveredThrough: this.phase1.recoveredThrough,
		};
	}

	/** @returns false, and takes nothing, when the queue is full */
	enqueue(value: Value, id: ProposalId): boolean {
		return this.#queue.add(value, id);
	}

	/** @returns false, and takes nothing, when there is no room */
	takeForward(forward: Forward): boolean {
		return this.#queue.takeForward(forward);
	}

	/** The slot, which phase 1 left free and which is to be proposed soon, is for this value alone. */
	reserve(slot: Slot, value: Value, id: ProposalId): void {
		this.state.reserved = { slot, value, id };
	}

	/** Proposes as much as the window of open slots allows. */
	place(): void {
		const { recoveredThrough, bound, chosenThrough } = this.phase1;
		// What was fetched meanwhile is chosen, though perhaps not by this leader.
		this.state.nextSlot = Math.max(this.state.nextSlot, this.#log.chosenThrough + 1);
		const { openSlotsMax } = this.#context.config;
		const windowEnd = Math.min(Math.max(this.#log.chosenThrough, chosenThrough) + openSlotsMax, this.acceptableThrough);
		while (this.state.nextSlot <= windowEnd) {
			if (this.state.nextSlot === this.state.reserved?.slot) {
				const { slot, value, id } = this.state.reserved;
				this.propose(slot, this.#made([value]), 'own', [id]);
			} else if (this.state.nextSlot <= recoveredThrough) {
				const acceptance = bound.get(this.state.nextSlot);
				if (acceptance) this.propose(this.state.nextSlot, acceptance.value, 'reported', [], acceptance.ballot);
				else this.propose(this.state.nextSlot, NOOP, 'noop', []);
			} else if (this.#queue.length > 0) {
				const { values, ids } = this.#queue.takeBatch();
				this.propose(this.state.nextSlot, this.#made(values), 'own', ids);
			} else {
				return;
			}
		}
	}

	/** Phase 2a, for one slot: the window's next, or a contested one. */
	propose(
		slot: Slot,
		value: Value,
		origin: 'own' | 'reported' | 'noop',
		ids: readonly ProposalId[],
		reportedAt = NO_BALLOT,
	): void {
		const { out } = this.#context;
		const { ballot } = this.phase1;
		this.#setOpen(slot, { value, voters: NO_VOTERS, elapsedMs: origin === 'own' ? elapsedMsOf(value) : 0 });
		if (slot >= this.state.nextSlot) this.state.nextSlot = slot + 1;
		if (ids.length > 0) out.outcomes.push({ kind: 'placed', proposals: ids, slot, ballot });
		if (out.watched) out.fact({ kind: 'proposed', ballot, slot, value, origin, reportedAt });
		const accept = this.#accept(slot, value);
		this.#send(accept, NO_VOTERS);
		this.#acceptor.accept(this.#context.config.id, accept);
	}

	/**
	 * Counts one accepted.
	 *
	 * @returns true when it made the quorum
	 */
	count(from: NodeId, slot: Slot): boolean {
		const { members } = this.#context.config;
		this.state.answered = withVote(this.state.answered, from, members);
		const open = this.state.open.get(slot);
		if (!open || hasVoted(open.voters, from, members)) return false;
		const before = isQuorum(open.voters, members);
		open.voters = withVote(open.voters, from, members);
		const { out } = this.#context;
		if (out.watched) {
			out.fact({
				kind: 'voteCounted',
				ballot: this.phase1.ballot,
				slot,
				from,
				voters: votersOf(open.voters, members),
				needed: quorumSize(members),
			});
		}
		return !before && isQuorum(open.voters, members);
	}

	/** A quorum has just accepted this ballot's value for the slot. */
	chosen(slot: Slot): void {
		if (slot <= this.#log.chosenThrough) this.#close(slot);
		this.#advance();
	}

	/**
	 * These slots were fetched: they are chosen, so that this leader need not propose them, or count votes for them, any
	 * more.
	 *
	 * @returns null; or the ballot that has taken over, where one of them shows that this node leads no more
	 */
	learned(slots: readonly Slot[]): Ballot | null {
		for (const slot of slots) {
			const { ballot, value } = this.#log.entry(slot) as LogEntry;
			const proposed = this.proposed(slot);
			const isOurs = proposed ? sameBytes(proposed, value) : slot <= this.phase1.recoveredThrough;
			if (!isOurs) return ballot;
			// A contested slot is accepted again for all to see.
			if (slot !== this.state.contest?.slot) this.#close(slot);
			else if (!proposed) this.propose(slot, value, 'reported', [], ballot);
		}
		this.#advance();
		return null;
	}

	/**
	 * This node has taken over a snapshot. What it has proposed in those slots is chosen or not: only the snapshot tells.
	 * Another leader may have taken over, which this one learns when its next accept is refused.
	 */
	installed(): void {
		const { chosenThrough } = this.#log;
		for (const slot of [...this.state.open.keys()]) if (slot <= chosenThrough) this.#close(slot);
		if (this.state.contest && this.state.contest.slot <= chosenThrough) this.state.contest = null;
		this.#advance();
	}

	/** The value that is proposed for the slot and waits for its quorum. */
	proposed(slot: Slot): Value | undefined {
		return this.state.open.get(slot)?.value;
	}

	/**
	 * A follower confirms, and says how far it is. What was too far ahead for it before, and is no more, it has ignored.
	 */
	confirmed(from: NodeId, chosenThrough: Slot): void {
		this.heardFrom(from);
		const { slotsAheadMax } = this.#context.config;
		const before = this.state.confirmedThrough.get(from) ?? 0;
		this.state.confirmedThrough.set(from, chosenThrough);
		if (this.state.nextSlot <= before + slotsAheadMax) return;
		this.#resendTo(from, before + slotsAheadMax);
	}

	heardFrom(peer: NodeId): void {
		this.state.answered = withVote(this.state.answered, peer, this.#context.config.members);
	}

	/** Whether a quorum, this node included, answered since it was last asked. */
	takeHasQuorum(): boolean {
		const { id, members } = this.#context.config;
		const answered = withVote(this.state.answered, id, members);
		this.state.answered = NO_VOTERS;
		return isQuorum(answered, members);
	}

	/**
	 * Whether this node is still behind what its quorum knows to be chosen, and no further than when it was last
	 * asked: whoever knew it is gone. Only another quorum's reports can help.
	 */
	takeIsStuck(): boolean {
		const { chosenThrough } = this.#log;
		const isStuck = chosenThrough < this.phase1.chosenThrough && chosenThrough === this.state.chosenAtLook;
		this.state.chosenAtLook = chosenThrough;
		return isStuck;
	}

	/** Tells the acceptors what is chosen, when nothing else that leaves would. */
	tell(): void {
		const { out, config, nowMs: timeMs } = this.#context;
		const heartbeat = { kind: 'heartbeat', ...this.stamp, round: 0, timeMs } as const;
		for (const member of config.members) if (member !== config.id) out.now(member, heartbeat);
	}

	/** The link to `peer` was made anew: what it has not voted for may be lost. */
	resendTo(peer: NodeId): void {
		// It may have been started anew, and then be less far than it was.
		this.state.confirmedThrough.delete(peer);
		this.#resendTo(peer, 0);
	}

	/** A quorum has accepted this ballot's value for the slot. */
	#isChosen(slot: Slot): boolean {
		const open = this.state.open.get(slot);
		return open !== undefined && isQuorum(open.voters, this.#context.config.members);
	}

	/** Marks, in order, every slot that a quorum has accepted. */
	#advance(): void {
		for (let slot = this.#log.chosenThrough + 1; this.#isChosen(slot); slot++) {
			this.#learner.markChosen(slot, 'counted');
			this.#close(slot);
		}
	}

	#resendTo(peer: NodeId, above: Slot): void {
		const { out, config } = this.#context;
		for (const [slot, { value, voters }] of this.state.open) {
			if (slot > above && !hasVoted(voters, peer, config.members)) out.now(peer, this.#accept(slot, value));
		}
	}

	#accept(slot: Slot, value: Value): Accept {
		return { kind: 'accept', ...this.stamp, slot, value };
	}

	#send(accept: Accept, voted: Voters): void {
		const { out, config } = this.#context;
		for (const member of config.members) {
			if (member !== config.id && !hasVoted(voted, member, config.members)) out.now(member, accept);
		}
		out.acceptSent = true;
	}

	/**
	 * One value of proposals. It moves the state machine's time by what has passed since this leader last made one, and
	 * the first by nothing. What is above the bound is not made up for later.
	 */
	#made(values: readonly Value[]): Value {
		const { steadyMs } = this.#context;
		const passedMs = steadyMs - (this.state.measuredMs ?? steadyMs);
		this.state.measuredMs = steadyMs;
		return joinBatches(values, Math.max(0, Math.min(passedMs, ELAPSED_MS_MAX - this.state.openMs)));
	}

	/** A contested slot may be open already. */
	#setOpen(slot: Slot, open: OpenSlot): void {
		this.#close(slot);
		this.state.open.set(slot, open);
		this.state.openMs += open.elapsedMs;
	}

	#close(slot: Slot): void {
		this.state.openMs -= this.state.open.get(slot)?.elapsedMs ?? 0;
		this.state.open.delete(slot);
	}
}
