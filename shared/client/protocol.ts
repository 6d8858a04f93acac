/**
 * The protocol of clients and nodes on the WebSocket `/client`: its frames to bytes and back. A frame is one or more
 * sections; each begins with its kind, from which its length follows. Integers are varints.
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
 *
 * Reading throws a MalformedError for bytes that these writers could not have written.
 */
import { MalformedError, Reader, type Writer } from '../bytes/bytes.ts';
import { asciiText, fromUtf8, toUtf8 } from '../bytes/text.ts';
import { readFlags, writeFlags } from '../store/command.ts';
import type { Lock } from '../store/locks.ts';
import { type ChangesSection, readChanges } from './changes.ts';
import { readLock, writeLock } from './lock-format.ts';

export const CLIENT_PATH = '/client';
export const PROTOCOL_VERSION = 9;
/** A node takes clients from this version on. A client that tells no traces says this one, which earlier nodes speak. */
export const PROTOCOL_VERSION_MIN = 8;

/** The bound on a frame in either direction. A single value of the largest size fits. */
export const FRAME_BYTES_MAX = 1_114_112;
/** A frame that has reached this size takes no further sections. */
export const FRAME_BYTES_FULL = 524_288;
/** The bound on the sections of a client's frame. Its smallest batches fill a frame with fewer. */
const SECTIONS_MAX = 16_384;
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
const READ_MODES = ['linearizable', 'stale'] as const;
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
const WATCH_ENDS = ['compacted', 'stopping', 'tooMany', 'denied'] as const;
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

export type ClientSection =
	| { readonly kind: 'hello'; readonly version: number; readonly clientId: string }
	/** The batch is in the frame, from `from` to before `to`. */
	| { readonly kind: 'write'; readonly from: number; readonly to: number }
	/** `after` is null for a read of these keys. Otherwise the only one is a prefix, and the page begins behind `after`. */
	| {
			readonly kind: 'read';
			readonly mode: ReadMode;
			readonly first: number;
			readonly keys: readonly string[];
			readonly after: string | null;
	  }
	/** `after` is null for a watch that begins with the present state. */
	| { readonly kind: 'watch'; readonly id: number; readonly after: number | null; readonly prefix: string }
	| { readonly kind: 'unwatch'; readonly id: number }
	| { readonly kind: 'auth'; readonly token: string }
	/** `traceparents` are texts as of the header of W3C Trace Context. */
	| {
			readonly kind: 'trace';
			readonly clientId: string;
			readonly first: number;
			readonly traceparents: readonly string[];
	  }
	| { readonly kind: 'ping' };

export type NodeSection =
	| {
			readonly kind: 'welcome';
			readonly version: number;
			readonly node: string;
			readonly leader: string;
			readonly members: readonly MemberAddress[];
	  }
	| { readonly kind: 'leader'; readonly leader: string }
	| { readonly kind: 'members'; readonly members: readonly MemberAddress[] }
	| {
			readonly kind: 'results';
			readonly first: number;
			readonly count: number;
			readonly status: Status;
			readonly revision: number;
	  }
	/** `entries` are in the order of the reads; null where the node does not know any more what they have read. */
	| {
			readonly kind: 'readings';
			readonly first: number;
			readonly entries: readonly (ReadEntry | null)[] | null;
	  }
	| { readonly kind: 'values'; readonly first: number; readonly entries: readonly (ReadEntry | null)[] }
	| ({ readonly kind: 'page'; readonly first: number } & Page)
	| {
			readonly kind: 'refused';
			readonly what: 'write' | 'read';
			readonly first: number;
			readonly count: number;
			readonly why: Refusal;
			readonly mayHaveLeft: boolean;
	  }
	| ({ readonly kind: 'changes'; readonly id: number } & ChangesSection)
	| { readonly kind: 'watchEnded'; readonly id: number; readonly why: WatchEndReason }
	| { readonly kind: 'pong' };

export function writeHello(out: Writer, clientId: string, version = PROTOCOL_VERSION): void {
	out.u8(HELLO);
	out.int(version);
	out.id(clientId);
}

export function writeAuth(out: Writer, token: string): void {
	out.u8(AUTH);
	writeText(out, token);
}

/** @param traceparents up to TRACES_PER_BATCH_MAX */
export function writeTrace(out: Writer, clientId: string, first: number, traceparents: readonly string[]): void {
	out.u8(TRACE);
	out.id(clientId);
	out.int(first);
	out.list(traceparents, (traceparent) => out.id(traceparent));
}

export function writeRead(out: Writer, mode: ReadMode, first: number, keys: readonly string[]): void {
	out.u8(READ);
	out.u8(READ_MODES.indexOf(mode));
	out.int(first);
	out.int(keys.length);
	for (const key of keys) writeText(out, key);
}

export function writeList(out: Writer, mode: ReadMode, id: number, prefix: string, after: string): void {
	out.u8(LIST);
	out.u8(READ_MODES.indexOf(mode));
	out.int(id);
	writeText(out, prefix);
	writeText(out, after);
}

