/**
 * What one node holds for each slot: its highest acceptance, or what it learned to be chosen. Up to
 * `chosenThrough` every entry is the chosen one; above it, every entry is this acceptor's own acceptance.
 */

import { type Reader, sameBytes, type Writer } from '../bytes/bytes.ts';
import { type Ballot, compareBallots, NO_BALLOT, readBallot, writeBallot } from './ballot.ts';
import { InvariantError } from './config.ts';
import type { Acceptance, Slot } from './message.ts';
import type { DurableRecord } from './record.ts';
import type { Value } from './value.ts';

export interface LogEntry {
	readonly ballot: Ballot;
	readonly value: Value;
	/** Accepted here under `ballot`; false for what was only learned. */
	readonly accepted: boolean;
}

export class SlotLog {
	#trimmedThrough: Slot;
	/** `#entries[i]` is the entry of slot `trimmedThrough + 1 + i`. */
	readonly #entries: (LogEntry | undefined)[] = [];
	#chosenThrough: Slot;

	/** @param trimmedThrough the last slot that something else, such as a snapshot, stands for; 0 for none */
	constructor(trimmedThrough: Slot = 0) {
		this.#trimmedThrough = trimmedThrough;
		this.#chosenThrough = trimmedThrough;
	}

	/** The slots up to here are chosen, and no entry is kept for them. */
	get trimmedThrough(): Slot {
		return this.#trimmedThrough;
	}

	/** Every slot up to here is chosen; above `trimmedThrough`, the entry holds what was chosen. */
	get chosenThrough(): Slot {
		return this.#chosenThrough;
	}

	/** The highest slot that has an entry; `trimmedThrough` where none has. */
	get lastSlot(): Slot {
		return this.trimmedThrough + this.#entries.length;
	}

	/** undefined where nothing is accepted or learned, and where it is kept no more */
	entry(slot: Slot): LogEntry | undefined {
		return this.#entries[slot - this.trimmedThrough - 1];
	}

	/** The acceptor accepted. A chosen slot can only be accepted again with the value that it has. */
	accept(slot: Slot, ballot: Ballot, value: Value): void {
		if (slot <= this.trimmedThrough) throw new InvariantError(`slot ${slot} is trimmed and was to be accepted`);
		if (slot <= this.#chosenThrough) {
			const chosen = this.entry(slot);
			if (chosen && !sameBytes(chosen.value, value)) {
				throw new InvariantError(`slot ${slot} is chosen and was to be accepted with another value`);
			}
		}
		this.#set(slot, { ballot, value, accepted: true });
	}

	/** The next slot was learned to be chosen. */
	learn(slot: Slot, ballot: Ballot, value: Value): void {
		if (slot !== this.#chosenThrough + 1) throw new InvariantError(`slot ${slot} learned out of order`);
		this.#set(slot, { ballot, value, accepted: false });
		this.#chosenThrough = slot;
	}

	/** What is accepted here in the next slot is chosen. */
	markChosen(slot: Slot): LogEntry {
		const entry = this.entry(slot);
		if (slot !== this.#chosenThrough + 1 || !entry) throw new InvariantError(`slot ${slot} chosen out of order`);
		this.#chosenThrough = slot;
		return entry;
	}

	/** Every acceptance above chosenThrough, in order. */
	openAcceptances(): Acceptance[] {
		const open: Acceptance[] = [];
		for (let slot = this.#chosenThrough + 1; slot <= this.lastSlot; slot++) {
			const entry = this.entry(slot);
			if (entry) open.push({ slot, ballot: entry.ballot, value: entry.value });
		}
		return open;
	}

	save(to: Writer): void {
		to.int(this.trimmedThrough);
		to.int(this.#chosenThrough);
		to.list(this.#entries, (entry) => {
			to.maybe(entry ?? null, ({ ballot, value, accepted }) => {
				writeBallot(to, ballot);
				to.bytes(value);
				to.bool(accepted);
			});
		});
	}

	load(from: Reader): void {
		this.#trimmedThrough = from.int();
		this.#chosenThrough = from.int();
		const entries = from.list(() =>
			from.maybe(() => ({ ballot: readBallot(from), value: from.bytes(), accepted: from.bool() })),
		);
		for (const entry of entries) this.#entries.push(entry ?? undefined);
	}

	#set(slot: Slot, entry: LogEntry): void {
		this.#entries[slot - this.trimmedThrough - 1] = entry;
	}

	markChosenThrough(through: Slot): void {
		while (this.#chosenThrough < through) this.markChosen(this.#chosenThrough + 1);
	}
}

/** The log and the promise that durable records, in the order they were written, leave behind. */
export class LogReplay {
	readonly log: SlotLog;
	promised: Ballot = NO_BALLOT;
	readonly #slotsAheadMax: number;

	/**
	 * @param slotsAheadMax as of the configuration
	 * @param trimmedThrough as of `SlotLog`; what records say of slots up to it is known already
	 */
	constructor(slotsAheadMax: number, trimmedThrough: Slot = 0) {
		this.log = new SlotLog(trimmedThrough);
		this.#slotsAheadMax = slotsAheadMax;
	}

	/** @throws InvariantError for records that no agent writes */
	add(record: DurableRecord): void {
		const { log } = this;
		switch (record.kind) {
			case 'promised':
				this.promised = higher(this.promised, record.ballot);
				return;
			case 'accepted':
				this.promised = higher(this.promised, record.ballot);
				if (record.slot <= log.trimmedThrough) return;
				// What was known to be chosen at that time has an entry, though the record that says so may come later.
				if (record.slot > log.lastSlot + this.#slotsAheadMax) {
					throw new InvariantError(`slot ${record.slot} was accepted behind ${log.lastSlot}`);
				}
				return log.accept(record.slot, record.ballot, record.value);
			case 'learned':
				if (record.slot <= log.trimmedThrough) return;
				log.markChosenThrough(record.slot - 1);
				return log.learn(record.slot, record.ballot, record.value);
			case 'chosen':
				return log.markChosenThrough(record.through);
		}
	}
}

function higher(a: Ballot, b: Ballot): Ballot {
	return compareBallots(a, b) >= 0 ? a : b;
}
