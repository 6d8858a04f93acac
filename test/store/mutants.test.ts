/** Each patch of the list still fits the store, and names an existing test file. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { mutated } from '../simulation/mutant-tree.ts';
import { STORE_MUTANTS } from './mutant-list.ts';

it.each(STORE_MUTANTS)('$name', (mutant) => {
	for (const [file, source] of mutated(mutant)) expect(source).not.toBe(readFileSync(file, 'utf8'));
	expect(existsSync(`test/store/${mutant.killedBy}.test.ts`)).toBe(true);
});
