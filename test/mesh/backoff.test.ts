import { describe, expect, test } from 'vitest';
import { Backoff } from '../../server/mesh/backoff.ts';

describe('the wait before the next try to connect', () => {
	test('doubles up to the longest, and stays there for ever', () => {
		const backoff = new Backoff(20, 1000);
		const waits = Array.from({ length: 10 }, () => backoff.next(0, 1));
		expect(waits).toEqual([20, 40, 80, 160, 320, 640, 1000, 1000, 1000, 1000]);
	});

	test('is drawn from its upper half', () => {
		expect(new Backoff(20, 1000).next(0, 0)).toBe(10);
		expect(new Backoff(20, 1000).next(0, 0.5)).toBe(15);
	});

	test('begins again with the shortest once a link stood for as long as the longest', () => {
		const backoff = new Backoff(20, 1000);
		for (let i = 0; i < 5; i++) backoff.next(0, 1);
		expect(backoff.next(999, 1)).toBe(640);
		expect(backoff.next(1000, 1)).toBe(20);
		expect(backoff.next(0, 1)).toBe(40);
	});
});
