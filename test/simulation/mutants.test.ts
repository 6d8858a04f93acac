/** Each patch of a known bug still fits the sources. `npm run mutants` shows that each bug is caught. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { MUTANTS, type Mutant } from './mutant-list.ts';
import { ALL_MUTANTS } from './mutant-list-own.ts';
import { mutated, plant } from './mutant-tree.ts';

it.each(ALL_MUTANTS)('$name', (mutant) => {
	const sources = [...mutated(mutant)];
	expect(sources.length).toBeGreaterThan(0);
	for (const [file, source] of sources) expect(source).not.toBe(readFileSync(file, 'utf8'));
});

it.each(['seed-worker', 'explore-worker'] as const)(
	'a copy of the sources has all that the %s needs',
	(worker) => {
		expect(existsSync(plant(MUTANTS[0] as Mutant, worker))).toBe(true);
	},
	120_000,
);
