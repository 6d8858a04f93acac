/**
 * The state machine: keys to bytes, each applied command a revision. It must give the same state and the
 * same results on every node that applies the same values in the same order, so it reads nothing but those
 * values: no clock, no randomness, no order of a hash table.
 *
 * No command costs more for what other commands have done before: a deleted prefix is cut out as a whole, and what it
 * leaves behind is dropped a few entries at a time. When that happens may differ between nodes, and cannot be seen.
 *
 * Its time is the highest wall time of any proposer so far, but no batch moves it far: it is monotone, equal everywhere,
 * and a clock that is hours ahead for a moment does not make it stand still for hours afterwards.
 */
import { MalformedError, Reader, Writer } from '../bytes/bytes.ts';
import { compareUtf8 } from '../bytes/text.ts';
import { KIND_DELETE, KIND_PUT, KIND_REGISTER_CLIENT } from './batch-format.ts';
import { BatchReader } from './batch-reader.ts';
import { CLIENT_LIMITS, type ClientLimits } from './client-limits.ts';
import { ClientTable } from './client-table.ts';
import { type Entry, Kept } from './entry.ts';
import { KeptValues } from './kept-values.ts';
import { KeyIndex } from './key-index.ts';
import { Tombstones } from './tombstones.ts';
import { type View, Views } from './views.ts';

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

const UNKNOWN_CLIENT: Result = { kind: 'unknownClient' };
const FORGOTTEN: Result = { kind: 'forgotten' };

/** The first byte of a saved state: what follows is read by these rules or not at all. */
const SAVE_FORMAT = 2;
/** With each command, so many entries of what was deleted by prefix are dropped. It is more than a command can add. */
const TIDIED_PER_COMMAND = 4;

/** One batch moves the store's time ahead by so much at most, whatever its proposer's clock says. */
export const TIME_STEP_MS_MAX = 1000;

export class Store {
	#revision = 0;
	#timeMs = 0;
	readonly #views = new Views();
	readonly #entries = new KeyIndex<Kept>(this.#views);
	readonly #values = new KeptValues();
	/** What entries held before they were changed under a view: these slabs are free when the views are closed. */
	readonly #viewedValues = new KeptValues();
	#tombstones = new Tombstones();
	readonly #clientLimits: ClientLimits;
	#clients: ClientTable;

	/** @param clientLimits the same at every node */
	constructor(clientLimits = CLIENT_LIMITS) {
		this.#clientLimits = clientLimits;
		this.#clients = new ClientTable(clientLimits);
	}

	/** Of the last applied command; 0 before the first. Opening a client takes one, so a write is 2 or more. */
	get revision(): number {
		return this.#revision;
	}

	/** The log's time, milliseconds since 1970; 0 before the first batch. It may lag behind, where little is written. */
	get timeMs(): number {
		return this.#timeMs;
	}

	get keysCount(): number {
		return this.#entries.size;
	}

	get clientsCount(): number {
		return this.#clients.size;
	}

	/** Outcomes that are kept because their clients have not acknowledged them. */
	get outcomesCount(): number {
		return this.#clients.outcomesCount;
	}

	/** Views that are open. */
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
	 * Shows the entries whose keys begin with `prefix` and are above `after`, as they are now. For readers that take
	 * more than one turn; they have to close it.
	 *
	 * @returns null where too many views are open
	 */
	view(prefix: string, after = ''): View | null {
		return this.#views.open(this.#entries, prefix, after, this.#revision);
	}

	/** What a read of `key` depends on: its modifyRevision, or of a missing key the store's revision. 1 or more. */
	indexOfKey(key: string): number {
		return this.#entries.get(key)?.modifyRevision ?? Math.max(1, this.#revision);
	}

	/**
	 * The index of a read of `prefix`: the highest revision of its entries and of the deletions that concern it, or
	 * the store's revision where there are neither. 1 or more. Costs a walk over chunks of entries.
	 */
	indexOfPrefix(prefix: string): number {
		const index = Math.max(this.#tombstones.indexOf(prefix), this.#entries.highest(prefix));
		return index > 0 ? index : Math.max(1, this.#revision);
	}

	/** Deleted entries wait for `tidy`. */
	get isUntidy(): boolean {
		return this.#entries.isUntidy;
	}

	/** Drops up to so many deleted entries, in a moment without commands. Nothing that can be seen changes. */
	tidy(entriesMax: number): void {
		this.#entries.tidy(entriesMax);
		this.#tombstones.tidy(entriesMax);
	}

	/**
	 * Applies what one slot chose. A batch that does not parse applies as nothing, on every node alike, and is
	 * told by `false`: nobody who keeps the rules proposes one, and a part of it must not stand for the whole.
	 */
	apply(value: Uint8Array, onResult?: OnResult): boolean {
		const command = new BatchReader(value);
		while (command.nextBatch()) {
			this.#passTime(command.timeMs);
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
		for (const kept of this.#entries.startingWith('')) kept.save(out);
		this.#tombstones.save(out);
		this.#clients.save(out);
		return out.take();
	}

	/** @throws MalformedError for what `save` did not write */
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

	/** The first batch sets the time; each later one moves it ahead by a bounded step, or not at all. */
	#passTime(stampMs: number): void {
		const aheadMs = stampMs - this.#timeMs;
		if (aheadMs > 0) this.#timeMs += this.#timeMs === 0 ? aheadMs : Math.min(aheadMs, TIME_STEP_MS_MAX);
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

	/** false where the command's condition does not hold. */
	#change(command: BatchReader, revision: number): boolean {
		const { kind, key, keyHash, cas } = command;
		switch (kind) {
			case KIND_PUT:
				return this.#put(command, revision);
			case KIND_DELETE: {
				const kept = this.#entries.get(key, keyHash);
				if (!kept) return true;
				if (cas !== null && cas !== kept.modifyRevision) return false;
				this.#remove(kept, revision);
				return true;
			}
			default:
				if (this.#entries.cut(key, revision) > 0) this.#tombstones.addPrefix(key, revision, this.#timeMs);
				return true;
		}
	}

	#put({ key, keyHash, bytes, valueStart, valueEnd, flags, cas }: BatchReader, revision: number): boolean {
		let kept = this.#entries.get(key, keyHash);
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

	/** Views go on to show `kept`. Returns the entry that takes its place, and may be changed. */
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
