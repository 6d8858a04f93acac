/**
 * A watch of a simulated client. It must be told each change below its prefix once and in order, those that belong
 * together at once, whichever nodes tell it; and it may end only where it has missed something.
 */
import type { ClientCore } from '../client/core.ts';
import { CompactedError, RefusedError } from '../client/errors.ts';
import type { WatchedChanges, Watcher, WatchHandle } from '../client/watches.ts';
import { type ChangedKey, concerns, isToldAs } from './changed-keys.ts';
import { Violation } from './ledger.ts';
import type { Random } from './random.ts';
import { US_PER_MS } from './schedule.ts';
import type { World } from './world.ts';

/** The share of lists after which the watcher takes no more for a while. */
const PAUSES = 0.02;
const PAUSE_MAX_MS = 2_000;
/** The share of lists after which a watch that began with the present state is closed, and begins anew in the same way. */
const CLOSES = 0.05;
const ANEW_MAX_MS = 500;
/** A watch that was refused is begun again after this time. */
const AGAIN_MS = 500;

export interface KeyWatchOptions {
	readonly name: string;
	readonly world: World;
	readonly random: Random;
	readonly prefix: string;
	/** Whether it begins with the present state of a node, and not with everything. */
	readonly beginsNow: boolean;
	/** Calls `act` after some time of the client's process. */
	after(us: number, act: () => void): void;
}

export class KeyWatch implements Watcher {
	readonly #options: KeyWatchOptions;
	#core: ClientCore | undefined;
	#handle: WatchHandle | undefined;
	/** Changes up to this revision have come; null for a watch that has been told nothing yet, and begins now. */
	#revision: number | null;
	/**
	 * By key, the revision at which a read has found the key that the client asked for after it had begun the watch. The
	 * watch has to tell every later change of that key. It holds reads only while the watch has been told nothing.
	 */
	readonly #seen = new Map<string, number>();

	constructor(options: KeyWatchOptions) {
		this.#options = options;
		this.#revision = options.beginsNow ? null : 0;
	}

	/** Whether it still has to be told something. A watch without a client is told nothing. */
	get isBehind(): boolean {
		const { world, prefix } = this.#options;
		const { all } = world.invariants.changedKeys;
		if (!this.#handle) return false;
		if (this.#revision === null) return this.#firstDue() < Number.POSITIVE_INFINITY;
		const from = world.invariants.changedKeys.behind(this.#revision);
		return all.slice(from).some((change) => concerns(change, prefix));
	}

	/** Begins at the client, behind what has come. */
	begin(core: ClientCore): void {
		const { counters } = this.#options.world;
		counters.watchesBegun++;
		if (this.#revision !== null && this.#revision > 0) counters.watchesResumed++;
		this.#core = core;
		this.#seen.clear();
		this.#handle = core.watch(this.#options.prefix, this.#revision, this);
	}

	/** Its client asks for a read now. @returns is told the revision at which the read has found the key */
	reading(key: string): (revision: number) => void {
		const handle = this.#handle;
		return (revision) => {
			const isLater = handle !== undefined && handle === this.#handle;
			if (!isLater || this.#revision !== null || !key.startsWith(this.#options.prefix)) return;
			this.#seen.set(key, Math.min(revision, this.#seen.get(key) ?? revision));
		};
	}

	changed({ revision, changes }: WatchedChanges): void {
		const { world, prefix, name } = this.#options;
		const { changedKeys } = world.invariants;
		const begun = Math.min(this.#firstDue(), changes[0]?.modifyRevision ?? 1) - 1;
		const from = changedKeys.behind(this.#revision ?? begun);
		const due = changedKeys.all.slice(from).filter((change) => change.index <= revision && concerns(change, prefix));
		if (due.length !== changes.length || !due.every((change, at) => isToldAs(change, changes[at]))) {
			const [first] = changes;
			const told = `${changes.length} changes from ${first?.modifyRevision} on`;
			throw new Violation('WatchesAreToldAll', `${name} is told ${told} behind ${this.#revision}, not ${due.length}`);
		}
		this.#revision = revision;
		if (changes.length > 1) world.counters.changesWatchedTogether++;
		if (world.isHealed) return;
		if (this.#options.random.chance(PAUSES)) this.#pause();
		else if (this.#options.beginsNow && this.#options.random.chance(CLOSES)) this.#beginAnew();
	}

	/** The revision of the first change that a watch has to be told that begins now; Infinity where there is none yet. */
	#firstDue(): number {
		const { all } = this.#options.world.invariants.changedKeys;
		const isDue = (change: ChangedKey): boolean =>
			[...this.#seen].some(([key, revision]) => change.revision > revision && concerns(change, key));
		return this.#seen.size === 0 ? Number.POSITIVE_INFINITY : (all.find(isDue)?.revision ?? Number.POSITIVE_INFINITY);
	}

	ended(error: Error): void {
		this.#handle = undefined;
		if (error instanceof CompactedError) return this.#compacted();
		if (!(error instanceof RefusedError)) throw error;
		if (error.why !== 'closed') this.#beginAgain();
	}

	#compacted(): void {
		const { world, prefix, name } = this.#options;
		const { changedKeys } = world.invariants;
		const missed = changedKeys.all.slice(changedKeys.behind(this.#revision ?? 0));
		if (!missed.some((change) => concerns(change, prefix))) {
			throw new Violation('WatchesEndForAReason', `${name} has missed nothing behind ${this.#revision}`);
		}
		world.counters.watchesCompacted++;
		// As if it had read the keys.
		this.#revision = changedKeys.all.at(-1)?.index ?? 0;
		this.#beginAgain();
	}

	#beginAgain(afterMs = AGAIN_MS): void {
		const core = this.#core as ClientCore;
		this.#options.after(Math.ceil(afterMs * US_PER_MS), () => {
			if (this.#core === core) this.begin(core);
		});
	}

	#beginAnew(): void {
		this.#handle?.close();
		this.#handle = undefined;
		this.#revision = null;
		this.#options.world.counters.watchesClosed++;
		this.#beginAgain(this.#options.random.between(0, ANEW_MAX_MS));
	}

	#pause(): void {
		const { world, random, after } = this.#options;
		const handle = this.#handle as WatchHandle;
		world.counters.watchesPaused++;
		handle.pause();
		after(Math.ceil(random.between(1, PAUSE_MAX_MS) * US_PER_MS), () => handle.resume());
	}
}
