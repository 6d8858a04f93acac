/**
 * The answers of one client's connection: results, values and refusals gather here until the end of the turn, and then
 * leave as one frame. Results with consecutive sequences and revisions are written as one run.
 *
 * The bytes that the socket holds are bounded. Above the first bound values wait; above the second the connection is
 * cut, because its client does not read.
 */
import { Writer } from '../bytes/bytes.ts';
import {
	writeChangesSection,
	writeEntry,
	writeLeader,
	writeMembers,
	writePage,
	writePong,
	writeReadings,
	writeRefused,
	writeResults,
	writeValues,
	writeWatchEnded,
	writeWelcome,
} from '../client/node-frame.ts';
import {
	type ListedEntry,
	type MemberAddress,
	PAGE_KEYS_MAX,
	type ReadMode,
	type Refusal,
	STATUSES,
	type WatchEndReason,
} from '../client/protocol.ts';
import type { Entry, ViewedEntry } from '../store/entry.ts';
import type { Result } from '../store/result.ts';
import type { Store } from '../store/store.ts';
import type { ReplicaLimits } from './limits.ts';
import type { DoorSocket } from './port.ts';

/** Keys that a client asked to read, or one page of those that begin with a prefix. */
export interface ClientRead {
	readonly mode: ReadMode;
	/** The client's number of the first key; the others follow. */
	readonly first: number;
	readonly keys: readonly string[];
	/** For a page: the key behind which it begins, with the prefix as the only one of `keys`. null for a read of keys. */
	readonly after: string | null;
}

/** What a transaction has read, and its last result, which comes behind that. */
export interface Readings {
	/** The sequence of its first operation. */
	readonly first: number;
	/** What it has read; null where that is not known any more. */
	readonly entries: readonly (Entry | undefined)[] | null;
	/** The sequence and the result of its last operation. */
	readonly sequence: number;
	readonly result: Result;
}

/** An entry of a page takes at most so many bytes beside its key and value. */
const LISTED_BYTES = 96;

const OK = STATUSES.indexOf('ok');
const CONDITION_FAILED = STATUSES.indexOf('conditionFailed');
const FORGOTTEN = STATUSES.indexOf('forgotten');
const UNKNOWN_CLIENT = STATUSES.indexOf('unknownClient');

export class ClientAnswers {
	/** The number of keys that were handed to `values` and are not answered yet. */
	keysWaiting = 0;
	readonly #socket: DoorSocket;
	readonly #store: Store;
	readonly #limits: ReplicaLimits;
	readonly #hasRoom: () => void;
	readonly #out = new Writer(1024);
	/** The run of results that is not written yet. A count of 0 says that there is none. */
	#runFirst = 0;
	#runCount = 0;
	#runStatus = 0;
	#runRevision = 0;
	/** Reads that wait, in order. In the first of them, the keys before `#nextKey` are answered. */
	#reads: ClientRead[] = [];
	#nextKey = 0;
	/** What transactions have read and that waits, in order. */
	#readings: Readings[] = [];

	/** @param hasRoom is called when the network has taken a frame, and the socket has room for values and changes */
	constructor(socket: DoorSocket, store: Store, limits: ReplicaLimits, hasRoom: () => void) {
		this.#hasRoom = hasRoom;
		this.#limits = limits;
		this.#socket = socket;
		this.#store = store;
	}

