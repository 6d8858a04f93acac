/**
 * How many decisions the nodes tell, where under load they only count some. Each node tells and counts a decision for
 * itself, so the parts are those of all nodes together.
 */
import type { Told } from '../../shared/trace-file.ts';

/** It is of the last decisions, at least half as many. */
const DECISIONS_MAX = 4_000;
/** So long after the last count all are told again, milliseconds. */
const RECENT_MS = 3_000;

export class Untold {
	#told = 0;
	#counted = 0;
	#countedMs = Number.NEGATIVE_INFINITY;

	/** @param ms when it was told */
	add(told: Told, ms: number): void {
		if (told.kind === 'fact' && told.fact.kind === 'chosen') this.#told++;
		const count = told.kind === 'missing' ? (told.skipped.chosen ?? 0) : 0;
		if (count > 0) {
			this.#counted += count;
			this.#countedMs = ms;
		}
		while (this.#told + this.#counted > DECISIONS_MAX) {
			this.#told /= 2;
			this.#counted /= 2;
		}
	}

	/** Of so many decisions one is told; 1 where all are; Infinity where none was yet. */
	oneOf(ms: number): number {
		if (ms - this.#countedMs > RECENT_MS) return 1;
		return (this.#told + this.#counted) / this.#told;
	}
}
