/**
 * What may come in, from a peer or from the disk. Each number is checked where it comes in: those whose bound is the
 * same for every node when a message or a record is read (`wire.ts`, `record.ts`), those whose bound depends on what
 * a node knows by the room that acts on it. Nothing walks or allocates by a number before.
 */

import { MalformedError, type Reader } from '../bytes/bytes.ts';
import type { Slot } from './message.ts';

/** The highest slot. It leaves room for what is added to slots, and a swarm that fills a million a second never gets there. */
export const SLOT_MAX = 2 ** 48;

/**
 * An acceptor takes no accept for a slot that is further than this above what it knows to be chosen. A node that lags
 * further behind learns what is chosen first. It is larger than the window of open slots of any configuration, since
 * an acceptor that does not lag may still hear a moment later than the leader what is chosen.
 */
export const SLOTS_AHEAD_MAX = 4096;

/** A promise reports at most as many acceptances as lie in that window, and the one of the contested slot. */
export const REPORTED_MAX = SLOTS_AHEAD_MAX + 1;

/** A promise has at most one part for each acceptance. */
export const PROMISE_PARTS_MAX = REPORTED_MAX;

/**
 * One slot's value, in bytes: 1 MiB of commands and the three bytes in front of them. It is so much below the largest
 * message of the mesh that every message with one value of this size can be sent.
 */
export const SLOT_VALUE_BYTES_MAX = 1_048_579;

/**
 * A batch moves the state machine's time by at most so many milliseconds, and so do all together that one leader has
 * proposed and that are not known to be chosen. So a leader that stood still, or that is deposed and does not know it,
 * moves the time by no more than this beyond what has passed.
 */
export const ELAPSED_MS_MAX = 1000;

/** A leader takes no more proposals of one other node than so many that are not settled there. */
export const FORWARDS_MAX = 65_536;

/** One message of a snapshot that is sent to another node has at most so many bytes of it. */
export const SNAPSHOT_PART_BYTES_MAX = 256 * 1024;

/** A node that lags by more slots than this lets a node that knows more stand for election first. */
export const LAG_SLOTS_MAX = 256;

/** A leader that stood still for longer than this, as `Moment.stillMs` counts it, hands over. Milliseconds. */
export const STILL_MS_MAX = 2500;

/** A node to hand over to stood still for less than the leader by this factor. */
export const STEADIER_FACTOR = 2;

/** A node hands over at most once in this time. Milliseconds. */
export const HANDOVER_EVERY_MS = 10_000;

/** A node that lags does so in this many polls in a row. Then no other node stands, and it stands itself. */
export const YIELDS_MAX = 3;

/** No clock is truly before this moment, 1 November 2025: the protocol was written later. Milliseconds since 1970. */
export const WRITTEN_MS = 1_761_955_200_000;

/** No ballot takes a later time than this, 1 January 2100, from a clock. Milliseconds since 1970. */
export const WALL_MS_MAX = 4_102_444_800_000;

const YEAR_MS = 31_557_600_000;

/**
 * A ballot that is further ahead of a node's clock is not believed. It is so much that no honest clock gets there, and
 * so little that ballots never run out: above WALL_MS_MAX and this there are six years of nanoseconds.
 */
export const BALLOT_AHEAD_MAX_MS = 10 * YEAR_MS;

/** A node whose clock is further ahead of the clocks of a quorum does not form ballots from it. */
export const BALLOT_LEAD_MAX_MS = YEAR_MS;

/** A node that does not know the clocks of a quorum believes its own up to this time. Milliseconds since 1970. */
export const UNKNOWN_CLOCKS_MS_MAX = WRITTEN_MS + 5 * YEAR_MS;

/**
 * A ballot is believed, whatever the clock says, that is at most so many nanoseconds above one that this node has
 * promised or that a quorum follows: other nodes form theirs just above.
 */
export const BALLOT_STEP_MAX_NS = 1000;

/** Two clocks that are further apart are reported. */
export const CLOCK_SKEW_TOLD_MS = 10_000;

/** @throws MalformedError for what is no slot */
export function readSlot(from: Reader): Slot {
	const slot = readThrough(from);
	if (slot === 0) throw new MalformedError('slots begin at 1');
	return slot;
}

/** Reads a slot, or 0 for "none" or "before the first". */
export function readThrough(from: Reader): Slot {
	const slot = from.int();
	if (slot > SLOT_MAX) throw new MalformedError('a slot above the highest');
	return slot;
}
