import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c } from '../../shared/disk/crc32c.ts';

const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);

test.each([
	['nothing', new Uint8Array(0), 0],
	['"123456789", the check value', new TextEncoder().encode('123456789'), 0xe3069283],
	['32 bytes of zeros, RFC 3720 B.4', new Uint8Array(32), 0x8a9136aa],
	['32 bytes of ones, RFC 3720 B.4', new Uint8Array(32).fill(0xff), 0x62a8ab43],
	['32 incrementing bytes, RFC 3720 B.4', ascending, 0x46dd794e],
	['32 decrementing bytes, RFC 3720 B.4', ascending.toReversed(), 0x113fdb5c],
])('the CRC-32C of %s is the published one', (_, bytes, sum) => {
	expect(crc32c(bytes)).toBe(sum);
});

test('it equals the definition, one bit at a time, for any piece of any bytes', () => {
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), fc.nat(20), (bytes, skipped, cut) => {
			const start = Math.min(skipped, bytes.length);
			const end = Math.max(start, bytes.length - cut);
			expect(crc32c(bytes, start, end)).toBe(bitByBit(bytes.subarray(start, end)));
		}),
	);
});

test('a checksum goes on from that of the piece before', () => {
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, at) => {
			const cut = Math.min(at, bytes.length);
			expect(crc32c(bytes, cut, bytes.length, crc32c(bytes, 0, cut))).toBe(crc32c(bytes));
		}),
	);
});

function bitByBit(bytes: Uint8Array): number {
	let crc = 0xffffffff;
	for (const byte of bytes) {
		crc ^= byte;
		for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return (crc ^ 0xffffffff) >>> 0;
}
