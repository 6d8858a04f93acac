/**
 * The watches of one client. Each is told every change below its prefix once and in order, whichever nodes tell it: on
 * each new connection it begins behind the last changes that came whole. A watcher that takes no more gives its watch up
 * at the node, and begins it again later, so that nothing gathers here.
 */
import { Writer } from '../bytes/bytes.ts';
import type { IndexedChange, WatchedChange } from './changes.ts';
import { writeUnwatch, writeWatch } from './client-frame.ts';
import { CompactedError, DENIED, RefusedError } from './errors.ts';
import type { NodeSection } from './node-frame.ts';

/** Changes that belong together: those of one transaction, or a single one. */
export interface WatchedChanges {
	/** A watch from this revision on begins behind these changes. */
	readonly revision: number;
	readonly changes: readonly WatchedChange[];
}

export interface Watcher {
	changed(changes: WatchedChanges): void;
	/** The watch is over, with the error. It is not called after `close`. */
	ended(error: Error): void;
}

export interface WatchHandle {
	/** No more changes come until `resume`. */
	pause(): void;
	resume(): void;
	close(): void;
}

export interface WatchesOwner {
	/** @returns false while there is no node */
	send(frame: Uint8Array): boolean;
	/** Asks for a call of `endTurn`. */
	soon(): void;
}

/** The number under which a watch is at the present node; 0 for one that is not there. */
const NOWHERE = 0;

class ClientWatch implements WatchHandle {
	readonly prefix: string;
	readonly watcher: Watcher;
	/** Changes up to this revision have come; null where the watch is to begin with the state of a node. */
	after: number | null;
	id = NOWHERE;
	isPaused = false;
	/** Changes of which others that belong to them have yet to come. */
	parts: IndexedChange[] = [];
	readonly #watches: ClientWatches;

	constructor(watches: ClientWatches, prefix: string, after: number | null, watcher: Watcher) {
		this.#watches = watches;
		this.prefix = prefix;
		this.after = after;
		this.watcher = watcher;
	}

	pause(): void {
		this.isPaused = true;
		this.#watches.changed();
	}

	resume(): void {
		this.isPaused = false;
		this.#watches.changed();
	}

	close(): void {
		this.#watches.close(this);
	}
}

export class ClientWatches {
	readonly #owner: WatchesOwner;
	readonly #all = new Set<ClientWatch>();
	readonly #byId = new Map<number, ClientWatch>();
	#nextId = 1;

	constructor(owner: WatchesOwner) {
		this.#owner = owner;
	}

	get count(): number {
		return this.#all.size;
	}

	/** @param after the changes above this revision; null for those above the present one of some node */
	open(prefix: string, after: number | null, watcher: Watcher): WatchHandle {
		const watch = new ClientWatch(this, prefix, after, watcher);
		this.#all.add(watch);
		this.changed();
		return watch;
	}

	/** A watch was opened, paused or resumed. */
	changed(): void {
		this.#owner.soon();
	}

	/** Called by the watch itself. */
	close(watch: ClientWatch): void {
		this.#all.delete(watch);
		this.#leaveNode(watch);
	}

	/** Begins watches at the node that are not there, and gives those up that are paused. */
	endTurn(): void {
		for (const watch of this.#all) {
			if (watch.isPaused) this.#leaveNode(watch);
			else if (watch.id === NOWHERE) this.#enterNode(watch);
		}
	}

	/** Begins all watches on a new connection. */
	sendAgain(): void {
		for (const watch of this.#all) this.#isNowhere(watch);
		this.endTurn();
	}

	changes({ id, through, changes }: NodeSection & { kind: 'changes' }): void {
		const watch = this.#byId.get(id);
		if (!watch) return;
		for (const each of changes) watch.parts.push(each);
		for (let from = 0; from < watch.parts.length; ) {
			const { index } = watch.parts[from] as IndexedChange;
			if (index > through) {
				watch.parts = watch.parts.slice(from);
				return this.#reached(watch, through);
			}
			let to = from + 1;
			while (watch.parts[to]?.index === index) to++;
			this.#reached(watch, index);
			watch.watcher.changed({ revision: index, changes: watch.parts.slice(from, to).map(({ change }) => change) });
			// The watcher may have closed its watch.
			if (watch.id !== id) return;
			from = to;
		}
		watch.parts = [];
		this.#reached(watch, through);
	}

	ended({ id, why }: NodeSection & { kind: 'watchEnded' }): void {
		const watch = this.#byId.get(id);
		if (!watch) return;
		this.#isNowhere(watch);
		// A node tells where a watch begins before anything else, so `after` is known.
		// Where the node is going to stop, its connection is about to end, and the watch goes on with the next one.
		if (why === 'compacted') this.#fail(watch, new CompactedError(watch.after as number));
		if (why === 'denied') this.#fail(watch, new RefusedError('denied', DENIED));
		if (why === 'tooMany') {
			this.#fail(watch, new RefusedError('overloaded', 'the node has too many watches of this client'));
		}
	}

	/** The client is closed. */
	closeAll(): void {
		for (const watch of this.#all) this.#fail(watch, new RefusedError('closed', 'the client is closed'));
	}

	#reached(watch: ClientWatch, revision: number): void {
		watch.after = Math.max(watch.after ?? 0, revision);
	}

	#fail(watch: ClientWatch, error: Error): void {
		this.close(watch);
		watch.watcher.ended(error);
	}

	#enterNode(watch: ClientWatch): void {
		const out = new Writer(64);
		writeWatch(out, this.#nextId, watch.after, watch.prefix);
		if (!this.#owner.send(out.take())) return;
		watch.id = this.#nextId++;
		this.#byId.set(watch.id, watch);
	}

	#leaveNode(watch: ClientWatch): void {
		const { id } = watch;
		if (id === NOWHERE) return;
		this.#isNowhere(watch);
		const out = new Writer(16);
		writeUnwatch(out, id);
		this.#owner.send(out.take());
	}

	#isNowhere(watch: ClientWatch): void {
		this.#byId.delete(watch.id);
		watch.id = NOWHERE;
		watch.parts = [];
	}
}
