/** The records that one node has written over all its lives, as its disk alone has them: durable, or waiting for it. */
import { sameBytes } from '../bytes/bytes.ts';
import { type Ballot, compareBallots, NO_BALLOT, sameBallot } from '../paxos/ballot.ts';
import type { Slot } from '../paxos/message.ts';
import type { DurableRecord } from '../paxos/record.ts';
import type { ValueId } from './values.ts';

/** A record in a log, and the number of its value; 0 where it has none. */
export interface Kept {
	readonly record: DurableRecord;
	readonly value: ValueId;
}

/** What one node has on disk, over all its lives. */
export class KeptRecords {
	/** Durable. */
	promised: Ballot = NO_BALLOT;
	/** In the log, perhaps not durable: what the process believes. */
	promisedAppended: Ballot = NO_BALLOT;
	/** By slot, the acceptance of the highest ballot in the log, perhaps not durable; and learned ones. */
	readonly appended = new Map<Slot, { readonly ballot: Ballot; readonly value: ValueId }>();
	/** Every slot up to here is chosen, as its durable records alone say. */
	chosenDurably: Slot = 0;
	/** Every durable record, in order. */
	readonly durable: Kept[] = [];
	/** Records in the log that are not durable, in order. */
	readonly waiting: Kept[] = [];
	/** How many of those were read back, and so may be in the system's memory only. */
	readBack = 0;
	highestSlot: Slot = 0;

	/** An acceptance or a learned value is in the log. One of a higher ballot stays. */
	remember(slot: Slot, ballot: Ballot, value: ValueId): void {
		const before = this.appended.get(slot);
		if (before && compareBallots(before.ballot, ballot) > 0) return;
		this.appended.set(slot, { ballot, value });
		if (slot > this.highestSlot) this.highestSlot = slot;
	}
}

export function sameRecord(a: DurableRecord, b: DurableRecord): boolean {
	if (a === b) return true;
	if (a.kind === 'promised') return b.kind === 'promised' && sameBallot(a.ballot, b.ballot);
	if (a.kind === 'chosen') return b.kind === 'chosen' && a.through === b.through;
	if (b.kind !== a.kind) return false;
	return a.slot === b.slot && sameBallot(a.ballot, b.ballot) && sameBytes(a.value, b.value);
}
