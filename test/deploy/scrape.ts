/** The expressions of Prometheus in the files of `server/deploy`, and what they ask for. */
import { parser } from '@prometheus-io/lezer-promql';

/** A metric that an expression names, with the labels that it selects by and their values. */
export interface Selector {
	readonly metric: string;
	readonly labels: Readonly<Record<string, string>>;
}

/**
 * Parses an expression by Prometheus's own grammar.
 *
 * @throws Error with the place where it is wrong
 */
export function selectorsOf(expression: string): Selector[] {
	const found: Selector[] = [];
	parser.parse(expression).iterate({
		enter: ({ type, from, to, node }) => {
			if (type.isError) throw new Error(`${expression} is wrong at character ${from}`);
			if (type.name !== 'VectorSelector') return;
			const text = (at: { from: number; to: number }): string => expression.slice(at.from, at.to);
			const metric = node.getChild('Identifier');
			if (metric === null) throw new Error(`${expression.slice(from, to)} names no metric`);
			const matchers = node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? [];
			const labels = matchers.map((matcher) => {
				const [name, value] = [matcher.getChild('LabelName'), matcher.getChild('StringLiteral')];
				if (!name || !value) throw new Error(`${text(matcher)} is no label`);
				return [text(name), JSON.parse(text(value)) as string] as const;
			});
			found.push({ metric: text(metric), labels: Object.fromEntries(labels) });
		},
	});
	return found;
}

/** The samples of a page of metrics: for each name, the labels of each sample. */
export function samplesOf(page: string): Map<string, Record<string, string>[]> {
	const samples = new Map<string, Record<string, string>[]>();
	for (const line of page.split('\n')) {
		const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
		if (name === undefined) continue;
		const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [label, value]);
		samples.set(name, [...(samples.get(name) ?? []), Object.fromEntries(pairs)]);
	}
	return samples;
}
