/**
 * The key-value store, a state machine: a map of keys to values, and sessions that hold keys. Each applied command is a
 * revision. It must give the same state and the same results on every node that applies the same values in the same
 * order, so it depends on those values alone: on no clock, no randomness and no order of a hash table.
 *
 * Its time is the sum of what leaders have measured with their monotonic clocks, which the slots carry. It never goes
 * back, it is equal on every node at the same slot, and it stands still while nothing is chosen. No wall clock moves it.
 */
import { Writer } from '../bytes/bytes.ts';
import { AppliedOnce } from './applied-once.ts';
import type { BatchReader } from './batch-reader.ts';
import { carryOut } from './carry-out.ts';
import type { ChangeListener } from './change-listener.ts';
import type { ClientsCut } from './client-cut.ts';
import { CLIENT_LIMITS } from './client-limits.ts';
import { Cut, storeSections } from './cut.ts';
import type { Entry } from './entry.ts';
import type { Machine } from './machine.ts';
import type { Session } from './sessions.ts';
import { emptyState, roomOf, type StoreState } from './state.ts';
import { conditionsOf } from './transaction.ts';
import type { View } from './views.ts';

/** About how many bytes a part has in `Store.save`. */
const SAVED_PART_BYTES = 65_536;

export class Store extends AppliedOnce<StoreState> implements Machine {
	/**
	 * Is told of each change of an entry and of the sessions; null for nobody. When `become` takes over another state,
	 * its owner has to tell.
	 */
	listener: ChangeListener | null = null;
	#openCut: Cut | null = null;

	/**
	 * @param clientLimits the same at every node
	 * @param state what `StoreRestore` has put together; by default an empty store
	 */
	constructor(clientLimits = CLIENT_LIMITS, state = emptyState(clientLimits)) {
		super(state);
	}

	get keysCount(): number {
		return this.state.keys.entries.size;
	}

	get sessionsCount(): number {
		return this.state.sessions.size;
	}

	/** Whether a key waits after the end of a session that held it. Time has to pass for it. */
	get hasLockDelays(): boolean {
		return this.state.locks.delays.size > 0;
	}

	/** The number of readers' open views. */
	get viewsCount(): number {
		return this.state.keys.views.size;
	}

	get(key: string): Entry | undefined {
		return this.state.keys.get(key)?.entry();
	}

