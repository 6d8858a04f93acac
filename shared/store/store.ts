/**
 * The state machine: keys to bytes, each applied command a revision. It must give the same state and the
 * same results on every node that applies the same values in the same order, so it reads nothing but those
 * values: no clock, no randomness, no order of a hash table.
 *
 * Its time is the highest wall time of any proposer so far: monotone, and equal everywhere (rule 10).
 */
import { MalformedError, Reader, Writer } from '../paxos/bytes.ts';
import { KIND_DELETE, KIND_OPEN_SESSION, KIND_PUT } from './batch-format.ts';
import { BatchReader } from './batch-reader.ts';
import { readFlags, writeFlags } from './command.ts';
import { KeptValues } from './kept-values.ts';
import { Sessions } from './sessions.ts';
import { SortedKeys } from './sorted-keys.ts';
import { fromUtf8, toUtf8 } from './text.ts';
import { Tombstones } from './tombstones.ts';

export interface Entry {
	readonly key: string;
	/** Never written again. A view, perhaps, but of an array at most twice its length. */
	readonly value: Uint8Array;
	readonly flags: bigint;
	readonly createRevision: number;
	/** Of the last command that changed it: a write of what is there already changes nothing. */
	readonly modifyRevision: number;
}

/** What became of a command. */
export type Result =
	/** `ok` is false for a condition that did not hold. */
	| { readonly kind: 'applied'; readonly revision: number; readonly ok: boolean }
	/** Applied before: this was the outcome. */
	| { readonly kind: 'duplicate'; readonly revision: number; readonly ok: boolean }
	/** The session says that it has the answer or has given up on it: no outcome is kept. Not applied now. */
	| { readonly kind: 'forgotten' }
	/** Never opened, or closed since to make room. Not applied now. */
	| { readonly kind: 'unknownSession' };

export type OnResult = (session: string, sequence: number, result: Result) => void;

const UNKNOWN_SESSION: Result = { kind: 'unknownSession' };
const FORGOTTEN: Result = { kind: 'forgotten' };

/** The first byte of a saved state: what follows is read by these rules or not at all. */
const SAVE_FORMAT = 1;

export class Store {
	#revision = 0;
	#timeMs = 0;
	readonly #entries = new Map<string, Entry>();
	readonly #keys = new SortedKeys();
	readonly #values = new KeptValues();
	#tombstones = new Tombstones();
	#sessions = new Sessions();

	/** Of the last applied command; 0 before the first. Opening a session takes one, so a write is 2 or more. */
	get revision(): number {
		return this.#revision;
	}

	/** The log's time, milliseconds since 1970; 0 before the first batch. */
	get timeMs(): number {
		return this.#timeMs;
	}

	get keysCount(): number {
		return this.#entries.size;
	}

	get sessionsCount(): number {
		return this.#sessions.size;
	}

	get(key: string): Entry | undefined {
		return this.#entries.get(key);
	}

	/** The first entries whose keys begin with `prefix`, in the order of their UTF-8 bytes. */
	list(prefix: string, entriesMax = Number.POSITIVE_INFINITY): Entry[] {
		const entries: Entry[] = [];
		for (const entry of this.#scan(prefix)) {
			if (entries.length >= entriesMax) break;
			entries.push(entry);
		}
		return entries;
	}

	/** What a read of `key` depends on: its modifyRevision, or of a missing key the store's revision. 1 or more. */
	indexOfKey(key: string): number {
		return this.#entries.get(key)?.modifyRevision ?? Math.max(1, this.#revision);
	}

