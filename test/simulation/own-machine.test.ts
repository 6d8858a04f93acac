/** A state machine of a user in the simulator, under its faults. */
import { expect, it } from 'vitest';
import { History, queue, runQueue } from './queue.ts';

const SEEDS = 16;

it('a queue is one under every fault: each command is applied once, in an order that everybody could have seen', () => {
	const outcomes = Array.from({ length: SEEDS }, (_, index) => runQueue(index + 1));
	const sum = (of: 'answered' | 'lost' | 'crashes' | 'takenOver'): number =>
		outcomes.reduce((total, outcome) => total + outcome[of], 0);
	expect(sum('answered')).toBeGreaterThan(SEEDS * 50);
	expect(sum('crashes')).toBeGreaterThan(0);
	expect(sum('takenOver')).toBeGreaterThan(0);
	// A node that takes over a snapshot says that a command was applied, and not what came of it.
	expect(sum('lost')).toBeGreaterThan(0);
});

it('the same seed gives the same run', () => {
	expect(runQueue(3)).toEqual(runQueue(3));
});

it('a result that is not of a queue, a command that is applied twice, and nodes that differ are found', () => {
	const add = (id: number, length: number) =>
		({ command: { id, does: 'add' }, result: { length }, digest: 0 }) as const;
	const of = (...all: ReturnType<typeof add>[]): History => {
		const history = new History();
		for (const [index, each] of all.entries()) history.note(index + 1, each);
		return history;
	};
	expect(() => of(add(1, 1), add(2, 2)).check()).not.toThrow();
	expect(() => of(add(1, 1), add(2, 1)).check()).toThrow('1');
	expect(() => of(add(1, 1), add(1, 2)).check()).toThrow('applied twice');
	expect(() => of(add(1, 1)).note(1, add(2, 1))).toThrow();
	expect(queue.restore([...queue.snapshot([3, 4])], 1)).toEqual([3, 4]);
});