	/** @param version the one that the client speaks */
	welcome(version: number, node: string, leader: string, members: readonly MemberAddress[]): void {
		this.#endRun();
		writeWelcome(this.#out, node, leader, members, version);
	}

	members(members: readonly MemberAddress[]): void {
		this.#endRun();
		writeMembers(this.#out, members);
	}

	leader(leader: string): void {
		this.#endRun();
		writeLeader(this.#out, leader);
	}

	pong(): void {
		this.#endRun();
		writePong(this.#out);
	}

	refused(what: 'write' | 'read', first: number, count: number, why: Refusal, mayHaveLeft: boolean): void {
		this.#endRun();
		writeRefused(this.#out, what, first, count, why, mayHaveLeft);
	}

	/** @returns true where the result began a new run, false where it extended one */
	result(sequence: number, result: Result): boolean {
		let status = FORGOTTEN;
		let revision = 0;
		if (result.kind === 'applied' || result.kind === 'duplicate') {
			status = result.ok ? OK : CONDITION_FAILED;
			revision = result.revision;
		} else if (result.kind === 'unknownClient') {
			status = UNKNOWN_CLIENT;
		}
		const count = this.#runCount;
		if (
			count > 0 &&
			sequence === this.#runFirst + count &&
			status === this.#runStatus &&
			(revision === 0 || revision === this.#runRevision + count)
		) {
			this.#runCount++;
			return false;
		}
		this.#endRun();
		this.#runFirst = sequence;
		this.#runCount = 1;
		this.#runStatus = status;
		this.#runRevision = revision;
		return true;
	}

	/** Tells what a transaction has read, now or once the socket has room. */
	readings(readings: Readings): void {
		this.#readings.push(readings);
	}

	/** The number of transactions of which it waits. */
	get readingsWaiting(): number {
		return this.#readings.length;
	}

	/** Answers a read from the store, now or once the socket has room. */
	values(read: ClientRead): void {
		this.#reads.push(read);
		this.keysWaiting += read.keys.length;
	}

	/** Whether the socket has no room for more changes. */
	get isFull(): boolean {
		return this.#socket.unsentBytes + this.#out.length >= this.#limits.unsentBytesMax;
	}

	changes(id: number, section: Uint8Array): void {
		this.#endRun();
		writeChangesSection(this.#out, id, section);
		if (this.#out.length >= this.#limits.frameBytesFull) this.#send();
	}

	watchEnded(id: number, why: WatchEndReason): void {
		this.#endRun();
		writeWatchEnded(this.#out, id, why);
	}

	/** Sends the answers that have gathered. */
	flush(): void {
		this.#endRun();
		while (this.#readings.length > 0 && this.#socket.unsentBytes < this.#limits.unsentBytesMax) this.#writeReadings();
		while (this.#reads.length > 0 && this.#socket.unsentBytes < this.#limits.unsentBytesMax) {
			const read = this.#reads[0] as ClientRead;
			if (read.after === null) this.#writeValues(read);
			else this.#writePage(read, read.after);
			if (this.#out.length >= this.#limits.frameBytesFull) this.#send();
		}
		if (this.#out.length > 0) this.#send();
	}

	/** Drops all reads: nothing is sent any more. */
	end(): void {
		this.#reads = [];
		this.#readings = [];
		this.keysWaiting = 0;
	}

	#endRun(): void {
		if (this.#runCount === 0) return;
		writeResults(this.#out, this.#runFirst, this.#runCount, this.#runStatus, this.#runRevision);
		this.#runCount = 0;
	}

	/** What the first transaction in line has read, which takes a frame at most, and its last result. */
	#writeReadings(): void {
		const { first, entries, sequence, result } = this.#readings.shift() as Readings;
		const bytes = entries?.reduce((sum, entry) => sum + (entry?.value.length ?? 0), 0) ?? 0;
		if (this.#out.length > 0 && this.#out.length + bytes >= this.#limits.frameBytesFull) this.#send();
		writeReadings(this.#out, first, entries);
		this.result(sequence, result);
		this.#endRun();
		if (this.#out.length >= this.#limits.frameBytesFull) this.#send();
	}

	/** As many values as fit a frame; the others stay first in line. */
	#writeValues({ first, keys }: ClientRead): void {
		const start = this.#nextKey;
		let bytes = this.#out.length;
		let end = start;
		const entries = [];
		for (; end < keys.length && (end === start || bytes < this.#limits.frameBytesFull); end++) {
			const entry = this.#store.get(keys[end] as string);
			entries.push(entry);
			bytes += entry ? entry.value.length : 1;
		}
		writeValues(this.#out, first + start, end - start);
		for (const entry of entries) writeEntry(this.#out, entry);
		this.keysWaiting -= end - start;
		this.#nextKey = end < keys.length ? end : 0;
		if (end === keys.length) this.#reads.shift();
	}

	#writePage({ first, keys }: ClientRead, after: string): void {
		this.#reads.shift();
		this.keysWaiting--;
		const view = this.#store.view(keys[0] as string, after);
		if (view === null) return writeRefused(this.#out, 'read', first, 1, 'overloaded', false);
		const entries: ListedEntry[] = [];
		let bytes = this.#out.length;
		while (!view.isAtEnd && entries.length < PAGE_KEYS_MAX) {
			if (entries.length > 0 && bytes >= this.#limits.frameBytesFull) break;
			const { key, flags, lock, createRevision, modifyRevision, ...place } = view.next() as ViewedEntry;
			const value = place.bytes.subarray(place.start, place.end);
			entries.push({ key, value, flags, lock, createRevision, modifyRevision });
			bytes += LISTED_BYTES + 3 * key.length + value.length;
		}
		writePage(this.#out, first, { entries, isLast: view.isAtEnd });
		view.close();
	}

	#send(): void {
		if (this.#socket.unsentBytes > this.#limits.unreadBytesMax) return this.#socket.terminate();
		this.#socket.send(this.#out.take(), this.#sent);
	}

	/** The network has taken a frame, so there may be room for values that waited. */
	readonly #sent = (): void => {
		if (this.#reads.length + this.#readings.length > 0) this.flush();
		if (!this.isFull) this.#hasRoom();
	};
}
