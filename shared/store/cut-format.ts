/**
 * The parts that a saved state is made of, in the order of their kinds. A part begins with its kind, the number of items
 * of this kind in the parts before it, and the number of its own. It goes on with its items. There is one head. Of the
 * other kinds there are as many parts as the items need, and none where there are no items. Integers are varints where
 * nothing else is said.
 *
 *     head       format | revision | time in ms | digest (u32, little-endian) | counts
 *     counts     entries | droppedThrough | tombstones | clients | outcomes | evicted clients
 *     entry      key | value | flags | createRevision | modifyRevision            in the order of keys
 *     tombstone  key | 1 for a prefix, 0 for a key | revision | time in ms         the oldest first
 *     client     id | openedRevision | receivedThrough | highest sequence | number of outcomes | outcomes
 *                                                                     the least recently used first
 *     outcome    sequence | 2 * revision, + 1 where its condition held             in the order of revisions
 *     evicted    id                                                                the first one first
 *
 * A client with many outcomes is several items: the first has all of the above with `OUTCOMES_OF_PIECE_MAX` outcomes,
 * and each of the others the next ones, as many as are left up to this number, and nothing else.
 */

export const PART = {
	head: 1,
	entries: 2,
	tombstones: 3,
	clients: 4,
	evicted: 5,
} as const;

export type PartKind = (typeof PART)[keyof typeof PART];

/** A state of another format is refused. */
export const STATE_FORMAT = 4;
