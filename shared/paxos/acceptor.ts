/**
 * Phases 1b and 2b: the two promises. It never answers yes before the record behind the answer is durable,
 * and it does not know who leads or what is chosen.
 *
 * An accept that its log has no room for is as one that was lost: it is not answered. The next confirm says so, and
 * the leader sends again what was left out once a later confirm says that there is room.
 *
 * @source Paxos Made Simple 2.2, P1a: "An acceptor can accept a proposal numbered n iff it has not responded
 * to a prepare request having a number greater than n."
 */

import { sameBytes } from '../bytes/bytes.ts';
import { type Ballot, compareBallots, NO_BALLOT, type NodeId, sameBallot } from './ballot.ts';
import { type Context, ENTRY_BYTES_MAX, InvariantError } from './config.ts';
import type { SlotLog } from './log.ts';
import type { Accept, Acceptance, Heartbeat, Nack, Prepare, Slot } from './message.ts';
import { isBatch, type Value } from './value.ts';

/** Why a value is left out. */
export const LEFT_OUT = 'its log has no room for the value';
/** A nack shows an acceptance of at most this many bytes. */
const NACK_VALUE_BYTES_MAX = 4096;

export interface AcceptorState {
	promised: Ballot;
	/** The last record of kind `chosen` is about the slots up to here. */
	chosenRecorded: Slot;
	/** An accept was too far ahead, and none has come since that was not. */
	ignoresFar: boolean;
	/**
	 * The highest ballot of which a value was left out for want of room, and whose leader no confirm has told since then
	 * that it was; NO_BALLOT for none.
	 */
	leftOut: Ballot;
}

export class Acceptor {
	readonly state: AcceptorState;
	readonly #context: Context;
	readonly #log: SlotLog;

	constructor(context: Context, log: SlotLog, promised: Ballot, state?: AcceptorState) {
		this.#context = context;
		this.#log = log;
		this.state = state ?? { promised, chosenRecorded: log.chosenThrough, ignoresFar: false, leftOut: NO_BALLOT };
	}

	/** No ballot below this one is promised or accepted any more. */
	get promised(): Ballot {
		return this.state.promised;
	}

