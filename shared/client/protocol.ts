/**
 * The protocol of clients and nodes on the WebSocket `/client`: its words and its bounds. `client-frame.ts` and
 * `node-frame.ts` write its frames to bytes and read them back. A frame is one or more sections; each begins with its
 * kind, from which its length follows. Integers are varints.
 *
 *     client -> node   hello    version, client
 *                      write    one batch, as it is proposed (shared/store/command.ts)
 *                      read     mode, first id, count, keys
 *                      list     mode, id, prefix, and the key behind which the page begins or nothing
 *                      watch    id, 0 or the revision to begin behind and 1, prefix
 *                      unwatch  id
 *                      auth     token; before the hello, where the client has one
 *                      trace    client, first sequence of the batch that it sends next, and the traces that belong to it; since version 9
 *                      ping     nothing; it is here because a page cannot send the WebSocket's own ping
 *     node -> client   welcome  version, node, leader, members
 *                      leader   node, or nothing
 *                      members  other members than before
 *                      results  first sequence, count, status, revision of the first; the others' follow by ones
 *                      readings first sequence of a transaction, and the entries that it has read or nothing
 *                      values   first id, count, entries
 *                      page     id, whether it is the last one, keys with their entries
 *                      refused  what, first, count, why, whether it may have left
 *                      changes  id, and what `changes.ts` says
 *                      watchEnded  id, why
 *                      pong     nothing; it tells that the node is there, though answers may take longer
 */
import type { Lock } from '../store/locks.ts';

export const CLIENT_PATH = '/client';
export const PROTOCOL_VERSION = 9;
/** A node takes clients from this version on. A client that tells no traces says this one, which earlier nodes speak. */
export const PROTOCOL_VERSION_MIN = 8;

/** The bound on a frame in either direction. A single value of the largest size fits. */
export const FRAME_BYTES_MAX = 1_114_112;
/** A frame that has reached this size takes no further sections. */
export const FRAME_BYTES_FULL = 524_288;
/** The bound on the keys of one read section. */
export const READ_KEYS_MAX = 4096;
/** The bound on the entries of one page. */
export const PAGE_KEYS_MAX = 1000;
/** The bound on a client's unanswered commands at one node, and on its unanswered keys to read. */
export const IN_FLIGHT_MAX = 65_536;
/** A node takes batches of the last so many clients that a connection has named in its hellos. */
export const CLIENTS_PER_CONNECTION_MAX = 4;
/** The bound on a connection's unanswered transactions that read. What they read may be 32 MiB together. */
export const READING_TRANSACTIONS_MAX = 32;
/** The bound on the traces that one batch belongs to; the others are not told. */
export const TRACES_PER_BATCH_MAX = 16;
/** The bound on the watches of one connection. */
export const WATCHES_PER_CONNECTION_MAX = 64;

export const HELLO = 0x01;
export const WRITE = 0x02;
export const READ = 0x03;
export const PING = 0x04;
export const WATCH = 0x05;
export const UNWATCH = 0x06;
export const LIST = 0x07;
export const AUTH = 0x08;
export const TRACE = 0x09;
export const WELCOME = 0x81;
export const LEADER = 0x82;
export const RESULTS = 0x83;
export const VALUES = 0x84;
export const REFUSED = 0x85;
export const PONG = 0x86;
export const MEMBERS = 0x87;
export const CHANGES = 0x88;
export const WATCH_ENDED = 0x89;
export const PAGE = 0x8a;
export const READINGS = 0x8b;

/** The position in the list is the byte. */
export const READ_MODES = ['linearizable', 'stale'] as const;
export type ReadMode = (typeof READ_MODES)[number];

/** The result of a command. The position in the list is the byte. */
export const STATUSES = ['ok', 'conditionFailed', 'forgotten', 'unknownClient'] as const;
export type Status = (typeof STATUSES)[number];

/** Why a node did not take a batch or a read. The position in the list is the byte. */
export const REFUSALS = ['noLeader', 'overloaded', 'badKey', 'badValue', 'diskFull', 'diskBehind', 'denied'] as const;
export type Refusal = (typeof REFUSALS)[number];
/** Those whose reason may be gone later: see `refusals.ts`. */
export type PassingRefusal = Exclude<Refusal, 'badKey' | 'badValue' | 'denied'>;

/**
 * Why a node ended a watch: it does not keep the changes that come next, it is going to stop, the connection has too
 * many, or its token is not for the prefix. The position in the list is the byte.
 */
export const WATCH_ENDS = ['compacted', 'stopping', 'tooMany', 'denied'] as const;
export type WatchEndReason = (typeof WATCH_ENDS)[number];

export interface MemberAddress {
	readonly id: string;
	readonly url: string;
}

export interface ReadEntry {
	/** A view of the frame that brought it: `new TextDecoder().decode(entry.value)`. */
	readonly value: Uint8Array;
	/** Unsigned 64 bits that the writer gave. */
	readonly flags: bigint;
	/** `session` is the id of the session that holds the key, '' for none. `index` counts how often it was acquired. */
	readonly lock: Lock;
	/** The revision of the write that made the key. */
	readonly createRevision: number;
	/** The revision of its last change, by which a later write compares: `{ cas: entry.modifyRevision }`. */
	readonly modifyRevision: number;
}

/** An entry with its key. */
export interface ListedEntry extends ReadEntry {
	readonly key: string;
}

/** Entries below a prefix, in the order of the UTF-8 bytes of their keys. */
export interface Page {
	readonly entries: readonly ListedEntry[];
	/** Whether there are no entries behind these. */
	readonly isLast: boolean;
}
