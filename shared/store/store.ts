/**
 * The state machine: keys to bytes, each applied command a revision. It must give the same state and the
 * same results on every node that applies the same values in the same order, so it reads nothing but those
 * values: no clock, no randomness, no order of a hash table.
 *
 * Its time is the highest wall time of any proposer so far: monotone, and equal everywhere.
 */
import { MalformedError, Reader, Writer } from '../bytes/bytes.ts';
import { fromUtf8, toUtf8 } from '../bytes/text.ts';
import { KIND_DELETE, KIND_PUT, KIND_REGISTER_CLIENT } from './batch-format.ts';
import { BatchReader } from './batch-reader.ts';
import { ClientTable } from './client-table.ts';
import { readFlags, writeFlags } from './command.ts';
import { KeptValues, type Place, valueAt } from './kept-values.ts';
import { SortedKeys } from './sorted-keys.ts';
import { Tombstones } from './tombstones.ts';

/** As it was when it was asked for. */
export interface Entry {
	readonly key: string;
	/** Never written again. A view, perhaps, but of an array at most twice its length. */
	readonly value: Uint8Array;
	readonly flags: bigint;
	readonly createRevision: number;
	/** Of the last command that changed it: a write of what is there already changes nothing. */
	readonly modifyRevision: number;
}

/** What is kept of a key. A write changes it where it is, and so makes nothing that lives on. */
class Kept implements Place {
	readonly key: string;
	bytes: Uint8Array = NO_BYTES;
	start = 0;
	end = 0;
	flags = 0n;
	createRevision = 0;
	modifyRevision = 0;

	constructor(key: string) {
		this.key = key;
	}

	entry(): Entry {
		const { key, flags, createRevision, modifyRevision } = this;
		return { key, value: valueAt(this), flags, createRevision, modifyRevision };
	}

	holds(value: Uint8Array, valueStart: number, valueEnd: number): boolean {
		const { bytes, start } = this;
		const length = this.end - start;
		if (valueEnd - valueStart !== length) return false;
		for (let i = 0; i < length; i++) if (bytes[start + i] !== value[valueStart + i]) return false;
		return true;
	}
}

/** What became of a command. */
export type Result =
	/** `ok` is false for a condition that did not hold. */
	| { readonly kind: 'applied'; readonly revision: number; readonly ok: boolean }
	/** Applied before: this was the outcome. */
	| { readonly kind: 'duplicate'; readonly revision: number; readonly ok: boolean }
	/** The client says that it has the answer or has given up on it: no outcome is kept. Not applied now. */
	| { readonly kind: 'forgotten' }
	/** Never opened, or closed since to make room. Not applied now. */
	| { readonly kind: 'unknownClient' };

export type OnResult = (client: string, sequence: number, result: Result) => void;

const NO_BYTES = new Uint8Array(0);
const UNKNOWN_CLIENT: Result = { kind: 'unknownClient' };
const FORGOTTEN: Result = { kind: 'forgotten' };

/** The first byte of a saved state: what follows is read by these rules or not at all. */
const SAVE_FORMAT = 1;

export class Store {
	#revision = 0;
	#timeMs = 0;
	readonly #entries = new Map<string, Kept>();
	readonly #keys = new SortedKeys();
	readonly #values = new KeptValues();
	#tombstones = new Tombstones();
	#clients = new ClientTable();

	/** Of the last applied command; 0 before the first. Opening a client takes one, so a write is 2 or more. */
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

	get clientsCount(): number {
		return this.#clients.size;
	}

	get(key: string): Entry | undefined {
		return this.#entries.get(key)?.entry();
	}

