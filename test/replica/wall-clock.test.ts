import { expect, test } from 'vitest';
import { WallClock } from '../../server/replica/wall-clock.ts';

const HOUR_MS = 3_600_000;

test('the clock of a node goes after the system’s where that was set ahead or back, and not after its rounding', () => {
	let [steadyMs, setMs] = [5, 0];
	const trueMs = () => 1_000_000 + steadyMs + setMs;
	const clock = new WallClock(
		1_000_000,
		() => steadyMs,
		() => Math.floor(trueMs()),
	);
	for (const by of [0.25, 700, HOUR_MS]) {
		steadyMs += by;
		expect(clock.ms).toBe(trueMs());
	}
	for (const by of [HOUR_MS, -2 * HOUR_MS, 20_000 * HOUR_MS, -20_000 * HOUR_MS, 50]) {
		setMs += by;
		steadyMs += 1000;
		expect(Math.abs(clock.ms - trueMs())).toBeLessThan(1);
		const before = clock.ms;
		steadyMs += 0.5;
		expect(clock.ms).toBe(before + 0.5);
	}
});
