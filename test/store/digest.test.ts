/** Stores that have applied the same have the same digest; those that have not, or made something else of it, differ. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCommand, type Operation } from '../../shared/store/command.ts';
import { digestOfBytes } from '../../shared/store/digest.ts';
import { restoredStore } from '../../shared/store/restore.ts';
import { Store } from '../../shared/store/store.ts';
import { identity, opening, put } from './commands.ts';

describe('the digest of a store', () => {
	it('is the same where the same was applied', () => {
		expect(storeOf(put('a', 'x'), put('b', 'y')).digest).toBe(storeOf(put('a', 'x'), put('b', 'y')).digest);
	});

	it('differs for any other byte of what was applied', () => {
		const { digest } = storeOf(put('key', 'a value of some bytes'));
		const bytes = batch(2, put('key', 'a value of some bytes'));
		fc.assert(
			fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
				const changed = Uint8Array.from(bytes);
				changed[at] = (changed[at] as number) ^ flip;
				const store = storeOf();
				store.apply(changed);
				expect(store.digest).not.toBe(digest);
			}),
		);
	});

	it('of a long value differs for any other byte, and for any two words that have changed places', () => {
		const words = fc.uint8Array({ minLength: 256, maxLength: 600 });
		fc.assert(
			fc.property(
				words,
				fc.integer(),
				fc.nat(),
				fc.nat(),
				fc.integer({ min: 1, max: 255 }),
				(value, digest, i, j, flip) => {
					const whole = digestOfBytes(digest, value);
					const flipped = Uint8Array.from(value);
					flipped[i % value.length] = (value[i % value.length] as number) ^ flip;
					expect(digestOfBytes(digest, flipped)).not.toBe(whole);

					const wordAt = (at: number) => value.subarray(4 * at, 4 * at + 4);
					const [one, other] = [i % (value.length >> 2), j % (value.length >> 2)];
					fc.pre(wordAt(one).some((byte, at) => byte !== wordAt(other)[at]));
					const swapped = Uint8Array.from(value);
					swapped.set(wordAt(other), 4 * one);
					swapped.set(wordAt(one), 4 * other);
					expect(digestOfBytes(digest, swapped)).not.toBe(whole);
				},
			),
		);
	});

	it('of a long value of equal bytes differs by the byte, the length and the digest before', () => {
		const digests = new Set<number>();
		for (const byte of [0, 1, 97]) {
			for (const length of [256, 260, 272]) {
				for (const before of [0, 1, -1]) digests.add(digestOfBytes(before, new Uint8Array(length).fill(byte)));
			}
		}
		expect(digests.size).toBe(27);
	});

	it('differs for another order, another time, and one slot more', () => {
		const later = storeOf(put('a', 'x'), put('b', 'y'));
		later.passTime(1);
		const digests = [
			storeOf(put('a', 'x'), put('b', 'y')).digest,
			storeOf(put('b', 'y'), put('a', 'x')).digest,
			storeOf(put('a', 'x'), put('b', 'y'), put('b', 'y')).digest,
			later.digest,
		];
		expect(new Set(digests).size).toBe(digests.length);
	});

	it('is a part of the saved state: a store that was restored goes on with it', () => {
		const whole = storeOf(put('a', 'x'), put('b', 'y'));
		const restored = restoredStore(whole.save());
		expect(restored.digest).toBe(whole.digest);
		for (const store of [whole, restored]) store.apply(batch(4, put('b', 'z')));
		expect(restored.digest).toBe(whole.digest);
	});

	it.each<[string, Operation]>([
		['a put', put('a', 'z')],
		['a delete', { kind: 'delete', key: 'a', cas: null }],
		['a delete of a prefix', { kind: 'deletePrefix', prefix: 'a' }],
	])('differs once %s finds an entry that is not what it was', (_, operation) => {
		const whole = storeOf(put('a', 'x'));
		const strayed = restoredStore(withKeyB(whole.save()));
		expect([strayed.digest, strayed.get('a'), strayed.keysCount]).toEqual([whole.digest, undefined, 1]);
		for (const store of [whole, strayed]) store.apply(batch(3, operation));
		expect(strayed.digest).not.toBe(whole.digest);
	});
});

/** The saved state of a store with the key a, in which the key is b. */
function withKeyB(saved: Uint8Array): Uint8Array {
	const at = saved.findIndex((byte, i) => byte === 1 && saved[i + 1] === 0x61 && saved[i + 3] === 0x78);
	return Uint8Array.from(saved).fill(0x62, at + 1, at + 2);
}

function storeOf(...operations: readonly Operation[]): Store {
	const store = new Store();
	store.apply(opening());
	for (const [index, operation] of operations.entries()) store.apply(batch(index + 2, operation));
	return store;
}

function batch(sequence: number, operation: Operation): Uint8Array {
	return encodeCommand(identity(sequence), operation);
}
