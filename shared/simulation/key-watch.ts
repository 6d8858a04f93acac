/**
 * A watch of a simulated client. It must be told each change below its prefix once and in order, those that belong
 * together at once, whichever nodes tell it; and it may end only where it has missed something.
 */
import type { ClientCore } from '../client/core.ts';
import { CompactedError, RefusedError } from '../client/errors.ts';
import type { WatchedChanges, Watcher, WatchHandle } from '../client/watches.ts';
import { concerns, isToldAs } from './changed-keys.ts';
import { Violation } from './ledger.ts';
import type { Random } from './random.ts';
import { US_PER_MS } from './schedule.ts';
import type { World } from './world.ts';

/** The share of lists after which the watcher takes no more for a while. */
const PAUSES = 0.02;
const PAUSE_MAX_MS = 2_000;
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

	constructor(options: KeyWatchOptions) {
		this.#options = options;
		this.#revision = options.beginsNow ? null : 0;
	}

	/** Whether it still has to be told something. A watch without a client is told nothing. */
	get isBehind(): boolean {
		const { world, prefix } = this.#options;
		const { all } = world.invariants.changedKeys;
		if (!this.#handle || this.#revision === null) return false;
		const from = world.invariants.changedKeys.behind(this.#revision);
		return all.slice(from).some((change) => concerns(change, prefix));
	}

	/** Begins at the client, behind what has come. */
	begin(core: ClientCore): void {
		const { counters } = this.#options.world;
		counters.watchesBegun++;
		if (this.#revision !== null && this.#revision > 0) counters.watchesResumed++;
		this.#core = core;
		this.#handle = core.watch(this.#options.prefix, this.#revision, this);
	}

	changed({ revision, changes }: WatchedChanges): void {
		const { world, prefix, name } = this.#options;
		const { changedKeys } = world.invariants;
		const from = changedKeys.behind(this.#revision ?? (changes[0]?.modifyRevision ?? 1) - 1);
		const due = changedKeys.all.slice(from).filter((change) => change.index <= revision && concerns(change, prefix));
		if (due.length !== changes.length || !due.every((change, at) => isToldAs(change, changes[at]))) {
			const [first] = changes;
			const told = `${changes.length} changes from ${first?.modifyRevision} on`;
			throw new Violation('WatchesAreToldAll', `${name} is told ${told} behind ${this.#revision}, not ${due.length}`);
		}
		this.#revision = revision;
		if (changes.length > 1) world.counters.changesWatchedTogether++;
		if (!world.isHealed && this.#options.random.chance(PAUSES)) this.#pause();
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

	#beginAgain(): void {
		const core = this.#core as ClientCore;
		this.#options.after(AGAIN_MS * US_PER_MS, () => {
			if (this.#core === core) this.begin(core);
		});
	}

	#pause(): void {
		const { world, random, after } = this.#options;
		const handle = this.#handle as WatchHandle;
		world.counters.watchesPaused++;
		handle.pause();
		after(Math.ceil(random.between(1, PAUSE_MAX_MS) * US_PER_MS), () => handle.resume());
	}
}
