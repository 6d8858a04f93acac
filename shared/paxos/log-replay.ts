/** The log and the promise that durable records, in the order they were written, leave behind. */

import { type Ballot, compareBallots, NO_BALLOT } from './ballot.ts';
import { type AgentConfig, InvariantError } from './config.ts';
import { SlotLog } from './log.ts';
import { firstMembers, Members, type MembersState } from './members.ts';
import type { Slot } from './message.ts';
import type { DurableRecord } from './record.ts';

export class LogReplay {
	readonly log: SlotLog;
	promised: Ballot = NO_BALLOT;
	readonly #slotsAheadMax: number;

	/**
	 * @param trimmedThrough as of `SlotLog`; what records say of slots up to it is known already
	 * @param state the members as of that slot
	 */
	constructor(
		{ members, openSlotsMax, slotsAheadMax }: Pick<AgentConfig, 'members' | 'openSlotsMax' | 'slotsAheadMax'>,
		trimmedThrough: Slot = 0,
		state: MembersState = firstMembers(members),
	) {
		this.log = new SlotLog(new Members(openSlotsMax, state), trimmedThrough);
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
