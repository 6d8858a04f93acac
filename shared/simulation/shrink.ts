/**
 * Makes a failing plan small: it leaves out a half, a quarter, … of the items at a time, and keeps a plan that breaks the
 * same rule. The failure needs each item that is left.
 */

import { leaveOut } from './leave-out.ts';
import { GOOD_LINK } from './network.ts';
import type { Plan } from './plan.ts';
import { type Outcome, runPlan } from './run.ts';

export interface Shrunk {
	readonly plan: Plan;
	readonly outcome: Outcome;
	readonly runs: number;
}

/** @param runsMax the bound on runs, after which the smallest plan so far is taken */
export function shrink(failing: Plan, outcome: Outcome, runsMax: number): Shrunk {
	const rule = outcome.violation?.rule;
	if (rule === undefined) throw new RangeError('only a failure can be shrunk');
	let best: Shrunk = { plan: failing, outcome, runs: 0 };
	let runs = 0;

	const keepsFailing = (plan: Plan): boolean => {
		if (runs >= runsMax) return false;
		runs++;
		const smaller = runPlan(plan);
		if (smaller.violation?.rule !== rule) return false;
		best = { plan, outcome: smaller, runs };
		return true;
	};
	const untilFailure = <Item extends { readonly atMs: number }>(items: readonly Item[]) =>
		items.filter((item) => item.atMs <= best.outcome.simulatedMs);

	keepsFailing({
		...best.plan,
		faults: untilFailure(best.plan.faults),
		operations: untilFailure(best.plan.operations),
	});
	for (let size = Number.POSITIVE_INFINITY; size > sizeOf(best.plan) && runs < runsMax; ) {
		size = sizeOf(best.plan);
		keepsFailing({ ...best.plan, links: GOOD_LINK });
		keepsFailing({ ...best.plan, watched: false });
		keepsFailing({ ...best.plan, lockUsers: 0 });
		keepsFailing({ ...best.plan, requestUsers: 0 });
		leaveOut(best.plan.faults, (faults) => keepsFailing({ ...best.plan, faults }));
		leaveOut(best.plan.operations, (operations) => keepsFailing({ ...best.plan, operations }));
	}
	return { ...best, runs };
}

function sizeOf({ faults, operations }: Plan): number {
	return faults.length + operations.length;
}
