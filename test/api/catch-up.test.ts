/** A node is behind by the time since its leader had chosen no more than the node has applied. */
import { describe, expect, it } from 'vitest';
import { CatchUp } from '../../server/api/catch-up.ts';

describe('a node', () => {
	it('that has applied all that its leader chose is not behind', () => {
		const catchUp = new CatchUp();
		catchUp.look(1000, 7, 7);
		expect(catchUp.lagMs(1000)).toBe(0);
	});

	it('that never heard a leader has not caught up, whatever it has applied', () => {
		const catchUp = new CatchUp();
		catchUp.look(1000, 7, null);
		expect(catchUp.lagMs(1000)).toBe(Number.POSITIVE_INFINITY);
	});

	it('that starts with ten slots to learn is behind, however many commands they hold, until it has learned them', () => {
		const catchUp = new CatchUp();
		for (let nowMs = 0; nowMs < 60_000; nowMs += 100) {
			catchUp.look(nowMs, 9, 10);
			expect(catchUp.lagMs(nowMs)).toBe(Number.POSITIVE_INFINITY);
		}
		catchUp.look(60_000, 10, 10);
		expect(catchUp.lagMs(60_000)).toBe(0);
	});

	it('that learns faster than its leader chooses comes ever closer', () => {
		const catchUp = new CatchUp();
		const lags: number[] = [];
		// The leader has chosen 10,000 slots and goes on with one each 10 ms; the node learns ten in that time.
		for (let nowMs = 0; nowMs <= 20_000; nowMs += 100) {
			catchUp.look(nowMs, nowMs, 10_000 + nowMs / 10);
			lags.push(catchUp.lagMs(nowMs));
		}
		expect(lags[0]).toBe(Number.POSITIVE_INFINITY);
		const known = lags.filter(Number.isFinite);
		expect(known[0]).toBe(10_000);
		expect(known.at(-1)).toBe(0);
		expect(lags.findIndex((lag) => lag < 2000)).toBeGreaterThan(100);
	});

	it('under steady load is behind by no more than a few looks', () => {
		const catchUp = new CatchUp();
		catchUp.look(0, 0, 0);
		for (let nowMs = 100; nowMs < 10_000; nowMs += 100) {
			catchUp.look(nowMs, nowMs - 1, nowMs);
			expect(catchUp.lagMs(nowMs)).toBeLessThanOrEqual(200);
		}
	});

	it('that falls behind later is behind since then, and one that hears no leader is not told to be level', () => {
		const catchUp = new CatchUp();
		catchUp.look(0, 5, 5);
		for (let nowMs = 100; nowMs <= 5000; nowMs += 100) catchUp.look(nowMs, 5, 6);
		expect(catchUp.lagMs(5000)).toBe(5000);
		catchUp.look(5100, 5, null);
		expect(catchUp.lagMs(5100)).toBe(5100);
	});
});
