/**
 * Bugs that this project has made up, as patches to the watches and lists of keys: each leaves something out, tells it
 * twice, or tells what is over.
 */
import { type Mutant, one } from '../../shared/simulation/mutant.ts';

const CARRY_OUT = 'shared/store/carry-out.ts';
const CLIENT = 'shared/client/watches.ts';
const ANSWERS = 'shared/replica/client-answers.ts';
const DOOR = 'shared/replica/client-watches.ts';
const HISTORY = 'shared/replica/history.ts';
const WATCHES = 'shared/replica/watches.ts';

export const WATCH_MUTANTS: readonly Mutant[] = [
	one(
		0,
		'a watch is told what comes before the revision that it begins behind',
		WATCHES,
		'const news = isNew(changes[0] as Change) ? changes : changes.filter(isNew);',
		'const news = changes;',
	),
	one(
		0,
		'a watch that reads the history is told a part of a transaction',
		WATCHES,
		'if (change.index > through && (at - first >= lookedAtMax || bytes >= limits.historyListBytesFull)) break;',
		'if (change.modifyRevision > through && (at - first >= lookedAtMax || changes.length > 0)) break;',
	),
	one(
		0,
		'a watch goes on though the history has lost what comes next',
		WATCHES,
		"if (this.#options.changeOfPrefix(watch.prefix) > watch.after) return this.#end(watch, 'compacted');",
		'',
	),
	one(
		0,
		'a watch that was paused is told again what it has',
		WATCHES,
		'				watch.after = Math.max(after, through);\n',
		'',
	),
	one(
		0,
		'the history does not know what it has dropped',
		HISTORY,
		'		this.floor = table.indexes[row] as number;\n',
		'',
	),
	one(
		0,
		'the history goes on over a snapshot',
		WATCHES,
		'		this.#options.history.restart(this.#options.revision());\n',
		'',
	),
	one(0, 'the changes of a transaction do not belong together', HISTORY, 'this.#togetherThrough = through;', ''),
	one(
		0,
		'a client begins its watch anew behind the first changes that came',
		CLIENT,
		'watch.after = Math.max(watch.after ?? 0, revision);',
		'watch.after ??= revision;',
	),
	one(
		0,
		'the deletion of a prefix is not told',
		CARRY_OUT,
		'	if (count > 0) listener?.cut(prefix, state.revision);\n',
		'',
	),
	one(
		0,
		'a client is not told where its watch begins',
		DOOR,
		'		answers.changes(id, out.take());\n',
		'		if (after !== null) answers.changes(id, out.take());\n',
	),
	one(
		0,
		'a list that goes on behind a key leaves the next one out',
		ANSWERS,
		'		const entries: ListedEntry[] = [];\n',
		"		const entries: ListedEntry[] = [];\n		if (after !== '' && !view.isAtEnd) view.next();\n",
	),
	one(
		0,
		'a list is a stale one, whatever its client has asked for',
		'shared/client/reads.ts',
		'else writeList(this.#writer, mode, first,',
		"else writeList(this.#writer, 'stale', first,",
	),
];
