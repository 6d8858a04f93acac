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
	/** A durable snapshot holds every slot up to here. */
	snapshotThrough: Slot = 0;
	/** Every durable record, in order, also those that were trimmed. */
	readonly durable: Kept[] = [];
	/** Records in the log that are not durable, in order. */
	readonly waiting: Kept[] = [];
	/** How many of those were read back, and so may be in the system's memory only. */
	readBack = 0;
	highestSlot: Slot = 0;

	/** A manifest that knows the snapshot is not there any more: only records tell what is chosen. */
	forgetSnapshot(): void {
		this.snapshotThrough = 0;
		this.chosenDurably = 0;
		for (const { record } of this.durable) this.#chosenBy(record);
	}

	/** A record is durable. */
	settle(kept: Kept): void {
		this.durable.push(kept);
		this.#chosenBy(kept.record);
	}

	/** An acceptance or a learned value is in the log. One of a higher ballot stays. */
	remember(slot: Slot, ballot: Ballot, value: ValueId): void {
		const before = this.appended.get(slot);
		if (before && compareBallots(before.ballot, ballot) > 0) return;
		this.appended.set(slot, { ballot, value });
		if (slot > this.highestSlot) this.highestSlot = slot;
	}

	#chosenBy(record: DurableRecord): void {
		if (record.kind === 'chosen') this.chosenDurably = Math.max(this.chosenDurably, record.through);
		if (record.kind === 'learned') this.chosenDurably = Math.max(this.chosenDurably, record.slot);
	}
}

/** What a log that was read back says of itself. */
export interface RecoveredLog {
	/** Records at its beginning are gone, because a snapshot holds their slots. What they promised comes first. */
	readonly isTrimmed: boolean;
	/** The last slot of its snapshot; 0 for none. */
	readonly snapshotThrough: Slot;
	/** Its manifest may be an older version, which knows no snapshot or an earlier one. */
	readonly mayBeOlder: boolean;
}

/**
 * How many of the records that a node ever wrote its log has kept, from the first on or, where it is trimmed, from a
 * later one on: all that are durable, and perhaps more. Null where what was read back is anything else.
 */
export function endOf(
	{ durable }: KeptRecords,
	known: readonly Kept[],
	records: readonly DurableRecord[],
	log: RecoveredLog,
): number | null {
	if (!log.isTrimmed) return records.length >= durable.length && isAt(known, 0, records) ? records.length : null;
	for (let end = known.length; end >= durable.length; end--) {
		// The summary has one record or two.
		for (const summarized of [0, 1, 2]) {
			const rest = records.slice(summarized);
			const begin = end - rest.length;
			if (begin < 0 || !isAt(known, begin, rest)) continue;
			if (isSummary(records.slice(0, summarized), known.slice(0, begin), log.snapshotThrough)) return end;
		}
	}
	return null;
}

function isAt(known: readonly Kept[], begin: number, records: readonly DurableRecord[]): boolean {
	if (begin + records.length > known.length) return false;
	return records.every((record, index) => sameRecord(record, (known[begin + index] as Kept).record));
}

/**
 * Whether nothing of the trimmed records is lost: their promise and what they say to be chosen, and the slots by the
 * snapshot.
 */
function isSummary(summary: readonly DurableRecord[], trimmed: readonly Kept[], snapshotThrough: Slot): boolean {
	let promised = NO_BALLOT;
	let chosenThrough = 0;
	for (const { record } of trimmed) {
		if ('slot' in record && record.slot > snapshotThrough) return false;
		if (record.kind === 'promised' || record.kind === 'accepted') promised = higher(promised, record.ballot);
		if (record.kind === 'chosen') chosenThrough = Math.max(chosenThrough, record.through);
	}
	const records: DurableRecord[] = [];
	if (promised.node !== '') records.push({ kind: 'promised', ballot: promised });
	if (chosenThrough > 0) records.push({ kind: 'chosen', through: chosenThrough });
	return (
		records.length === summary.length &&
		records.every((record, index) => sameRecord(record, summary[index] as DurableRecord))
	);
}

function higher(a: Ballot, b: Ballot): Ballot {
	return compareBallots(a, b) >= 0 ? a : b;
}

function sameRecord(a: DurableRecord, b: DurableRecord): boolean {
	if (a === b) return true;
	if (a.kind === 'promised') return b.kind === 'promised' && sameBallot(a.ballot, b.ballot);
	if (a.kind === 'chosen') return b.kind === 'chosen' && a.through === b.through;
	if (b.kind !== a.kind) return false;
	return a.slot === b.slot && sameBallot(a.ballot, b.ballot) && sameBytes(a.value, b.value);
}
