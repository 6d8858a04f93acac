/** A linearizable read is answered from a state that it may be answered from, or is refused, once and in time. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Barriers } from '../../shared/replica/barriers.ts';
import { Deadlines } from '../../shared/replica/deadlines.ts';

describe('a read behind a barrier', () => {
	let nowMs: number;
	let appliedThrough: number;
	/** How many reads the agent was asked for. */
	let asked: number;
	let deadlines: Deadlines;
	let barriers: Barriers;
	let answers: string[];

	beforeEach(() => {
		nowMs = 0;
		appliedThrough = 5;
		asked = 0;
		answers = [];
		deadlines = new Deadlines({ nowMs: () => nowMs, setTimer: () => undefined });
		const loop = {
			get appliedThrough() {
				return appliedThrough;
			},
			read: () => void asked++,
		};
		barriers = new Barriers(loop, deadlines, () => undefined);
	});

	function ask(name: string, timeoutMs: number): void {
		barriers.wait(timeoutMs, (confirmed) => answers.push(`${name} ${confirmed}`));
		barriers.endTurn();
	}

	it('takes no answer of a round that began before it, even if all reads of that round have given up', () => {
		ask('first', 100);
		nowMs = 100;
		deadlines.fire();
		expect(answers).toEqual(['first false']);
		ask('second', 1000);
		expect(asked).toBe(1);
		// This is the answer to the first: a write may have been acknowledged between its round and the second read.
		barriers.readAt(5);
		expect(answers).toEqual(['first false']);
		barriers.endTurn();
		expect(asked).toBe(2);
		barriers.readAt(6);
		expect(answers).toEqual(['first false']);
		appliedThrough = 6;
		barriers.applied(6);
		expect(answers).toEqual(['first false', 'second true']);
		expect(barriers.count).toBe(0);
	});
});
