/**
 * Makes a store of the parts that a cut has written (`cut-format.ts`). It takes in no items that no cut writes: a cut of
 * the store that it has made writes the same items again. The parts carry no checksum, because whoever keeps or sends
 * them adds one.
 */
import { MalformedError, Reader } from '../bytes/bytes.ts';
import { compareUtf8 } from '../bytes/text.ts';
import { OUTCOMES_OF_PIECE_MAX } from './client-cut.ts';
import { CLIENT_LIMITS, type ClientLimits } from './client-limits.ts';
import { ClientEntry, revisionOf } from './client-table.ts';
import { readFlags } from './command.ts';
import { PART, STATE_FORMAT } from './cut-format.ts';
import { Kept } from './entry.ts';
import { LOCKS_MAX } from './locks.ts';
import type { MachineRestore } from './machine.ts';
import { isSessionId, LOCK_DELAY_MS_MAX, readAttributes, SESSIONS_MAX } from './sessions.ts';
import { emptyState, type StoreState } from './state.ts';
import { Store } from './store.ts';
import { TOMBSTONES_MAX } from './tombstones.ts';

/** The kinds of parts in their order, without the head. */
const SECTIONS: readonly number[] = [
	PART.sessions,
	PART.entries,
	PART.delays,
	PART.tombstones,
	PART.clients,
	PART.evicted,
];

export class StoreRestore implements MachineRestore<Store> {
	readonly #limits: ClientLimits;
	readonly #state: StoreState;
	#hasHead = false;
	/** The kind of the last part, and the number of items in the parts of this kind. */
	#kind: number = PART.head;
	#itemsRead = 0;
	/** The number of items that are missing, by kind of part. A client is one, however many pieces it has. */
	readonly #left = new Map<number, number>();
	/** The outcomes of all clients that are missing. */
	#outcomesLeft = 0;
	#lastKey: string | undefined;
	#client = new ClientEntry('', 0);
	/** The outcomes of the last client that are missing. */
	#ofClientLeft = 0;
	/** What the highest sequence of the last client has to be. */
	#highest = 0;

	/** @param limits the same at every node */
	constructor(limits = CLIENT_LIMITS) {
		this.#limits = limits;
		this.#state = emptyState(limits);
	}

	/** The number of keys that were taken in. */
	get itemsCount(): number {
		return this.#state.keys.entries.size;
	}

	/**
	 * Takes in the next part, or several one behind the other. The cost is bounded by their bytes. They must not be changed
	 * afterwards, because large values may stay in them.
	 *
	 * @throws MalformedError for what no cut writes after the parts before; then the restore is of no more use
	 */
	add(parts: Uint8Array): void {
		const from = new Reader(parts);
		while (!from.done) this.#readPart(from, parts);
	}

