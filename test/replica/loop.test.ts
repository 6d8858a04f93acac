/** The loop of a node alone, around an agent that says what the test wants. */
import { describe, expect, it } from 'vitest';
import { NO_BALLOT } from '../../shared/paxos/ballot.ts';
import type { Effects } from '../../shared/paxos/effects.ts';
import type { Event } from '../../shared/paxos/event.ts';
import { firstMembers } from '../../shared/paxos/members.ts';
import { NOOP } from '../../shared/paxos/value.ts';
import { ReplicaLoop } from '../../shared/replica/loop.ts';
import { votersNamed } from '../../shared/simulation/node.ts';
import { Store } from '../../shared/store/store.ts';

const NOTHING: Effects = {
	persist: [],
	send: [],
	sendWhenDurable: [],
	apply: [],
	outcomes: [],
	timers: [],
	facts: [],
};

interface Surroundings {
	/** Takes which slots the listener was told of. */
	readonly told?: string[];
	/** See `ReplicaLimits`. */
	readonly appliedBytesFull?: number;
	readonly soon?: () => void;
}

/** A loop whose machine holds three slots. */
function loopOf(
	step: (event: Event) => Effects,
	{ told = [], appliedBytesFull = Number.POSITIVE_INFINITY, soon = () => undefined }: Surroundings = {},
): ReplicaLoop {
	return new ReplicaLoop({
		id: 'n1',
		agent: { step },
		log: { durableThrough: 0, reached: 0, newest: 0, room: 'everything', append: () => 0, flush: () => undefined },
		machine: new Store(),
		appliedThrough: 3,
		runtime: {
			nowMs: () => 0,
			wallTime: () => ({ ms: 0, ns: 0 }),
			stillMs: () => 0,
			random: () => 0,
			setTimer: () => undefined,
			send: () => undefined,
			fact: () => undefined,
			soon,
		},
		listener: {
			outcome: () => undefined,
			result: () => undefined,
			applied: (through) => {
				told.push(`applied ${through}`);
				return [];
			},
			installed: (through) => told.push(`installed ${through}`),
		},
		appliedBytesFull,
	});
}

/** Its agent has these slots applied in its first step. */
function applying(slots: readonly number[], surroundings?: Surroundings): ReplicaLoop {
	const apply = slots.map((slot) => ({ slot, ballot: NO_BALLOT, value: NOOP }));
	const steps = [{ ...NOTHING, apply }];
	const loop = loopOf(() => steps.shift() ?? NOTHING, surroundings);
	loop.linkUp('n2');
	return loop;
}

/** What is in the snapshots of these tests. */
const restored = () => ({ machine: new Store(), members: firstMembers(votersNamed(['n1'])) });

describe('a loop', () => {
	it('applies the slots that follow those of its machine', () => {
		const loop = applying([4, 5]);
		loop.turn(true);
		expect(loop.appliedThrough).toBe(5);
	});

	it.each([
		['again', [4, 4], 'slot 4 was to be applied after slot 4'],
		['that its machine holds already', [3], 'slot 3 was to be applied after slot 3'],
		['before the one that it follows', [4, 6], 'slot 6 was to be applied after slot 4'],
	])('fails rather than apply a slot %s', (_, slots, message) => {
		expect(() => applying(slots).turn(true)).toThrow(message);
	});

	it('tells of a snapshot when the agent knows the members behind it, and before the slots behind it are applied', () => {
		const told: string[] = [];
		const loop = loopOf(
			(event) => {
				if (event.kind !== 'snapshot') return NOTHING;
				told.push('members');
				return { ...NOTHING, apply: [{ slot: 8, ballot: NO_BALLOT, value: NOOP }] };
			},
			{ told },
		);
		loop.install(7, restored());
		loop.turn(true);
		expect(told).toEqual(['members', 'installed 7', 'applied 7', 'applied 8']);
	});

	it('applies no more in a turn once it has applied so many bytes, and asks for another turn', () => {
		const told: string[] = [];
		let asked = 0;
		const surroundings = { told, appliedBytesFull: NOOP.length + 1, soon: () => asked++ };
		const loop = applying([4, 5, 6, 7, 8], surroundings);
		for (const through of [5, 7, 8]) {
			asked = 0;
			loop.turn(true);
			expect(loop.appliedThrough).toBe(through);
			expect(asked).toBe(through < 8 ? 1 : 0);
		}
		expect(told).toEqual(['applied 5', 'applied 7', 'applied 8']);
	});

	it('applies a quarter of what waits in each turn, so that what waits stays bounded', () => {
		const loop = applying(
			Array.from({ length: 100 }, (_, index) => 4 + index),
			{ appliedBytesFull: 1 },
		);
		loop.turn(true);
		expect(loop.appliedThrough).toBe(3 + 25);
		loop.turn(true);
		expect(loop.appliedThrough).toBe(3 + 25 + 19);
	});

	it('applies what is left also in a turn in which it must not vote', () => {
		const loop = applying([4, 5], { appliedBytesFull: 1 });
		loop.turn(true);
		expect(loop.appliedThrough).toBe(4);
		loop.turn(false);
		expect(loop.appliedThrough).toBe(5);
	});

	it('takes over no snapshot of slots that it is about to apply', () => {
		const told: string[] = [];
		const loop = applying([4, 5, 6], { told, appliedBytesFull: 1 });
		loop.turn(true);
		loop.install(6, restored());
		loop.turn(true);
		loop.turn(true);
		expect(told).toEqual(['applied 4', 'applied 5', 'applied 6']);
	});

	it('takes over a snapshot that reaches behind the slots that it has yet to apply, and applies none of these', () => {
		const told: string[] = [];
		let asked = 0;
		const loop = applying([4, 5, 6, 7], { told, appliedBytesFull: 1, soon: () => asked++ });
		loop.turn(true);
		loop.install(9, restored());
		asked = 0;
		loop.turn(true);
		expect(told).toEqual(['applied 4', 'applied 5', 'installed 9', 'applied 9']);
		expect([loop.appliedThrough, asked]).toEqual([9, 0]);
		loop.turn(true);
		expect(told).toHaveLength(4);
	});
});
