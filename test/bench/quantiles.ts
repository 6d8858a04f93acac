/** Quantiles of what was measured. */

export interface Quantiles {
	readonly p50Ms: number;
	readonly p99Ms: number;
}

/** @param ms one time at least, in any order, milliseconds */
export function quantilesOf(ms: ArrayLike<number>): Quantiles {
	const sorted = Float64Array.from(ms).sort();
	const at = (part: number) => thousandths(sorted[Math.floor(sorted.length * part)] as number);
	return { p50Ms: at(0.5), p99Ms: at(0.99) };
}

function thousandths(value: number): number {
	return Math.round(value * 1000) / 1000;
}

/** @param values one at least, in any order */
export function median(values: readonly number[]): number {
	const sorted = values.toSorted((a, b) => a - b);
	const half = sorted.length / 2;
	const [low, high] = [sorted[Math.ceil(half) - 1], sorted[Math.floor(half)]];
	return ((low as number) + (high as number)) / 2;
}
