/** The loop of a node alone, around an agent that says what the test wants. */
import { describe, expect, it } from 'vitest';
import { NO_BALLOT } from '../../shared/paxos/ballot.ts';
import type { Effects } from '../../shared/paxos/effects.ts';
import type { Event } from '../../shared/paxos/event.ts';
import { firstMembers, Members } from '../../shared/paxos/members.ts';
import { membersValue, NOOP, type Value } from '../../shared/paxos/value.ts';
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

const ALPHA = 2;

interface Surroundings {
	/** The members of the agent: n1 alone by default. */
	readonly members?: Members;
	/** Takes which slots the listener was told of. */
	readonly told?: string[];
	/** See `ReplicaLimits`. */
	readonly appliedBytesFull?: number;
	readonly soon?: () => void;
}

/** A loop whose machine holds three slots. */
function loopOf(
	step: (event: Event) => Effects,
	{
		members = membersOf('n1'),
		told = [],
		appliedBytesFull = Number.POSITIVE_INFINITY,
		soon = () => undefined,
	}: Surroundings = {},
): ReplicaLoop {
	return new ReplicaLoop({
		id: 'n1',
		agent: { members, step },
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

function membersOf(...ids: readonly string[]): Members {
	return new Members(ALPHA, firstMembers(votersNamed(ids)));
}

/** Its agent has these slots applied in its first step. @param values by slot; a no-op where there is none */
function applying(
	slots: readonly number[],
	surroundings?: Surroundings,
	values = new Map<number, Value>(),
): ReplicaLoop {
	const apply = slots.map((slot) => ({ slot, ballot: NO_BALLOT, value: values.get(slot) ?? NOOP }));
	const steps = [{ ...NOTHING, apply }];
	const loop = loopOf(() => steps.shift() ?? NOTHING, surroundings);
	loop.linkUp('n2');
	return loop;
}

/** The state that the snapshots of these tests hold. */
const restored = () => ({ machine: new Store(), members: membersOf('n1').state });

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

	it('knows the members as of the slots that it has applied, though those of its agent are ahead', () => {
		const after = votersNamed(['n1', 'n2']);
		// The first one counts nowhere, because it follows another change than the last.
		const changes = [99, 0].map((follows, index) => [4 + index, membersValue({ follows, members: after })] as const);
		const members = membersOf('n1');
		const values = new Map<number, Value>(changes);
		const loop = applying([4, 5, 6, 7, 8], { members, appliedBytesFull: 1 }, values);
		const states = [members.state];
		for (const slot of [4, 5, 6, 7, 8]) {
			members.chosen(slot, values.get(slot) ?? NOOP);
			states.push(members.state);
		}
		expect(loop.members).toEqual(states[0]);
		for (let applied = 1; applied <= 5; applied++) {
			loop.turn(true);
			expect([loop.appliedThrough, loop.members]).toEqual([3 + applied, states[applied]]);
		}
		const taken = membersOf('n1', 'n3').state;
		loop.install(20, { machine: new Store(), members: taken });
		loop.turn(true);
		expect(loop.members).toEqual(taken);
	});
});
