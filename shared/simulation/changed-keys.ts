/**
 * Every change of the keys, in order, as the node tells it to its watches that applies it first. All together have to
 * make up the state, so that a store that leaves one out is found.
 */
import { toUtf8 } from '../bytes/text.ts';
import type { WatchedChange } from '../client/changes.ts';
import type { Slot } from '../paxos/message.ts';
import type { ChangeListener } from '../store/change-listener.ts';
import { digestOfBytes } from '../store/digest.ts';
import type { ViewedEntry } from '../store/entry.ts';
import type { Lock } from '../store/locks.ts';
import type { Store } from '../store/store.ts';
import { Violation } from './ledger.ts';

export interface ChangedKey {
	readonly kind: WatchedChange['kind'];
	/** The key, or the prefix. */
	readonly key: string;
	readonly revision: number;
	/** The highest revision of those that belong together. */
	readonly index: number;
	/** The slot that has made the change. */
	readonly slot: Slot;
	/** Of the value, with its flags and the revision of its creation; 0 for a deletion. */
	readonly digest: number;
}

export class ChangedKeys {
	readonly all: ChangedKey[] = [];
	/** The state that the changes make: the revision of each key. */
	readonly #revisions = new Map<string, number>();
	/** All changes up to this slot are here. */
	#through: Slot = 0;
	#togetherThrough = 0;

	/** A node applies the slot before all others, and tells its changes to `also`. */
	begin(slot: Slot, also: ChangeListener | null): ChangeListener {
		this.#through = slot;
		return {
			put: (entry, cause) => {
				this.#put(entry);
				also?.put(entry, cause);
			},
			deleted: (key, revision, cause) => {
				this.#revisions.delete(key);
				this.#add('delete', key, revision, 0);
				also?.deleted(key, revision, cause);
			},
			cut: (prefix, revision) => {
				for (const key of this.#revisions.keys()) if (key.startsWith(prefix)) this.#revisions.delete(key);
				this.#add('deletePrefix', prefix, revision, 0);
				also?.cut(prefix, revision);
			},
			together: (through) => {
				this.#togetherThrough = through;
				also?.together(through);
			},
			sessionChanged: (id, node) => also?.sessionChanged(id, node),
		};
	}

	/** The position of the first change above `revision`. */
	behind(revision: number): number {
		const at = this.all.findIndex((change) => change.revision > revision);
		return at < 0 ? this.all.length : at;
	}

	/**
	 * Whether the state was ever such a one, once all changes of the slots up to this one were made. Changes that belong
	 * together are made at once.
	 */
	everMadeUp(slot: Slot, isIt: (revisions: ReadonlyMap<string, number>) => boolean): boolean {
		const state = new Map<string, number>();
		for (const [at, { kind, key, revision, index, slot: madeIn }] of this.all.entries()) {
			const isFirst = this.all[at - 1]?.index !== index;
			if (isFirst && madeIn > slot && isIt(state)) return true;
			if (kind === 'put') state.set(key, revision);
			else for (const each of [...state.keys()]) if (isGone(each, kind, key)) state.delete(each);
		}
		return isIt(state);
	}

	/** @throws Violation where the store holds something else than the changes make */
	mustMakeUp(id: string, appliedThrough: Slot, store: Store): void {
		if (appliedThrough !== this.#through) return;
		const entries = store.list('');
		const isSame = ({ key, modifyRevision }: { readonly key: string; readonly modifyRevision: number }): boolean =>
			this.#revisions.get(key) === modifyRevision;
		if (entries.length === this.#revisions.size && entries.every(isSame)) return;
		throw new Violation('ChangesMakeTheState', `${id} holds other keys than its changes make`);
	}

	#put({ key, modifyRevision, createRevision, flags, lock, bytes, start, end }: ViewedEntry): void {
		this.#revisions.set(key, modifyRevision);
		this.#add('put', key, modifyRevision, digestOfValue(bytes.subarray(start, end), flags, lock, createRevision));
	}

	#add(kind: ChangedKey['kind'], key: string, revision: number, digest: number): void {
		const index = Math.max(revision, this.#togetherThrough);
		this.all.push({ kind, key, revision, index, slot: this.#through, digest });
	}
}

/** The change as it was told to a client. */
export function isToldAs({ kind, key, revision, digest }: ChangedKey, told: WatchedChange | undefined): boolean {
	if (told?.kind !== kind || told.key !== key || told.modifyRevision !== revision) return false;
	return told.kind !== 'put' || digestOfValue(told.value, told.flags, told.lock, told.createRevision) === digest;
}

function isGone(each: string, kind: 'delete' | 'deletePrefix', key: string): boolean {
	return kind === 'delete' ? each === key : each.startsWith(key);
}

export function concerns({ kind, key }: ChangedKey, prefix: string): boolean {
	return key.startsWith(prefix) || (kind === 'deletePrefix' && prefix.startsWith(key));
}

function digestOfValue(value: Uint8Array, flags: bigint, lock: Lock, createRevision: number): number {
	const others = digestOfBytes(Number(flags % 0x7fffn) + createRevision + lock.index, toUtf8(lock.session));
	return digestOfBytes(others, value);
}
