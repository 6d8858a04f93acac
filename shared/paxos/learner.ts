/**
 * Learns which values are chosen. A follower marks only slots that it accepted at the very ballot whose leader says so. The
 * rest it fetches, in order, from the node that claims to know most. A claim is one node's own: it is forgotten when that
 * node does not answer, or answers that it knows less.
 *
 * @source Paxos Made Simple 2.3: "a distinguished learner, which in turn informs the other learners when a value has been
 * chosen". Here it is the leader.
 */

import { sameBytes } from '../bytes/bytes.ts';
import { type Ballot, type NodeId, sameBallot } from './ballot.ts';
import { type Context, ENTRY_BYTES_MAX } from './config.ts';
import type { SlotLog } from './log.ts';
import type { Decisions, Fetch, Slot, Trimmed } from './message.ts';
import { armFetch } from './timers.ts';

export interface LearnerState {
	/** The node that claims to know every slot up to `target`; null for none. */
	source: NodeId | null;
	target: Slot;
	/** The fetch under way: the node that it asks, and the slot that it asks from. */
	asked: { readonly node: NodeId; readonly from: Slot } | null;
	/** The node that was asked keeps the next slot no more, so only its snapshot helps. No node is asked for a while. */
	lacksSnapshot: boolean;
	/** The slot whose value was answered and left out, for want of room in the log; 0 for none. */
	leftOut: Slot;
}

export class Learner {
	readonly state: LearnerState;
	readonly #context: Context;
	readonly #log: SlotLog;

	constructor(context: Context, log: SlotLog, state?: LearnerState) {
		this.#context = context;
		this.#log = log;
		this.state = state ?? { source: null, target: 0, asked: null, lacksSnapshot: false, leftOut: 0 };
	}

	/** The leader of `ballot` says that every slot up to `through` is chosen. */
	told(from: NodeId, ballot: Ballot, through: Slot): void {
		while (this.#log.chosenThrough < through) {
			const slot = this.#log.chosenThrough + 1;
			const entry = this.#log.entry(slot);
			if (!entry || !sameBallot(entry.ballot, ballot)) return this.fetchFrom(from, through);
			this.markChosen(slot, 'told');
		}
	}

	/** The entry of the next slot is what was chosen. */
	markChosen(slot: Slot, how: 'counted' | 'told'): void {
		const { ballot, value } = this.#log.markChosen(slot);
		const { out } = this.#context;
		out.apply.push({ slot, ballot, value });
		if (out.watched) out.fact({ kind: 'chosen', ballot, slot, value, how });
	}

	/**
	 * `from` claims to know every slot up to `through`.
	 *
	 * @param atOnce also while another fetch is under way, since the node that was asked may be gone
	 */
	fetchFrom(from: NodeId, through: Slot, atOnce = false): void {
		if (through <= this.#log.chosenThrough || from === this.#context.config.id) return;
		if (this.state.lacksSnapshot && !atOnce) return;
		const underWay = this.#isBehind && this.state.asked !== null;
		// A higher claim counts only while its node is asked: one that came unasked may be wrong, and would last for ever.
		if (underWay && through < this.state.target && !atOnce) return;
		this.state.source = from;
		this.state.target = through;
		if (!underWay || atOnce) this.#ask();
	}

	/** The link to a node is down. What it was asked is not answered any more. */
	linkDown(peer: NodeId): void {
		if (peer === this.state.source) this.#forget();
		if (peer !== this.state.asked?.node) return;
		this.state.asked = null;
		if (this.#isBehind) this.#ask();
	}

	answer(to: NodeId, { from }: Fetch): void {
		const { out, config } = this.#context;
		const { trimmedThrough } = this.#log;
		const { chosenThrough } = this.#log;
		if (from <= trimmedThrough) return out.now(to, { kind: 'trimmed', trimmedThrough, chosenThrough });
		const decisions = [];
		let bytes = 0;
		for (let slot = from; slot <= chosenThrough; slot++) {
			const entry = this.#log.entry(slot);
			if (!entry) break;
			bytes += entry.value.length + ENTRY_BYTES_MAX;
			if (decisions.length > 0 && bytes > config.messageBytesMax) break;
			decisions.push({ ballot: entry.ballot, value: entry.value });
		}
		out.now(to, { kind: 'decisions', from, chosenThrough, decisions });
	}

	/** `from` keeps no slot up to `trimmedThrough`. Where this node lacks some, its runtime is told whose snapshot it needs. */
	trimmed(from: NodeId, { trimmedThrough, chosenThrough }: Trimmed): void {
		if (this.#log.chosenThrough >= trimmedThrough) return;
		const { source, asked } = this.state;
		// Another node may have claimed as much since the one was asked that answers now.
		if (from !== source && from !== asked?.node) return this.fetchFrom(from, chosenThrough);
		this.#forget();
		this.state.lacksSnapshot = true;
		armFetch(this.#context);
		this.#context.out.outcomes.push({ kind: 'lacksSnapshot', from });
	}

	/** The state machine has taken over a snapshot: what comes behind it is fetched as ever. */
	installed(): void {
		this.state.lacksSnapshot = false;
		if (this.#isBehind && this.state.asked === null) this.#ask();
	}

	/** @returns the slots that were learned */
	learn(from: NodeId, { from: first, chosenThrough, decisions }: Decisions): Slot[] {
		const { out } = this.#context;
		const learned: Slot[] = [];
		for (const [index, { ballot, value }] of decisions.entries()) {
			const slot = first + index;
			if (slot !== this.#log.chosenThrough + 1) continue;
			const held = this.#log.entry(slot);
			if (held && sameBytes(held.value, value)) {
				this.#log.markChosen(slot);
			} else if (this.#context.room !== 'everything') {
				this.state.leftOut = slot;
				break;
			} else {
				this.#log.learn(slot, ballot, value);
				out.persist.push({ kind: 'learned', slot, ballot, value });
			}
			out.apply.push({ slot, ballot, value });
			if (out.watched) out.fact({ kind: 'chosen', ballot, slot, value, how: 'fetched' });
			learned.push(slot);
		}
		if (from === this.state.source || chosenThrough >= this.state.target) {
			this.state.source = from;
			this.state.target = chosenThrough;
		}
		// The answer may be all known by now, by another way: it leads to the next question all the same.
		if (first === this.state.asked?.from) {
			this.state.asked = null;
			if (decisions.length === 0) this.#forget();
			else if (this.#isBehind) this.#ask();
		}
		return learned;
	}

	/**
	 * The source has not answered for a whole period, though its link stands: it may have dropped the answer, or stand
	 * still. It is left for the next node that claims to know more.
	 */
	askedInVain(): void {
		this.state.lacksSnapshot = false;
		if (this.state.asked !== null) this.#forget();
	}

	get #isBehind(): boolean {
		return this.state.target > this.#log.chosenThrough;
	}

	#forget(): void {
		this.state.source = null;
		this.state.target = 0;
		this.state.asked = null;
	}

	#ask(): void {
		if (this.state.source === null) return;
		const { out, room } = this.#context;
		const slot = this.#log.chosenThrough + 1;
		// A value that it accepted may be learned without a record. For other values it asks again when there is room: an
		// answer that has to be left out would lead to the same question, as fast as the two nodes can write.
		if (room !== 'everything' && (slot === this.state.leftOut || !this.#log.entry(slot))) return;
		this.state.asked = { node: this.state.source, from: slot };
		armFetch(this.#context);
		out.now(this.state.source, { kind: 'fetch', from: slot });
		if (out.watched) out.fact({ kind: 'fetching', from: this.state.source, slot, through: this.state.target });
	}
}
