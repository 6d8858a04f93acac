/** The last changes of the history as watchers are told them. The number and the text of what is told at once are bounded. */
import type { KeyChange, KeyChanges } from '../key-change.ts';
import { shortId } from '../store/describe.ts';
import type { Change, History } from './history.ts';
import { shownOf } from './view.ts';

/** So many changes are told at once. */
export const TOLD_CHANGES_MAX = 16;
/** So many characters of keys and values, of several changes. */
const TOLD_CHARS_MAX = 4_096;

/** The changes above `revision`, the newest of them where they are too many. */
export function toldChanges(history: History, revision: number): KeyChanges {
	const newestFirst: KeyChange[] = [];
	const after = Math.max(revision, history.floor);
	const first = history.behind(after);
	let chars = 0;
	for (let position = history.end - 1; position >= first; position--) {
		const change = history.at(position);
		const before = position > first ? history.at(position - 1) : null;
		const told = tell(change, change.index > change.modifyRevision || before?.index === change.index);
		chars += told.key.length + (told.written?.value.length ?? 0);
		const isFull = newestFirst.length === TOLD_CHANGES_MAX || (newestFirst.length > 0 && chars > TOLD_CHARS_MAX);
		if (isFull) return { after: told.revision, list: newestFirst.reverse() };
		newestFirst.push(told);
	}
	return { after, list: newestFirst.reverse() };
}

function tell(change: Change, isTogether: boolean): KeyChange {
	const { key, cause, modifyRevision: revision } = change;
	if (change.kind !== 'put') return { key, cause, revision, isTogether, written: null };
	const { bytes, start, end, flags, lock } = change;
	const written = {
		...shownOf(bytes.subarray(start, end)),
		bytes: end - start,
		flags: String(flags),
		session: lock.session === '' ? '' : shortId(lock.session),
		lockIndex: lock.index,
	};
	return { key, cause, revision, isTogether, written };
}
