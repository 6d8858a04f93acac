/** For how long a node stands still, as its own late timer tells. */
import { expect, it } from 'vitest';
import { BEAT_LATE_MS, BEAT_MS, STILL_EACH_MS_MAX, STILL_WINDOW_MS } from '../../shared/replica/limits.ts';
import { Stillness } from '../../shared/replica/stillness.ts';

class Bench {
	nowMs = 0;
	#dueMs = 0;
	readonly stillness: Stillness;

	constructor() {
		this.stillness = new Stillness({
			nowMs: () => this.nowMs,
			setTimer: (afterMs) => {
				this.#dueMs = this.nowMs + afterMs;
			},
		});
		this.stillness.start();
	}

	/** The timer fires on time until then. */
	runUntil(ms: number): void {
		for (; this.#dueMs <= ms; this.stillness.fire()) this.nowMs = this.#dueMs;
		this.nowMs = ms;
	}

	/** Nothing runs for so long; then the timer fires, which was due at the beginning. */
	stop(ms: number): void {
		this.runUntil(this.#dueMs - 1);
		this.nowMs = this.#dueMs + ms;
		this.stillness.fire();
	}
}

it('is nothing where the timer fires on time, or a little late', () => {
	const bench = new Bench();
	bench.runUntil(20_000);
	expect(bench.stillness.stillMs).toBe(0);
	for (let i = 0; i < 100; i++) bench.stop(BEAT_LATE_MS - 1);
	expect(bench.stillness.stillMs).toBe(0);
});

it('is the sum of all pauses of the window, and no pause counts for much', () => {
	const bench = new Bench();
	for (const ms of [400, 300, 60_000]) bench.stop(ms);
	expect(bench.stillness.stillMs).toBe(STILL_EACH_MS_MAX);
	bench.stop(400);
	expect(bench.stillness.stillMs).toBe(STILL_EACH_MS_MAX + 400);
});

it('is forgotten after the window', () => {
	const bench = new Bench();
	bench.stop(400);
	const { nowMs } = bench;
	bench.runUntil(nowMs + STILL_WINDOW_MS);
	expect(bench.stillness.stillMs).toBe(400);
	bench.runUntil(nowMs + STILL_WINDOW_MS + BEAT_MS);
	expect(bench.stillness.stillMs).toBe(0);
});
