/** The search for the next sector that was written, in arrays that begin anywhere in memory. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isZero, SECTOR_BYTES, usedFrom } from '../../shared/disk/frame.ts';

const SECTORS = 6;

it('finds the first sector with a byte that is not zero, wherever that byte is', () => {
	const sector = fc.integer({ min: 0, max: SECTORS });
	fc.assert(
		fc.property(
			fc.array(fc.integer({ min: 0, max: SECTORS * SECTOR_BYTES - 1 }), { maxLength: 3 }),
			sector,
			sector,
			fc.integer({ min: 0, max: 5 }),
			(written, one, other, shift) => {
				const bytes = new Uint8Array(SECTORS * SECTOR_BYTES + shift).subarray(shift);
				for (const at of written) bytes[at] = 1;
				const from = Math.min(one, other) * SECTOR_BYTES;
				const to = Math.max(one, other) * SECTOR_BYTES;
				let expected = from;
				while (expected < to && isZero(bytes, expected)) expected += SECTOR_BYTES;
				expect(usedFrom(bytes, from, to)).toBe(expected);
			},
		),
	);
});
