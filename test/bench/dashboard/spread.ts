/** Quantiles of what was measured, and how they are written. */

/** By nearest rank. @param share from 0 to 1 */
export function quantile(values: readonly number[], share: number): number {
	const sorted = values.toSorted((a, b) => a - b);
	return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
	return quantile(values, 0.5);
}

export function tenths(value: number): number {
	return Math.round(value * 10) / 10;
}

/** Such as `p50 4.1, p95 12.3, max 20.4 ms of 512`. */
export function spreadText(ms: readonly number[]): string {
	const at = (share: number) => tenths(quantile(ms, share));
	return `p50 ${at(0.5)}, p95 ${at(0.95)}, max ${at(1)} ms of ${ms.length}`;
}
