/**
 * Lists of a simulated client. A page must be the state of one moment: each key below the prefix that was there then, with
 * the value and at the revision that it had. Where it is linearizable, it has all that was acknowledged before it was asked.
 */
import type { Settle } from '../client/abort.ts';
import type { ClientCore } from '../client/core.ts';
import { RefusedError } from '../client/errors.ts';
import type { Page } from '../client/protocol.ts';
import { Violation } from './ledger.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** The share of calls of a client beside which it asks for a list. */
const LISTS = 0.05;
const STALE = 0.3;
const PREFIXES = ['', 'key', 'key 1', 'key 2'] as const;
const AFTER = ['', '', 'key 1', 'key 3'] as const;

export class KeyList {
	readonly #name: string;
	readonly #world: World;
	readonly #random: Random;

	constructor(name: string, world: World, random: Random) {
		this.#name = name;
		this.#world = world;
		this.#random = random;
	}

	/** Its client makes a call. */
	mayAsk(core: ClientCore): void {
		if (!this.#random.chance(LISTS)) return;
		const prefix = this.#random.pick(PREFIXES);
		const after = this.#random.pick(AFTER);
		const mode = this.#random.chance(STALE) ? 'stale' : 'linearizable';
		const from = mode === 'stale' ? 0 : this.#world.invariants.acknowledgedThrough;
		const settle: Settle<Page> = {
			resolve: (page) => this.#check(page, prefix, after, from),
			reject: (error) => {
				if (!(error instanceof RefusedError)) throw error;
			},
		};
		core.list(prefix, after, mode, undefined, settle);
	}

	#check({ entries, isLast }: Page, prefix: string, after: string, from: number): void {
		const { counters, invariants } = this.#world;
		counters.pagesListed++;
		const end = entries.at(-1)?.key;
		const isOnPage = (key: string): boolean =>
			key.startsWith(prefix) && key > after && (isLast || (end !== undefined && key <= end));
		const found = entries.map(({ key, modifyRevision }) => `${key} ${modifyRevision}`).join();
		const isState = (state: ReadonlyMap<string, number>): boolean => {
			const keys = [...state.keys()].filter(isOnPage).sort();
			return keys.map((key) => `${key} ${state.get(key)}`).join() === found;
		};
		if (invariants.changedKeys.everMadeUp(from, isState)) return;
		throw new Violation('ListsAreTrue', `${this.#name} lists [${found}] of "${prefix}" behind "${after}"`);
	}
}
