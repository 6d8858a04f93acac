/**
 * Bugs of the store that the simulator cannot find, or hardly: in views, the index of keys, tombstones and the bounds of
 * the table of clients. Each is the smallest patch that makes the mistake, with the test file that finds it.
 */
import { type Mutant, one } from '../../shared/simulation/mutant.ts';

export interface StoreMutant extends Mutant {
	/** The file in `test/store/`, without its ending. */
	readonly killedBy: string;
}

const CLIENTS = 'shared/store/client-table.ts';
const CARRY_OUT = 'shared/store/carry-out.ts';
const DELAYS = 'shared/store/lock-delays.ts';
const INDEX = 'shared/store/key-index.ts';
const KEYSPACE = 'shared/store/keyspace.ts';
const LOCKS = 'shared/store/locks.ts';
const RESTORE = 'shared/store/restore.ts';
const STATE_RESTORE = 'shared/store/state-restore.ts';
const APPLIED_ONCE = 'shared/store/applied-once.ts';
const STORE = 'shared/store/store.ts';
const TABLE = 'shared/store/key-table.ts';
const TOMBSTONES = 'shared/store/tombstones.ts';
const TRANSACTION = 'shared/store/transaction.ts';
const VALUES = 'shared/store/kept-values.ts';
const VIEWS = 'shared/store/views.ts';