/** @param after as of the section */
export function writeWatch(out: Writer, id: number, after: number | null, prefix: string): void {
	out.u8(WATCH);
	out.int(id);
	out.int(after === null ? 0 : after + 1);
	writeText(out, prefix);
}

export function writeUnwatch(out: Writer, id: number): void {
	out.u8(UNWATCH);
	out.int(id);
}

export function writePing(out: Writer): void {
	out.u8(PING);
}

/**
 * All sections of a client's frame. It has a bounded number of them, and asks for no more than twice the keys that a
 * client may wait for.
 *
 * @throws MalformedError
 */
export function readClientFrame(frame: Uint8Array): ClientSection[] {
	const from = new Reader(frame);
	const sections: ClientSection[] = [];
	let keys = 0;
	do {
		const section = readClientSection(from, frame);
		if (section.kind === 'read') keys += section.keys.length;
		if (sections.push(section) > SECTIONS_MAX || keys > 2 * IN_FLIGHT_MAX) {
			throw new MalformedError('more in one frame than any client sends');
		}
	} while (!from.done);
	return sections;
}

function readClientSection(from: Reader, frame: Uint8Array): ClientSection {
	switch (from.u8()) {
		case HELLO:
			return { kind: 'hello', version: from.int(), clientId: from.id() };
		case WRITE: {
			const start = from.at;
			const length = from.raw(BATCH_LENGTH_BYTES).reduceRight((sum, byte) => sum * 256 + byte, 0);
			from.raw(length);
			return { kind: 'write', from: start, to: from.at };
		}
		case READ: {
			const mode = READ_MODES[from.u8()];
			if (mode === undefined) throw new MalformedError('unknown mode of reading');
			const first = from.int();
			const count = from.int();
			if (count === 0 || count > READ_KEYS_MAX) throw new MalformedError('too many keys, or none');
			const keys: string[] = [];
			for (let i = 0; i < count; i++) keys.push(readText(from, frame));
			return { kind: 'read', mode, first, keys, after: null };
		}
		case LIST: {
			const mode = READ_MODES[from.u8()];
			if (mode === undefined) throw new MalformedError('unknown mode of reading');
			const first = from.int();
			const prefix = readText(from, frame);
			return { kind: 'read', mode, first, keys: [prefix], after: readText(from, frame) };
		}
		case WATCH: {
			const id = from.int();
			const after = from.int() - 1;
			return { kind: 'watch', id, after: after < 0 ? null : after, prefix: readText(from, frame) };
		}
		case UNWATCH:
			return { kind: 'unwatch', id: from.int() };
		case TRACE: {
			const [clientId, first, traceparents] = [from.id(), from.int(), from.list(() => from.id())];
			if (traceparents.length > TRACES_PER_BATCH_MAX) throw new MalformedError('too many traces of a batch');
			return { kind: 'trace', clientId, first, traceparents };
		}
		case AUTH:
			return { kind: 'auth', token: readText(from, frame) };
		case PING:
			return { kind: 'ping' };
		default:
			throw new MalformedError('unknown kind of section');
	}
}

const BATCH_LENGTH_BYTES = 4;

/** @param version the one that the client speaks */
export function writeWelcome(
	out: Writer,
	node: string,
	leader: string,
	members: readonly MemberAddress[],
	version = PROTOCOL_VERSION,
): void {
	out.u8(WELCOME);
	out.int(version);
	out.id(node);
	out.id(leader);
	writeAddresses(out, members);
}

export function writeMembers(out: Writer, members: readonly MemberAddress[]): void {
	out.u8(MEMBERS);
	writeAddresses(out, members);
}

function writeAddresses(out: Writer, members: readonly MemberAddress[]): void {
	out.list(members, ({ id, url }) => {
		out.id(id);
		writeText(out, url);
	});
}

export function writeLeader(out: Writer, leader: string): void {
	out.u8(LEADER);
	out.id(leader);
}

export function writeResults(out: Writer, first: number, count: number, status: number, revision: number): void {
	out.u8(RESULTS);
	out.int(first);
	out.int(count);
	out.u8(status);
	out.int(revision);
}

/** @param first the sequence of the first operation of the transaction @param entries as of the section */
export function writeReadings(out: Writer, first: number, entries: readonly (ReadEntry | undefined)[] | null): void {
	out.u8(READINGS);
	out.int(first);
	out.bool(entries !== null);
	if (entries !== null) out.list(entries, (entry) => writeEntry(out, entry));
}

/** @param section as `writeChanges` writes it */
export function writeChangesSection(out: Writer, id: number, section: Uint8Array): void {
	out.u8(CHANGES);
	out.int(id);
	out.raw(section);
}

export function writeWatchEnded(out: Writer, id: number, why: WatchEndReason): void {
	out.u8(WATCH_ENDED);
	out.int(id);
	out.u8(WATCH_ENDS.indexOf(why));
}

export function writePong(out: Writer): void {
	out.u8(PONG);
}

/** To be followed by `count` calls of `writeEntry`. */
export function writeValues(out: Writer, first: number, count: number): void {
	out.u8(VALUES);
	out.int(first);
	out.int(count);
}

