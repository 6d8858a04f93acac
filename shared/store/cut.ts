/**
 * A cut: the whole state of a machine at one moment, which is written part by part while commands go on, and what is in
 * one of a store. `StoreRestore` makes a store of it.
 */
import type { Writer } from '../bytes/bytes.ts';
import { utf8Length } from '../bytes/text.ts';
import type { AppliedState } from './applied-once.ts';
import type { ClientPiece, ClientsCut } from './client-cut.ts';
import { writeFlags } from './command.ts';
import { PART, type PartKind, STATE_FORMAT } from './cut-format.ts';
import type { ViewedEntry } from './entry.ts';
import type { LockDelay } from './lock-delays.ts';
import type { MachineCut } from './machine.ts';
import { type Session, writeAttributes } from './sessions.ts';
import type { Deletion, Deletions } from './tombstones.ts';
import type { View } from './views.ts';

/** What a cut shows. */
export interface CutState {
	readonly revision: number;
	readonly timeMs: number;
	readonly digest: number;
	readonly keysCount: number;
	readonly sessions: { readonly all: readonly Session[]; readonly changedRevision: number };
	readonly entries: View;
	readonly delays: readonly LockDelay[];
	readonly deletions: Deletions;
	readonly clients: ClientsCut;
}

/**
 * Taking a cut costs one step over the clients, the sessions, the lock delays and the arrays of entries, but not over
 * entries, tombstones or outcomes. While it is open, the first change of an entry that was not written yet makes a copy
 * of it, and the first change of a client that was not written yet copies its outcomes, at most
 * `ClientLimits.outcomesMax`.
 *
 * So it costs memory for references to the arrays of entries, to the tombstones, the clients and the evicted names, some
 * 3 MB with all tables full, and for what has changed since: at most as much as all entries of the cut and all outcomes
 * take. `Store.cutBytes` says how much that is. The bound on the memory of readers' views does not apply to it.
 */
export class Cut implements MachineCut {
	/** The revision of the last command that is in the cut. */
	readonly revision: number;
	readonly #closed: () => void;
	/** The sections that are not written yet, the next one first. */
	#sections: Section[];
	#isClosed = false;

	/** @param closed called once the cut is closed */
	constructor(revision: number, sections: readonly Section[], closed: () => void) {
		this.revision = revision;
		this.#sections = [...sections];
		this.#closed = closed;
	}

	/** Whether the cut was closed, by its reader or because the store has taken over another state. */
	get isClosed(): boolean {
		return this.#isClosed;
	}

