/**
 * Learns which values are chosen. A follower marks only slots that it accepted at the very ballot whose leader says so. The rest it
 * fetches, in order, from the node that claims to know most. A claim is one node's own: it is forgotten when that node
 * does not answer, or answers that it knows less.
 */

import type { Reader, Writer } from '../bytes/bytes.ts';
import { sameBytes } from '../bytes/bytes.ts';
import { type Ballot, type NodeId, sameBallot } from './ballot.ts';
import { type Context, ENTRY_BYTES_MAX } from './config.ts';
import type { SlotLog } from './log.ts';
import type { Decisions, Fetch, Slot, Trimmed } from './message.ts';

export class Learner {
	readonly #context: Context;
	readonly #log: SlotLog;
	/** The node that claims to know every slot up to `#target`; null for none. */
	#source: NodeId | null = null;
	#target: Slot = 0;
	/** The fetch under way: whom it asks, and from which slot on. */
	#asked: { readonly node: NodeId; readonly from: Slot } | null = null;

	constructor(context: Context, log: SlotLog) {
		this.#context = context;
		this.#log = log;
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
		const underWay = this.#isBehind && this.#asked !== null;
		if (this.#isBehind && through < this.#target && !atOnce) return;
		this.#source = from;
		this.#target = through;
		if (!underWay || atOnce) this.#ask();
	}

	/** The link to a node is down. What it was asked is not answered any more. */
	linkDown(peer: NodeId): void {
		if (peer === this.#source) this.#forget();
		if (peer !== this.#asked?.node) return;
		this.#asked = null;
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

	/** What this node lacks cannot be had from there: it keeps no slot up to `trimmedThrough`. */
	trimmed(from: NodeId, { trimmedThrough }: Trimmed): void {
		const slot = this.#log.chosenThrough + 1;
		if (from !== this.#source || slot > trimmedThrough) return;
		this.#forget();
		const why = `slot ${slot} is needed here and kept no more there`;
		this.#context.out.fact({ kind: 'ignored', from, message: 'trimmed', why });
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
			} else {
				this.#log.learn(slot, ballot, value);
				out.persist.push({ kind: 'learned', slot, ballot, value });
			}
			out.apply.push({ slot, ballot, value });
			if (out.watched) out.fact({ kind: 'chosen', ballot, slot, value, how: 'fetched' });
			learned.push(slot);
		}
		if (from === this.#source || chosenThrough >= this.#target) {
			this.#source = from;
			this.#target = chosenThrough;
		}
		// The answer may be all known by now, by another way: it leads to the next question all the same.
		if (first === this.#asked?.from) {
			this.#asked = null;
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
		if (this.#asked !== null) this.#forget();
	}

	save(to: Writer): void {
		to.int(this.#target);
		to.maybe(this.#source, (node) => to.id(node));
		to.maybe(this.#asked, ({ node, from }) => {
			to.id(node);
			to.int(from);
		});
	}

	load(from: Reader): void {
		this.#target = from.int();
		this.#source = from.maybe(() => from.id());
		this.#asked = from.maybe(() => ({ node: from.id(), from: from.int() }));
	}

	get #isBehind(): boolean {
		return this.#target > this.#log.chosenThrough;
	}

	#forget(): void {
		this.#source = null;
		this.#target = 0;
		this.#asked = null;
	}

	#ask(): void {
		if (this.#source === null) return;
		const { out, config } = this.#context;
		const slot = this.#log.chosenThrough + 1;
		this.#asked = { node: this.#source, from: slot };
		const { retryMs } = config.timings;
		out.timer('fetch', retryMs, retryMs, true);
		out.now(this.#source, { kind: 'fetch', from: slot });
		if (out.watched) out.fact({ kind: 'fetching', from: this.#source, slot, through: this.#target });
	}
}
