/** What a peer sends, on its way through the faults of a lab, by a clock that the test moves. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Direction, type LabClock, LOST_AFTER_MS, WAITING_MAX } from '../../server/lab/direction.ts';
import type { Frame } from '../../server/mesh/frame.ts';
import { NO_FAULT } from '../../shared/lab.ts';
import { forward, textOf } from '../mesh/node.ts';

class TestClock implements LabClock {
	#nowMs = 0;
	#count = 0;
	readonly #timers = new Map<number, { readonly atMs: number; readonly run: () => void }>();
	randoms: number[] = [];

	nowMs(): number {
		return this.#nowMs;
	}

	after(afterMs: number, run: () => void): () => void {
		const key = ++this.#count;
		this.#timers.set(key, { atMs: this.#nowMs + afterMs, run });
		return () => this.#timers.delete(key);
	}

	random(): number {
		return this.randoms.shift() ?? 1;
	}

	/** Runs what falls due meanwhile, in order. */
	pass(ms: number): void {
		const untilMs = this.#nowMs + ms;
		for (;;) {
			const due = [...this.#timers].filter(([, { atMs }]) => atMs <= untilMs).sort(([, a], [, b]) => a.atMs - b.atMs);
			const [first] = due;
			if (!first) break;
			const [key, { atMs, run }] = first;
			this.#timers.delete(key);
			this.#nowMs = Math.max(this.#nowMs, atMs);
			run();
		}
		this.#nowMs = untilMs;
	}

	get isIdle(): boolean {
		return this.#timers.size === 0;
	}
}

let clock: TestClock;
let direction: Direction;
/** What arrived, as `time text`, and what became of the link. */
let heard: string[];
let sent: number;

beforeEach(() => {
	clock = new TestClock();
	heard = [];
	sent = 0;
	direction = new Direction('n2', clock, {
		deliver: (_epoch, { messages }) => heard.push(...messages.map((each) => `${clock.nowMs()} ${textOf(each)}`)),
		renew: (why) => heard.push(`renew: ${why}`),
		part: (isApart) => heard.push(`${clock.nowMs()} ${isApart ? 'apart' : 'together'}`),
	});
});

function send(...texts: readonly string[]): void {
	const frame: Frame = { reached: 0, firstId: sent + 1, messages: texts.map(forward) };
	sent += texts.length;
	direction.arrive('e', frame);
}

it('delivers at once where there is no fault', () => {
	send('a');
	send('b', 'c');
	expect(heard).toEqual(['0 a', '0 b', '0 c']);
	expect(clock.isIdle).toBe(true);
});

describe('a delay', () => {
	it('grows, so that what comes regularly goes on to come, and never reorders', () => {
		direction.set({ ...NO_FAULT, delayMs: 300 });
		for (let i = 0; i < 30; i++) {
			send(String(i));
			clock.pass(50);
		}
		clock.pass(1000);
		const times = heard.map((line) => Number(line.split(' ')[0]));
		expect(heard.map((line) => line.split(' ')[1])).toEqual(Array.from({ length: 30 }, (_, i) => String(i)));
		expect(times.at(-1)).toBe(29 * 50 + 300);
		const gaps = times.slice(1).map((at, i) => at - (times[i] as number));
		expect(Math.max(...gaps)).toBeLessThan(80);
	});

	it('that ends lets what waits come in order, before what is sent later', () => {
		direction.set({ ...NO_FAULT, delayMs: 300 });
		clock.pass(5000);
		send('a');
		direction.set(NO_FAULT);
		send('b');
		clock.pass(300);
		send('c');
		expect(heard).toEqual(['5300 a', '5300 b', '5300 c']);
	});
});

