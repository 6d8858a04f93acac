/**
 * The state machine: a map of keys to values, in which each applied command is a revision. It must give the same state
 * and the same results on every node that applies the same values in the same order, so it depends on those values
 * alone: on no clock, no randomness and no order of a hash table.
 *
 * The cost of a command must not grow with the number of keys that it or an earlier one deletes: a deleted prefix is cut
 * out as a whole, and its entries are dropped from memory a few at a time. The moment of that may differ between nodes,
 * and no reader can see it.
 *
 * Its time is the sum of what leaders have measured with their monotonic clocks, which the slots carry. It never goes
 * back, it is equal on every node at the same slot, and it stands still while nothing is chosen. No wall clock moves it.
 */
import { MalformedError, Reader, Writer } from '../bytes/bytes.ts';
import { compareUtf8 } from '../bytes/text.ts';
import { KIND_DELETE, KIND_PUT, KIND_REGISTER_CLIENT } from './batch-format.ts';
import { BatchReader } from './batch-reader.ts';
import { CLIENT_LIMITS, type ClientLimits } from './client-limits.ts';
import { ClientTable } from './client-table.ts';
import { digestOf, digestOfBytes } from './digest.ts';
import { type Entry, Kept } from './entry.ts';
import { KeptValues } from './kept-values.ts';
import { KeyIndex } from './key-index.ts';
import { Tombstones } from './tombstones.ts';
import { type View, Views } from './views.ts';

/** The result of a command. */
export type Result =
	/** The command was applied now. `ok` is false where its condition did not hold. */
	| { readonly kind: 'applied'; readonly revision: number; readonly ok: boolean }
	/** The command was applied before, with this outcome. */
	| { readonly kind: 'duplicate'; readonly revision: number; readonly ok: boolean }
	/** The command was not applied now, and its earlier outcome, if there was one, is not kept any more. */
	| { readonly kind: 'forgotten' }
	/** The command was not applied: its client was never registered, or was evicted to make room. */
	| { readonly kind: 'unknownClient' };

export type OnResult = (client: string, sequence: number, result: Result) => void;

const UNKNOWN_CLIENT: Result = { kind: 'unknownClient' };
const FORGOTTEN: Result = { kind: 'forgotten' };

/** The first byte of a saved state. A state of another format is refused. */
const SAVE_FORMAT = 3;
/**
 * Each command drops so many entries of deleted prefixes. It is more than a command can add, so they do not pile up.
 */
const TIDIED_PER_COMMAND = 4;

export class Store {
	#revision = 0;
	#timeMs = 0;
	#digest = 0;
	readonly #views = new Views();
	readonly #entries = new KeyIndex<Kept>(this.#views);
	readonly #values = new KeptValues();
	/** Old values that only views show. They have slabs of their own, which are free when the views are closed. */
	readonly #viewedValues = new KeptValues();
	#tombstones = new Tombstones();
	readonly #clientLimits: ClientLimits;
	#clients: ClientTable;

	/** @param clientLimits the same at every node */
	constructor(clientLimits = CLIENT_LIMITS) {
		this.#clientLimits = clientLimits;
		this.#clients = new ClientTable(clientLimits);
	}

	/**
	 * The revision of the last applied command; 0 before the first. A client's registration takes one, so a write's is 2
	 * or more.
	 */
	get revision(): number {
		return this.#revision;
	}

	/** The log's time, in milliseconds that leaders have measured. It lags behind where little is written. */
	get timeMs(): number {
		return this.#timeMs;
	}

	/**
	 * The digest of all that was applied (`digest.ts`), a signed integer of 32 bits. It is about the way to the state, and
	 * no part of it: `restore` begins with 0.
	 */
	get digest(): number {
		return this.#digest;
	}

	get keysCount(): number {
		return this.#entries.size;
	}

	get clientsCount(): number {
		return this.#clients.size;
	}

	/** The number of outcomes that are kept because their clients have not acknowledged them. */
	get outcomesCount(): number {
		return this.#clients.outcomesCount;
	}

