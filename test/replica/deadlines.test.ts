import { beforeEach, describe, expect, it } from 'vitest';
import { Deadlines, Limited } from '../../shared/replica/deadlines.ts';
import { Random } from '../../shared/simulation/random.ts';

class Item extends Limited {
	readonly name: number;
	readonly #ended: number[];

	constructor(name: number, ended: number[]) {
		super();
		this.name = name;
		this.#ended = ended;
	}

	override overdue(): void {
		this.#ended.push(this.name);
	}
}

describe('what is cared for only so long', () => {
	let nowMs: number;
	/** When the timer fires; null while it is not set. */
	let timerMs: number | null;
	let timersSet: number;
	let ended: number[];
	let deadlines: Deadlines;

	beforeEach(() => {
		nowMs = 0;
		timerMs = null;
		timersSet = 0;
		ended = [];
		deadlines = new Deadlines({
			nowMs: () => nowMs,
			setTimer: (afterMs) => {
				timerMs = nowMs + afterMs;
				timersSet++;
			},
		});
	});

	function passTo(timeMs: number): void {
		while (timerMs !== null && timerMs <= timeMs) {
			nowMs = timerMs;
			timerMs = null;
			deadlines.fire();
		}
		nowMs = timeMs;
	}

	it('ends in the order of the deadlines, whatever the order in which it came', () => {
		for (const [name, afterMs] of [30, 10, 20, 10, 40].entries()) deadlines.add(new Item(name, ended), afterMs);
		passTo(30);
		expect(ended).toEqual([1, 3, 2, 0]);
		passTo(100);
		expect(ended).toEqual([1, 3, 2, 0, 4]);
		expect(deadlines.count).toBe(0);
		expect(timerMs).toBe(null);
	});

	it('has one timer, and asks for it again only for what is due earlier', () => {
		for (let name = 0; name < 1000; name++) deadlines.add(new Item(name, ended), 500);
		expect(timersSet).toBe(1);
		deadlines.add(new Item(1000, ended), 20);
		expect(timersSet).toBe(2);
		passTo(500);
		expect(ended).toHaveLength(1001);
		expect(timersSet).toBe(3);
	});

	it('asks for no wait that a timer would take for none, and waits on behind it', () => {
		const afterMs = 2 ** 33;
		deadlines.add(new Item(1, ended), afterMs);
		expect(timerMs).toBe(2 ** 31 - 1);
		passTo(afterMs - 1);
		expect([timersSet, ended]).toEqual([5, []]);
		passTo(afterMs);
		expect(ended).toEqual([1]);
	});

	it('does not end what has ended before, and never ends anything twice', () => {
		const random = new Random(1);
		const all: { item: Item; dueMs: number; removed: boolean }[] = [];
		for (let name = 0; name < 2000; name++) {
			const item = new Item(name, ended);
			const afterMs = random.integer(1, 300);
			deadlines.add(item, afterMs);
			all.push({ item, dueMs: nowMs + afterMs, removed: false });
			const other = random.pick(all);
			if (random.chance(0.4) && other.dueMs > nowMs) {
				deadlines.remove(other.item);
				other.removed = true;
			}
			if (random.chance(0.5)) passTo(nowMs + random.integer(1, 20));
		}
		passTo(nowMs + 300);
		const expected = all
			.filter(({ removed }) => !removed)
			.sort((a, b) => a.dueMs - b.dueMs || a.item.name - b.item.name);
		expect(ended).toEqual(expected.map(({ item }) => item.name));
		expect(deadlines.count).toBe(0);
	});

	it('may be given new ones by what ends', () => {
		class Again extends Limited {
			override overdue(): void {
				ended.push(nowMs);
				if (ended.length < 3) deadlines.add(this, 10);
			}
		}
		deadlines.add(new Again(), 10);
		passTo(100);
		expect(ended).toEqual([10, 20, 30]);
	});
});
