/**
 * The parts that a saved state is made of, in the order of their kinds. A part begins with its kind, the number of items
 * of this kind in the parts before it, and the number of its own. It goes on with its items. There is one head. Of the
 * other kinds there are as many parts as the items need, and none where there are no items. Integers are varints where
 * nothing else is said.
 *
 *     head       format | revision | time in ms | digest (u32, little-endian) | counts
 *     counts     entries | sessions | revision of the last creation or end of a session | lock delays
 *                | droppedThrough | tombstones | clients | outcomes | evicted clients
 *     session    id | attributes (`sessions.ts`) | createRevision | revision of the last renewal
 *                                                                     in the order of their creation
 *     entry      key | value | flags | LockIndex | id of the session that holds it, '' for none
 *                | createRevision | modifyRevision                                in the order of keys
 *     delay      key | time in ms at which it is over                             the first one first
 *     tombstone  key | 1 for a prefix, 0 for a key | revision | time in ms         the oldest first
 *     client     id | openedRevision | receivedThrough | highest sequence | number of outcomes | outcomes
 *                                                                     the least recently used first
 *     outcome    sequence | 2 * revision, + 1 where its condition held             in the order of revisions
 *     evicted    id                                                                the first one first
 *
 * The state of a machine of the user's own has the parts `head`, `own`, `client` and `evicted` only:
 *
 *     head       format | name and version of the machine | revision | time in ms | digest | clients | outcomes
 *                | evicted clients
 *     own        bytes that the machine has written; the last one is empty             in the order of its snapshot
 *
 * A client with many outcomes is several items: the first has all of the above with `OUTCOMES_OF_PIECE_MAX` outcomes,
 * and each of the others the next ones, as many as are left up to this number, and nothing else.
 */

import { MalformedError, Reader } from '../bytes/bytes.ts';

export const PART = {
	head: 1,
	sessions: 2,
	entries: 3,
	delays: 4,
	tombstones: 5,
	clients: 6,
	evicted: 7,
} as const;

/** The kind of the parts that a machine of the user's own has written. */
export const OWN_PART = 8;

export type PartKind = (typeof PART)[keyof typeof PART] | typeof OWN_PART;

/** A state of another format is refused. */
export const STATE_FORMAT = 5;
/** That of the state of a machine of the user's own. Its head begins with this, so neither is taken for the other. */
export const OWN_STATE_FORMAT = 128;

/** What the head of a state tells of it. */
export interface StateHead {
	readonly revision: number;
	readonly keysCount: number;
}

/** @param part the first one of a state @throws MalformedError for what no cut of this format begins with */
export function readStateHead(part: Uint8Array): StateHead {
	const from = new Reader(part);
	if (from.u8() !== PART.head || from.int() !== 0 || from.int() !== 1) throw new MalformedError('no head of a state');
	if (from.u8() !== STATE_FORMAT) throw new MalformedError('a saved state of another format');
	const revision = from.int();
	from.int();
	for (let at = 0; at < DIGEST_BYTES; at++) from.u8();
	return { revision, keysCount: from.int() };
}

const DIGEST_BYTES = 4;
