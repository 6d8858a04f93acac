/** What is counted of facts, for watchers that are not told each of them. */
import type { FactKind } from '../../shared/fact.ts';
import type { FactBatch } from '../../shared/feed.ts';

type Counts = Partial<Record<FactKind, number>>;

/** What is counted of facts. */
export interface Totals {
	readonly facts: Counts;
	/** How long writes took that were applied, by class. */
	readonly took: Record<number, number>;
}

export function nothing(): Totals {
	return { facts: {}, took: {} };
}

export function copyOf({ facts, took }: Totals): Totals {
	return { facts: { ...facts }, took: { ...took } };
}

export function add<Name extends string | number>(counts: Partial<Record<Name, number>>, name: Name, count = 1): void {
	counts[name] = (counts[name] ?? 0) + count;
}

export function difference(now: Totals, before: Totals): Totals {
	return { facts: more(now.facts, before.facts), took: more(now.took, before.took) };
}

export function skippedOf({ facts, took }: Totals): Pick<FactBatch, 'skipped' | 'took'> {
	return Object.keys(took).length > 0 ? { skipped: facts, took } : { skipped: facts };
}

/** What is counted in `now` and not yet in `before`. */
function more<Counted extends Record<string, number>>(now: Counted, before: Counted): Counted {
	const counts: Record<string, number> = {};
	for (const name in now) {
		const count = (now[name] ?? 0) - (before[name] ?? 0);
		if (count > 0) counts[name] = count;
	}
	return counts as Counted;
}
