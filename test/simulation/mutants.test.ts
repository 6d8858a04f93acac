/** Each patch of a known bug still fits the sources. `npm run mutants` shows that each bug is caught. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ALL_MUTANTS } from './mutant-list-own.ts';
import { mutated } from './mutant-tree.ts';

it.each(ALL_MUTANTS)('$name', (mutant) => {
	const sources = [...mutated(mutant)];
	expect(sources.length).toBeGreaterThan(0);
	for (const [file, source] of sources) expect(source).not.toBe(readFileSync(file, 'utf8'));
});