describe('a cut', () => {
	it('loses all, and the link itself after a while; mended, the link may be made again', () => {
		direction.set({ ...NO_FAULT, cut: true });
		send('a');
		clock.pass(LOST_AFTER_MS);
		direction.linkDown();
		expect(heard).toEqual([`${LOST_AFTER_MS} apart`]);
		direction.set(NO_FAULT);
		send('b');
		expect(heard.slice(1)).toEqual([`${LOST_AFTER_MS} together`, `${LOST_AFTER_MS} b`]);
	});

	it('that is mended early renews the link, because something was lost', () => {
		direction.set({ ...NO_FAULT, cut: true });
		send('a');
		clock.pass(10);
		direction.set(NO_FAULT);
		clock.pass(2 * LOST_AFTER_MS);
		expect(heard).toEqual([expect.stringMatching(/^renew: .*lost$/)]);
	});

	it('that is mended before anything was lost does nothing to the link', () => {
		direction.set({ ...NO_FAULT, cut: true });
		direction.set(NO_FAULT);
		clock.pass(2 * LOST_AFTER_MS);
		expect(heard).toEqual([]);
	});

	it('loses what waits', () => {
		direction.set({ ...NO_FAULT, hold: true });
		send('a');
		direction.set({ ...NO_FAULT, cut: true });
		direction.set(NO_FAULT);
		expect(heard).toEqual([expect.stringMatching(/^renew: /)]);
		expect(direction.waiting.count).toBe(0);
	});
});

describe('a hold', () => {
	it('shows the messages that wait, and lets them come one by one', () => {
		direction.set({ ...NO_FAULT, hold: true });
		send('a', 'b');
		send('c');
		expect(direction.waiting.count).toBe(3);
		expect(direction.waiting.first(2)).toEqual([
			{ id: 'e:1', kind: 'forward' },
			{ id: 'e:2', kind: 'forward' },
		]);
		expect(direction.release(1)).toBe(1);
		expect(heard).toEqual(['0 a']);
		expect(direction.release(5)).toBe(2);
		expect(direction.release(5)).toBe(0);
		expect(heard).toEqual(['0 a', '0 b', '0 c']);
	});

	it('lets also those come one by one that have come before it, and wait for something else', () => {
		direction.set({ ...NO_FAULT, delayMs: 500 });
		clock.pass(5000);
		send('a', 'b');
		direction.set({ ...NO_FAULT, hold: true });
		expect(direction.waiting.count).toBe(2);
		expect(direction.release(1)).toBe(1);
		expect(heard).toEqual(['5000 a']);
		expect(direction.waiting.first(2)).toEqual([{ id: 'e:2', kind: 'forward' }]);
	});

	it('that ends lets all come, in order', () => {
		direction.set({ ...NO_FAULT, hold: true });
		send('a');
		send('b');
		clock.pass(100);
		direction.set(NO_FAULT);
		send('c');
		clock.pass(0);
		expect(heard).toEqual(['100 a', '100 b', '100 c']);
	});

	it('ends the link where too much waits, and forgets what waited', () => {
		direction.set({ ...NO_FAULT, hold: true });
		for (let i = 0; i <= WAITING_MAX; i++) send('a');
		expect(heard).toEqual([`renew: more than ${WAITING_MAX} messages wait in the lab`]);
		direction.linkDown();
		expect(direction.waiting.count).toBe(0);
	});
});

it('a loss makes a frame later, by the doubling waits of TCP, and all that is behind it', () => {
	direction.set({ ...NO_FAULT, loss: 0.5 });
	clock.randoms = [0.1, 0.2, 0.9, 0.9];
	send('a');
	send('b');
	clock.pass(1000);
	expect(heard).toEqual(['600 a', '600 b']);
});

it('a frame is lost again only while it is late by less than a silent link is kept', () => {
	direction.set({ ...NO_FAULT, loss: 0.9 });
	clock.randoms = Array<number>(40).fill(0);
	send('a');
	clock.pass(2 * LOST_AFTER_MS);
	expect(heard).toEqual(['3000 a']);
});

it('forgets what waits when the link is lost', () => {
	direction.set({ ...NO_FAULT, delayMs: 100 });
	clock.pass(5000);
	send('a');
	direction.linkDown();
	clock.pass(5000);
	expect(heard).toEqual([]);
	send('b');
	clock.pass(100);
	expect(heard).toEqual(['10100 b']);
});

it('runs no timer when it is stopped', () => {
	direction.set({ ...NO_FAULT, delayMs: 100 });
	send('a');
	direction.set({ ...NO_FAULT, cut: true });
	direction.stop();
	expect(clock.isIdle).toBe(true);
});
