/**
 * The frames from a node to a client, to bytes and back: see `protocol.ts`. Reading throws a MalformedError for bytes that
 * these writers could not have written.
 */
import { MalformedError, Reader, type Writer } from '../bytes/bytes.ts';
import { readFlags, writeFlags } from '../store/command.ts';
import { type ChangesSection, readChanges } from './changes.ts';
import { readLock, writeLock } from './lock-format.ts';
import {
	CHANGES,
	LEADER,
	type ListedEntry,
	MEMBERS,
	type MemberAddress,
	PAGE,
	type Page,
	PONG,
	PROTOCOL_VERSION,
	READ_KEYS_MAX,
	READINGS,
	REFUSALS,
	REFUSED,
	RESULTS,
	type ReadEntry,
	type Refusal,
	STATUSES,
	type Status,
	VALUES,
	WATCH_ENDED,
	WATCH_ENDS,
	type WatchEndReason,
	WELCOME,
} from './protocol.ts';
import { readText, writeText } from './text-format.ts';

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
