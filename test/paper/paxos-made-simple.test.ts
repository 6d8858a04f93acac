/** The agents do what the sentences of "Paxos Made Simple" (Lamport, 2001) say, one test for each. */
import { describe, expect, it } from 'vitest';
import { NO_BALLOT } from '../../shared/paxos/ballot.ts';
import { among, bytes, Lab, ofKind } from './lab.ts';

const ballot = (ms: number, node: string) => ({ ms, ns: 0, node });
const prepare = (ms: number, node: string) =>
	({ kind: 'prepare', ballot: ballot(ms, node), contest: 0, chosenThrough: 0 }) as const;
const accept = (ms: number, node: string, slot: number, value: string) =>
	({
		kind: 'accept',
		ballot: ballot(ms, node),
		chosenThrough: 0,
		recoveredThrough: 0,
		slot,
		value: bytes(value),
	}) as const;

describe('2.2 Choosing a value', () => {
	it('P1: an acceptor must accept the first proposal that it receives', () => {
		const lab = new Lab(3);
		lab.drop();
		lab.step('n1', { kind: 'receive', from: 'n2', message: accept(10, 'n2', 1, 'red') });
		expect(lab.inFlight('accepted')).toMatchObject([{ from: 'n1', to: 'n2', message: { slot: 1 } }]);
	});

	it('P1a: an acceptor can accept a proposal numbered n iff it has not responded to a prepare request having a number greater than n', () => {
		const lab = new Lab(3);
		lab.drop();
		lab.step('n1', { kind: 'receive', from: 'n3', message: prepare(20, 'n3') });
		lab.step('n1', { kind: 'receive', from: 'n2', message: accept(10, 'n2', 1, 'red') });
		expect(lab.inFlight('accepted')).toEqual([]);
		expect(lab.inFlight('nack')).toMatchObject([
			{ to: 'n2', message: { refused: 'accept', promised: ballot(20, 'n3') } },
		]);
		lab.step('n1', { kind: 'receive', from: 'n3', message: accept(20, 'n3', 1, 'blue') });
		expect(lab.inFlight('accepted')).toMatchObject([{ to: 'n3' }]);
	});

	it('different proposals have different numbers: two nodes whose clocks show the same time form two ballots', () => {
		const lab = new Lab(3);
		lab.step('n1', { kind: 'timer', timer: 'poll' });
		lab.step('n2', { kind: 'timer', timer: 'poll' });
		lab.deliver(ofKind('poll', 'pollReply'));
		lab.campaign('n1', 10);
		lab.campaign('n2', 10);
		const ballots = lab.inFlight('prepare').map(({ message }) => 'ballot' in message && message.ballot);
		expect(new Set(ballots.map((each) => JSON.stringify(each))).size).toBe(2);
	});

	it('a value is chosen when a single proposal with that value has been accepted by a majority of the acceptors, and not before', () => {
		const lab = new Lab(5);
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		lab.deliver(among('n1', 'n2'));
		expect(lab.chosen('n1')).toEqual([]);
		lab.deliver(among('n1', 'n3'));
		expect(lab.chosen('n1')).toEqual(['red']);
	});

	it('acceptances of different proposals of one slot do not add up to a majority', () => {
		const lab = new Lab(5);
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		lab.deliver(among('n1', 'n2'));
		const accepted = (ms: number) => ({ kind: 'accepted', ballot: ballot(ms, 'n1'), slot: 1 }) as const;
		lab.step('n1', { kind: 'receive', from: 'n3', message: accepted(9) });
		expect(lab.chosen('n1')).toEqual([]);
		lab.step('n1', { kind: 'receive', from: 'n3', message: accepted(10) });
		expect(lab.chosen('n1')).toEqual(['red']);
	});

	it('one acceptor that answers twice is one acceptor', () => {
		const lab = new Lab(5);
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		for (let i = 0; i < 3; i++) {
			lab.step('n1', { kind: 'receive', from: 'n2', message: { kind: 'accepted', ballot: ballot(10, 'n1'), slot: 1 } });
		}
		expect(lab.chosen('n1')).toEqual([]);
	});

	it('P2: if a proposal with value v is chosen, then every higher-numbered proposal that is chosen has value v', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		lab.deliver(({ from, to, message }) => [from, to].includes('n2') && message.kind !== 'heartbeat');
		expect(lab.chosen('n1')).toEqual(['red']);
		lab.drop();
		lab.step('n2', { kind: 'linkDown', peer: 'n1' });
		lab.step('n3', { kind: 'linkDown', peer: 'n1' });
		lab.timer('n3', 'poll');
		lab.deliver(among('n2', 'n3'));
		lab.campaign('n3', 20);
		lab.propose('n3', 'blue');
		lab.deliver(among('n2', 'n3'));
		expect(lab.chosen('n3')).toEqual(['red', 'blue']);
		expect(lab.chosen('n2')).toEqual(['red', 'blue']);
	});
});

