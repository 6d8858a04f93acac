/**
 * The durable records of an agent, to bytes and back: what it must remember through a crash. How they are
 * framed, checksummed and flushed is the log's business (`shared/disk`).
 */

import { MalformedError, type Reader, type Writer } from '../bytes/bytes.ts';
import { type Ballot, readBallot, writeBallot } from './ballot.ts';
import { readSlot, readThrough } from './bounds.ts';
import type { Slot } from './message.ts';
import { readValue, type Value } from './value.ts';

export type DurableRecord =
	/** No ballot below this one is promised or accepted any more. */
	| { readonly kind: 'promised'; readonly ballot: Ballot }
	/** The acceptor accepted. It implies a promise of `ballot`. */
	| { readonly kind: 'accepted'; readonly slot: Slot; readonly ballot: Ballot; readonly value: Value }
	/** Fetched: chosen, though perhaps never accepted here. Follows every slot before it. */
	| { readonly kind: 'learned'; readonly slot: Slot; readonly ballot: Ballot; readonly value: Value }
	/** Every slot up to here is chosen with the value the log holds. Saves work after a restart; never awaited. */
	| { readonly kind: 'chosen'; readonly through: Slot };

/** The position is the byte on disk: only ever add at the end. */
const KINDS: readonly DurableRecord['kind'][] = ['promised', 'accepted', 'learned', 'chosen'];

export function writeRecord(out: Writer, record: DurableRecord): void {
	out.u8(KINDS.indexOf(record.kind));
	switch (record.kind) {
		case 'promised':
			return writeBallot(out, record.ballot);
		case 'accepted':
		case 'learned':
			out.int(record.slot);
			writeBallot(out, record.ballot);
			return out.bytes(record.value);
		case 'chosen':
			return out.int(record.through);
	}
}

/** Reads one record; throws `MalformedError`. The bytes of a value are a view into what is read. */
export function readRecord(from: Reader): DurableRecord {
	const kind = KINDS[from.u8()];
	switch (kind) {
		case 'promised':
			return { kind, ballot: readBallot(from) };
		case 'accepted':
		case 'learned':
			return { kind, slot: readSlot(from), ballot: readBallot(from), value: readValue(from) };
		case 'chosen':
			return { kind, through: readThrough(from) };
		default:
			throw new MalformedError('unknown kind of record');
	}
}
