/**
 * The watches of one client's connection. What a watch is told goes into the connection's frames; while its socket holds
 * too much, the watches wait, and then go on with what the history has.
 */

import { Writer } from '../bytes/bytes.ts';
import { writeChanges } from '../client/changes.ts';
import type { WatchEndReason } from '../client/protocol.ts';
import { bytesOf, type Change } from './history.ts';
import type { Watch, WatchEnd, Watcher } from './watches.ts';

/** The part of a connection that its watches use. */
export interface WatchAnswers {
	/** Whether the socket holds so much that no more changes are to be told. */
	readonly isFull: boolean;
	/** @param section the bytes of the section behind its id, as `ChangeSections` makes them */
	changes(id: number, section: Uint8Array): void;
	watchEnded(id: number, why: WatchEndReason): void;
}

export interface ClientWatchesOptions {
	readonly answers: WatchAnswers;
	readonly sections: ChangeSections;
	/** The number of watches of the connection. */
	readonly watchesMax: number;
	/** As `Watches.open`. */
	openWatch(prefix: string, after: number | null, watcher: Watcher): Watch | null;
	/** There is something to send. */
	answered(): void;
}

/** A section takes no more changes once they have so many bytes. A value of the largest size fits a frame besides. */
const SECTION_BYTES_FULL = 262_144;

/** The bytes of lists of changes. Watches that are told the same list share them. */
export class ChangeSections {
	readonly #made = new WeakMap<readonly Change[], readonly Uint8Array[]>();

	/** The sections behind their ids, in order. */
	of(changes: readonly Change[]): readonly Uint8Array[] {
		let made = this.#made.get(changes);
		if (made) return made;
		made = sectionsOf(changes);
		this.#made.set(changes, made);
		return made;
	}
}

function sectionsOf(changes: readonly Change[]): Uint8Array[] {
	const sections: Uint8Array[] = [];
	for (let from = 0; from < changes.length; ) {
		let to = from;
		let bytes = 0;
		while (to < changes.length && bytes < SECTION_BYTES_FULL) bytes += bytesOf(changes[to++] as Change);
		const last = changes[to - 1] as Change;
		// Changes that belong together are whole with the last of them.
		const isWhole = to === changes.length || (changes[to] as Change).index > last.index;
		const through = isWhole
			? last.index
			: (changes.slice(0, to).findLast(({ index }) => index < last.index)?.index ?? 0);
		const out = new Writer(bytes);
		writeChanges(out, through, changes.slice(from, to));
		sections.push(out.take());
		from = to;
	}
	return sections;
}

export class ClientWatches {
	readonly #options: ClientWatchesOptions;
	readonly #watches = new Map<number, Watch>();
	/** Whether all watches are paused until the socket has room. */
	#isFull = false;

	constructor(options: ClientWatchesOptions) {
		this.#options = options;
	}

	has(id: number): boolean {
		return this.#watches.has(id);
	}

	/** @param id of no watch that is open */
	open(id: number, prefix: string, after: number | null): void {
		const { answers, openWatch, watchesMax, answered } = this.#options;
		answered();
		if (this.#watches.size >= watchesMax) return answers.watchEnded(id, 'tooMany');
		const watch = openWatch(prefix, after, {
			take: (changes) => this.#take(id, changes),
			ended: (why) => this.#ended(id, why),
		});
		if (watch === null) return answers.watchEnded(id, 'stopping');
		this.#watches.set(id, watch);
		// A client that has given no revision learns where its watch begins.
		const out = new Writer(16);
		writeChanges(out, watch.position, []);
		answers.changes(id, out.take());
	}

	/** Ends a watch that is not to begin. */
	deny(id: number): void {
		this.#options.answered();
		this.#options.answers.watchEnded(id, 'denied');
	}

	close(id: number): void {
		const watch = this.#watches.get(id);
		if (!watch) return;
		watch.close();
		this.#watches.delete(id);
	}

	/** The connection is closed. */
	closeAll(): void {
		for (const id of [...this.#watches.keys()]) this.close(id);
	}

	/** The socket has room again. */
	resume(): void {
		if (!this.#isFull) return;
		this.#isFull = false;
		for (const watch of this.#watches.values()) watch.resume();
	}

	#take(id: number, changes: readonly Change[]): void {
		const { answers, sections, answered } = this.#options;
		for (const section of sections.of(changes)) answers.changes(id, section);
		answered();
		if (!answers.isFull) return;
		this.#isFull = true;
		for (const watch of this.#watches.values()) watch.pause();
	}

	#ended(id: number, why: WatchEnd): void {
		this.close(id);
		this.#options.answers.watchEnded(id, why);
		this.#options.answered();
	}
}
