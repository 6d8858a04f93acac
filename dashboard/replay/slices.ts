/** A long trace in parts, between which the page does other things. */
import type { TraceItem } from '../../shared/trace-file.ts';

const FACTS_OF_PART = 2_000;

export function* partsOf(told: readonly TraceItem[]): Iterable<readonly TraceItem[]> {
	let part: TraceItem[] = [];
	let count = 0;
	for (const item of told) {
		part.push(item);
		count += countOf(item);
		if (count < FACTS_OF_PART) continue;
		yield part;
		part = [];
		count = 0;
	}
	yield part;
}

/** Resolves when the page has done what waited. */
export function othersFirst(): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve));
}

/** So many things are told in it. */
export function countOf(item: TraceItem): number {
	return item.kind === 'facts' ? item.facts.length : 1;
}
