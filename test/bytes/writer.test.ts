/** How long the bytes that a `Writer` hands over stay as they are, and how bytes are copied and compared. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { copyBytes, sameParts, Writer } from '../../shared/bytes/bytes.ts';

it('writes over nothing that was taken', () => {
	const out = new Writer(4);
	const taken: Uint8Array[] = [];
	for (let byte = 0; byte < 20; byte++) {
		out.u8(byte);
		taken.push(out.take());
	}
	expect(taken.map(([byte]) => byte)).toEqual(Array.from({ length: 20 }, (_, byte) => byte));
});

it('writes over what was taken once it may, so that no memory is added', () => {
	const out = new Writer(4);
	out.u8(1);
	const first = out.take();
	out.reuse();
	out.u8(2);
	const second = out.take();
	expect([first.byteOffset, first.buffer]).toEqual([second.byteOffset, second.buffer]);
	expect([...first]).toEqual([2]);
});

it('does not write over what is not taken yet', () => {
	const out = new Writer(4);
	out.u8(1);
	out.reuse();
	out.u8(2);
	expect([...out.take()]).toEqual([1, 2]);
});

it('copies any part of an array to any place, and touches nothing beside it', () => {
	const lengths = fc.oneof(fc.integer({ min: 0, max: 64 }), fc.integer({ min: 65, max: 2000 }));
	fc.assert(
		fc.property(lengths, fc.nat({ max: 9 }), fc.nat({ max: 9 }), (length, start, at) => {
			const from = Uint8Array.from({ length: start + length + 5 }, (_, i) => (31 * i + 7) & 0xff);
			const to = new Uint8Array(at + length + 5).fill(0xee);
			copyBytes(to, at, from, start, start + length);
			expect([...to.subarray(at, at + length)]).toEqual([...from.subarray(start, start + length)]);
			expect([...to.subarray(0, at), ...to.subarray(at + length)].every((byte) => byte === 0xee)).toBe(true);
		}),
	);
});

it('sees a byte that differs at each place of short and long parts, wherever they begin', () => {
	for (const length of [0, 1, 48, 255, 256, 259, 1024]) {
		for (const [aStart, bStart] of [
			[0, 0],
			[1, 6],
			[7, 2],
		] as const) {
			const a = Uint8Array.from({ length: aStart + length + 1 }, (_, at) => at - aStart);
			const b = Uint8Array.from({ length: bStart + length + 2 }, (_, at) => at - bStart);
			a[aStart + length] = 200;
			b[bStart + length] = 201;
			expect(sameParts(a, aStart, b, bStart, length)).toBe(true);
			for (let at = 0; at < length; at++) {
				const other = b.slice();
				other[bStart + at] = ~at;
				if (sameParts(a, aStart, other, bStart, length)) expect.fail(`byte ${at} of ${length} was not compared`);
			}
		}
	}
});
