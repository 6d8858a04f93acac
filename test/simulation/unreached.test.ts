/** Each line that is named as unreached is still there, once named; `npm run simulate -- --coverage` tells the rest. */
import { describe, expect, it } from 'vitest';
import { Coverage, coveredFiles } from './coverage.ts';
import { namedBy, REFUSAL } from './named.ts';
import { UNREACHED } from './unreached.ts';

describe('lines that no seed reaches', () => {
	it('are named with a reason, and are lines of their file', () => {
		for (const entry of UNREACHED) {
			expect(entry.why).toMatch(/\w{3,} .*\.$/);
			const { places, problems } = namedBy(entry);
			expect(problems).toEqual([]);
			expect(places.length, entry.file).toBeGreaterThan(0);
		}
	});

	it('are named by their text, by the declaration that they are in, or by their file', () => {
		const file = 'test/simulation/unreached.test.ts';
		const why = 'This is a test of the list.';
		expect(namedBy({ file, why, lines: ['const why ='] }).problems).toEqual([
			`unreached.ts names what ${file} lacks: const why =`,
		]);
		const { places, problems } = namedBy({ file, why, within: ["describe('lines that no seed reaches', () => {"] });
		expect(problems).toEqual([]);
		expect(places[0]).toBe(`${file}:7`);
		expect(places.length).toBeGreaterThan(20);
		expect(namedBy({ file, why }).places.length).toBeGreaterThan(places.length);
	});

	it('are problems until they are named, and named ones are problems once they are gone', () => {
		expect(
			new Coverage().problems([{ file: 'shared/fact.ts', why: 'It is not there.', lines: ['no such line'] }]),
		).toEqual(['unreached.ts names what shared/fact.ts lacks: no such line']);
		expect(coveredFiles([{ scriptId: '1', url: 'file:///elsewhere.js', functions: [] }])).toEqual([]);
	});

	it('need no name where they only refuse what no node and no disk of the world makes', () => {
		expect("if (length === 0) throw new MalformedError('cut short');").toMatch(REFUSAL);
		expect('return this.#refuse(batch);').not.toMatch(REFUSAL);
	});
});
