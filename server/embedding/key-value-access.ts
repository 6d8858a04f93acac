/** The key-value store at a node, in the same form as a machine of the user's own. */
import { bytesOf, wrongKey, wrongPrefix, wrongWriteOptions } from '../../shared/client/arguments.ts';
import type { WatchedChange } from '../../shared/client/changes.ts';
import { BadOptionsError, BadValueError, CompactedError, UnknownOutcomeError } from '../../shared/client/errors.ts';
import { WatchIterator } from '../../shared/client/watch-iterator.ts';
import type { WatchedChanges } from '../../shared/client/watches.ts';
import type { Change } from '../../shared/replica/history.ts';
import type { Watch } from '../../shared/replica/watches.ts';
import type { Write } from '../../shared/store/command.ts';
import type { Store } from '../../shared/store/store.ts';
import type { KeyValueReplica } from '../replica/key-value.ts';
import { type MachineAccess, refusedError, type SwarmNode } from './swarm-node.ts';

/** The keys as they are read. */
export type KeyValueState = Pick<Store, 'get' | 'list' | 'keysCount' | 'revision' | 'timeMs'>;

/** What became of a write. `ok` is false where its condition did not hold. */
export interface Written {
	readonly ok: boolean;
	readonly revision: number;
}

/** A node that keeps keys. */
export type KeyValueNode = SwarmNode<KeyValueState, Write, Written, WatchedChanges>;

export function keyValueAccess(replica: KeyValueReplica): MachineAccess<KeyValueState, Write, Written, WatchedChanges> {
	return {
		state: () => replica.store,
		changes: (from, signal) => changesOf(replica, from, signal),
		async propose(command, timeoutMs) {
			const answer = await replica.submit(checked(command), { route: 'leader', contest: 0, timeoutMs });
			switch (answer.outcome) {
				case 'chosen':
					return { ok: answer.ok, revision: answer.revision };
				case 'refused':
					throw refusedError(answer.why, answer.detail);
				case 'unknown':
					throw new UnknownOutcomeError(answer.detail);
				case 'kept':
					throw new Error('a write that contests no slot was told what a slot holds');
			}
		},
	};
}

/**
 * The write with a value of its own: JavaScript does not hold programs to the types, and they may use their arrays again.
 *
 * @throws BadKeyError, BadValueError, BadOptionsError
 */
function checked(command: Write): Write {
	switch (command?.kind) {
		case 'put': {
			const { key, flags, cas } = command;
			const value = bytesOf(command.value);
			if (value instanceof Error) throw value;
			refuse(wrongKey(key) ?? wrongCondition(cas) ?? wrongFlags(flags));
			return { kind: 'put', key, value: value.slice(), flags, cas };
		}
		case 'delete': {
			const { key, cas } = command;
			refuse(wrongKey(key) ?? wrongCondition(cas));
			return { kind: 'delete', key, cas };
		}
		case 'deletePrefix': {
			const { prefix } = command;
			refuse(wrongPrefix(prefix));
			return { kind: 'deletePrefix', prefix };
		}
		default:
			throw new BadOptionsError("a command is an object whose kind is 'put', 'delete' or 'deletePrefix'");
	}
}

function refuse(wrong: Error | null): void {
	if (wrong) throw wrong;
}

/** One that was left out must not stand for none, because its caller may lack the revision by mistake. */
function wrongCondition(cas: unknown): Error | null {
	return cas === null ? null : cas === undefined ? new BadValueError(CAS_RULE) : wrongWriteOptions({ cas });
}

function wrongFlags(flags: unknown): Error | null {
	return wrongWriteOptions({ flags: flags ?? null });
}

const CAS_RULE = 'a condition (cas) is a revision or 0, or null for none';

function changesOf(
	replica: Pick<KeyValueReplica, 'openWatch'>,
	from: number,
	signal: AbortSignal | undefined,
): AsyncIterableIterator<WatchedChanges, undefined> {
	const changes = new WatchIterator(signal, (watcher) => {
		const watch = replica.openWatch('', from, {
			take: (taken) => {
				for (const together of byIndex(taken)) watcher.changed(together);
			},
			ended: (why) => {
				if (why === 'compacted') watcher.ended(new CompactedError((watch as Watch).position));
				else void changes.return();
			},
		});
		if (watch !== null) return watch;
		// The node is about to stop.
		queueMicrotask(() => void changes.return());
		return { pause: () => undefined, resume: () => undefined, close: () => undefined };
	});
	return changes;
}

/** The changes of one transaction, or of one write, together. */
function byIndex(changes: readonly Change[]): WatchedChanges[] {
	const lists: { revision: number; changes: WatchedChange[] }[] = [];
	for (const change of changes) {
		const last = lists.at(-1);
		if (last?.revision === change.index) last.changes.push(watchedOf(change));
		else lists.push({ revision: change.index, changes: [watchedOf(change)] });
	}
	return lists;
}

/** The store may use the bytes of a small value again, so they are copied. */
function watchedOf(change: Change): WatchedChange {
	const { kind, key, modifyRevision } = change;
	if (kind !== 'put') return { kind, key, modifyRevision };
	const { bytes, start, end, flags, lock, createRevision } = change;
	return { kind, key, value: bytes.slice(start, end), flags, lock, createRevision, modifyRevision };
}
