import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nativeCrc32 } from '../../server/storage/native-crc32.ts';
import { portableCrc32, useNativeCrc32 } from '../../shared/disk/crc32.ts';

const sumOf = (bytes: Uint8Array) => portableCrc32(bytes, 0, bytes.length, 0);

test.each([
	['nothing', '', 0],
	['"123456789", the check value', '123456789', 0xcbf43926],
	['a letter', 'a', 0xe8b7be43],
	['a sentence', 'The quick brown fox jumps over the lazy dog', 0x414fa339],
])('the CRC-32 of %s is the published one', (_, text, sum) => {
	expect(sumOf(new TextEncoder().encode(text))).toBe(sum);
});

test('it equals the definition, one bit at a time, for any piece of any bytes', () => {
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), fc.nat(20), (bytes, skipped, cut) => {
			const start = Math.min(skipped, bytes.length);
			const end = Math.max(start, bytes.length - cut);
			expect(portableCrc32(bytes, start, end, 0)).toBe(bitByBit(bytes.subarray(start, end)));
		}),
	);
});

test('a checksum goes on from that of the piece before', () => {
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, at) => {
			const cut = Math.min(at, bytes.length);
			expect(portableCrc32(bytes, cut, bytes.length, portableCrc32(bytes, 0, cut, 0))).toBe(sumOf(bytes));
		}),
	);
});

describe('the routine of the runtime', () => {
	test('gives the same checksums, for any piece and seed', () => {
		fc.assert(
			fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(20), fc.nat(2 ** 32 - 1), (bytes, skipped, seed) => {
				const start = Math.min(skipped, bytes.length);
				const sum = portableCrc32(bytes, start, bytes.length, seed);
				expect(nativeCrc32(bytes, start, bytes.length, seed)).toBe(sum);
			}),
		);
	});

	test('is refused where it is another one, or does not go on from a seed', () => {
		expect(() => useNativeCrc32(() => 0)).toThrow(RangeError);
		expect(() => useNativeCrc32((bytes, start, end) => nativeCrc32(bytes, start, end, 0))).toThrow(RangeError);
		useNativeCrc32(nativeCrc32);
		useNativeCrc32(portableCrc32);
	});
});

function bitByBit(bytes: Uint8Array): number {
	let crc = 0xffffffff;
	for (const byte of bytes) {
		crc ^= byte;
		for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return (crc ^ 0xffffffff) >>> 0;
}
