/**
 * Makes a store of the parts that a cut has written (`cut-format.ts`). It takes in no items that no cut writes: a cut of
 * the store that it has made writes the same items again.
 */
import { MalformedError, type Reader } from '../bytes/bytes.ts';
import { compareUtf8 } from '../bytes/text.ts';
import { CLIENT_LIMITS, type ClientLimits } from './client-limits.ts';
import { readFlags } from './command.ts';
import { PART, STATE_FORMAT } from './cut-format.ts';
import { Kept } from './entry.ts';
import { LOCKS_MAX } from './locks.ts';
import type { MachineRestore } from './machine.ts';
import { isSessionId, LOCK_DELAY_MS_MAX, readAttributes, SESSIONS_MAX } from './sessions.ts';
import { emptyState, type StoreState } from './state.ts';
import { atMost, StateRestore } from './state-restore.ts';
import { Store } from './store.ts';
import { TOMBSTONES_MAX } from './tombstones.ts';

const SECTIONS: readonly number[] = [PART.sessions, PART.entries, PART.delays, PART.tombstones];

export class StoreRestore extends StateRestore<StoreState> implements MachineRestore<Store> {
	readonly #limits: ClientLimits;
	#lastKey: string | undefined;

	/** @param limits the same at every node */
	constructor(limits = CLIENT_LIMITS) {
		super(emptyState(limits), limits, SECTIONS);
		this.#limits = limits;
	}

	/** The number of keys that were taken in. */
	get itemsCount(): number {
		return this.state.keys.entries.size;
	}

	/** @returns a store in the state of the cut @throws MalformedError where parts are missing */
	finish(): Store {
		this.mustBeWhole();
		return new Store(this.#limits, this.state);
	}

	protected override readHead(from: Reader): void {
		const { state } = this;
		if (from.u8() !== STATE_FORMAT) throw new MalformedError('a saved state of another format');
		this.readApplied(from);
		this.expect(PART.entries, from.int());
		this.expect(PART.sessions, atMost(SESSIONS_MAX, from.int()));
		state.sessions.restoreChange(this.revision(from.int()));
		this.expect(PART.delays, atMost(LOCKS_MAX, from.int()));
		state.keys.tombstones.restoreFloor(this.revision(from.int()));
		// Each command drops two where there are too many, and then adds one, or those of the keys that a session held.
		this.expect(PART.tombstones, atMost(TOMBSTONES_MAX + LOCKS_MAX + 1, from.int()));
	}

	protected override readItem(kind: number, from: Reader, bytes: Uint8Array): void {
		switch (kind) {
			case PART.sessions:
				return this.#readSession(from);
			case PART.delays:
				return this.#readDelay(from);
			case PART.entries:
				return this.#readEntry(from, bytes);
			default:
				return this.#readTombstone(from);
		}
	}

	#readSession(from: Reader): void {
		const id = from.id();
		if (!isSessionId(id)) throw new MalformedError('no id of a session');
		const attributes = readAttributes(from);
		const createRevision = from.int();
		this.state.sessions.restore({ ...attributes, id, createRevision, renewedRevision: this.revision(from.int()) });
	}

	#readDelay(from: Reader): void {
		const key = from.text();
		const untilMs = from.int();
		if (untilMs > this.state.timeMs + LOCK_DELAY_MS_MAX) throw new MalformedError('a lock delay above the longest');
		this.state.locks.restoreDelay(key, untilMs);
	}

	#readEntry(from: Reader, bytes: Uint8Array): void {
		const { entries, values } = this.state.keys;
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
		kept.modifyRevision = this.revision(from.int());
		if (kept.createRevision === 0 || kept.createRevision > kept.modifyRevision) {
			throw new MalformedError('a key that was changed before it was created');
		}
		entries.append(kept);
	}

	#readLock(from: Reader, kept: Kept): void {
		const { sessions, locks } = this.state;
		const index = from.int();
		const session = from.id();
		if (index === 0 && session === '') return;
		kept.lock = { session, index };
		if (session === '') return;
		if (index === 0 || !sessions.get(session)) throw new MalformedError('a key that is held by nobody');
		locks.restoreHeld(kept, session);
	}

	#readTombstone(from: Reader): void {
		const { timeMs } = this.state;
		const { entries, tombstones } = this.state.keys;
		const deletion = { key: from.text(), isOfPrefix: flag(from), modifyRevision: from.int(), timeMs: from.int() };
		this.revision(deletion.modifyRevision);
		if (deletion.timeMs > timeMs) throw new MalformedError('a deletion of a later time');
		if (!deletion.isOfPrefix && entries.get(deletion.key))
			throw new MalformedError('a deletion of a key that is there');
		tombstones.restore(deletion);
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

function flag(from: Reader): boolean {
	const byte = from.u8();
	if (byte > 1) throw new MalformedError('neither true nor false');
	return byte === 1;
}
