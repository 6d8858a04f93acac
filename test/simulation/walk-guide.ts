/**
 * Guides random walks to where none has been. A walk that has brought a node into a new situation is kept up to there, and
 * most later walks go on from one that is kept. So a walk gets far into rare cases, each of which is a few rare steps away
 * from the one before it, where a walk from the beginning would have to be lucky many times in a row.
 *
 * @source Ecoffet, Huizinga, Lehman, Stanley and Clune 2021, First return, then explore (Nature 590); the corpus of a
 * fuzzer that is guided by coverage (American Fuzzy Lop) is the same idea
 */
import type { Random } from '../../shared/simulation/random.ts';
import type { Action, Shape } from './walk-action.ts';
import type { WalkNode } from './walk-node.ts';
import { situationOf } from './walk-situation.ts';
import type { Stepped } from './walk-world.ts';

/** The beginning of a walk. */
export interface Beginning {
	readonly shape: Shape;
	readonly actions: readonly Action[];
}

interface Kept extends Beginning {
	/** How many walks have gone on from it. */
	walks: number;
}

/** Walks go on from others only when so many are kept. */
const KEPT_MIN = 50;
/** When so many are kept, one of the older half is dropped for each new one. */
const KEPT_MAX = 4000;
/** A longer walk is not kept. */
const ACTIONS_MAX = 1500;
/** How likely a walk goes on from one that is kept. */
const GOES_ON = 0.8;
/** How likely it leaves out some actions of that one, and which share of them. */
const LEAVES_OUT = 0.3;
const PARTS = [0.02, 0.1] as const;

export class WalkGuide {
	readonly #situations = new Set<string>();
	readonly #kept: Kept[] = [];
	#hasNews = false;

	/** The number of different situations that nodes were in. */
	get situations(): number {
		return this.#situations.size;
	}

	/** Where the next walk begins; null for one of its own. */
	beginning(random: Random): Beginning | null {
		if (this.#kept.length < KEPT_MIN || !random.chance(GOES_ON)) return null;
		// Of two that are drawn, the one that fewer walks have gone on from.
		const [one, other] = [random.pick(this.#kept), random.pick(this.#kept)];
		const from = other.walks < one.walks ? other : one;
		from.walks++;
		if (!random.chance(LEAVES_OUT)) return from;
		const part = random.pick(PARTS);
		return { shape: from.shape, actions: from.actions.filter(() => !random.chance(part)) };
	}

	/** Is told each step of each node. */
	readonly stepped: Stepped = ({ agent, room }: WalkNode, event, effects) => {
		const before = this.#situations.size;
		this.#situations.add(situationOf(agent, event, effects, room));
		if (this.#situations.size > before) this.#hasNews = true;
	};

	/** Whether a node was in a new situation since this was last asked. */
	takeNews(): boolean {
		const hasNews = this.#hasNews;
		this.#hasNews = false;
		return hasNews;
	}

	/** The last of these actions has led to a new situation. */
	keep(random: Random, { shape, actions }: Beginning): void {
		if (actions.length > ACTIONS_MAX) return;
		if (this.#kept.length >= KEPT_MAX) this.#kept.splice(random.integer(0, KEPT_MAX / 2), 1);
		this.#kept.push({ shape, actions, walks: 0 });
	}
}
