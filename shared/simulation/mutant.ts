/**
 * A known bug, as patches of exact text. The text that a patch replaces must be there exactly once: a patch that does not
 * fit is an error.
 */

export interface Mutant {
	readonly name: string;
	/** The number in the list of bugs that consensus implementations really had; 0 for our own. */
	readonly bug: number;
	readonly edits: readonly Edit[];
}

interface Edit {
	/** From the folder of the project on. */
	readonly file: string;
	readonly find: string;
	readonly replace: string;
}

type EditFields = readonly [file: string, find: string, replace: string];

/** @param more further edits of the same bug, in the same file or in others */
export function one(
	bug: number,
	name: string,
	file: string,
	find: string,
	replace: string,
	...more: readonly EditFields[]
): Mutant {
	const edits = [[file, find, replace] as const, ...more].map(([file, find, replace]) => ({ file, find, replace }));
	return { name, bug, edits };
}

/**
 * @param sourceOf the text of a file that is not patched yet
 * @param before files that are patched already
 * @returns all patched files with this bug, too; or the reason why it cannot be put in
 */
export function patched(
	{ name, edits }: Mutant,
	sourceOf: (file: string) => string,
	before: ReadonlyMap<string, string> = new Map(),
): Map<string, string> | string {
	const sources = new Map(before);
	for (const { file, find, replace } of edits) {
		const source = sources.get(file) ?? sourceOf(file);
		const count = source.split(find).length - 1;
		if (count !== 1) return `${name}: ${file} holds the text to replace ${count} times, not once:\n${find}`;
		sources.set(
			file,
			source.replace(find, () => replace),
		);
	}
	return sources;
}
