/** Each patch of a known bug still fits the sources. `npm run mutants` shows that each bug is caught. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Mutant } from '../../shared/simulation/mutant.ts';
import { MUTANTS } from './mutant-list.ts';
import { ALL_MUTANTS } from './mutant-list-own.ts';
import { compileAll, mutated, plant } from './mutant-tree.ts';

it.each(ALL_MUTANTS)('$name', (mutant) => {
	const sources = [...mutated(mutant)];
	expect(sources.length).toBeGreaterThan(0);
	for (const [file, source] of sources) expect(source).not.toBe(readFileSync(file, 'utf8'));
});

it('the sources compile with each bug in them', () => compileAll(ALL_MUTANTS), 300_000);

it('a copy of the sources has all that the explorer needs', () => {
	expect(existsSync(plant(MUTANTS[0] as Mutant, 'explore-worker'))).toBe(true);
}, 300_000);