export function writeEntry(out: Writer, entry: ReadEntry | undefined): void {
	out.int(entry ? entry.modifyRevision : 0);
	if (!entry) return;
	out.int(entry.modifyRevision - entry.createRevision);
	writeFlags(out, entry.flags);
	writeLock(out, entry.lock);
	out.bytes(entry.value);
}

export function writePage(out: Writer, id: number, { entries, isLast }: Page): void {
	out.u8(PAGE);
	out.int(id);
	out.bool(isLast);
	out.list(entries, (entry) => {
		out.text(entry.key);
		writeEntry(out, entry);
	});
}

export function writeRefused(
	out: Writer,
	what: 'write' | 'read',
	first: number,
	count: number,
	why: Refusal,
	mayHaveLeft: boolean,
): void {
	out.u8(REFUSED);
	out.bool(what === 'read');
	out.int(first);
	out.int(count);
	out.u8(REFUSALS.indexOf(why));
	out.bool(mayHaveLeft);
}

/** All sections of a node's frame. @throws MalformedError */
export function readNodeFrame(frame: Uint8Array): NodeSection[] {
	const from = new Reader(frame);
	const sections: NodeSection[] = [];
	do sections.push(readNodeSection(from, frame));
	while (!from.done);
	return sections;
}

function readAddresses(from: Reader, frame: Uint8Array): MemberAddress[] {
	return from.list(() => ({ id: from.id(), url: readText(from, frame) }));
}

function readNodeSection(from: Reader, frame: Uint8Array): NodeSection {
	switch (from.u8()) {
		case WELCOME:
			return {
				kind: 'welcome',
				version: from.int(),
				node: from.id(),
				leader: from.id(),
				members: readAddresses(from, frame),
			};
		case LEADER:
			return { kind: 'leader', leader: from.id() };
		case MEMBERS:
			return { kind: 'members', members: readAddresses(from, frame) };
		case RESULTS: {
			const first = from.int();
			const count = from.int();
			const status = STATUSES[from.u8()];
			if (status === undefined) throw new MalformedError('unknown status');
			return { kind: 'results', first, count, status, revision: from.int() };
		}
		case READINGS: {
			const first = from.int();
			return { kind: 'readings', first, entries: from.bool() ? from.list(() => readEntry(from)) : null };
		}
		case VALUES: {
			const first = from.int();
			const count = from.int();
			if (count > READ_KEYS_MAX) throw new MalformedError('too many values');
			const entries: (ReadEntry | null)[] = [];
			for (let i = 0; i < count; i++) entries.push(readEntry(from));
			return { kind: 'values', first, entries };
		}
		case PAGE: {
			const [first, isLast] = [from.int(), from.bool()];
			return { kind: 'page', first, isLast, entries: from.list(() => readListed(from)) };
		}
		case REFUSED: {
			const what = from.bool() ? 'read' : 'write';
			const first = from.int();
			const count = from.int();
			const why = REFUSALS[from.u8()];
			if (why === undefined) throw new MalformedError('refused for no known reason');
			return { kind: 'refused', what, first, count, why, mayHaveLeft: from.bool() };
		}
		case CHANGES:
			return { kind: 'changes', id: from.int(), ...readChanges(from) };
		case WATCH_ENDED: {
			const id = from.int();
			const why = WATCH_ENDS[from.u8()];
			if (why === undefined) throw new MalformedError('a watch ended for no known reason');
			return { kind: 'watchEnded', id, why };
		}
		case PONG:
			return { kind: 'pong' };
		default:
			throw new MalformedError('unknown kind of section');
	}
}

function readListed(from: Reader): ListedEntry {
	const key = from.text();
	const entry = readEntry(from);
	if (entry === null) throw new MalformedError('a key without an entry');
	return { key, ...entry };
}

function readEntry(from: Reader): ReadEntry | null {
	const modifyRevision = from.int();
	if (modifyRevision === 0) return null;
	const createRevision = modifyRevision - from.int();
	const flags = readFlags(from);
	const lock = readLock(from);
	return { modifyRevision, createRevision, flags, lock, value: from.bytes() };
}

function writeText(out: Writer, text: string): void {
	let ascii = text.length <= SHORT_CHARS_MAX;
	for (let i = 0; ascii && i < text.length; i++) ascii = text.charCodeAt(i) < 0x80;
	if (!ascii) return out.bytes(toUtf8(text));
	out.int(text.length);
	for (let i = 0; i < text.length; i++) out.u8(text.charCodeAt(i));
}

const SHORT_CHARS_MAX = 32;

function readText(from: Reader, frame: Uint8Array): string {
	const length = from.int();
	const at = from.at;
	from.raw(length);
	let ascii = length <= SHORT_CHARS_MAX;
	for (let i = at; ascii && i < at + length; i++) ascii = (frame[i] as number) < 0x80;
	if (ascii) return asciiText(frame, at, at + length);
	const text = fromUtf8(frame.subarray(at, at + length));
	if (text === undefined) throw new MalformedError('a text that is not UTF-8');
	return text;
}
