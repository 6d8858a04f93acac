/** Durations as people write them. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { durationMs } from '../../server/api/duration.ts';

it.each([
	['0', 0],
	['0s', 0],
	['1ns', 1e-6],
	['5us', 5e-3],
	['5µs', 5e-3],
	['1.5s', 1500],
	['.5s', 500],
	['1.s', 1000],
	['1h30m', 5_400_000],
	['1m1ms', 60_001],
	[`${'9'.repeat(400)}h`, Number.POSITIVE_INFINITY],
])('%s is a duration', (text, ms) => {
	expect(durationMs(text)).toBeCloseTo(ms);
});

it.each(['', '1', '00', 's', '-1s', '+1s', ' 1s', '1s ', '1s1', '1.1.1s', '.s', '1e3s', '0x1s', '1d', '1S', '1s,2s'])(
	'%j is none',
	(text) => {
		expect(durationMs(text)).toBeNull();
	},
);

it('is the sum of its parts', () => {
	const part = fc.record({ amount: fc.nat({ max: 999 }), unit: fc.constantFrom('ms', 's', 'm', 'h') });
	fc.assert(
		fc.property(fc.array(part, { minLength: 1, maxLength: 9 }), (parts) => {
			const all = parts.map(({ amount, unit }) => `${amount}${unit}`);
			const sum = all.reduce((ms, each) => ms + (durationMs(each) as number), 0);
			expect(durationMs(all.join(''))).toBe(sum);
		}),
	);
});

// It would take minutes if the digits were read again from each of them on.
it('is read once, however long it is', () => {
	expect(durationMs('1'.repeat(1_000_000))).toBeNull();
	expect(durationMs(`${'1s'.repeat(1_000_000)}x`)).toBeNull();
});
