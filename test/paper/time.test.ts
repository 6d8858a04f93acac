/** The time of the state machine: what leaders measured with their monotonic clocks, and nothing else. */
import { describe, expect, it } from 'vitest';
import { ELAPSED_MS_MAX } from '../../shared/paxos/bounds.ts';
import { among, Lab, ofKind } from './lab.ts';

const HOUR_MS = 3_600_000;
/** 26 November 2026. */
const TODAY_MS = 1_795_651_200_000;

function sum(all: readonly number[]): number {
	return all.reduce((total, each) => total + each, 0);
}

/** `id` becomes the leader, because it and n2 or n3 have lost n1. */
function takesOver(lab: Lab, id: string, ms: number): void {
	for (const other of ['n2', 'n3']) lab.step(other, { kind: 'linkDown', peer: 'n1' });
	lab.step(id, { kind: 'timer', timer: 'poll' });
	lab.deliver(among('n2', 'n3'));
	lab.campaign(id, ms);
	lab.deliver(among('n2', 'n3'));
}

describe('each value carries the time since the one that its leader made before', () => {
	it('the first of a leader adds nothing, and what is above the bound is not made up for', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		for (const passedMs of [5000, 300, 0, 90_000, 7]) {
			lab.pass(passedMs);
			lab.propose('n1', `after ${passedMs} ms`);
			lab.deliver();
		}
		takesOver(lab, 'n2', 20);
		lab.deliver();
		for (const passedMs of [400, 30]) {
			lab.pass(passedMs);
			lab.propose('n2', `later ${passedMs} ms`);
			lab.deliver();
		}
		for (const id of lab.members) expect(lab.elapsedMs(id)).toEqual([0, 300, 0, ELAPSED_MS_MAX, 7, 0, 30]);
	});

	it('fractions of a millisecond add up', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		for (let i = 0; i < 41; i++) {
			lab.propose('n1', `${i}`);
			lab.deliver();
			lab.pass(0.25);
		}
		expect(sum(lab.elapsedMs('n1'))).toBe(10);
	});

	it('once for all proposals that go into one slot', () => {
		const lab = new Lab(3, { openSlotsMax: 1 });
		lab.elect('n1', 10);
		for (const value of ['first', 'second', 'third', 'fourth']) lab.propose('n1', value);
		lab.pass(20);
		lab.deliver();
		expect(lab.chosen('n1')).toEqual(['first', 'secondthirdfourth']);
		expect(lab.elapsedMs('n1')).toEqual([0, 20]);
	});

	it('all that are not known to be chosen move the time by no more than the bound together', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		for (let i = 0; i < 4; i++) {
			lab.propose('n1', `${i}`);
			lab.pass(600);
		}
		lab.deliver();
		expect(lab.elapsedMs('n1')).toEqual([0, 600, ELAPSED_MS_MAX - 600, 0]);
		lab.propose('n1', 'now that those are chosen');
		lab.deliver();
		expect(lab.elapsedMs('n1').at(-1)).toBe(600);
	});

	it('no wall clock moves it: not the leader’s, not that of a node that proposes, ahead, right again, or put back', () => {
		const lab = new Lab(3);
		for (const id of lab.members) lab.setClock(id, TODAY_MS);
		lab.elect('n1', TODAY_MS);
		const proposeFrom = (id: string) => {
			lab.pass(100);
			lab.propose(id, `${lab.chosen('n1').length}`);
			lab.deliver();
		};
		for (const id of ['n1', 'n2']) {
			for (const aheadMs of [0, 8 * HOUR_MS, 0, -8 * HOUR_MS, 0]) {
				lab.setClock(id, TODAY_MS + aheadMs);
				proposeFrom(id);
				proposeFrom('n3');
			}
		}
		expect(lab.elapsedMs('n1')).toEqual([0, ...Array(19).fill(100)]);
	});
});

describe('a value that a later leader finds', () => {
	it('is proposed again byte by byte, with the time that its own leader measured', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.propose('n1', 'chosen');
		lab.deliver();
		lab.pass(250);
		lab.propose('n1', 'accepted by n2 alone');
		lab.deliver(({ to, message }) => to === 'n2' && message.kind === 'accept');
		lab.drop();
		lab.pass(250);
		takesOver(lab, 'n3', 20);
		lab.pass(30);
		lab.propose('n3', 'the first of n3');
		lab.deliver(among('n2', 'n3'));
		expect(lab.chosen('n3')).toEqual(['chosen', 'accepted by n2 alone', 'the first of n3']);
		expect(lab.elapsedMs('n3')).toEqual([0, 250, 0]);
	});

	it('a proposal that is proposed again in another slot carries the time of its new leader', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.propose('n1', 'lost');
		lab.drop(ofKind('accept'));
		takesOver(lab, 'n2', 20);
		lab.propose('n2', 'first');
		lab.pass(70);
		lab.propose('n2', 'second');
		lab.deliver();
		lab.applied('n1');
		lab.deliver();
		expect(lab.chosen('n2')).toEqual(['first', 'second', 'lost']);
		expect(lab.elapsedMs('n2')).toEqual([0, 70, 0]);
	});
});
