import { expect, it } from 'vitest';
import { Pace } from '../../server/storage/pace.ts';

const QUICK_MS = 0.15;

function flushes(pace: Pace, count: number, ms: number): void {
	for (let i = 0; i < count; i++) pace.flushed(ms);
}

it('a disk is not trusted before it has shown that it is quick', () => {
	const pace = new Pace();
	expect(pace.isQuick).toBe(false);
	flushes(pace, 1000, QUICK_MS);
	expect(pace.isQuick).toBe(true);
});

it('one long flush is enough to doubt a disk, and many quick ones to trust it again', () => {
	const pace = new Pace();
	pace.flushed(30);
	expect(pace.isQuick).toBe(false);
	flushes(pace, 20, QUICK_MS);
	expect(pace.isQuick).toBe(false);
	flushes(pace, 200, QUICK_MS);
	expect(pace.isQuick).toBe(true);
});

it('a disk that is always a little slow is not trusted', () => {
	const pace = new Pace();
	flushes(pace, 200, 2);
	expect(pace.isQuick).toBe(false);
	flushes(pace, 1000, 2);
	expect(pace.isQuick).toBe(false);
});
