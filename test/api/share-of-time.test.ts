/**
 * While writes are applied, all long reads together have a quarter of the time, however many and however long they
 * are.
 */
import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type LongAnswer, LongReads } from '../../server/api/long-reads.ts';

const READERS = 20;
const TOTAL_MS = 10_000;

/** The time that pieces took, by the test's own clock. */
let workedMs = 0;
let revision = 0;
/** The callbacks of `setImmediate`. Vitest's fake one would take a millisecond. */
let turns: (() => void)[] = [];

beforeEach(() => {
	workedMs = 0;
	revision = 0;
	turns = [];
	vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval', 'setTimeout'], now: 0 });
	vi.stubGlobal('setImmediate', (turn: () => void) => turns.push(turn));
});
afterEach(() => {
	vi.useRealTimers();
	vi.unstubAllGlobals();
});

it.each([
	{ time: 'a quarter of the time while writes are applied', writesEveryMs: 10, least: 0.2, most: 0.26 },
	{ time: 'also where writes come seldom', writesEveryMs: 90, least: 0.2, most: 0.26 },
	{ time: 'nearly all of it while none are', writesEveryMs: Number.POSITIVE_INFINITY, least: 0.9, most: 1 },
])('readers have $time', ({ writesEveryMs, least, most }) => {
	const nowMs = (): number => Date.now() + workedMs;
	const reads = new LongReads({ nowMs, revision: () => revision });
	for (let i = 0; i < READERS; i++) void reads.answer({} as IncomingMessage, readerThatTakesAll(), () => endless());
	let writtenAtMs = 0;
	while (nowMs() < TOTAL_MS) {
		const turn = turns.shift();
		if (turn) turn();
		else vi.advanceTimersToNextTimer();
		if (nowMs() - writtenAtMs < writesEveryMs) continue;
		writtenAtMs = nowMs();
		revision++;
	}
	expect(workedMs / nowMs()).toBeGreaterThan(least);
	expect(workedMs / nowMs()).toBeLessThanOrEqual(most);
});

/** Each piece takes 0.4 ms. */
function endless(): LongAnswer {
	return {
		next: () => {
			workedMs += 0.4;
			return 'piece';
		},
		isDone: false,
		isLost: false,
		close: () => undefined,
	};
}

function readerThatTakesAll(): ServerResponse {
	const res = Object.assign(new EventEmitter(), {
		socket: {},
		req: { method: 'GET' },
		write: () => true,
	});
	return res as unknown as ServerResponse;
}