	/** The number of open views. */
	get viewsCount(): number {
		return this.#views.size;
	}

	get(key: string): Entry | undefined {
		return this.#entries.get(key)?.entry();
	}

	/** The first entries whose keys begin with `prefix`, in the order of their UTF-8 bytes. */
	list(prefix: string, entriesMax = Number.POSITIVE_INFINITY): Entry[] {
		const entries: Entry[] = [];
		for (const kept of this.#entries.startingWith(prefix)) {
			if (entries.length >= entriesMax) break;
			entries.push(kept.entry());
		}
		return entries;
	}

	/**
	 * Opens a view of the entries whose keys begin with `prefix` and are above `after`, as they are now. It is for readers
	 * that take more than one turn, and they have to close it.
	 *
	 * @returns null where too many views are open
	 */
	view(prefix: string, after = ''): View | null {
		return this.#views.open(this.#entries, prefix, after, this.#revision);
	}

	/** The index of a read of `key`: its modifyRevision, or the store's revision where the key is missing. 1 or more. */
	indexOfKey(key: string): number {
		return this.#entries.get(key)?.modifyRevision ?? Math.max(1, this.#revision);
	}

	/**
	 * The index of a read of `prefix`: the highest revision of its entries and of the deletions that concern it, or
	 * the store's revision where there are neither. 1 or more. The cost is a walk over chunks of entries.
	 */
	indexOfPrefix(prefix: string): number {
		const index = Math.max(this.#tombstones.indexOf(prefix), this.#entries.highest(prefix));
		return index > 0 ? index : Math.max(1, this.#revision);
	}

	/** Whether deleted entries wait for `tidy`. */
	get isUntidy(): boolean {
		return this.#entries.isUntidy;
	}

	/**
	 * Drops up to `entriesMax` deleted entries from memory, in a moment without commands. No reader can see a difference.
	 */
	tidy(entriesMax: number): void {
		this.#entries.tidy(entriesMax);
		this.#tombstones.tidy(entriesMax);
	}

	/** Moves the log's time ahead by what the next slot says, before its commands are applied. */
	passTime(ms: number): void {
		this.#timeMs += ms;
		this.#digest = digestOf(this.#digest, ms);
	}

	/**
	 * Applies the chosen value of one slot. A malformed batch has no effect, on every node alike, because a part of it must
	 * not stand for the whole. No node that keeps the rules proposes one.
	 *
	 * @returns false where a batch was malformed
	 */
	apply(value: Uint8Array, onResult?: OnResult): boolean {
		const command = new BatchReader(value);
		this.#digest = digestOfBytes(this.#digest, value);
		while (command.nextBatch()) {
			while (command.nextCommand()) {
				const result = this.#applyOnce(command);
				this.#noteResult(result);
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
		for (const kept of this.#entries.startingWith('')) kept.save(out);
		this.#tombstones.save(out);
		this.#clients.save(out);
		return out.take();
	}

	/** @throws MalformedError for bytes that `save` did not write */
	static restore(bytes: Uint8Array, clientLimits = CLIENT_LIMITS): Store {
		const from = new Reader(bytes);
		if (from.u8() !== SAVE_FORMAT) throw new MalformedError('a saved state of another format');
		const store = new Store(clientLimits);
		store.#revision = from.int();
		store.#timeMs = from.int();
		let before = '';
		for (let left = from.int(); left > 0; left--) {
			const kept = Kept.restore(from);
			if (store.#entries.size > 0 && compareUtf8(before, kept.key) >= 0) throw new MalformedError('keys out of order');
			if (kept.modifyRevision > store.#revision) throw new MalformedError('a key of a later revision');
			store.#entries.add(kept);
			before = kept.key;
		}
		store.#tombstones = Tombstones.restore(from, store.#revision);
		store.#clients = ClientTable.restore(from, store.#clientLimits);
		from.finish();
		return store;
	}

	#applyOnce(command: BatchReader): Result {
		if (command.kind === KIND_REGISTER_CLIENT) return this.#registerClient(command.client);
		const client = this.#clients.get(command.client);
		if (!client) return UNKNOWN_CLIENT;
		this.#clients.receive(client, command.receivedThrough);
		if (command.sequence <= client.receivedThrough) return FORGOTTEN;
		const before = client.outcomeOf(command.sequence);
		if (before) return { kind: 'duplicate', revision: before.revision, ok: before.ok };
		const revision = this.#nextRevision();
		const ok = this.#change(command, revision);
		this.#clients.applied(client, command.sequence, revision, ok);
		return { kind: 'applied', revision, ok };
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
		if (this.#entries.isUntidy || this.#tombstones.isUntidy) this.tidy(TIDIED_PER_COMMAND);
		return ++this.#revision;
	}

	/** @returns false where the command's condition does not hold */
	#change(command: BatchReader, revision: number): boolean {
		const { kind, key, keyHash, cas } = command;
		switch (kind) {
			case KIND_PUT:
				return this.#put(command, revision);
			case KIND_DELETE: {
				const kept = this.#entries.get(key, keyHash);
				this.#noteEntry(kept);
				if (!kept) return true;
				if (cas !== null && cas !== kept.modifyRevision) return false;
				this.#remove(kept, revision);
				return true;
			}
			default:
				this.#cut(key, revision);
				return true;
		}
	}

	#cut(prefix: string, revision: number): void {
		const count = this.#entries.cut(prefix, revision);
		this.#digest = digestOf(this.#digest, count);
		if (count > 0) this.#tombstones.addPrefix(prefix, revision, this.#timeMs);
	}

	/** What became of a command is in the digest, so that a store that makes something else of it is found. */
	#noteResult(result: Result): void {
		const isKnown = result.kind === 'applied' || result.kind === 'duplicate';
		this.#digest = digestOf(this.#digest, isKnown ? 2 * result.revision + (result.ok ? 1 : 0) : 0);
	}

	/** So is what the command finds under its key. */
	#noteEntry(kept: Kept | undefined): void {
		this.#digest = digestOf(this.#digest, kept?.modifyRevision ?? 0);
	}

	#put({ key, keyHash, bytes, valueStart, valueEnd, flags, cas }: BatchReader, revision: number): boolean {
		let kept = this.#entries.get(key, keyHash);
		this.#noteEntry(kept);
		if (cas !== null && cas !== (kept?.modifyRevision ?? 0)) return false;
		if (!kept) {
			kept = new Kept(key, keyHash);
			kept.createRevision = revision;
			this.#entries.add(kept);
			this.#tombstones.remove(key, keyHash);
		} else if (kept.flags === flags && kept.holds(bytes, valueStart, valueEnd)) {
			return true;
		} else if (kept.modifyRevision <= this.#views.through) {
			kept = this.#leaveToViews(kept);
		}
		kept.flags = flags;
		kept.modifyRevision = revision;
		this.#entries.changed(kept);
		this.#values.keep(kept, bytes, valueStart, valueEnd);
		return true;
	}

	/** Leaves `kept` to the views that show it. @returns the entry that takes its place, and may be changed */
	#leaveToViews(kept: Kept): Kept {
		const fresh = new Kept(kept.key, kept.hash);
		fresh.createRevision = kept.createRevision;
		fresh.modifyRevision = kept.modifyRevision;
		this.#viewedValues.handOver(kept, fresh);
		this.#entries.replace(kept, fresh);
		this.#views.keptEntry(kept.modifyRevision, kept.end - kept.start);
		return fresh;
	}

	#remove(kept: Kept, revision: number): void {
		this.#entries.delete(kept);
		if (kept.modifyRevision <= this.#views.through) this.#views.keptEntry(kept.modifyRevision, kept.end - kept.start);
		this.#tombstones.add(kept.key, revision, this.#timeMs);
	}
}