	/**
	 * What a read of `prefix` depends on: the highest revision of its entries and of the deletions in it, or
	 * the store's revision where there are neither. 1 or more. Costs a visit to each of them.
	 */
	indexOfPrefix(prefix: string): number {
		let index = this.#tombstones.indexOf(prefix);
		for (const entry of this.#scan(prefix)) index = Math.max(index, entry.modifyRevision);
		return index > 0 ? index : Math.max(1, this.#revision);
	}

	/**
	 * Applies what one slot chose. A batch that does not parse applies as nothing, on every node alike, and is
	 * told by `false`: nobody who keeps the rules proposes one, and a part of it must not stand for the whole.
	 */
	apply(value: Uint8Array, onResult?: OnResult): boolean {
		const command = new BatchReader(value);
		while (command.nextBatch()) {
			if (command.timeMs > this.#timeMs) this.#timeMs = command.timeMs;
			while (command.nextCommand()) {
				const result = this.#applyOnce(command);
				onResult?.(command.session, command.sequence, result);
			}
		}
		return command.fault === null;
	}

	/** The whole state as bytes: equal states give equal bytes. */
	save(): Uint8Array {
		const out = new Writer(4096);
		out.u8(SAVE_FORMAT);
		out.int(this.#revision);
		out.int(this.#timeMs);
		out.int(this.#entries.size);
		for (const entry of this.#scan('')) {
			out.bytes(toUtf8(entry.key));
			out.bytes(entry.value);
			writeFlags(out, entry.flags);
			out.int(entry.createRevision);
			out.int(entry.modifyRevision);
		}
		this.#tombstones.save(out);
		this.#sessions.save(out);
		return out.take();
	}

	/** @throws MalformedError for what `save` did not write */
	static restore(bytes: Uint8Array): Store {
		const from = new Reader(bytes);
		if (from.u8() !== SAVE_FORMAT) throw new MalformedError('a saved state of another format');
		const store = new Store();
		store.#revision = from.int();
		store.#timeMs = from.int();
		for (let left = from.int(); left > 0; left--) store.#insert(readEntry(from));
		store.#tombstones = Tombstones.restore(from);
		store.#sessions = Sessions.restore(from);
		from.finish();
		return store;
	}

	*#scan(prefix: string): Iterable<Entry> {
		for (const key of this.#keys.startingWith(prefix)) yield this.#entries.get(key) as Entry;
	}

	#applyOnce(command: BatchReader): Result {
		if (command.kind === KIND_OPEN_SESSION) return this.#openSession(command.session);
		const session = this.#sessions.get(command.session);
		if (!session) return UNKNOWN_SESSION;
		session.receive(command.receivedThrough);
		if (command.sequence <= session.receivedThrough) return FORGOTTEN;
		const before = session.outcomes.get(command.sequence);
		if (before) return { kind: 'duplicate', revision: before.revision, ok: before.ok };
		const revision = this.#nextRevision();
		const result: Result = { kind: 'applied', revision, ok: this.#change(command, revision) };
		session.applied(command.sequence, result);
		return result;
	}

	#openSession(id: string): Result {
		const openedRevision = this.#sessions.get(id)?.openedRevision;
		if (openedRevision !== undefined) return { kind: 'duplicate', revision: openedRevision, ok: true };
		if (this.#sessions.wasClosed(id)) return { kind: 'unknownSession' };
		const revision = this.#nextRevision();
		this.#sessions.open(id, revision);
		return { kind: 'applied', revision, ok: true };
	}

	#nextRevision(): number {
		this.#tombstones.trim(this.#timeMs);
		return ++this.#revision;
	}

	/** false where the command's condition does not hold. */
	#change({ kind, key, value, flags, cas }: BatchReader, revision: number): boolean {
		switch (kind) {
			case KIND_PUT:
				return this.#put(key, value, flags, cas, revision);
			case KIND_DELETE: {
				const entry = this.#entries.get(key);
				if (!entry) return true;
				if (cas !== null && cas !== entry.modifyRevision) return false;
				this.#remove(key, revision);
				return true;
			}
			default:
				for (const entry of this.list(key)) this.#remove(entry.key, revision);
				return true;
		}
	}

	#put(key: string, value: Uint8Array, flags: bigint, cas: number | null, revision: number): boolean {
		const entry = this.#entries.get(key);
		if (cas !== null && cas !== (entry?.modifyRevision ?? 0)) return false;
		if (!entry) {
			const kept = this.#values.keep(value);
			this.#insert({ key, value: kept, flags, createRevision: revision, modifyRevision: revision });
			this.#tombstones.remove(key);
		} else if (entry.flags !== flags || !sameBytes(entry.value, value)) {
			const { createRevision } = entry;
			const kept = this.#values.keep(value);
			this.#entries.set(entry.key, { key: entry.key, value: kept, flags, createRevision, modifyRevision: revision });
		}
		return true;
	}

	#insert(entry: Entry): void {
		this.#entries.set(entry.key, entry);
		this.#keys.add(entry.key);
	}

	#remove(key: string, revision: number): void {
		this.#entries.delete(key);
		this.#keys.delete(key);
		this.#tombstones.add(key, revision, this.#timeMs);
	}
}

function readEntry(from: Reader): Entry {
	const key = fromUtf8(from.bytes());
	if (key === undefined) throw new MalformedError('a key that is not UTF-8');
	const value = new Uint8Array(from.bytes());
	return { key, value, flags: readFlags(from), createRevision: from.int(), modifyRevision: from.int() };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
	if (a.length !== b.length) return false;
	for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
	return true;
}