	/**
	 * Writes the next part, which takes about as long as `bytesGoal` bytes of short items: the long bytes of an item only
	 * have to be copied, so there may be eight times as many of them. It takes longer only where one item alone does. The
	 * parts of equal states are equal, whatever happened since the cut was taken.
	 *
	 * @returns false, with nothing written, once all was written
	 * @throws Error where the cut is closed
	 */
	write(out: Writer, bytesGoal: number): boolean {
		if (this.#isClosed) throw new Error('the cut is closed');
		for (let [section] = this.#sections; section !== undefined; [section] = this.#sections) {
			if (section.write(out, bytesGoal)) return true;
			this.#sections.shift();
		}
		return false;
	}

	/** Gives back all memory that is kept for the cut. */
	close(): void {
		if (this.#isClosed) return;
		this.#isClosed = true;
		this.#sections = [];
		this.#closed();
	}
}

/** What is in a cut of a store. */
export function storeSections(state: CutState): Section[] {
	const { sessions, entries, delays, deletions, clients } = state;
	return [
		new SectionOf(PART.head, iterated([state].values()), () => HEAD_BYTES, writeHead),
		new SectionOf(PART.sessions, iterated(sessions.all.values()), sessionBytes, writeSession),
		new SectionOf(PART.entries, () => entries.next(), entryBytes, writeEntry),
		new SectionOf(PART.delays, iterated(delays.values()), delayBytes, writeDelay),
		new SectionOf(PART.tombstones, iterated(deletions.all), deletionBytes, writeDeletion),
		...clientSections(clients),
	];
}

/** The sections that the cut of every machine ends with. */
export function clientSections(clients: ClientsCut): Section[] {
	return [
		new SectionOf(PART.clients, iterated(clients.pieces()), pieceBytes, writePiece),
		new SectionOf(PART.evicted, iterated(clients.evicted()), idBytes, (out, id) => out.id(id)),
	];
}

/** The counts that the head of every cut ends with. */
export function writeClientCounts(out: Writer, { count, outcomesCount, evictedCount }: ClientsCut): void {
	out.int(count);
	out.int(outcomesCount);
	out.int(evictedCount);
}

/** What the head of every cut tells of the state. */
export function writeApplied(out: Writer, { revision, timeMs, digest }: Omit<AppliedState, 'clients'>): void {
	out.int(revision);
	out.int(timeMs);
	for (let shift = 0; shift < 32; shift += 8) out.u8((digest >>> shift) & 0xff);
}

export interface Section {
	/** Writes the next part. @returns false where no item is left */
	write(out: Writer, bytesGoal: number): boolean;
}

/** Items of one kind. A part begins with their number, so they are collected before they are written. */
export class SectionOf<T> implements Section {
	readonly #kind: PartKind;
	readonly #read: () => T | undefined;
	readonly #bytesOf: (item: T) => number;
	readonly #write: (out: Writer, item: T) => void;
	/** An item that was read, and had no room in the last part. */
	#next: T | undefined;
	#written = 0;

	constructor(
		kind: PartKind,
		read: () => T | undefined,
		bytesOf: (item: T) => number,
		write: (out: Writer, item: T) => void,
	) {
		this.#kind = kind;
		this.#read = read;
		this.#bytesOf = bytesOf;
		this.#write = write;
	}

	write(out: Writer, bytesGoal: number): boolean {
		const items = this.#take(bytesGoal);
		if (items.length === 0) return false;
		out.u8(this.#kind);
		out.int(this.#written);
		out.int(items.length);
		this.#written += items.length;
		for (const item of items) this.#write(out, item);
		return true;
	}

	#take(bytesGoal: number): T[] {
		const items: T[] = [];
		let bytes = 0;
		for (let item = this.#next ?? this.#read(); item !== undefined; item = this.#read()) {
			this.#next = item;
			bytes += chargedBytes(this.#bytesOf(item));
			if (items.length > 0 && bytes > bytesGoal) return items;
			items.push(item);
		}
		this.#next = undefined;
		return items;
	}
}

function chargedBytes(bytes: number): number {
	return bytes <= SHORT_BYTES_MAX ? bytes : SHORT_BYTES_MAX + (bytes - SHORT_BYTES_MAX) / LONG_DISCOUNT;
}

export function iterated<T>(items: Iterator<T, undefined>): () => T | undefined {
	return () => items.next().value;
}

/**
 * Of an item with more bytes than these, the others are only copied, which takes so many times less time than to write
 * short items.
 */
const SHORT_BYTES_MAX = 1024;
const LONG_DISCOUNT = 8;
/** About so many bytes are those of an item's integers. */
const HEAD_BYTES = 48;
const SESSION_BYTES = 24;
const ENTRY_BYTES = 22;
const DELAY_BYTES = 10;
const DELETION_BYTES = 16;
const CLIENT_BYTES = 16;
const OUTCOME_BYTES = 10;

function writeHead(out: Writer, state: CutState): void {
	const { keysCount, sessions, delays, deletions, clients } = state;
	out.u8(STATE_FORMAT);
	writeApplied(out, state);
	out.int(keysCount);
	out.int(sessions.all.length);
	out.int(sessions.changedRevision);
	out.int(delays.length);
	out.int(deletions.droppedThrough);
	out.int(deletions.count);
	writeClientCounts(out, clients);
}

function sessionBytes({ id, name, node }: Session): number {
	return SESSION_BYTES + id.length + utf8Length(name) + utf8Length(node);
}

function writeSession(out: Writer, session: Session): void {
	out.id(session.id);
	writeAttributes(out, session);
	out.int(session.createRevision);
	out.int(session.renewedRevision);
}

function entryBytes({ key, start, end, lock }: ViewedEntry): number {
	return ENTRY_BYTES + utf8Length(key) + end - start + lock.session.length;
}

function writeEntry(out: Writer, entry: ViewedEntry): void {
	const { key, bytes, start, end, flags, lock, createRevision, modifyRevision } = entry;
	out.text(key);
	out.part(bytes, start, end);
	writeFlags(out, flags);
	out.int(lock.index);
	out.id(lock.session);
	out.int(createRevision);
	out.int(modifyRevision);
}

function delayBytes({ key }: LockDelay): number {
	return DELAY_BYTES + utf8Length(key);
}

function writeDelay(out: Writer, { key, untilMs }: LockDelay): void {
	out.text(key);
	out.int(untilMs);
}

function deletionBytes({ key }: Deletion): number {
	return DELETION_BYTES + utf8Length(key);
}

function writeDeletion(out: Writer, { key, isOfPrefix, modifyRevision, timeMs }: Deletion): void {
	out.text(key);
	out.bool(isOfPrefix);
	out.int(modifyRevision);
	out.int(timeMs);
}

function pieceBytes({ client, from, to }: ClientPiece): number {
	return (from === 0 ? CLIENT_BYTES + client.id.length : 0) + (to - from) * OUTCOME_BYTES;
}

function writePiece(out: Writer, { client, from, to }: ClientPiece): void {
	const { id, openedRevision, receivedThrough, highest, outcomes } = client;
	if (from === 0) {
		out.id(id);
		out.int(openedRevision);
		out.int(receivedThrough);
		out.int(highest);
		out.int(outcomes.length / 2);
	}
	for (let at = 2 * from; at < 2 * to; at++) out.int(outcomes[at] as number);
}

function idBytes(id: string): number {
	return 1 + id.length;
}