export const STORE_MUTANTS: readonly StoreMutant[] = [
	by(
		'locks',
		'a key that another session holds is acquired',
		TRANSACTION,
		"return lock.session === '' && room > 0",
		'return room > 0',
	),
	by(
		'locks',
		'a key that waits after the end of a session is acquired',
		TRANSACTION,
		'&& !holdsBack(key) ? acquired',
		'? acquired',
	),
	by('locks', 'the index of a lock stays when its holder changes', LOCKS, 'index: index + 1 }', 'index }'),
	by(
		'locks',
		'the index of a lock is lost when it is let go',
		LOCKS,
		"{ session: '', index };\n}",
		"{ session: '', index: index - 1 };\n}",
	),
	by(
		'locks',
		'a session that lets a key go keeps it on its list',
		CARRY_OUT,
		'			state.locks.letGo(kept);\n			write(',
		'			write(',
	),
	by(
		'locks',
		'a key that is deleted stays on the list of its session',
		CARRY_OUT,
		'			state.locks.letGo(kept);\n			remove(',
		'			remove(',
	),
	by(
		'locks',
		'a key that is deleted with a prefix stays on the list of its session',
		CARRY_OUT,
		'	state.locks.letGoBelow(prefix);\n',
		'',
	),
	by(
		'locks',
		'the end of a session makes no key wait',
		CARRY_OUT,
		'		if (session.lockDelayMs > 0) locks.delays.add(key, timeMs + session.lockDelayMs);\n',
		'',
	),
	by(
		'locks',
		'a session that was renewed is ended for its time-out',
		CARRY_OUT,
		'cas !== session?.renewedRevision',
		'cas < (session?.createRevision ?? cas + 1)',
	),
	by(
		'locks',
		'the end of a session changes what a view shows',
		KEYSPACE,
		'const kept = this.#changeable(found);',
		'const kept = found;',
	),
	by(
		'locks',
		'a lock that changes alone is no change of the key',
		KEYSPACE,
		'kept.flags === flags && kept.lock === lock &&',
		'kept.flags === flags &&',
	),
	by('locks', 'a key waits one millisecond less', DELAYS, 'timeMs < delay.untilMs;', 'timeMs < delay.untilMs - 1;'),
	by('locks', 'a key that is acquired after it has waited counts twice', LOCKS, '		this.delays.remove(key);\n', ''),
	by(
		'locks',
		'a transaction acquires more keys than there is room for',
		TRANSACTION,
		'roomOf(command.session) - this.#acquired',
		'roomOf(command.session)',
	),
	by('locks', 'a restored session has lost its keys', RESTORE, '		locks.restoreHeld(kept, session);\n', ''),
	by(
		'cut',
		'the keys of a session are deleted in the order in which they were acquired',
		LOCKS,
		'key).sort(compareUtf8)',
		'key)',
	),
	by(
		'transaction',
		'a transaction with a condition that does not hold changes what its other commands say',
		APPLIED_ONCE,
		'held.includes(false) ? (held[at] as boolean)',
		'held[at] === false ? false',
	),
	by(
		'transaction',
		'of a transaction that is only half known the other half is applied',
		APPLIED_ONCE,
		'if (command.isTransaction || client.isSpent)',
		'if (client.isSpent)',
	),
	by(
		'at-most-once',
		'a request takes a second batch',
		APPLIED_ONCE,
		'if (command.isTransaction || client.isSpent)',
		'if (command.isTransaction)',
	),
	by(
		'at-most-once',
		'a request takes a second transaction',
		APPLIED_ONCE,
		'if (!client || client.isSpent) return null;',
		'if (!client) return null;',
	),
	by(
		'transaction',
		'an outcome is kept though its command was forgotten already',
		APPLIED_ONCE,
		'if (command.sequence > client.receivedThrough) this.state',
		'this.state',
	),
	by(
		'transaction',
		'a condition is judged without the deletion of a prefix before it',
		TRANSACTION,
		'				this.#cuts.push(key);\n',
		'',
	),
	by(
		'transaction',
		'a key that the transaction has written is there after the deletion of its prefix',
		TRANSACTION,
		'if (changed.startsWith(key)) this.#changed.set(changed, null);',
		'if (changed === key) this.#changed.set(changed, null);',
	),
	by(
		'transaction',
		'a write of the same value counts as a change for the conditions behind it',
		TRANSACTION,
		'if (found?.flags === flags && found.lock',
		'if (found && found.flags !== flags && found.lock',
	),
	by(
		'transaction',
		'a transaction reads keys without a bound',
		TRANSACTION,
		'				return this.#mayRead(this.#get(key, keyHash));',
		'				return true;',
	),
	by(
		'transaction',
		'the values of keys that must be there are read without a bound',
		TRANSACTION,
		' && (cas !== null || this.#mayRead(found));',
		';',
	),
	by(
		'views',
		'an entry that a view shows is changed in place',
		VIEWS,
		'if (modifyRevision > this.through) return false;',
		'if (modifyRevision >= this.through) return false;',
	),
	by(
		'cut',
		'the entry that a cut has read last is changed in place, though it is not written yet',
		VIEWS,
		'compareUtf8(key, this.#last.key) < 0;',
		'compareUtf8(key, this.#last.key) <= 0;',
	),
	by(
		'cut',
		'what a cut has written is changed in place, though a view shows it',
		VIEWS,
		'return this.#open.length > 1 || this',
		'return this',
	),
	by(
		'views',
		'a value that a view shows is written over, though the entry is not',
		VALUES,
		'		this.#makeRoom(from, end - start);\n		this.keep(from, bytes, start, end);\n',
		'',
	),
	by('model', 'a chunk that a view shows is changed in place', INDEX, '			chunk.items = chunk.items.slice();\n', ''),
	by(
		'model',
		'the newest view is closed, and an older one is forgotten with it',
		VIEWS,
		'this.through = this.#open.at(-1)?.revision ?? 0;',
		'this.through = 0;',
	),
	by(
		'views',
		'what a closed view kept is never given back',
		VIEWS,
		'revision ?? 0;\n		this.#count();\n',
		'revision ?? 0;\n',
	),
	by(
		'model',
		'a page begins at the key that it comes after',
		VIEWS,
		'view.skip((key) => compareUtf8(key, after) <= 0)',
		'view.skip((key) => compareUtf8(key, after) < 0)',
	),
	by(
		'model',
		'a deleted prefix leaves the key that is the prefix itself',
		INDEX,
		'compareUtf8(key, prefix) < 0 || key.startsWith(prefix)),',
		'compareUtf8(key, prefix) < 0 || (key.startsWith(prefix) && key.length > prefix.length)),',
	),
	by(
		'model',
		'tidying removes a key that was put again after its prefix was deleted',
		TABLE,
		'while (slots[at] !== item) {',
		'while (slots[at] !== item && slots[at]?.key !== item.key) {',
	),
	by(
		'key-index',
		'a deletion leaves the highest revision of its chunk as it was',
		INDEX,
		'		if (modifyRevision === chunk.highest) chunk.highest = highestOf(items);\n',
		'',
	),
	by(
		'key-index',
		'chunks are joined, and the revisions of the upper one are lost',
		INDEX,
		'		lower.highest = Math.max(lower.highest, upper.highest);\n',
		'',
	),
	by('key-table', 'a search stops at the slot of an item that was removed', TABLE, '		closeGap(slots, at);\n', ''),
	by(
		'model',
		'a prefix is deleted where nothing was there, and that is a deletion',
		KEYSPACE,
		'if (count > 0) this.tombstones',
		'if (count >= 0) this.tombstones',
	),
	by(
		'model',
		'a deleted prefix does not concern the keys inside it',
		TOMBSTONES,
		'			this.#outerOf(prefix)?.modifyRevision ?? 0,\n',
		'',
	),
	by(
		'model',
		'of the deleted prefixes around a key the nearest is left out',
		TOMBSTONES,
		'while (outer && outer.key.length > length) outer = outer.outer;',
		'while (outer && outer.key.length >= length) outer = outer.outer;',
	),
	by(
		'tombstones',
		'a dropped tombstone raises no floor',
		TOMBSTONES,
		'			this.#droppedThrough = Math.max(this.#droppedThrough, oldest.modifyRevision);\n',
		'',
	),
	by(
		'at-most-once',
		'a client that is used stays where it was in the order of use',
		CLIENTS,
		'		this.#used(client);\n',
		'',
	),
	by(
		'at-most-once',
		'an evicted client is forgotten one too early',
		CLIENTS,
		'if (this.#evictedOrder.length < this.#limits.evictedMax) {',
		'if (this.#evictedOrder.length < this.#limits.evictedMax - 1) {',
	),
	by(
		'at-most-once',
		'outcomes that have no room are dropped, and their commands may be applied again',
		CLIENTS,
		'		this.receive(client, client.highest);\n',
		'		const { receivedThrough } = client;\n		this.receive(client, client.highest);\n		client.receivedThrough = receivedThrough;\n',
	),
	by(
		'at-most-once',
		'the outcomes of an evicted client are counted for ever',
		CLIENTS,
		'		this.#outcomesCount -= client.outcomesCount;\n',
		'',
	),
	by(
		'at-most-once',
		'the last outcome of a client is lost when the next command is applied',
		CLIENTS,
		'			this.#others.set(this.#lastSequence, this.#last);\n',
		'',
	),
	by(
		'cut',
		'a client that changes is not kept for the cut that shows it',
		CLIENTS,
		'		if (this.#cut !== null) this.#cut.changes(client);\n		const before',
		'		const before',
	),
	by(
		'cut',
		'a client that leaves its place is not kept for the cut that shows it',
		CLIENTS,
		'		if (this.#cut !== null) this.#cut.leaves(client);\n',
		'',
	),
	by('cut', 'a deletion that is dropped is dropped from a cut too', TOMBSTONES, '&& Math.max(', '|| Math.max('),
	by(
		'views',
		'the view of a cut is closed to make room',
		VIEWS,
		'this.#open.find((view) => view !== this.#ofCut) as View',
		'this.#open[0] as View',
	),
	by(
		'views',
		'what a cut and a reader held is forgotten with the cut',
		VIEWS,
		'		this.bytesOfOlder += this.bytesOfCut;\n',
		'',
	),
	by(
		'cut',
		'a client may have any highest sequence',
		STATE_RESTORE,
		'client.highest === this.#highest : ',
		'client.highest <= this.#highest : ',
	),
	by(
		'cut',
		'a store that becomes another one leaves its views open',
		STORE,
		'			each.state.keys.views.closeAll();\n',
		'',
	),
	by(
		'digest',
		'a store that was restored begins with a digest of 0',
		STORE,
		'super(state);',
		'super({ ...state, digest: 0 });',
	),
];

function by(killedBy: string, name: string, file: string, find: string, replace: string): StoreMutant {
	return { ...one(0, name, file, find, replace), killedBy };
}
