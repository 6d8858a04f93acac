/**
 * What one node holds for each slot: its highest acceptance, or what it learned to be chosen. Up to
 * `chosenThrough` every entry is the chosen one; above it, every entry is this acceptor's own acceptance.
 */

import { type Reader, sameBytes, type Writer } from '../bytes/bytes.ts';
import { type Ballot, compareBallots, NO_BALLOT, readBallot, writeBallot } from './ballot.ts';
import { InvariantError } from './config.ts';
import type { Acceptance, Slot, Value } from './message.ts';
import type { DurableRecord } from './record.ts';

export interface LogEntry {
	readonly ballot: Ballot;
	readonly value: Value;
	/** Accepted here under `ballot`; false for what was only learned. */
	readonly accepted: boolean;
}

export class SlotLog {
	/** Of slot i + 1. */
	readonly #entries: (LogEntry | undefined)[] = [];
	#chosenThrough: Slot = 0;

	/** Every slot up to here is chosen, and the entry holds what was chosen. */
	get chosenThrough(): Slot {
		return this.#chosenThrough;
	}

	/** The highest slot that has an entry; 0 for none. */
	get lastSlot(): Slot {
		return this.#entries.length;
	}

	entry(slot: Slot): LogEntry | undefined {
		return this.#entries[slot - 1];
	}

	/** The acceptor accepted. What is chosen can only be accepted again as it is. */
	accept(slot: Slot, ballot: Ballot, value: Value): void {
		if (slot <= this.#chosenThrough) {
			const chosen = this.entry(slot);
			if (chosen && !sameBytes(chosen.value, value)) {
				throw new InvariantError(`slot ${slot} is chosen and was to be accepted with another value`);
			}
		}
		this.#entries[slot - 1] = { ballot, value, accepted: true };
	}

	/** Learned to be chosen, right behind what was. */
	learn(slot: Slot, ballot: Ballot, value: Value): void {
		if (slot !== this.#chosenThrough + 1) throw new InvariantError(`slot ${slot} learned out of order`);
		this.#entries[slot - 1] = { ballot, value, accepted: false };
		this.#chosenThrough = slot;
	}

	/** What is accepted here in the next slot is chosen. */
	markChosen(slot: Slot): LogEntry {
		const entry = this.entry(slot);
		if (slot !== this.#chosenThrough + 1 || !entry) throw new InvariantError(`slot ${slot} chosen out of order`);
		this.#chosenThrough = slot;
		return entry;
	}

	/** Every acceptance above `slot`, in order. */
	acceptancesAbove(slot: Slot): Acceptance[] {
		const above: Acceptance[] = [];
		for (let at = slot + 1; at <= this.lastSlot; at++) {
			const entry = this.entry(at);
			if (entry) above.push({ slot: at, ballot: entry.ballot, value: entry.value });
		}
		return above;
	}

	/**
	 * The log and the promise that these records, in the order they were written, leave behind.
	 *
	 * @throws InvariantError for records that no agent writes
	 */
	static replay(records: Iterable<DurableRecord>): { log: SlotLog; promised: Ballot } {
		const log = new SlotLog();
		let promised = NO_BALLOT;
		for (const record of records) {
			switch (record.kind) {
				case 'promised':
					promised = higher(promised, record.ballot);
					break;
				case 'accepted':
					promised = higher(promised, record.ballot);
					log.accept(record.slot, record.ballot, record.value);
					break;
				case 'learned':
					log.#replayChosen(record.slot - 1);
					log.learn(record.slot, record.ballot, record.value);
					break;
				case 'chosen':
					log.#replayChosen(record.through);
					break;
			}
		}
		return { log, promised };
	}

	save(to: Writer): void {
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
		this.#chosenThrough = from.int();
		const entries = from.list(() =>
			from.maybe(() => ({ ballot: readBallot(from), value: from.bytes(), accepted: from.bool() })),
		);
		for (const [index, entry] of entries.entries()) this.#entries[index] = entry ?? undefined;
	}

	#replayChosen(through: Slot): void {
		while (this.#chosenThrough < through) this.markChosen(this.#chosenThrough + 1);
	}
}

function higher(a: Ballot, b: Ballot): Ballot {
	return compareBallots(a, b) >= 0 ? a : b;
}
