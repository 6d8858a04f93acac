/**
 * Changes of keys as a node tells them to a watch, to bytes and back. Their bytes do not depend on the watch, so a node
 * writes them once for all watches that hear them.
 *
 *     through   every change up to this revision was told
 *     count     changes, each: kind, key, revision, index; of a write also its creation, flags, lock and value
 *
 * Changes that belong together have one index, and may come in several sections: they are whole when `through` has
 * reached it.
 */
import { MalformedError, type Reader, type Writer } from '../bytes/bytes.ts';
import { readFlags, writeFlags } from '../store/command.ts';
import type { Lock } from '../store/locks.ts';
import { readLock, writeLock } from './lock-format.ts';

/** A change of one key, or the deletion of all keys below a prefix. */
export type WatchedChange =
	| {
			readonly kind: 'put';
			readonly key: string;
			/** A view of the frame that brought it. */
			readonly value: Uint8Array;
			readonly flags: bigint;
			/** As of `ReadEntry`. */
			readonly lock: Lock;
			readonly createRevision: number;
			readonly modifyRevision: number;
	  }
	/** `deletePrefix`: all keys that begin with `key` were deleted. */
	| { readonly kind: 'delete' | 'deletePrefix'; readonly key: string; readonly modifyRevision: number };

/** A change as the node has it, with its index. The value is in `bytes`, from `start` to before `end`. */
export type ToldChange = { readonly index: number } & (
	| {
			readonly kind: 'put';
			readonly key: string;
			readonly bytes: Uint8Array;
			readonly start: number;
			readonly end: number;
			readonly flags: bigint;
			readonly lock: Lock;
			readonly createRevision: number;
			readonly modifyRevision: number;
	  }
	| { readonly kind: 'delete' | 'deletePrefix'; readonly key: string; readonly modifyRevision: number }
);

/** A change as it comes, with its index. */
export interface IndexedChange {
	readonly change: WatchedChange;
	readonly index: number;
}

export interface ChangesSection {
	readonly through: number;
	readonly changes: readonly IndexedChange[];
}

/** The position in the list is the byte. */
const KINDS = ['put', 'delete', 'deletePrefix'] as const;

export function writeChanges(out: Writer, through: number, changes: readonly ToldChange[]): void {
	out.int(through);
	out.int(changes.length);
	for (const change of changes) writeChange(out, change);
}

function writeChange(out: Writer, change: ToldChange): void {
	out.u8(KINDS.indexOf(change.kind));
	out.text(change.key);
	out.int(change.modifyRevision);
	out.int(change.index - change.modifyRevision);
	if (change.kind !== 'put') return;
	out.int(change.modifyRevision - change.createRevision);
	writeFlags(out, change.flags);
	writeLock(out, change.lock);
	out.part(change.bytes, change.start, change.end);
}

/** @throws MalformedError */
export function readChanges(from: Reader): ChangesSection {
	const through = from.int();
	return { through, changes: from.list(() => readChange(from)) };
}

function readChange(from: Reader): IndexedChange {
	const kind = KINDS[from.u8()];
	if (kind === undefined) throw new MalformedError('unknown kind of change');
	const key = from.text();
	const modifyRevision = from.int();
	const index = modifyRevision + from.int();
	if (kind !== 'put') return { change: { kind, key, modifyRevision }, index };
	const createRevision = modifyRevision - from.int();
	const flags = readFlags(from);
	const lock = readLock(from);
	return { change: { kind, key, value: from.bytes(), flags, lock, createRevision, modifyRevision }, index };
}
