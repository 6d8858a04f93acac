/** What a node remembers of the commands of a machine of the user's own. */
import { describe, expect, it } from 'vitest';
import { ownAccess } from '../../server/embedding/own-access.ts';
import type { DoorParts } from '../../shared/replica/doors.ts';
import { REPLICA_LIMITS } from '../../shared/replica/limits.ts';
import { OwnDoors } from '../../shared/replica/own-doors.ts';
import { encodeCommand, type Operation } from '../../shared/store/command.ts';
import { ownKind } from '../../shared/store/own-machine.ts';
import { counters } from '../store/counter.ts';

const REMEMBERED = 10;

function remembering(historyBytesMax = REPLICA_LIMITS.historyBytesMax, over: Partial<typeof counters> = {}) {
	const machine = ownKind({ ...counters, ...over }).empty();
	const limits = { ...REPLICA_LIMITS, historyChangesMax: REMEMBERED, historyBytesMax };
	const ticks: Operation[] = [];
	let role = 'leader';
	const parts = {
		limits,
		runtime: { nowMs: () => 0, setTimer: () => undefined },
		agent: { view: () => ({ role, ballot: { ms: 1, ns: 0, node: 'n1' } }) },
		submit: (operation: Operation) => ticks.push(operation),
	} as unknown as DoorParts;
	const doors = new OwnDoors(machine, parts);
	const follow = (): void => {
		role = 'follower';
	};
	let sequence = 1;
	const identity = () => ({ client: 'c', sequence: sequence++, receivedThrough: 0 });
	machine.apply(encodeCommand(identity(), { kind: 'registerClient', client: 'c' }));
	const add = (name = 'a'): void => {
		machine.apply(encodeCommand(identity(), { kind: 'command', bytes: counters.command.encode({ name, by: 1 }) }));
	};
	return { machine, doors, add, ticks, follow };
}

describe('the last commands', () => {
	it('are remembered up to a number, and behind that a reader is told so', () => {
		const { machine, doors, add } = remembering();
		for (let count = 0; count < 35; count++) add();
		expect(machine.revision).toBe(36);
		expect(doors.after(25)).toEqual({ kind: 'compacted' });
		for (let revision = 26; revision < 36; revision++) {
			expect(doors.after(revision)).toMatchObject({ kind: 'applied', applied: { revision: revision + 1 } });
		}
		expect(doors.after(36)).toEqual({ kind: 'none' });
	});

	it('are remembered up to so many bytes', () => {
		const { doors, add } = remembering(20_000);
		for (let count = 0; count < 5; count++) add('x'.repeat(1000));
		expect(doors.after(1)).toEqual({ kind: 'compacted' });
		expect(doors.after(5)).toMatchObject({ kind: 'applied' });
	});

	it('are gone when another state was taken over, and those that wait are told at the end of the turn', () => {
		const { machine, doors, add } = remembering();
		add();
		let news = 0;
		doors.whenNews(() => news++);
		doors.endTurn();
		expect(news).toBe(1);
		doors.whenNews(() => news++);
		doors.endTurn();
		expect(news).toBe(1);
		const other = remembering();
		for (let count = 0; count < 5; count++) other.add();
		machine.become(other.machine);
		doors.stateReplaced();
		doors.endTurn();
		expect(news).toBe(2);
		expect(doors.after(2)).toEqual({ kind: 'compacted' });
		expect(doors.after(6)).toEqual({ kind: 'none' });
		doors.stop();
		expect(doors.after(6)).toEqual({ kind: 'stopping' });
	});
});

it('a reader whose signal is aborted is not kept until there is another command', async () => {
	const { doors } = remembering();
	const aborted = new AbortController();
	const next = ownAccess(counters, { doors } as never)
		.changes(1, aborted.signal)
		.next();
	await Promise.resolve();
	expect(doors.unfinished).toEqual({ 'readers that wait for a command': 1 });
	aborted.abort(new Error('enough'));
	await expect(next).rejects.toThrow('enough');
	expect(doors.unfinished).toEqual({ 'readers that wait for a command': 0 });
});

describe('the log’s time', () => {
	it('is let pass by the leader while something in the state waits for it, one command at a time', () => {
		const asked: number[] = [];
		let waits = true;
		const waitsForTime = (_: unknown, timeMs: number): boolean => asked.push(timeMs) > 0 && waits;
		const { machine, doors, ticks, follow } = remembering(undefined, { waitsForTime });
		machine.passTime(40);
		doors.fire();
		doors.fire();
		expect(ticks).toEqual([{ kind: 'tick' }]);
		expect(asked).toEqual([40, 40]);
		waits = false;
		const calm = remembering(undefined, { waitsForTime });
		calm.doors.fire();
		waits = true;
		const follower = remembering(undefined, { waitsForTime });
		follower.follow();
		follower.doors.fire();
		expect([calm.ticks, follower.ticks]).toEqual([[], []]);
		follow();
		expect(remembering().machine.waitsForTime).toBe(false);
	});
});
