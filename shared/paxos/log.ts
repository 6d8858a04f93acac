/**
 * What one node holds for each slot: its highest acceptance, or what it learned to be chosen. Up to
 * `chosenThrough` every entry is the chosen one; above it, every entry is this acceptor's own acceptance.
 */

import { sameBytes } from '../bytes/bytes.ts';
import type { Ballot } from './ballot.ts';
import { InvariantError } from './config.ts';
import type { Members, MembersState } from './members.ts';
import type { Acceptance, Slot } from './message.ts';
import type { Value } from './value.ts';

export interface LogEntry {
	readonly ballot: Ballot;
	readonly value: Value;
	/** Whether it was accepted here under `ballot`, and not only learned. */
	readonly accepted: boolean;
}

export interface LogState {
	/** The slots up to here are chosen, and no entry is kept for them. */
	trimmedThrough: Slot;
	/** `entries[i]` is the entry of slot `trimmedThrough + 1 + i`. */
	entries: (LogEntry | undefined)[];
	/** Every slot up to here is chosen; above `trimmedThrough`, the entry holds what was chosen. */
	chosenThrough: Slot;
}

export class SlotLog {
	readonly state: LogState;
	/** The members as the slots say them that are known to be chosen. */
	readonly members: Members;

	/**
	 * @param trimmedThrough the last slot that something else, such as a snapshot, stands for; 0 for none
	 * @param members as of that slot
	 */
	constructor(members: Members, trimmedThrough: Slot = 0, state?: LogState) {
		this.members = members;
		this.state = state ?? { trimmedThrough, entries: [], chosenThrough: trimmedThrough };
	}

	/** The slots up to here are chosen, and no entry is kept for them. */
	get trimmedThrough(): Slot {
		return this.state.trimmedThrough;
	}

	/** Every slot up to here is chosen; above `trimmedThrough`, the entry holds what was chosen. */
	get chosenThrough(): Slot {
		return this.state.chosenThrough;
	}

	/** The highest slot that has an entry; `trimmedThrough` where none has. */
	get lastSlot(): Slot {
		return this.trimmedThrough + this.state.entries.length;
	}

	/** undefined where nothing is accepted or learned, and where it is kept no more */
	entry(slot: Slot): LogEntry | undefined {
		return this.state.entries[slot - this.trimmedThrough - 1];
	}

	/** The acceptor accepted. A chosen slot can only be accepted again with the value that it has. */
	accept(slot: Slot, ballot: Ballot, value: Value): void {
		if (slot <= this.trimmedThrough) throw new InvariantError(`slot ${slot} is trimmed and was to be accepted`);
		if (slot <= this.state.chosenThrough) {
			const chosen = this.entry(slot);
			if (chosen && !sameBytes(chosen.value, value)) {
				throw new InvariantError(`slot ${slot} is chosen and was to be accepted with another value`);
			}
		}
		this.#set(slot, { ballot, value, accepted: true });
	}

	/** The next slot was learned to be chosen. */
	learn(slot: Slot, ballot: Ballot, value: Value): void {
		if (slot !== this.state.chosenThrough + 1) throw new InvariantError(`slot ${slot} learned out of order`);
		this.#set(slot, { ballot, value, accepted: false });
		this.#chosen(slot, value);
	}

	/** What is accepted here in the next slot is chosen. */
	markChosen(slot: Slot): LogEntry {
		const entry = this.entry(slot);
		if (slot !== this.state.chosenThrough + 1 || !entry) throw new InvariantError(`slot ${slot} chosen out of order`);
		this.#chosen(slot, entry.value);
		return entry;
	}

	/** As `markChosen`, for every slot up to this one. */
	markChosenThrough(through: Slot): void {
		while (this.state.chosenThrough < through) this.markChosen(this.state.chosenThrough + 1);
	}

	/** Every acceptance above chosenThrough, in order. */
	openAcceptances(): Acceptance[] {
		const open: Acceptance[] = [];
		for (let slot = this.state.chosenThrough + 1; slot <= this.lastSlot; slot++) {
			const entry = this.entry(slot);
			if (entry) open.push({ slot, ballot: entry.ballot, value: entry.value });
		}
		return open;
	}

	/**
	 * Something else, such as a snapshot, stands for the slots up to here: they are chosen, and their entries are dropped.
	 * This acceptor's own acceptances above them stay.
	 *
	 * @param members those as of that slot; they matter where it was not known to be chosen
	 */
	trim(through: Slot, members: MembersState | null): void {
		const { state } = this;
		if (through <= state.trimmedThrough) return;
		state.entries = state.entries.slice(through - state.trimmedThrough);
		state.trimmedThrough = through;
		if (state.chosenThrough >= through) return;
		if (!members) throw new InvariantError(`slot ${through} is trimmed, and was not known to be chosen`);
		state.chosenThrough = through;
		this.members.become(members);
	}

	#chosen(slot: Slot, value: Value): void {
		this.state.chosenThrough = slot;
		this.members.chosen(slot, value);
	}

	#set(slot: Slot, entry: LogEntry): void {
		this.state.entries[slot - this.trimmedThrough - 1] = entry;
	}
}