	/** The first entries whose keys begin with `prefix`, in the order of their UTF-8 bytes. */
	list(prefix: string, entriesMax = Number.POSITIVE_INFINITY): Entry[] {
		const entries: Entry[] = [];
		for (const kept of this.state.keys.entries.startingWith(prefix)) {
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
		return this.state.keys.views.open(this.state.keys.entries, prefix, after, this.state.revision);
	}

	/** The index of a read of `key`: its modifyRevision, or the store's revision where the key is missing. 1 or more. */
	indexOfKey(key: string): number {
		return this.state.keys.get(key)?.modifyRevision ?? Math.max(1, this.state.revision);
	}

	/**
	 * The index of a read of `prefix`: that of its last change, or the store's revision where it has no entries and none is
	 * remembered. 1 or more, and it never goes back. The cost is a walk over chunks of entries.
	 */
	indexOfPrefix(prefix: string): number {
		const { entries, tombstones } = this.state.keys;
		const index = this.changeOfPrefix(prefix);
		const isKnown = index > tombstones.droppedThrough || entries.highest(prefix) > 0;
		return isKnown ? index : Math.max(1, this.state.revision);
	}

	/**
	 * The revision of the last change of `key`: of its last write, or where it is missing of the last deletion that
	 * concerns it; 0 where none is remembered. It is never too low by a deletion that was forgotten.
	 */
	changeOfKey(key: string): number {
		return this.state.keys.get(key)?.modifyRevision ?? this.state.keys.tombstones.ofKey(key);
	}

	/** The highest revision of the entries below `prefix` and of the deletions that concern it; 0 for neither. */
	changeOfPrefix(prefix: string): number {
		return Math.max(this.state.keys.tombstones.indexOf(prefix), this.state.keys.entries.highest(prefix));
	}

	session(id: string): Session | undefined {
		return this.state.sessions.get(id);
	}

	/** All sessions in the order of their creation. */
	sessions(): Session[] {
		return this.state.sessions.all();
	}

	/** The revision of the last creation or end of a session; 0 for none. */
	get changeOfSessions(): number {
		return this.state.sessions.changedRevision;
	}

	/** As `Sessions.changeOfNode`. */
	changeOfSessionsOf(node: string): number {
		return this.state.sessions.changeOfNode(node);
	}

	/**
	 * The revision of the creation of the session; where it is not there, that of the last change of any session, so that it
	 * is never below that of its end.
	 */
	changeOfSession(id: string): number {
		return this.session(id)?.createRevision ?? this.changeOfSessions;
	}

	/** The number of keys that the session holds. */
	heldBy(session: string): number {
		return this.state.locks.countOf(session);
	}

	/** The keys that the session holds, in no order. */
	keysHeldBy(session: string): string[] {
		return this.state.locks.keysOf(session);
	}

	/** Whether nobody may acquire the key yet, because the session that held it has ended. */
	holdsBack(key: string): boolean {
		return this.state.locks.delays.holdsBack(key, this.state.timeMs);
	}

	/** How many more keys the session may acquire; 0 where it is not there. */
	roomOf(session: string): number {
		return roomOf(this.state, session);
	}

	/** Whether deleted entries wait for `tidy`. */
	get isUntidy(): boolean {
		return this.state.keys.isUntidy;
	}

	/**
	 * Drops up to `entriesMax` deleted entries from memory, in a moment without commands. No reader can see a difference.
	 */
	tidy(entriesMax: number): void {
		this.state.keys.tidy(entriesMax);
	}

	/**
	 * Takes a cut of the whole state as it is now, which is read while commands go on. It has to be closed. See `Cut` for
	 * what it costs. @throws Error where a cut is open already
	 */
	cut(): Cut {
		if (this.#openCut !== null) throw new Error('a cut of this store is open already');
		const view = this.state.keys.views.openForCut(this.state.keys.entries, this.state.revision);
		this.#openCut = this.#asCut(view, this.state.clients.openCut(), () => {
			this.#openCut = null;
			this.state.clients.closeCut();
		});
		return this.#openCut;
	}

	/** The bytes that are kept in memory for an open cut; 0 where none is open. The estimate is never too low. */
	get cutBytes(): number {
		return this.state.keys.views.cutBytes + this.state.clients.cutBytes;
	}

	/** The parts of a cut one behind the other, in one step: equal states give equal bytes. For tests and the simulator. */
	save(): Uint8Array {
		const out = new Writer(4096);
		const view = this.state.keys.views.show(this.state.keys.entries, '', this.state.revision);
		const cut = this.#asCut(view, this.state.clients.show());
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
			each.state.keys.views.closeAll();
		}
		this.state = other.state;
	}

	#asCut(view: View, clients: ClientsCut, closed?: () => void): Cut {
		const { revision, timeMs, digest, keysCount } = this;
		const deletions = this.state.keys.tombstones.cut(revision);
		const sessions = { all: this.state.sessions.all(), changedRevision: this.state.sessions.changedRevision };
		const delays = this.state.locks.delays.all();
		const head = { revision, timeMs, digest, keysCount };
		const sections = storeSections({ ...head, sessions, entries: view, delays, deletions, clients });
		return new Cut(revision, sections, () => {
			view.close();
			closed?.();
		});
	}

	protected override begins(): void {
		this.state.keys.begin(this.state.timeMs, this.state.revision + 1);
		this.state.locks.begin(this.state.timeMs);
	}

	protected override carryOut(command: BatchReader): boolean {
		return carryOut(command, this.state, this.listener);
	}

	protected override conditionsOf(command: BatchReader): readonly boolean[] {
		return conditionsOf(command, {
			revision: this.state.revision,
			get: (key, hash) => this.state.keys.get(key, hash),
			startingWith: (prefix) => this.state.keys.entries.startingWith(prefix),
			roomOf: (session) => this.roomOf(session),
			holdsBack: (key) => this.holdsBack(key),
		});
	}

	protected override together(through: number): void {
		this.listener?.together(through);
	}
}
