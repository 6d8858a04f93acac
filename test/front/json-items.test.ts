/** JSON is bounded by what is in it before it is parsed. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hasMoreItems } from '../../server/front/json-items.ts';

it('lists, objects and commas are counted, and nothing inside a string', () => {
	const text = fc.string({ unit: fc.constantFrom('"', '\\', ',', '[', '{', 'a') });
	const json = fc.jsonValue({ stringUnit: 'grapheme' });
	fc.assert(
		fc.property(fc.oneof(json, fc.array(text), fc.dictionary(text, text)), (value) => {
			const written = JSON.stringify(value);
			const items = itemsOf(value);
			expect([hasMoreItems(written, items), items > 0 && !hasMoreItems(written, items - 1)]).toEqual([false, false]);
		}),
	);
});

it.each(['"', '"\\', '"\\"', '\\', '', '"[[['])('%j, which is no JSON, has no items', (text) => {
	expect(hasMoreItems(text, 0)).toBe(false);
});

/** The lists and objects in it, and the commas between their items. */
function itemsOf(value: unknown): number {
	if (typeof value !== 'object' || value === null) return 0;
	const inner = Object.values(value);
	return Math.max(1, inner.length) + inner.reduce<number>((sum, each) => sum + itemsOf(each), 0);
}
