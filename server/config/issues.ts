/** The errors of a configuration: all of them are listed at once, each with the path of the field to change. */
import type * as z from 'zod';

/** An error that tells the rule of the field, and its present value. */
export function must(rule: string, show: (input: unknown) => string = shortJson) {
	return {
		error: ({ input }: { readonly input?: unknown }) =>
			input === undefined ? `is missing: it ${rule}` : `${rule}, not ${show(input)}`,
	};
}

/** Prints one error in one line, and several below a headline. */
export function listed(source: string, found: readonly string[]): string {
	// A number that is no integer is above the bound too.
	const problems = [...new Set(found)];
	if (problems.length === 1) return `${source}: ${problems[0]}`;
	return `${source}: ${problems.length} errors\n${problems.map((problem) => `  ${problem}`).join('\n')}`;
}

/** @param knownFields the names of the fields at a path */
export function describeIssue(
	issue: z.core.$ZodIssue,
	knownFields: (path: readonly PropertyKey[]) => readonly string[],
): string[] {
	if (issue.code !== 'unrecognized_keys') return [withPath(issue.path, issue.message)];
	const known = knownFields(issue.path);
	return issue.keys.map((key) => {
		const near = nearest(key, known);
		const hint = near ? `did you mean "${near}"?` : `known are ${known.join(', ')}`;
		return withPath([...issue.path, key], `unknown field; ${hint}`);
	});
}

/** `nodes[2].port: message` */
function withPath(path: readonly PropertyKey[], message: string): string {
	const text = path.reduce<string>((before, step) => {
		if (typeof step === 'number') return `${before}[${step}]`;
		return before === '' ? String(step) : `${before}.${String(step)}`;
	}, '');
	return text === '' ? message : `${text}: ${message}`;
}

export function countOf(input: unknown): string {
	return Array.isArray(input) ? String(input.length) : shortJson(input);
}

export function shortJson(input: unknown): string {
	const text = jsonOf(input);
	return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}

/** Lists and objects may lie in one another too deep to be printed. */
function jsonOf(input: unknown): string {
	try {
		return JSON.stringify(input);
	} catch (error) {
		if (!(error instanceof RangeError)) throw error;
		return Array.isArray(input) ? '[…]' : '{…}';
	}
}

/** The nearest known word whose edit distance is at most half of its length. */
function nearest(word: string, known: readonly string[]): string | undefined {
	return known
		.map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
		.filter(({ candidate, distance }) => distance <= candidate.length / 2)
		.sort((a, b) => a.distance - b.distance)[0]?.candidate;
}

/** Insertions, deletions, substitutions. @source Wagner and Fischer, The String-to-String Correction Problem */
function editDistance(a: string, b: string): number {
	let row = Array.from({ length: b.length + 1 }, (_, column) => column);
	for (const [i, letter] of [...a].entries()) {
		const next = [i + 1];
		for (let j = 0; j < b.length; j++) {
			const substituted = (row[j] ?? 0) + (letter === b[j] ? 0 : 1);
			next.push(Math.min(substituted, (next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1));
		}
		row = next;
	}
	return row[b.length] ?? 0;
}