describe('2.2 Phase 1', () => {
	it('(a) a proposer selects a proposal number n and sends a prepare request with number n to the acceptors', () => {
		const lab = new Lab(3);
		lab.timer('n1', 'poll');
		lab.deliver();
		lab.campaign('n1', 10);
		expect(lab.inFlight('prepare').map(({ to }) => to)).toEqual(['n2', 'n3']);
		expect(lab.promised('n1')).toBe('10000000@n1');
	});

	it('(a) the number is greater than any that the node has seen, whatever its clock says', () => {
		const lab = new Lab(3);
		lab.step('n1', { kind: 'receive', from: 'n2', message: prepare(1000, 'n2') });
		lab.drop();
		lab.propose('n1', 'red', 'self');
		lab.campaign('n1', 10);
		expect(lab.promised('n1')).toBe('1000000001@n1');
	});

	it('(b) an acceptor responds with a promise not to accept any more proposals numbered less than n', () => {
		const lab = new Lab(3);
		lab.drop();
		lab.step('n1', { kind: 'receive', from: 'n2', message: prepare(10, 'n2') });
		expect(lab.inFlight('promise')).toMatchObject([{ to: 'n2', message: { ballot: ballot(10, 'n2'), accepted: [] } }]);
		lab.step('n1', { kind: 'receive', from: 'n3', message: prepare(9, 'n3') });
		expect(lab.inFlight('nack')).toMatchObject([
			{ to: 'n3', message: { refused: 'prepare', promised: ballot(10, 'n2') } },
		]);
	});

	it('(b) and with the highest-numbered proposal (if any) that it has accepted', () => {
		const lab = new Lab(3);
		lab.drop();
		lab.step('n1', { kind: 'receive', from: 'n2', message: accept(10, 'n2', 1, 'red') });
		lab.step('n1', { kind: 'receive', from: 'n2', message: accept(20, 'n2', 1, 'blue') });
		lab.step('n1', { kind: 'receive', from: 'n3', message: prepare(30, 'n3') });
		expect(lab.inFlight('promise')).toMatchObject([
			{ message: { accepted: [{ slot: 1, ballot: ballot(20, 'n2'), value: bytes('blue') }] } },
		]);
	});
});

