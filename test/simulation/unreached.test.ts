/** Each line that is named as unreached is still there, and named once; `npm run simulate -- --coverage` tells the rest. */
import { describe, expect, it } from 'vitest';
import { Coverage, coveredFiles } from './coverage.ts';
import { type Name, namedBy, REFUSAL } from './named.ts';
import { UNREACHED } from './unreached.ts';

const FILE = 'test/simulation/unreached.test.ts';
const WHY = 'This is a test of the list.';

describe('lines that no seed reaches', () => {
	it('are named with a reason, once, and are lines of their file', () => {
		const all = new Set<string>();
		for (const entry of UNREACHED) {
			expect(entry.why).toMatch(/\w{3,} .*\.$/);
			const { names, problems } = namedBy(entry);
			expect(problems).toEqual([]);
			for (const { name, places } of names) {
				expect(places.length, name).toBeGreaterThan(0);
				for (const place of places) {
					expect(all.has(place), `${place} is named twice`).toBe(false);
					all.add(place);
				}
			}
		}
	});

	it('are named by their text, and a text that opens a block names the block', () => {
		expect(placesOf("const WHY = 'This is a test of the list.';")).toEqual([`${FILE}:8`]);
		const block = placesOf("describe('lines that no seed reaches', () => {");
		expect(block[0]).toBe(`${FILE}:10`);
		expect(block.length).toBeGreaterThan(20);
		expect(placesOf('function severalLines(').length).toBe(6);
		expect(namedBy({ why: WHY, files: { [FILE]: 'all' } }).names[0]?.places.length).toBeGreaterThan(block.length);
	});

	it('are named within a block where their text stands elsewhere too', () => {
		const text = 'return first.value + second.value;';
		expect(severalLines({ value: 1 }, { value: 2 })).toBe(fewLines({ value: 1 }, { value: 2 }));
		expect(placesOf(text).length).toBe(2);
		expect(placesOf({ 'function severalLines(': [text] }).length).toBe(1);
		expect(placesOf({ "describe('lines that no seed reaches', () => {": [{ 'not there {': [text] }] })).toEqual([]);
	});

	it('are problems until they are named, and named ones are problems once they are gone', () => {
		const files = { [FILE]: ['no such line', { 'function severalLines(': ['no such line there'] }] };
		expect(new Coverage().problems([{ why: WHY, files }])).toEqual([
			`unreached.ts names what ${FILE} lacks: no such line`,
			`unreached.ts names what ${FILE} lacks: no such line there`,
		]);
		expect(coveredFiles([{ scriptId: '1', url: 'file:///elsewhere.js', functions: [] }])).toEqual([]);
	});

	it('need no name where they only refuse what no node and no client of the world makes', () => {
		expect("if (length === 0) throw new MalformedError('cut short');").toMatch(REFUSAL);
		expect("if (this.first === 0) return this.#void('sequences begin at 1');").toMatch(REFUSAL);
		expect('return this.#refuse(batch);').not.toMatch(REFUSAL);
		expect('throw new CorruptLogError(reason, { file: MANIFEST_NAME, offset: 0 });').not.toMatch(REFUSAL);
	});
});

function placesOf(name: Name): readonly string[] {
	return namedBy({ why: WHY, files: { [FILE]: [name] } }).names.flatMap(({ places }) => places);
}

function severalLines(
	first: { readonly value: number; readonly unit?: 'ms' | 'us' | 'ns' },
	second: { readonly value: number; readonly unit?: 'ms' | 'us' | 'ns' },
): number {
	return first.value + second.value;
}

function fewLines(first: { readonly value: number }, second: { readonly value: number }): number {
	return first.value + second.value;
}
