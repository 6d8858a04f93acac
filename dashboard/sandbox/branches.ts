/** The branches of a run: acting in the past forks it, and what was there before is kept. */
import type { Instant } from '../../shared/simulation/schedule.ts';
import type { RunAt } from './address.ts';

const BRANCHES_MAX = 12;

export interface Branch {
	readonly number: number;
	/** The run as it was when the branch was left. That of the shown branch is as it was when the branch was opened. */
	readonly run: RunAt;
	/** The branch that it went off from, and when; null for the first branch. */
	readonly forked: { readonly from: number; readonly at: Instant } | null;
}

export class Branches {
	#all: readonly Branch[];
	#shown = 0;

	constructor(run: RunAt) {
		this.#all = [{ number: 1, run, forked: null }];
	}

	get all(): readonly Branch[] {
		return this.#all;
	}

	/** The place of the branch that is shown. */
	get shown(): number {
		return this.#shown;
	}

	/**
	 * Another branch is shown.
	 *
	 * @param now the run of the one that was shown, as it is left
	 * @returns its run; null where there is none, or it is shown already
	 */
	show(index: number, now: RunAt): RunAt | null {
		const branch = this.#all[index];
		if (!branch || index === this.#shown) return null;
		this.#keep(now);
		this.#shown = index;
		return branch.run;
	}

	/** A branch with that run goes off from the one that is shown. @param now the run of that one, as it is left */
	fork(run: RunAt, now: RunAt): void {
		const from = (this.#all[this.#shown] as Branch).number;
		this.#keep(now);
		const number = Math.max(...this.#all.map((branch) => branch.number)) + 1;
		const forked: Branch = { number, run, forked: { from, at: run.at } };
		this.#all = [...this.#all.slice(1 - BRANCHES_MAX), forked];
		this.#shown = this.#all.length - 1;
	}

	#keep(run: RunAt): void {
		this.#all = this.#all.map((branch, index) => (index === this.#shown ? { ...branch, run } : branch));
	}
}