	/** @returns a store in the state of the cut @throws MalformedError where parts are missing */
	finish(): Store {
		if (!this.#hasHead) throw new MalformedError('a state without a head');
		this.#isWholeBefore(SECTIONS.length);
		if (this.#outcomesLeft > 0) throw new MalformedError('a state with fewer outcomes than its head says');
		return new Store(this.#limits, this.#state);
	}

	#readPart(from: Reader, bytes: Uint8Array): void {
		const kind = from.u8();
		const before = from.int();
		const count = from.int();
		if (count === 0) throw new MalformedError('a part without items');
		if (!this.#hasHead) {
			const isHead = kind === PART.head && before === 0 && count === 1;
			if (!isHead) throw new MalformedError('a state that does not begin with its head');
			return this.#readHead(from);
		}
		this.#isWholeBefore(SECTIONS.indexOf(kind));
		if (kind !== this.#kind) this.#itemsRead = 0;
		if (before !== this.#itemsRead) throw new MalformedError('a part that does not follow the one before it');
		this.#kind = kind;
		this.#itemsRead += count;
		for (let left = count; left > 0; left--) this.#readItem(kind, from, bytes);
	}

	#readHead(from: Reader): void {
		const state = this.#state;
		const { clientsMax, outcomesOfAllMax, evictedMax } = this.#limits;
		if (from.u8() !== STATE_FORMAT) throw new MalformedError('a saved state of another format');
		state.revision = from.int();
		state.timeMs = from.int();
		for (let shift = 0; shift < 32; shift += 8) state.digest |= from.u8() << shift;
		this.#left.set(PART.entries, from.int());
		this.#left.set(PART.sessions, atMost(SESSIONS_MAX, from.int()));
		state.sessions.restoreChange(this.#revision(from.int()));
		this.#left.set(PART.delays, atMost(LOCKS_MAX, from.int()));
		state.keys.tombstones.restoreFloor(this.#revision(from.int()));
		// Each command drops two where there are too many, and then adds one, or those of the keys that a session held.
		this.#left.set(PART.tombstones, atMost(TOMBSTONES_MAX + LOCKS_MAX + 1, from.int()));
		this.#left.set(PART.clients, atMost(clientsMax, from.int()));
		this.#outcomesLeft = atMost(outcomesOfAllMax, from.int());
		this.#left.set(PART.evicted, atMost(evictedMax, from.int()));
		this.#hasHead = true;
	}

	/** @throws MalformedError where an item is missing of the sections before the one at this index, or it is -1 */
	#isWholeBefore(section: number): void {
		if (section < 0) throw new MalformedError('a part of another kind');
		const before = SECTIONS.slice(0, section);
		const isWhole = before.every((kind) => this.#left.get(kind) === 0);
		if (!isWhole || (before.includes(PART.clients) && this.#ofClientLeft > 0)) {
			throw new MalformedError('a state with fewer items than its head says');
		}
	}

	#readItem(kind: number, from: Reader, bytes: Uint8Array): void {
		if (kind === PART.clients && this.#ofClientLeft > 0) return this.#readOutcomes(from);
		const left = this.#left.get(kind) as number;
		if (left === 0) throw new MalformedError('a state with more items than its head says');
		this.#left.set(kind, left - 1);
		switch (kind) {
			case PART.sessions:
				return this.#readSession(from);
			case PART.delays:
				return this.#readDelay(from);
			case PART.entries:
				return this.#readEntry(from, bytes);
			case PART.tombstones:
				return this.#readTombstone(from);
			case PART.clients:
				return this.#readClient(from);
			default:
				return this.#state.clients.restoreEvicted(clientId(from));
		}
	}

	#readSession(from: Reader): void {
		const id = from.id();
		if (!isSessionId(id)) throw new MalformedError('no id of a session');
		const attributes = readAttributes(from);
		const createRevision = from.int();
		this.#state.sessions.restore({ ...attributes, id, createRevision, renewedRevision: this.#revision(from.int()) });
	}

	#readDelay(from: Reader): void {
		const key = from.text();
		const untilMs = from.int();
		if (untilMs > this.#state.timeMs + LOCK_DELAY_MS_MAX) throw new MalformedError('a lock delay above the longest');
		this.#state.locks.restoreDelay(key, untilMs);
	}

	#readEntry(from: Reader, bytes: Uint8Array): void {
		const { entries, values } = this.#state.keys;
		const key = from.text();
		if (this.#lastKey !== undefined && compareUtf8(this.#lastKey, key) >= 0)
			throw new MalformedError('keys out of order');
		this.#lastKey = key;
		const kept = new Kept(key);
		const { length } = from.bytes();
		values.keep(kept, bytes, from.at - length, from.at);
		kept.flags = readFlags(from);
		this.#readLock(from, kept);
		kept.createRevision = from.int();
		kept.modifyRevision = this.#revision(from.int());
		if (kept.createRevision === 0 || kept.createRevision > kept.modifyRevision) {
			throw new MalformedError('a key that was changed before it was created');
		}
		entries.append(kept);
	}

	#readLock(from: Reader, kept: Kept): void {
		const { sessions, locks } = this.#state;
		const index = from.int();
		const session = from.id();
		if (index === 0 && session === '') return;
		kept.lock = { session, index };
		if (session === '') return;
		if (index === 0 || !sessions.get(session)) throw new MalformedError('a key that is held by nobody');
		locks.restoreHeld(kept, session);
	}

	#readTombstone(from: Reader): void {
		const { timeMs } = this.#state;
		const { entries, tombstones } = this.#state.keys;
		const deletion = { key: from.text(), isOfPrefix: flag(from), modifyRevision: from.int(), timeMs: from.int() };
		this.#revision(deletion.modifyRevision);
		if (deletion.timeMs > timeMs) throw new MalformedError('a deletion of a later time');
		if (!deletion.isOfPrefix && entries.get(deletion.key))
			throw new MalformedError('a deletion of a key that is there');
		tombstones.restore(deletion);
	}

	#readClient(from: Reader): void {
		const client = new ClientEntry(clientId(from), this.#revision(from.int()));
		if (client.openedRevision === 0) throw new MalformedError('a client of revision 0');
		client.receivedThrough = from.int();
		this.#highest = from.int();
		this.#client = client;
		this.#ofClientLeft = atMost(Math.min(this.#limits.outcomesMax, this.#outcomesLeft), from.int());
		this.#outcomesLeft -= this.#ofClientLeft;
		this.#state.clients.restore(client);
		this.#readOutcomes(from);
	}

	#readOutcomes(from: Reader): void {
		const client = this.#client;
		const count = Math.min(this.#ofClientLeft, OUTCOMES_OF_PIECE_MAX);
		this.#ofClientLeft -= count;
		for (let left = count; left > 0; left--) {
			const sequence = from.int();
			const packed = from.int();
			this.#revision(revisionOf(packed));
			this.#state.clients.restoreOutcome(client, sequence, packed);
		}
		if (this.#ofClientLeft > 0) return;
		// The outcome of the highest sequence is the last one that is dropped.
		const isRight =
			client.outcomesCount > 0 ? client.highest === this.#highest : this.#highest <= client.receivedThrough;
		if (!isRight) throw new MalformedError('a client with another highest sequence than its outcomes have');
		client.highest = this.#highest;
	}

	#revision(revision: number): number {
		if (revision > this.#state.revision) throw new MalformedError('a revision above that of the state');
		return revision;
	}
}

/**
 * A store of the parts that `Store.save` has put together, in one step that grows with them. For tests and the simulator.
 *
 * @throws MalformedError
 */
export function restoredStore(saved: Uint8Array, limits = CLIENT_LIMITS): Store {
	const restore = new StoreRestore(limits);
	restore.add(saved);
	return restore.finish();
}

function clientId(from: Reader): string {
	const id = from.id();
	for (let i = 0; i < id.length; i++)
		if (id.charCodeAt(i) > 0x7f) throw new MalformedError('a client that is not ASCII');
	if (id === '') throw new MalformedError('a client without a name');
	return id;
}

function flag(from: Reader): boolean {
	const byte = from.u8();
	if (byte > 1) throw new MalformedError('neither true nor false');
	return byte === 1;
}

function atMost(max: number, count: number): number {
	if (count > max) throw new MalformedError(`${count} items where a store has at most ${max}`);
	return count;
}
