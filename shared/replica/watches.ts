/**
 * Watches: each is told every change of the keys below its prefix, in order and once, from the revision on that it was
 * begun with. A watch has no queue of its own. While its watcher takes what comes, it is told the changes of each turn;
 * one that takes no more, or that begins at an earlier revision, reads the history at its own pace.
 *
 * A change finds the watches that hear it by one search among the prefixes, and all watches of one prefix are told the
 * same list. So a write costs nothing for watches whose prefixes do not match, and what is made of a list for one of
 * them serves all.
 *
 * What it must never do: tell a part of changes that belong together, leave out a change, or tell one twice. Where the
 * history is too short to go on, the watch ends as `compacted`; but not where nothing below its prefix has changed.
 */
import { bytesOf, type Change, type History, type HistoryLimits } from './history.ts';
import { type OfPrefix, Prefixes } from './prefixes.ts';

export interface Watcher {
	/** Takes the next changes, of which there is one at least. The list is never changed. It may pause or close its watch. */
	take(changes: readonly Change[]): void;
	/** The watch is over. `take` is not called any more. */
	ended(why: WatchEnd): void;
}

/**
 * `compacted`: changes behind `Watch.position` are not kept any more, so the watcher has to read the present state.
 * `stopping`: the node is going to stop, and another node goes on from that position.
 */
export type WatchEnd = 'compacted' | 'stopping';

export interface Watch {
	readonly prefix: string;
	/** Every change up to this revision was told. A watch that begins there, at any node, goes on without a gap. */
	readonly position: number;
	/** Nothing more is told until `resume`. */
	pause(): void;
	resume(): void;
	/** The watcher is gone. */
	close(): void;
}

export interface WatchesOptions {
	readonly history: History;
	readonly limits: HistoryLimits;
	/** The revision of the store. */
	revision(): number;
	/** The revision of the last change below the prefix, never too low; 0 where none is known. */
	changeOfPrefix(prefix: string): number;
	/** Asks for a turn. */
	soon(): void;
}

/** `live`: it is told what each turn changes. `behind`: it reads the history. `paused`: its watcher takes no more now. */
type Phase = 'live' | 'behind' | 'paused' | 'over';

/** All live watches of one prefix. */
class Group implements OfPrefix {
	readonly prefix: string;
	readonly watches = new Set<OpenWatch>();
	/** What the present turn has changed below the prefix, and its bytes. */
	changes: Change[] = [];
	bytes = 0;

	constructor(prefix: string) {
		this.prefix = prefix;
	}
}

class OpenWatch implements Watch {
	readonly prefix: string;
	readonly watcher: Watcher;
	phase: Phase = 'behind';
	/** Changes up to this revision are not told any more. */
	after: number;
	readonly #watches: Watches;

	constructor(watches: Watches, prefix: string, after: number, watcher: Watcher) {
		this.#watches = watches;
		this.prefix = prefix;
		this.after = after;
		this.watcher = watcher;
	}

	get position(): number {
		return this.phase === 'live' ? Math.max(this.after, this.#watches.seenThrough) : this.after;
	}

	pause(): void {
		this.#watches.pause(this);
	}

	resume(): void {
		this.#watches.resume(this);
	}

	close(): void {
		this.#watches.close(this);
	}
}

/** In one turn, changes are handed to groups so many times as watches that are behind look at changes. */
const HEARD_PER_LOOK = 16;
/** In one turn, watches that are behind are told the bytes of so many full lists. */
const LISTS_OF_TURN = 4;

/** What the history has for a watch, up to a bound. */
interface Stretch {
	readonly prefix: string;
	readonly after: number;
	readonly changes: readonly Change[];
	readonly bytes: number;
	/** All changes up to this revision were looked at. */
	readonly through: number;
	readonly lookedAt: number;
}

export class Watches {
	/** Live watches were told all changes up to this revision. */
	seenThrough: number;
	readonly #options: WatchesOptions;
	readonly #groups = new Map<string, Group>();
	readonly #prefixes = new Prefixes<Group>();
	readonly #behind = new Set<OpenWatch>();
	readonly #paused = new Set<OpenWatch>();
	/** The position in the history up to which live watches were told. */
	#seen: number;
	#isStopped = false;

