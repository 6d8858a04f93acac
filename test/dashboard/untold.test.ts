/** Of how many decisions one is told, while nodes count the others. */
import { expect, test } from 'vitest';
import { Untold } from '../../dashboard/model/untold.ts';
import type { Told } from '../../shared/trace-file.ts';

const chosen: Told = {
	kind: 'fact',
	fact: {
		...{ node: 'n1', epoch: 'e', seq: 1, time: 0, kind: 'chosen', ballot: '1@n1', slot: 1, how: 'told' },
		value: { digest: '', bytes: 0, commands: 0, text: 'no-op' },
	},
};
const counted = (count: number): Told => ({ kind: 'missing', skipped: { chosen: count, promised: 3 } });

test('all decisions are told where none was counted of late', () => {
	const untold = new Untold();
	untold.add(chosen, 0);
	untold.add({ kind: 'missing', skipped: { sent: 12 } }, 1);
	expect(untold.oneOf(2)).toBe(1);
	untold.add(counted(7), 10);
	expect(untold.oneOf(20)).toBe(8);
	expect(untold.oneOf(5_000)).toBe(1);
});

test('the part is that of the last decisions', () => {
	const untold = new Untold();
	untold.add(counted(100), 0);
	expect(untold.oneOf(0)).toBe(Number.POSITIVE_INFINITY);
	for (let i = 0; i < 20_000; i++) {
		untold.add(chosen, i);
		untold.add(counted(3), i);
	}
	expect(untold.oneOf(20_000)).toBeCloseTo(4, 1);
});