	/** Phase 1b. A repeated prepare is answered again, and waits for the same flush. */
	prepare(from: NodeId, { ballot, contest }: Prepare): void {
		if (compareBallots(ballot, this.state.promised) < 0) return this.#refuse(from, 'prepare', ballot, contest);
		const reported = this.#log.openAcceptances();
		const contested = contest <= this.#log.chosenThrough ? this.#acceptance(contest) : null;
		if (contested) reported.unshift(contested);
		this.#promise(ballot, reported.length);
		// What the promise says to be chosen must be chosen here after a restart, too: others rely on asking for it.
		this.recordChosen();
		const parts = inParts(reported, this.#context.config.messageBytesMax);
		for (const [part, accepted] of parts.entries()) {
			this.#context.out.whenDurable(from, {
				kind: 'promise',
				ballot,
				part,
				parts: parts.length,
				chosenThrough: this.#log.chosenThrough,
				accepted,
			});
		}
	}

	/** Phase 2b. The answer goes to the proposer only. Where this node knows another value to be chosen, it answers with that. */
	accept(from: NodeId, { ballot, slot, value, recoveredThrough }: Accept): void {
		if (compareBallots(ballot, this.state.promised) < 0) return this.#refuse(from, 'accept', ballot, slot);
		const { out } = this.#context;
		const { trimmedThrough, chosenThrough } = this.#log;
		if (slot <= trimmedThrough) return out.now(from, { kind: 'trimmed', trimmedThrough, chosenThrough });
		if (slot > chosenThrough + this.#context.config.slotsAheadMax) return this.#ignoreFarAccept(from, slot);
		this.state.ignoresFar = false;
		const held = this.#log.entry(slot);
		if (held && slot <= chosenThrough && !sameBytes(held.value, value)) {
			// Learning promises nothing, so a late accept of a lower ballot may come: it cannot be chosen any more.
			const decisions = [{ ballot: held.ballot, value: held.value }];
			return out.now(from, { kind: 'decisions', from: slot, chosenThrough, decisions });
		}
		if (held?.accepted && sameBallot(held.ballot, ballot)) {
			if (!sameBytes(held.value, value)) throw new InvariantError(`two values for slot ${slot} under one ballot`);
		} else if (!this.#takes(slot, value, recoveredThrough)) {
			return this.#leaveOut(from, ballot);
		} else {
			this.state.promised = ballot;
			this.#log.accept(slot, ballot, value);
			// First, so that a crash between the two leaves no acceptance too far above what is known to be chosen.
			this.recordChosen();
			out.persist.push({ kind: 'accepted', slot, ballot, value });
			if (out.watched) out.fact({ kind: 'accepted', ballot, slot, value });
		}
		out.whenDurable(from, { kind: 'accepted', ballot, slot });
	}

	/** Confirms that nothing above the leader's ballot is promised here. Needs no disk: it promises nothing new. */
	heartbeat(from: NodeId, { ballot, round }: Heartbeat): void {
		if (compareBallots(ballot, this.state.promised) < 0) return this.#refuse(from, 'heartbeat', ballot, 0);
		if (round === 0) return;
		const { out, nowMs: timeMs, stillMs, room } = this.#context;
		const { chosenThrough } = this.#log;
		const takesValues = room === 'everything' && !this.#leavesOut;
		out.now(from, { kind: 'confirm', ballot, round, chosenThrough, stillMs, takesValues, timeMs });
		// A leader that was deposed and does not know it must not take the place of the one that needs to be told.
		if (room === 'everything' && compareBallots(ballot, this.state.leftOut) >= 0) this.state.leftOut = NO_BALLOT;
	}

	/** A value of this ballot may have been left out, and is to be sent again. */
	lacks(ballot: Ballot): void {
		if (compareBallots(ballot, this.state.leftOut) > 0) this.state.leftOut = ballot;
	}

	/** Tells the leader of this node, once, that its own log takes again what was left out of it. */
	takesAgain(): boolean {
		if (!this.#leavesOut || this.#context.room !== 'everything') return false;
		this.state.leftOut = NO_BALLOT;
		return true;
	}

	get #leavesOut(): boolean {
		return this.state.leftOut.node !== '';
	}

	/**
	 * Without what earlier leaders left undecided no leader can answer reads, and without changes of members no full disk
	 * can be replaced: so they have room for longer than what clients write.
	 */
	#takes(slot: Slot, value: Value, recoveredThrough: Slot): boolean {
		const { room } = this.#context;
		return room === 'everything' || (room === 'recovery' && (slot <= recoveredThrough || !isBatch(value)));
	}

	#leaveOut(from: NodeId, ballot: Ballot): void {
		const isFirst = !this.#leavesOut;
		this.lacks(ballot);
		if (!isFirst) return;
		this.#context.out.fact({ kind: 'ignored', from, message: 'accept', why: LEFT_OUT });
	}

	#promise(ballot: Ballot, reported: number): void {
		if (sameBallot(ballot, this.state.promised)) return;
		const { out } = this.#context;
		out.fact({ kind: 'promised', ballot, previous: this.state.promised, reported });
		this.state.promised = ballot;
		out.persist.push({ kind: 'promised', ballot });
	}

	/** It is told once. Its leader sends it again when this node, by its confirms, is near enough. */
	#ignoreFarAccept(from: NodeId, slot: Slot): void {
		if (this.state.ignoresFar) return;
		this.state.ignoresFar = true;
		const { slotsAheadMax } = this.#context.config;
		const why = `slot ${slot} is more than ${slotsAheadMax} above slot ${this.#log.chosenThrough}, which is known chosen`;
		this.#context.out.fact({ kind: 'ignored', from, message: 'accept', why });
	}

	/**
	 * Records up to which slot this node knows all to be chosen. The record goes with others that need a flush anyway.
	 *
	 * @param again also where the last record says the same: one that an earlier life has left may not be durable
	 */
	recordChosen(again = false): void {
		if (this.#log.chosenThrough === this.state.chosenRecorded && !again) return;
		this.state.chosenRecorded = this.#log.chosenThrough;
		this.#context.out.persist.push({ kind: 'chosen', through: this.state.chosenRecorded });
	}

	#refuse(to: NodeId, refused: Nack['refused'], ballot: Ballot, slot: Slot): void {
		const { out } = this.#context;
		const acceptance = this.#acceptance(slot || this.#log.lastSlot);
		out.now(to, {
			kind: 'nack',
			refused,
			ballot,
			promised: this.state.promised,
			acceptance: acceptance && acceptance.value.length <= NACK_VALUE_BYTES_MAX ? acceptance : null,
		});
		if (out.watched) out.fact({ kind: 'refused', refused, slot, ballot, promised: this.state.promised });
	}

	#acceptance(slot: Slot): Acceptance | null {
		const entry = this.#log.entry(slot);
		return entry ? { slot, ballot: entry.ballot, value: entry.value } : null;
	}
}

/** At least one part; none above `bytesMax` unless a single acceptance is. */
function inParts(acceptances: readonly Acceptance[], bytesMax: number): Acceptance[][] {
	let part: Acceptance[] = [];
	const parts = [part];
	let bytes = 0;
	for (const acceptance of acceptances) {
		const size = acceptance.value.length + ENTRY_BYTES_MAX;
		if (part.length > 0 && bytes + size > bytesMax) {
			part = [];
			parts.push(part);
			bytes = 0;
		}
		part.push(acceptance);
		bytes += size;
	}
	return parts;
}