	constructor(options: WatchesOptions) {
		this.#options = options;
		this.#seen = options.history.end;
		this.seenThrough = options.revision();
	}

	/** The number of watches. */
	get count(): number {
		let live = 0;
		for (const { watches } of this.#groups.values()) live += watches.size;
		return live + this.#behind.size + this.#paused.size;
	}

	/**
	 * Begins a watch of the keys that begin with `prefix`. The caller bounds the number of watches.
	 *
	 * @param after the changes above this revision are told; null for that of the present state
	 * @param watcher is first called at the end of the next turn
	 * @returns null where the node is going to stop
	 */
	open(prefix: string, after: number | null, watcher: Watcher): Watch | null {
		if (this.#isStopped) return null;
		const watch = new OpenWatch(this, prefix, after ?? this.#options.revision(), watcher);
		this.#behind.add(watch);
		this.#options.soon();
		return watch;
	}

	/** Tells what this turn has changed, and a part of what watches that are behind have missed. */
	endTurn(): void {
		const { history, revision } = this.#options;
		const end = history.end;
		if (this.#groups.size > 0 && this.#seen < end) {
			if (this.#seen < history.start) this.#allFallBehind();
			else this.#tellNews(end);
		}
		this.#seen = end;
		this.seenThrough = revision();
		if (this.#behind.size > 0) this.#catchUp();
	}

	/** The store has taken over the state of a snapshot, so what has led there is not known. */
	stateReplaced(): void {
		this.#allFallBehind();
		this.#options.history.restart(this.#options.revision());
	}

	/** Ends every watch, and begins no other one: the node is going to stop. */
	stop(): void {
		this.#isStopped = true;
		this.#allFallBehind();
		for (const watch of [...this.#behind, ...this.#paused]) this.#end(watch, 'stopping');
	}

	/** Called by the watch itself. */
	pause(watch: OpenWatch): void {
		if (watch.phase !== 'over') this.#enter(watch, 'paused');
	}

	/** Called by the watch itself. */
	resume(watch: OpenWatch): void {
		if (watch.phase !== 'paused') return;
		this.#enter(watch, 'behind');
		this.#options.soon();
	}

	/** Called by the watch itself. */
	close(watch: OpenWatch): void {
		this.#enter(watch, 'over');
	}

	#tellNews(end: number): void {
		const told = new Set<Group>();
		let left = HEARD_PER_LOOK * this.#options.limits.historyLookedAtMax;
		for (let at = this.#seen; at < end; at++) {
			const change = this.#options.history.at(at);
			for (const group of this.#groupsOf(change)) {
				if (left-- === 0) return this.#tellLater(told);
				group.changes.push(change);
				group.bytes += bytesOf(change);
				told.add(group);
			}
		}
		const through = this.#options.revision();
		for (const group of told) {
			const { changes, bytes } = group;
			group.changes = [];
			group.bytes = 0;
			if (bytes > this.#options.limits.historyListBytesFull) {
				this.#fallsBehind(group);
				continue;
			}
			for (const watch of group.watches) {
				const { after } = watch;
				watch.after = Math.max(after, through);
				// A watch may have begun at a revision that this node had yet to reach.
				const isNew = ({ modifyRevision }: Change): boolean => modifyRevision > after;
				const news = isNew(changes[0] as Change) ? changes : changes.filter(isNew);
				if (news.length > 0) watch.watcher.take(news);
			}
		}
	}

	/**
	 * Many watches lie in one another, and would be told too much in this turn: they all read the history, in parts.
	 *
	 * @param told the groups that have changes of this turn already
	 */
	#tellLater(told: ReadonlySet<Group>): void {
		for (const group of told) {
			group.changes = [];
			group.bytes = 0;
		}
		this.#allFallBehind();
	}

	/** The groups whose watches hear the change. */
	*#groupsOf({ kind, key }: Change): Iterable<Group> {
		yield* this.#prefixes.of(key);
		if (kind !== 'deletePrefix') return;
		for (const inner of this.#prefixes.startingWith(key)) if (inner.prefix !== key) yield inner;
	}

	#allFallBehind(): void {
		for (const group of [...this.#groups.values()]) this.#fallsBehind(group);
	}

	#fallsBehind({ watches }: Group): void {
		for (const watch of watches) this.#enter(watch, 'behind');
	}

	/** Tells watches that are behind a bounded number of changes, in turn, and asks for another turn for the rest. */
	#catchUp(): void {
		const { historyLookedAtMax, historyListBytesFull } = this.#options.limits;
		let left = historyLookedAtMax;
		let bytesLeft = LISTS_OF_TURN * historyListBytesFull;
		/** Watches that have missed the same are told the same list. */
		let stretch: Stretch | null = null;
		for (const watch of [...this.#behind]) {
			if (left <= 0 || bytesLeft <= 0) break;
			if (watch.phase !== 'behind') continue;
			if (watch.after < this.#options.history.floor) {
				this.#skipForgotten(watch);
				continue;
			}
			if (stretch?.prefix !== watch.prefix || stretch.after !== watch.after) {
				stretch = this.#stretchFor(watch, left);
				left -= stretch.lookedAt;
				bytesLeft -= stretch.bytes;
			}
			watch.after = Math.max(watch.after, stretch.through);
			// `enter` also puts a watch that is still behind at the end of the line.
			this.#enter(watch, stretch.through < this.seenThrough ? 'behind' : 'live');
			if (stretch.changes.length > 0) watch.watcher.take(stretch.changes);
		}
		if (this.#behind.size > 0) this.#options.soon();
	}

	/** The history is too short for the watch. Where nothing below its prefix has changed since, it has missed nothing. */
	#skipForgotten(watch: OpenWatch): void {
		if (this.#options.changeOfPrefix(watch.prefix) > watch.after) return this.#end(watch, 'compacted');
		watch.after = this.seenThrough;
		this.#enter(watch, 'live');
	}

	#stretchFor({ prefix, after }: OpenWatch, lookedAtMax: number): Stretch {
		const { history, limits } = this.#options;
		const changes: Change[] = [];
		const first = history.behind(after);
		let bytes = 0;
		let at = first;
		let through = after;
		while (at < history.end) {
			const change = history.at(at);
			// The list ends between changes that do not belong together.
			if (change.index > through && (at - first >= lookedAtMax || bytes >= limits.historyListBytesFull)) break;
			through = change.index;
			at++;
			if (!concerns(change, prefix)) continue;
			changes.push(change);
			bytes += bytesOf(change);
		}
		const isAtEnd = at === history.end;
		const last = isAtEnd ? this.seenThrough : through;
		return { prefix, after, changes, bytes, through: last, lookedAt: at - first + 1 };
	}

	#end(watch: OpenWatch, why: WatchEnd): void {
		this.#enter(watch, 'over');
		watch.watcher.ended(why);
	}

	#enter(watch: OpenWatch, phase: Phase): void {
		if (watch.phase === 'live') {
			watch.after = watch.position;
			this.#leaveGroup(watch);
		}
		this.#behind.delete(watch);
		this.#paused.delete(watch);
		watch.phase = phase;
		if (phase === 'live') this.#groupOf(watch.prefix).watches.add(watch);
		else if (phase === 'behind') this.#behind.add(watch);
		else if (phase === 'paused') this.#paused.add(watch);
	}

	#groupOf(prefix: string): Group {
		let group = this.#groups.get(prefix);
		if (group) return group;
		group = new Group(prefix);
		this.#groups.set(prefix, group);
		this.#prefixes.add(group);
		return group;
	}

	#leaveGroup(watch: OpenWatch): void {
		const group = this.#groups.get(watch.prefix);
		if (!group?.watches.delete(watch) || group.watches.size > 0) return;
		this.#groups.delete(group.prefix);
		this.#prefixes.delete(group);
	}
}

function concerns({ kind, key }: Change, prefix: string): boolean {
	return key.startsWith(prefix) || (kind === 'deletePrefix' && prefix.startsWith(key));
}
