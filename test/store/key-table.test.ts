import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { hashOf, hashOfBytes, KeyTable, seedHashes } from '../../shared/store/key-table.ts';
import { bytesOf } from './commands.ts';

interface Item {
	readonly key: string;
	readonly hash: number;
}

describe('a table of keys', () => {
	/** There are so few different hashes that nearly all share their first slot with others. */
	const item = fc
		.tuple(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 4 }), fc.nat({ max: 3 }))
		.map(([key, bits]): Item => ({ key, hash: (bits << 28) | ((key.charCodeAt(0) % 3) << 8) }));

	it('holds what a map holds, also where all hashes are alike', () => {
		fc.assert(
			fc.property(fc.array(fc.tuple(item, fc.boolean()), { maxLength: 200 }), (changes) => {
				const table = new KeyTable<Item>();
				const model = new Map<string, Item>();
				for (const [{ key, hash }, isSet] of changes) {
					// A key has one hash.
					const one = { key, hash: model.get(key)?.hash ?? hash };
					if (isSet) {
						table.set(one);
						model.set(key, one);
					} else {
						const held = model.get(key);
						table.delete(one);
						if (held) expect(table.get(key, held.hash)).toBe(held);
						if (held) table.delete(held);
						model.delete(key);
					}
					for (const held of model.values()) expect(table.get(held.key, held.hash)).toBe(held);
					if (!model.has(key)) expect(table.get(key, one.hash)).toBeUndefined();
				}
			}),
		);
	});

	it('grows to many keys, and shrinks to none', () => {
		const table = new KeyTable<Item>();
		const items = Array.from({ length: 20_000 }, (_, i) => ({ key: `k${i}`, hash: hashOf(`k${i}`) }));
		for (const each of items) table.set(each);
		expect(items.every((each) => table.get(each.key, each.hash) === each)).toBe(true);
		for (const [i, each] of items.entries()) if (i % 50 !== 0) table.delete(each);
		expect(items.every((each, i) => (table.get(each.key, each.hash) === each) === (i % 50 === 0))).toBe(true);
	});
});

describe('the hash of a key', () => {
	it('is that of its UTF-8 bytes', () => {
		fc.assert(
			fc.property(fc.string({ unit: 'grapheme' }), (key) => {
				const bytes = bytesOf(key);
				expect(hashOf(key)).toBe(hashOfBytes(bytes, 0, bytes.length));
			}),
		);
	});

	it('spreads keys that differ in few characters over all tables', () => {
		const keysOf = (name: (i: number) => string): string[] => Array.from({ length: 25_600 }, (_, i) => name(i));
		for (const keys of [
			keysOf((i) => `key${String(i).padStart(7, '0')}`),
			keysOf((i) => `user/${i}/profile`),
			keysOf((i) => `${'ç'.repeat(40)}${i}`),
		]) {
			const counts = new Map<number, number>();
			for (const key of keys) counts.set(hashOf(key) % 256, (counts.get(hashOf(key) % 256) ?? 0) + 1);
			expect(counts.size).toBe(256);
			expect(Math.max(...counts.values())).toBeLessThan(300);
		}
	});

	describe('with another seed', () => {
		afterEach(() => seedHashes(0));

		it('differs for keys that somebody chose to collide', () => {
			const colliding = collisions(100);
			expect(colliding.every(([a, b]) => hashOf(a) === hashOf(b))).toBe(true);
			seedHashes(0x5eed_1234);
			expect(colliding.filter(([a, b]) => hashOf(a) === hashOf(b))).toEqual([]);
		});

		it('is still that of its UTF-8 bytes', () => {
			seedHashes(-7);
			for (const key of ['', 'a', 'ça va']) expect(hashOf(key)).toBe(hashOfBytes(bytesOf(key), 0, bytesOf(key).length));
		});
	});
});

/** Pairs of different keys with one hash, found by trial. */
function collisions(count: number): [string, string][] {
	const seen = new Map<number, string>();
	const pairs: [string, string][] = [];
	for (let i = 0; pairs.length < count; i++) {
		// The keys are random, because keys that differ in few characters seldom collide.
		const key = Math.imul(i, 0x9e3779b1).toString(36) + Math.imul(i, 0x85ebca6b).toString(36);
		const other = seen.get(hashOf(key));
		if (other !== undefined) pairs.push([other, key]);
		seen.set(hashOf(key), key);
	}
	return pairs;
}
