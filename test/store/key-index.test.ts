import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Kept } from '../../shared/store/entry.ts';
import { CHUNK_ITEMS_MAX, KeyIndex } from '../../shared/store/key-index.ts';

/** Keys have few different letters, so that they are each other's prefixes. */
const text = fc.string({ unit: fc.constantFrom('a', 'b', 'ç', '\u{1f980}'), maxLength: 2 });
const step = fc.oneof(
	fc.record({ do: fc.constant('change' as const), key: text }),
	fc.record({ do: fc.constant('cut' as const), key: text }),
	fc.record({ do: fc.constant('fill' as const), key: text, count: fc.nat({ max: 2 * CHUNK_ITEMS_MAX }) }),
	/** One of so many keys below the prefix stays. */
	fc.record({ do: fc.constant('thin' as const), key: text, keep: fc.integer({ min: 2, max: 40 }) }),
	fc.record({ do: fc.constant('tidy' as const), items: fc.nat({ max: 600 }) }),
);

it('an index of keys knows the highest revision below each prefix, whatever was added and removed', () => {
	fc.assert(
		fc.property(
			fc.array(step, { minLength: 4, maxLength: 14 }),
			fc.array(text, { minLength: 3 }),
			(steps, prefixes) => {
				const index = new KeyIndex<Kept>();
				const model = new Map<string, number>();
				let revision = 0;
				const change = (key: string): void => {
					revision++;
					let item = index.get(key);
					if (item?.modifyRevision !== model.get(key)) expect(item?.modifyRevision).toBe(model.get(key));
					if (!item) {
						item = new Kept(key);
						index.add(item);
					}
					item.modifyRevision = revision;
					index.changed(item);
					model.set(key, revision);
				};
				const below = (prefix: string): string[] => [...model.keys()].filter((key) => key.startsWith(prefix));
				for (const each of steps) {
					switch (each.do) {
						case 'change':
							change(each.key);
							break;
						case 'cut':
							expect(index.cut(each.key, ++revision)).toBe(below(each.key).length);
							for (const key of below(each.key)) model.delete(key);
							break;
						case 'fill':
							for (let i = 0; i < each.count; i++) change(`${each.key}${(i * 211) % each.count}`);
							break;
						case 'thin':
							for (const [i, key] of below(each.key).entries()) {
								if (i % each.keep === 0) continue;
								index.delete(index.get(key) as Kept);
								model.delete(key);
							}
							break;
						case 'tidy':
							index.tidy(each.items);
					}
					expect(index.size).toBe(model.size);
					for (const prefix of prefixes) {
						const expected = below(prefix).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
						expect([...index.startingWith(prefix)].map(({ key }) => key).join()).toBe(expected.join());
						expect(index.highest(prefix)).toBe(Math.max(0, ...expected.map((key) => model.get(key) as number)));
					}
				}
			},
		),
		{ numRuns: 40 },
	);
});