	/** All keys that begin with `prefix`, in the order of their UTF-8 bytes. Reads no value. */
	keys(prefix: string): string[] {
		return [...this.#keys.startingWith(prefix)];
	}

	/** The first entries whose keys begin with `prefix`, in the order of their UTF-8 bytes. */
	list(prefix: string, entriesMax = Number.POSITIVE_INFINITY): Entry[] {
		const entries: Entry[] = [];
		for (const kept of this.#scan(prefix)) {
			if (entries.length >= entriesMax) break;
			entries.push(kept.entry());
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
				onResult?.(command.client, command.sequence, result);
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
		for (const kept of this.#scan('')) {
			out.bytes(toUtf8(kept.key));
			out.bytes(kept.bytes.subarray(kept.start, kept.end));
			writeFlags(out, kept.flags);
			out.int(kept.createRevision);
			out.int(kept.modifyRevision);
		}
		this.#tombstones.save(out);
		this.#clients.save(out);
		return out.take();
	}

	/** @throws MalformedError for what `save` did not write */
	static restore(bytes: Uint8Array): Store {
		const from = new Reader(bytes);
		if (from.u8() !== SAVE_FORMAT) throw new MalformedError('a saved state of another format');
		const store = new Store();
		store.#revision = from.int();
		store.#timeMs = from.int();
		for (let left = from.int(); left > 0; left--) store.#insert(readKept(from));
		store.#tombstones = Tombstones.restore(from);
		store.#clients = ClientTable.restore(from);
		from.finish();
		return store;
	}

	*#scan(prefix: string): Iterable<Kept> {
		for (const key of this.#keys.startingWith(prefix)) yield this.#entries.get(key) as Kept;
	}

	#applyOnce(command: BatchReader): Result {
		if (command.kind === KIND_REGISTER_CLIENT) return this.#registerClient(command.client);
		const client = this.#clients.get(command.client);
		if (!client) return UNKNOWN_CLIENT;
		client.receive(command.receivedThrough);
		if (command.sequence <= client.receivedThrough) return FORGOTTEN;
		const before = client.outcomes.get(command.sequence);
		if (before) return { kind: 'duplicate', revision: before.revision, ok: before.ok };
		const revision = this.#nextRevision();
		const result: Result = { kind: 'applied', revision, ok: this.#change(command, revision) };
		client.applied(command.sequence, result);
		return result;
	}

	#registerClient(id: string): Result {
		const openedRevision = this.#clients.get(id)?.openedRevision;
		if (openedRevision !== undefined) return { kind: 'duplicate', revision: openedRevision, ok: true };
		if (this.#clients.wasEvicted(id)) return { kind: 'unknownClient' };
		const revision = this.#nextRevision();
		this.#clients.open(id, revision);
		return { kind: 'applied', revision, ok: true };
	}

	#nextRevision(): number {
		this.#tombstones.trim(this.#timeMs);
		return ++this.#revision;
	}

	/** false where the command's condition does not hold. */
	#change(command: BatchReader, revision: number): boolean {
		const { kind, key, cas } = command;
		switch (kind) {
			case KIND_PUT:
				return this.#put(command, revision);
			case KIND_DELETE: {
				const kept = this.#entries.get(key);
				if (!kept) return true;
				if (cas !== null && cas !== kept.modifyRevision) return false;
				this.#remove(key, revision);
				return true;
			}
			default:
				for (const kept of [...this.#scan(key)]) this.#remove(kept.key, revision);
				return true;
		}
	}

	#put({ key, bytes, valueStart, valueEnd, flags, cas }: BatchReader, revision: number): boolean {
		let kept = this.#entries.get(key);
		if (cas !== null && cas !== (kept?.modifyRevision ?? 0)) return false;
		if (!kept) {
			kept = new Kept(key);
			kept.createRevision = revision;
			this.#insert(kept);
			this.#tombstones.remove(key);
		} else if (kept.flags === flags && kept.holds(bytes, valueStart, valueEnd)) {
			return true;
		}
		kept.flags = flags;
		kept.modifyRevision = revision;
		this.#values.keep(kept, bytes, valueStart, valueEnd);
		return true;
	}

	#insert(kept: Kept): void {
		this.#entries.set(kept.key, kept);
		this.#keys.add(kept.key);
	}

	#remove(key: string, revision: number): void {
		this.#entries.delete(key);
		this.#keys.delete(key);
		this.#tombstones.add(key, revision, this.#timeMs);
	}
}

function readKept(from: Reader): Kept {
	const key = fromUtf8(from.bytes());
	if (key === undefined) throw new MalformedError('a key that is not UTF-8');
	const kept = new Kept(key);
	kept.bytes = new Uint8Array(from.bytes());
	kept.end = kept.bytes.length;
	kept.flags = readFlags(from);
	kept.createRevision = from.int();
	kept.modifyRevision = from.int();
	return kept;
}
