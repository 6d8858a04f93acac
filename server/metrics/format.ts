/** @source Prometheus, Exposition formats: text-based format, version 0.0.4 */

export type MetricType = 'gauge' | 'counter' | 'histogram';

/** The two lines before the samples of a metric. */
export function head(name: string, type: MetricType, help: string): string[] {
	return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

/** A metric with one sample. */
export function single(name: string, type: MetricType, help: string, value: number): string[] {
	return [...head(name, type, help), `${name} ${value}`];
}

/** A metric with one sample for each value of one label. The values may hold no quotes and no backslashes. */
export function labelled(
	name: string,
	type: MetricType,
	help: string,
	label: string,
	samples: Iterable<readonly [value: string, sample: number]>,
): string[] {
	return [
		...head(name, type, help),
		...Array.from(samples, ([value, sample]) => `${name}{${label}="${value}"} ${sample}`),
	];
}
