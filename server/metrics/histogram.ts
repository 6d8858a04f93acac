/** Counts durations by their length, so that Prometheus can add them up over nodes and spans of time. */

/** The upper bounds of the buckets, seconds: from half a millisecond to 8.192 s, each twice the one before. */
export const BOUNDS_S: readonly number[] = Array.from({ length: 15 }, (_, i) => 0.0005 * 2 ** i);

export class Histogram {
	readonly #counts = new Float64Array(BOUNDS_S.length + 1);
	#sumS = 0;

	observe(ms: number): void {
		const seconds = ms / 1000;
		let at = 0;
		while (at < BOUNDS_S.length && seconds > (BOUNDS_S[at] as number)) at++;
		this.#counts[at] = (this.#counts[at] as number) + 1;
		this.#sumS += seconds;
	}

	get count(): number {
		return this.#counts.reduce((sum, each) => sum + each, 0);
	}

	/**
	 * Its samples in the text format of Prometheus.
	 *
	 * @param labels such as `method="PUT"`; '' for none
	 */
	lines(name: string, labels: string): string[] {
		const before = labels === '' ? '' : `${labels},`;
		const all = labels === '' ? '' : `{${labels}}`;
		let count = 0;
		const buckets = [...BOUNDS_S.map(String), '+Inf'].map((bound, at) => {
			count += this.#counts[at] as number;
			return `${name}_bucket{${before}le="${bound}"} ${count}`;
		});
		return [...buckets, `${name}_sum${all} ${this.#sumS}`, `${name}_count${all} ${count}`];
	}
}
