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

import type { Acceptor } from './acceptor.ts';
import { NO_BALLOT, type NodeId } from './ballot.ts';
import { ELAPSED_MS_MAX } from './bounds.ts';
import type { Phase1 } from './campaign.ts';
import type { Context } from './config.ts';
import type { ProposalId } from './event.ts';
import { Forwards, type ForwardsState } from './forwards.ts';
import type { SlotLog } from './log.ts';
import type { Accept, Forward, Leading, Slot } from './message.ts';
import { hasVoted, isQuorum, NO_VOTERS, quorumSize, type Voters, votersOf, withVote } from './quorum.ts';
import { commandsLength, elapsedMsOf, joinBatches, NOOP, type Value } from './value.ts';

/** Of proposals that wait at a leader; the origin of one that does not fit is told so, and asks again. */
const QUEUE_BYTES_MAX = 64 * 1024 * 1024;

/** What waits to be placed: a proposal of this node, or one that was forwarded (0). */
interface Queued {
	readonly value: Value;
	readonly id: ProposalId;
}

interface OpenSlot {
	readonly value: Value;
	/** The milliseconds that this leader wrote into the value; 0 for a value that it did not make. */
	readonly elapsedMs: number;
	voters: Voters;
}

export interface LeadershipState {
	readonly phase1: Phase1;
	readonly open: Map<Slot, OpenSlot>;
	queue: Queued[];
	/** What was taken from the queue lies before this index. */
	queueHead: number;
	queueBytes: number;
	readonly forwards: ForwardsState;
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
	/** How far this node was at the last look. */
	chosenAtLook: Slot;
}

export class Leadership {
	readonly state: LeadershipState;
	readonly #context: Context;
	readonly #log: SlotLog;
	readonly #acceptor: Acceptor;
	readonly #forwards: Forwards;

	constructor(context: Context, log: SlotLog, acceptor: Acceptor, state: LeadershipState) {
		this.#context = context;
		this.#log = log;
		this.#acceptor = acceptor;
		this.state = state;
		this.#forwards = new Forwards(state.forwards);
	}

	static begin(context: Context, log: SlotLog, acceptor: Acceptor, phase1: Phase1): Leadership {
		let answered = NO_VOTERS;
		for (const { from } of phase1.promises) answered = withVote(answered, from, context.config.members);
		return new Leadership(context, log, acceptor, {
			phase1,
			open: new Map(),
			queue: [],
			queueHead: 0,
			queueBytes: 0,
			forwards: { known: new Map() },
			nextSlot: Math.max(phase1.chosenThrough, log.chosenThrough) + 1,
			measuredMs: null,
			openMs: 0,
			reserved: null,
			answered,
			confirmedThrough: new Map(phase1.promises.map(({ from, chosenThrough }) => [from, chosenThrough])),
			chosenAtLook: -1,
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
		return this.state.queue.length - this.state.queueHead;
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
		if (!this.#hasRoom(value)) return false;
		this.state.queue.push({ value, id });
		this.state.queueBytes += commandsLength(value);
		return true;
	}

	/** @returns false, and takes nothing, when there is no room */
	takeForward(forward: Forward): boolean {
		if (this.#forwards.has(forward)) return true;
		return this.#hasRoom(forward.value) && this.#forwards.add(forward) && this.enqueue(forward.value, 0);
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
			} else if (this.queuedCount > 0) {
				const { values, ids } = this.#takeBatch();
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

	/** A quorum has accepted this ballot's value for the slot. */
	isChosen(slot: Slot): boolean {
		const open = this.state.open.get(slot);
		return open !== undefined && isQuorum(open.voters, this.#context.config.members);
	}

	/** The value that is proposed for the slot and waits for its quorum. */
	proposed(slot: Slot): Value | undefined {
		return this.state.open.get(slot)?.value;
	}

	close(slot: Slot): void {
		this.state.openMs -= this.state.open.get(slot)?.elapsedMs ?? 0;
		this.state.open.delete(slot);
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

	#hasRoom(value: Value): boolean {
		return this.state.queueBytes + commandsLength(value) <= QUEUE_BYTES_MAX;
	}

	/** As much of the queue, in order, as fits one slot. */
	#takeBatch(): { values: Value[]; ids: ProposalId[] } {
		const { valueBytesMax } = this.#context.config;
		const ids: ProposalId[] = [];
		const values: Value[] = [];
		let bytes = 0;
		while (this.state.queueHead < this.state.queue.length) {
			const { value, id } = this.state.queue[this.state.queueHead] as Queued;
			if (values.length > 0 && bytes + commandsLength(value) > valueBytesMax) break;
			bytes += commandsLength(value);
			values.push(value);
			if (id !== 0) ids.push(id);
			this.state.queueHead++;
		}
		this.state.queueBytes -= bytes;
		// What was taken is let go once it is half of the array, so that each is moved once at most.
		if (2 * this.state.queueHead >= this.state.queue.length) {
			this.state.queue = this.state.queue.slice(this.state.queueHead);
			this.state.queueHead = 0;
		}
		return { values, ids };
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
		this.close(slot);
		this.state.open.set(slot, open);
		this.state.openMs += open.elapsedMs;
	}
}