describe('2.2 Phase 2', () => {
	it('(a) v is the value of the highest-numbered proposal among the responses', () => {
		const lab = new Lab(5);
		lab.drop();
		lab.step('n2', { kind: 'receive', from: 'n5', message: accept(10, 'n5', 1, 'red') });
		lab.step('n3', { kind: 'receive', from: 'n4', message: accept(20, 'n4', 1, 'blue') });
		lab.drop();
		lab.propose('n1', 'green', 'self');
		lab.campaign('n1', 30);
		lab.deliver(among('n1', 'n2', 'n3'));
		expect(lab.chosen('n1')).toEqual(['blue', 'green']);
	});

	it('(a) or is any value if the responses reported no proposals', () => {
		const lab = new Lab(3);
		lab.propose('n1', 'green', 'self');
		lab.campaign('n1', 30);
		lab.deliver();
		expect(lab.chosen('n1')).toEqual(['green']);
	});

	it('(a) a gap below what was reported is filled with a no-op', () => {
		const lab = new Lab(3);
		lab.drop();
		lab.step('n2', { kind: 'receive', from: 'n3', message: accept(10, 'n3', 2, 'red') });
		lab.drop();
		lab.propose('n1', 'green', 'self');
		lab.campaign('n1', 30);
		lab.deliver(among('n1', 'n2'));
		expect(lab.chosen('n1')).toEqual(['no-op', 'red', 'green']);
	});

	it('(b) an acceptor accepts unless it has already responded to a prepare request having a number greater than n, also after a restart', () => {
		const lab = new Lab(3);
		lab.drop();
		lab.step('n1', { kind: 'receive', from: 'n2', message: prepare(20, 'n2') });
		lab.restart('n1');
		lab.drop();
		lab.step('n1', { kind: 'receive', from: 'n3', message: accept(10, 'n3', 1, 'red') });
		expect(lab.inFlight('accepted')).toEqual([]);
		expect(lab.agent('n1').view().entry(1)).toBeUndefined();
	});

	it('a proposer abandons a proposal when an acceptor informs it of a higher number, and begins again with a higher one', () => {
		const lab = new Lab(3);
		const proposal = lab.propose('n1', 'red', 'self');
		lab.step('n2', { kind: 'receive', from: 'n3', message: prepare(50, 'n3') });
		lab.step('n3', { kind: 'receive', from: 'n3', message: prepare(50, 'n3') });
		lab.drop();
		lab.campaign('n1', 10);
		lab.deliver(among('n1', 'n2'));
		expect(lab.outcomes('n1', 'halted')).toMatchObject([{ by: ballot(50, 'n3') }]);
		expect(lab.agent('n1').view().role).toBe('follower');
		expect(lab.campaignAsked('n1')).toBe(true);
		lab.campaign('n1', 60);
		lab.deliver();
		expect(lab.chosen('n1')).toEqual(['red']);
		expect(lab.outcomes('n1', 'placed')).toMatchObject([{ proposals: [proposal], ballot: ballot(60, 'n1') }]);
	});
});

describe('2.3 Learning a chosen value, 2.4 Progress, 3 Implementing a state machine', () => {
	it('every node learns what is chosen, also one that missed it', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		for (const value of ['a', 'b', 'c']) lab.propose('n1', value);
		lab.deliver(among('n1', 'n2'));
		lab.drop();
		expect(lab.chosen('n3')).toEqual([]);
		lab.timer('n1', 'heartbeat');
		lab.deliver();
		expect(lab.chosen('n3')).toEqual(['a', 'b', 'c']);
	});

	it('a distinguished proposer executes phase 1 once for infinitely many instances, then phase 2 only', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		for (const value of ['a', 'b', 'c']) {
			lab.propose('n1', value);
			expect(lab.inFlight('prepare')).toEqual([]);
			lab.deliver();
		}
		expect(lab.chosen('n2')).toEqual(['a', 'b', 'c']);
		expect(lab.facts('n1', 'campaign')).toHaveLength(1);
	});

	it('the value chosen for a slot is never decided by two proposers alternately preparing: after a nack each waits, at random, ever longer', () => {
		const lab = new Lab(3);
		lab.propose('n1', 'red', 'self');
		let asked = { minMs: 0, maxMs: 0, plusRound: false };
		const waits: number[] = [];
		for (let round = 1; round <= 4; round++) {
			lab.campaign('n1', round * 100);
			const effects = lab.step('n1', {
				kind: 'receive',
				from: 'n2',
				message: {
					kind: 'nack',
					refused: 'prepare',
					ballot: ballot(round * 100, 'n1'),
					promised: ballot(round * 100 + 1, 'n2'),
					acceptance: null,
				},
			});
			asked = effects.timers.find(({ timer }) => timer === 'campaign') ?? asked;
			expect(asked.plusRound).toBe(true);
			expect(asked.maxMs).toBeGreaterThan(asked.minMs);
			waits.push(asked.maxMs);
		}
		expect(waits).toEqual([...waits].sort((a, b) => a - b));
		expect(waits.at(-1)).toBeGreaterThan((waits[0] as number) * 4);
	});

	it('nothing is promised before anything is: the zero ballot is below all', () => {
		expect(new Lab(1).agent('n1').view().promised).toEqual(NO_BALLOT);
	});
});
