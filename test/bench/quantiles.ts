/** Quantiles of measured times. */

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
