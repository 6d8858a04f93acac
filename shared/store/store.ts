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
import { Writer } from '../bytes/bytes.ts';
import { KIND_CHECK, KIND_DELETE, KIND_DELETE_PREFIX, KIND_PUT, KIND_REGISTER_CLIENT } from './batch-format.ts';
import { BatchReader } from './batch-reader.ts';
import type { ChangeListener } from './change-listener.ts';
import type { ClientsCut } from './client-cut.ts';
import { CLIENT_LIMITS } from './client-limits.ts';
import type { ClientEntry } from './client-table.ts';
import { Cut } from './cut.ts';
import { digestOf, digestOfBytes } from './digest.ts';
import { type Entry, Kept } from './entry.ts';
import { KeptValues } from './kept-values.ts';
import { FORGOTTEN, type OnResult, type Result, UNKNOWN_CLIENT } from './result.ts';
import { emptyState, type StoreState } from './state.ts';
import { checkHolds, conditionsOf } from './transaction.ts';
import type { View } from './views.ts';

/** About how many bytes a part has in `Store.save`. */
const SAVED_PART_BYTES = 65_536;
/**
 * Each command drops so many entries of deleted prefixes. It is more than a command can add, so they do not pile up.
 */
const TIDIED_PER_COMMAND = 4;

export class Store {
	/**
	 * Is told of each change of an entry; null for nobody. When `become` takes over another state, its owner has to tell.
	 */
	listener: ChangeListener | null = null;
	#revision: number;
	#timeMs: number;
	#digest: number;
	#views: StoreState['views'];
	#entries: StoreState['entries'];
	#values: StoreState['values'];
	/** Old values that only views show. They have slabs of their own, which are free when the views are closed. */
	#viewedValues = new KeptValues();
	#tombstones: StoreState['tombstones'];
	#clients: StoreState['clients'];
	#openCut: Cut | null = null;

	/**
	 * @param clientLimits the same at every node
	 * @param state what `StoreRestore` has put together; by default an empty store
	 */
	constructor(clientLimits = CLIENT_LIMITS, state = emptyState(clientLimits)) {
		this.#revision = state.revision;
		this.#timeMs = state.timeMs;
		this.#digest = state.digest;
		this.#views = state.views;
		this.#entries = state.entries;
		this.#values = state.values;
		this.#tombstones = state.tombstones;
		this.#clients = state.clients;
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
	 * The digest of all that was applied (`digest.ts`), a signed integer of 32 bits. It is a part of the state, so a store
	 * that was restored from a cut goes on with the digest of the cut.
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

	/** The number of readers' open views. */
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
	 * The index of a read of `prefix`: that of its last change, or the store's revision where none is remembered. 1 or
	 * more. The cost is a walk over chunks of entries.
	 */
	indexOfPrefix(prefix: string): number {
		const index = this.changeOfPrefix(prefix);
		return index > 0 ? index : Math.max(1, this.#revision);
	}

	/**
	 * The revision of the last change of `key`: of its last write, or where it is missing of the last deletion that
	 * concerns it; 0 where none is remembered. It is never too low by a deletion that was forgotten.
	 */
	changeOfKey(key: string): number {
		return this.#entries.get(key)?.modifyRevision ?? this.#tombstones.ofKey(key);
	}

	/** The highest revision of the entries below `prefix` and of the deletions that concern it; 0 for neither. */
	changeOfPrefix(prefix: string): number {
		return Math.max(this.#tombstones.indexOf(prefix), this.#entries.highest(prefix));
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
			const held = command.isTransaction ? this.#foresee(command) : null;
			if (held !== null) this.listener?.together(this.#revision + held.length);
			for (let at = 0; command.nextCommand(); at++) {
				const result = held === null ? this.#applyOnce(command) : this.#applyPart(command, held, at);
				this.#noteResult(result);
				onResult?.(command.client, command.sequence, result);
			}
		}
		return command.fault === null;
	}

	/**
	 * What became of a client's command, as a second copy of it would be told: for a node that takes over a state, and has
	 * not seen the results that led there.
	 *
	 * @returns undefined where the command was not applied, or its outcome is not kept any more
	 */
	outcomeOf(client: string, sequence: number): Result | undefined {
		const outcome = this.#clients.get(client)?.outcomeOf(sequence);
		return outcome && { kind: 'duplicate', revision: outcome.revision, ok: outcome.ok };
	}

	/** The same of the client's registration, whose sequence is not kept. @returns undefined where it is not open */
	registrationOf(client: string): Result | undefined {
		const entry = this.#clients.get(client);
		return entry && { kind: 'duplicate', revision: entry.openedRevision, ok: true };
	}

	/**
	 * Takes a cut of the whole state as it is now, which is read while commands go on. It has to be closed. See `Cut` for
	 * what it costs. @throws Error where a cut is open already
	 */
	cut(): Cut {
		if (this.#openCut !== null) throw new Error('a cut of this store is open already');
		const view = this.#views.openForCut(this.#entries, this.#revision);
		this.#openCut = this.#asCut(view, this.#clients.openCut(), () => {
			this.#openCut = null;
			this.#clients.closeCut();
		});
		return this.#openCut;
	}

	/** The bytes that are kept in memory for an open cut; 0 where none is open. The estimate is never too low. */
	get cutBytes(): number {
		return this.#views.cutBytes + this.#clients.cutBytes;
	}

	/** The parts of a cut one behind the other, in one step: equal states give equal bytes. For tests and the simulator. */
	save(): Uint8Array {
		const out = new Writer(4096);
		const cut = this.#asCut(this.#views.show(this.#entries, '', this.#revision), this.#clients.show());
		while (cut.write(out, SAVED_PART_BYTES));
		return out.take();
	}

	/**
	 * Takes over the whole state of `other`, which must not be used afterwards. Open views and an open cut of this store
	 * are closed, and their readers begin again.
	 */
	become(other: Store): void {
		for (const each of [this, other]) {
			each.#openCut?.close();
			each.#views.closeAll();
		}
		this.#revision = other.#revision;
		this.#timeMs = other.#timeMs;
		this.#digest = other.#digest;
		this.#views = other.#views;
		this.#entries = other.#entries;
		this.#values = other.#values;
		this.#viewedValues = other.#viewedValues;
		this.#tombstones = other.#tombstones;
		this.#clients = other.#clients;
	}

	#asCut(view: View, clients: ClientsCut, closed?: () => void): Cut {
		const { revision, timeMs, digest, keysCount } = this;
		const deletions = this.#tombstones.cut(revision);
		return new Cut({ revision, timeMs, digest, keysCount, entries: view, deletions, clients }, closed);
	}

	#applyOnce(command: BatchReader): Result {
		if (command.kind === KIND_REGISTER_CLIENT) return this.#registerClient(command.client);
		const client = this.#clients.get(command.client);
		if (!client) return UNKNOWN_CLIENT;
		this.#clients.receive(client, command.receivedThrough);
		if (command.sequence <= client.receivedThrough) return FORGOTTEN;
		const before = client.outcomeOf(command.sequence);
		if (before) return { kind: 'duplicate', revision: before.revision, ok: before.ok };
		// Of a transaction either all commands are new or none is, where the client keeps the rules.
		if (command.isTransaction) return FORGOTTEN;
		const revision = this.#nextRevision();
		const ok = this.#change(command, revision);
		this.#clients.applied(client, command.sequence, revision, ok);
		return { kind: 'applied', revision, ok };
	}

	/**
	 * Whether the conditions of the commands of a transaction hold, one for each; null where the transaction is not new,
	 * and so must not have any effect. The batch is at its beginning before and afterwards.
	 */
	#foresee(command: BatchReader): readonly boolean[] | null {
		const client = this.#clients.get(command.client);
		if (!client) return null;
		const { first, count, receivedThrough } = command;
		if (first <= Math.max(client.receivedThrough, receivedThrough)) return null;
		for (let sequence = first; sequence < first + count; sequence++) if (client.outcomeOf(sequence)) return null;
		this.#clients.receive(client, receivedThrough);
		const held = conditionsOf(command, {
			revision: this.#revision,
			get: (key, hash) => this.#entries.get(key, hash),
			startingWith: (prefix) => this.#entries.startingWith(prefix),
		});
		command.rewind();
		return held;
	}

	/**
	 * Applies one command of a new transaction, which has its effect only where all conditions hold. Its result says
	 * whether its own one does.
	 */
	#applyPart(command: BatchReader, held: readonly boolean[], at: number): Result {
		const client = this.#clients.get(command.client) as ClientEntry;
		const revision = this.#nextRevision();
		const ok = held.includes(false) ? (held[at] as boolean) : this.#change(command, revision);
		// An outcome before it may have taken the last room, and then this one is forgotten at once.
		if (command.sequence > client.receivedThrough) this.#clients.applied(client, command.sequence, revision, ok);
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
		this.#tombstones.trim(this.#timeMs, this.#revision + 1);
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
			case KIND_DELETE_PREFIX:
				this.#cut(key, revision);
				return true;
			case KIND_CHECK: {
				const kept = this.#entries.get(key, keyHash);
				this.#noteEntry(kept);
				return checkHolds(cas, kept?.modifyRevision ?? 0);
			}
			default:
				return true;
		}
	}

	#cut(prefix: string, revision: number): void {
		const count = this.#entries.cut(prefix, revision);
		this.#digest = digestOf(this.#digest, count);
		if (count === 0) return;
		this.#tombstones.addPrefix(prefix, revision, this.#timeMs);
		this.listener?.cut(prefix, revision);
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
			this.#tombstones.remove(key, keyHash, revision);
		} else if (kept.flags === flags && kept.holds(bytes, valueStart, valueEnd)) {
			return true;
		} else if (this.#views.needs(kept)) {
			kept = this.#leaveToViews(kept);
		}
		kept.flags = flags;
		kept.modifyRevision = revision;
		this.#entries.changed(kept);
		this.#values.keep(kept, bytes, valueStart, valueEnd);
		this.listener?.put(kept);
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
		if (this.#views.needs(kept)) this.#views.keptEntry(kept.modifyRevision, kept.end - kept.start);
		this.#tombstones.add(kept.key, revision, this.#timeMs);
		this.listener?.deleted(kept.key, revision);
	}
}
