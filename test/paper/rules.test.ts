/**
 * The rules of this implementation beyond the paper, one group each. Other tests check random schedules (the simulator),
 * incarnations (`test/mesh/handshake.test.ts`) and flushes of a real disk (`test/process`).
 */
import { describe, expect, it } from 'vitest';
import { fromUtf8, toUtf8 } from '../../shared/bytes/text.ts';
import { PaxosAgent } from '../../shared/paxos/agent.ts';
import { InvariantError } from '../../shared/paxos/config.ts';
import type { Event } from '../../shared/paxos/event.ts';
import { canonical, copyOf } from '../../shared/simulation/snapshot.ts';
import { encodeCommand, type Operation } from '../../shared/store/command.ts';
import type { Result } from '../../shared/store/result.ts';
import { Store } from '../../shared/store/store.ts';
import { among, bytes, Lab, ofKind, text } from './lab.ts';

const ballot = (ms: number, node: string) => ({ ms, ns: 0, node });

describe('1. what promises or accepts waits for the flush of this and of all earlier steps', () => {
	it('a promise leaves when its record is durable, and so does the answer to a repeated prepare', () => {
		const lab = new Lab(3);
		lab.drop();
		lab.holdFlush('n1');
		const prepare = { kind: 'prepare', ballot: ballot(10, 'n2'), contest: 0, chosenThrough: 0 } as const;
		lab.step('n1', { kind: 'receive', from: 'n2', message: prepare });
		const repeated = lab.step('n1', { kind: 'receive', from: 'n2', message: prepare });
		expect(repeated.persist).toEqual([]);
		expect(repeated.sendWhenDurable).toHaveLength(1);
		expect(lab.net).toEqual([]);
		lab.flush('n1');
		expect(lab.inFlight('promise')).toHaveLength(2);
	});

	it('so do prepare and accepted; a crash before the flush leaves nothing that anyone heard of', () => {
		const lab = new Lab(3);
		lab.drop();
		lab.holdFlush('n1');
		lab.propose('n1', 'red', 'self');
		lab.campaign('n1', 10);
		const accept = {
			kind: 'accept',
			ballot: ballot(20, 'n2'),
			slot: 1,
			value: bytes('blue'),
			chosenThrough: 0,
			recoveredThrough: 0,
		} as const;
		lab.step('n1', { kind: 'receive', from: 'n2', message: accept });
		expect(lab.inFlight('prepare')).toEqual([]);
		expect(lab.inFlight('accepted')).toEqual([]);
		lab.restart('n1');
		expect(lab.promised('n1')).toBe('');
		expect(lab.agent('n1').view().lastSlot).toBe(0);
	});

	it('a leader’s accepts leave while its own disk writes, and its own vote counts only after', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.holdFlush('n1');
		lab.propose('n1', 'red');
		expect(lab.inFlight('accept')).toHaveLength(2);
		lab.drop(({ from, to }) => from === 'n3' || to === 'n3');
		lab.deliver();
		expect(lab.chosen('n1')).toEqual([]);
		lab.flush('n1');
		expect(lab.chosen('n1')).toEqual(['red']);
	});
});

describe('2. who may say that a slot is chosen', () => {
	it('a follower marks only slots that it accepted at that very ballot; the rest it fetches', () => {
		const lab = new Lab(5);
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		lab.deliver(among('n1', 'n5'));
		lab.drop();
		lab.step('n2', { kind: 'linkDown', peer: 'n1' });
		lab.propose('n2', 'blue', 'self');
		lab.campaign('n2', 20);
		lab.deliver(among('n2', 'n3', 'n4'));
		expect(lab.chosen('n2')).toEqual(['blue']);
		lab.drop();
		lab.timer('n2', 'heartbeat');
		lab.deliver(({ to, message }) => to === 'n5' && message.kind === 'heartbeat');
		expect(lab.chosen('n5')).toEqual([]);
		expect(lab.inFlight('fetch')).toMatchObject([{ from: 'n5', to: 'n2', message: { from: 1 } }]);
		lab.deliver(among('n2', 'n5'));
		expect(lab.chosen('n5')).toEqual(['blue']);
	});

	it('a leader that learns another value than it proposed for a slot is deposed', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		lab.drop();
		lab.step('n1', {
			kind: 'receive',
			from: 'n2',
			message: {
				kind: 'decisions',
				from: 1,
				chosenThrough: 1,
				decisions: [{ ballot: ballot(20, 'n2'), value: bytes('blue') }],
			},
		});
		expect(lab.agent('n1').view().role).toBe('follower');
		expect(lab.chosen('n1')).toEqual(['blue']);
		expect(lab.facts('n1', 'halted')).toMatchObject([{ by: ballot(20, 'n2') }]);
	});

	it('a leader is halted by no lower ballot, such as that under which another node holds what is chosen', () => {
		const lab = new Lab(5);
		lab.elect('n1', 10);
		lab.propose('n1', 'blue');
		lab.deliver(among('n1', 'n5'));
		lab.drop();
		lab.propose('n2', 'red', 'self');
		lab.campaign('n2', 20);
		lab.deliver((each) => among('n2', 'n3', 'n4')(each) && ofKind('prepare', 'promise')(each));
		lab.drop();
		lab.propose('n1', 'green', 'self');
		lab.campaign('n1', 30);
		lab.deliver(among('n1', 'n3', 'n4'));
		expect(lab.chosen('n1')).toEqual(['blue', 'green']);
		lab.drop();
		// It learns that slot 1 is chosen, and holds it as it has accepted it under the first ballot.
		lab.timer('n1', 'heartbeat');
		lab.deliver(among('n1', 'n5'));
		expect(lab.chosen('n5')).toEqual(['blue', 'green']);

		lab.timer('n2', 'heartbeat');
		lab.deliver(among('n2', 'n5'));
		expect(lab.chosen('n2')).toEqual(['blue', 'green']);
		expect(lab.agent('n2').view().role).toBe('follower');
		expect(lab.facts('n2', 'halted')).toEqual([]);
		expect(lab.facts('n2', 'givenUp')).toMatchObject([{ ballot: ballot(20, 'n2'), why: 'overtaken' }]);
	});
});

describe('3. what a promise carries', () => {
	it('every acceptance above chosenThrough, in bounded parts that count when all have come', () => {
		const lab = new Lab(3, { messageBytesMax: 300, openSlotsMax: 8 });
		lab.elect('n1', 10);
		for (let i = 1; i <= 6; i++) lab.propose('n1', `v${i}`);
		lab.deliver(({ to, message }) => to === 'n2' && message.kind === 'accept');
		lab.drop();
		lab.propose('n3', 'mine', 'self');
		lab.campaign('n3', 20);
		lab.deliver(ofKind('prepare'));
		const parts = lab.inFlight('promise').filter(({ from }) => from === 'n2');
		expect(parts.length).toBeGreaterThan(1);
		const [last] = parts.slice(-1);
		lab.drop(({ from }) => from === 'n1');
		lab.deliver((envelope) => envelope !== last && envelope.message.kind === 'promise');
		expect(lab.agent('n3').view().role).toBe('candidate');
		lab.deliver(among('n2', 'n3'));
		expect(lab.chosen('n3')).toEqual(['v1', 'v2', 'v3', 'v4', 'v5', 'v6', 'mine']);
	});

	it('slots that the quorum knows to be chosen are fetched by a leader that missed them, never proposed', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		for (const value of ['a', 'b']) {
			lab.propose('n1', value);
			lab.deliver(among('n1', 'n2'));
		}
		lab.drop();
		lab.propose('n3', 'c', 'self');
		lab.campaign('n3', 20);
		lab.deliver(among('n2', 'n3'));
		expect(lab.chosen('n3')).toEqual(['a', 'b', 'c']);
		expect(lab.facts('n3', 'proposed').map(({ slot }) => slot)).toEqual([3]);
	});
});

describe('what a promise says to be chosen', () => {
	it('is chosen there after a restart, too', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		lab.deliver(({ message }) => message.kind === 'accept' || message.kind === 'accepted');
		lab.drop();
		lab.propose('n3', 'blue', 'self');
		lab.campaign('n3', 20);
		lab.deliver(({ to, message }) => to === 'n1' && message.kind === 'prepare');
		expect(lab.inFlight('promise')).toMatchObject([{ from: 'n1', message: { chosenThrough: 1 } }]);
		lab.restart('n1');
		expect(lab.agent('n1').view().chosenThrough).toBe(1);
	});

	it('can be had without the node that said so: a leader that cannot fetch it campaigns anew', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		lab.deliver(({ from, to, message }) =>
			message.kind === 'accept' ? to === 'n2' : from === 'n2' && message.kind === 'accepted',
		);
		lab.drop();
		lab.propose('n3', 'blue', 'self');
		lab.campaign('n3', 20);
		lab.deliver(ofKind('prepare', 'promise'));
		expect(lab.agent('n3').view().role).toBe('leader');
		for (let period = 0; period < 2; period++) {
			lab.deliver(among('n2', 'n3'));
			lab.drop();
			lab.timer('n3', 'heartbeat');
			lab.deliver(among('n2', 'n3'));
			lab.drop();
			lab.timer('n3', 'quorum');
		}
		lab.campaign('n3', 30);
		lab.deliver(among('n2', 'n3'));
		expect(lab.chosen('n3').slice(0, 1)).toEqual(['red']);
	});
});

describe('4. a nack', () => {
	it('carries the promised ballot and one acceptance, of the slot in question', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		lab.deliver();
		lab.step('n2', {
			kind: 'receive',
			from: 'n3',
			message: {
				kind: 'accept',
				ballot: ballot(5, 'n3'),
				slot: 1,
				value: bytes('blue'),
				chosenThrough: 0,
				recoveredThrough: 0,
			},
		});
		const [nack] = lab.inFlight('nack');
		expect(nack?.message).toMatchObject({ promised: ballot(10, 'n1'), acceptance: { slot: 1, value: bytes('red') } });
	});
});

describe('5. accepteds go to the proposer only', () => {
	it('nobody else is told of an acceptance', () => {
		const lab = new Lab(5);
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		lab.deliver(ofKind('accept'));
		expect(new Set(lab.inFlight('accepted').map(({ to }) => to))).toEqual(new Set(['n1']));
	});
});

describe('6. a linearizable read', () => {
	it('waits for a round that begins after it arrived, and is answered from chosenThrough on', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		lab.deliver();
		lab.timer('n1', 'heartbeat');
		lab.step('n1', { kind: 'read', read: 1 });
		const early = lab.net.slice();
		lab.deliver((envelope) => early.includes(envelope) || envelope.message.kind === 'confirm');
		expect(lab.outcomes('n1', 'readAt')).toEqual([]);
		lab.deliver();
		expect(lab.outcomes('n1', 'readAt')).toEqual([{ kind: 'readAt', read: 1, slot: 1 }]);
	});

	it('one round serves every read that waits, also those of followers', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.deliver();
		const rounds = new Set<number>();
		const read = (id: string, number: number) => lab.step(id, { kind: 'read', read: number });
		const countRounds = () => {
			for (const { message } of lab.inFlight('heartbeat')) if (message.kind === 'heartbeat') rounds.add(message.round);
		};
		read('n1', 1);
		for (const number of [2, 3]) read('n1', number);
		for (const number of [4, 5]) read('n2', number);
		lab.deliver(ofKind('readAsk'));
		countRounds();
		lab.deliver(ofKind('heartbeat'));
		lab.deliver(({ from, message }) => from === 'n2' && message.kind === 'confirm');
		countRounds();
		lab.deliver();
		expect(lab.outcomes('n1', 'readAt').map((outcome) => outcome.read)).toEqual([1, 2, 3]);
		expect(lab.outcomes('n2', 'readAt').map((outcome) => outcome.read)).toEqual([4, 5]);
		rounds.delete(0);
		expect(rounds.size).toBe(2);
	});

	it('a deposed leader answers none', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.propose('n3', 'blue', 'self');
		lab.campaign('n3', 20);
		lab.deliver(among('n2', 'n3'));
		lab.step('n1', { kind: 'read', read: 1 });
		lab.deliver(among('n1', 'n2'));
		expect(lab.outcomes('n1', 'readAt')).toEqual([]);
		expect(lab.agent('n1').view().role).toBe('follower');
	});

	it('a new leader answers none before it has what phase 1 reported', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		lab.deliver(({ to, message }) => to === 'n2' && message.kind === 'accept');
		lab.drop();
		lab.propose('n3', 'blue', 'self');
		lab.campaign('n3', 20);
		lab.deliver(({ message }) => message.kind === 'prepare' || message.kind === 'promise');
		lab.step('n3', { kind: 'read', read: 1 });
		lab.deliver(ofKind('heartbeat', 'confirm'));
		expect(lab.outcomes('n3', 'readAt')).toEqual([]);
		lab.deliver();
		expect(lab.outcomes('n3', 'readAt')).toMatchObject([{ kind: 'readAt', read: 1 }]);
		expect(lab.chosen('n3')).toContain('red');
	});
});

describe('7. before preparing because the leader seems gone, a node polls', () => {
	it('it does not campaign while a quorum hears a leader', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.deliver();
		lab.step('n3', { kind: 'linkDown', peer: 'n1' });
		lab.timer('n3', 'poll');
		lab.deliver();
		expect(lab.campaignAsked('n3')).toBe(false);
	});

	it('it campaigns when a quorum hears none', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.deliver();
		for (const id of ['n2', 'n3']) lab.step(id, { kind: 'linkDown', peer: 'n1' });
		lab.timer('n3', 'poll');
		lab.deliver(among('n2', 'n3'));
		expect(lab.campaignAsked('n3')).toBe(true);
	});

	it('a leader that no quorum answers steps down', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.deliver();
		lab.timer('n1', 'quorum');
		lab.drop();
		lab.timer('n1', 'quorum');
		expect(lab.agent('n1').view().role).toBe('follower');
	});
});

describe('8. one campaign at a time, under a new ballot, for everything that waits', () => {
	it('what is proposed here goes through both phases from here, in one campaign', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.deliver();
		for (const value of ['a', 'b', 'c']) lab.propose('n2', value, 'self');
		lab.campaign('n2', 20);
		lab.deliver();
		expect(lab.chosen('n2').join('')).toBe('abc');
		expect(lab.facts('n2', 'campaign')).toHaveLength(1);
		expect(lab.agent('n1').view().leader).toEqual(ballot(20, 'n2'));
	});

	it('a deposed leader keeps a command until the fate of its slot is known, then submits the same again', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.deliver();
		lab.propose('n1', 'early');
		lab.deliver(({ to, message }) => to === 'n2' && message.kind === 'accept');
		lab.drop();
		lab.propose('n1', 'lost');
		lab.drop();
		lab.propose('n2', 'new', 'self');
		lab.campaign('n2', 20);
		lab.deliver(among('n2', 'n3'));
		lab.timer('n2', 'heartbeat');
		lab.deliver(({ from, to, message }) => from === 'n2' && to === 'n1' && message.kind === 'heartbeat');
		// n2 has adopted 'early' from its own or n3's report. Until n1 knows that, it may send neither again.
		expect(lab.inFlight('forward')).toEqual([]);
		lab.deliver();
		expect(lab.chosen('n1')).toEqual(['early', 'new']);
		lab.applied('n1', [1]);
		lab.deliver();
		expect(lab.chosen('n2')).toEqual(['early', 'new', 'lost']);
	});

	it('a contested slot keeps the value that phase 1 reports, and the contender is told', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		lab.deliver();
		const proposal = lab.propose('n3', 'blue', 'self', 1);
		lab.campaign('n3', 20);
		lab.deliver();
		const [kept] = lab.outcomes('n3', 'kept');
		expect(kept).toMatchObject({ proposal, slot: 1, ballot: ballot(20, 'n3') });
		expect(text(kept?.value as Uint8Array)).toBe('red');
		expect(lab.agent('n2').view().entry(1)).toMatchObject({ ballot: ballot(20, 'n3') });
		expect(lab.chosen('n3')).toEqual(['red']);
	});

	it('a contender that missed the contested slot is told all the same', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		lab.deliver(among('n1', 'n2'));
		lab.drop();
		lab.propose('n3', 'blue', 'self', 1);
		lab.campaign('n3', 20);
		lab.deliver(({ message }) => message.kind !== 'accepted');
		lab.deliver();
		expect(lab.outcomes('n3', 'kept')).toMatchObject([{ slot: 1 }]);
	});

	it('a contender that learns the contested slot during its campaign is told all the same', () => {
		const lab = new Lab(3);
		chosenInSecret(lab, 'red');
		const proposal = lab.propose('n3', 'blue', 'self', 1);
		lab.campaign('n3', 20);
		learns(lab, 'n3', ['red']);
		lab.deliver(among('n2', 'n3'));
		expect(lab.outcomes('n3', 'kept')).toMatchObject([{ proposal, slot: 1, ballot: ballot(20, 'n3') }]);
		expect(lab.agent('n2').view().entry(1)).toMatchObject({ ballot: ballot(20, 'n3') });
	});

	it('a contender that learns the contested slot before its window is there is told all the same', () => {
		const lab = new Lab(3, { openSlotsMax: 1 });
		// This is from a leader with a larger window.
		for (const id of ['n2', 'n3']) for (const slot of [1, 2]) accepts(lab, id, slot, slot === 1 ? 'red' : 'green');
		lab.drop();
		const proposal = lab.propose('n3', 'blue', 'self', 2);
		lab.campaign('n3', 20);
		lab.deliver((envelope) => among('n2', 'n3')(envelope) && envelope.message.kind !== 'accept');
		expect(lab.inFlight('accept').map(({ message }) => message)).toMatchObject([{ slot: 1 }, { slot: 1 }]);
		learns(lab, 'n3', ['red', 'green']);
		lab.deliver(among('n2', 'n3'));
		expect(lab.outcomes('n3', 'kept')).toMatchObject([{ proposal, slot: 2, ballot: ballot(20, 'n3') }]);
	});

	it('a contested slot keeps what its contender knows to be chosen, whatever an older ballot has left in its quorum', () => {
		const lab = new Lab(5);
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		lab.deliver(({ to, message }) => to === 'n2' && message.kind === 'accept');
		lab.drop();
		lab.propose('n2', 'mine', 'self', 1);
		lab.campaign('n2', 20);
		lab.deliver(({ to, message }) => message.kind === 'prepare' && ['n1', 'n3'].includes(to));
		const promises = lab.inFlight('promise');
		lab.drop();
		lab.propose('n4', 'green', 'self');
		lab.campaign('n4', 30);
		lab.deliver(among('n3', 'n4', 'n5'));
		lab.drop();
		learns(lab, 'n2', ['green']);
		lab.net.push(...promises);
		lab.deliver(({ to, message }) => to === 'n2' && message.kind === 'promise');
		expect(lab.agent('n2').view()).toMatchObject({ role: 'leader', phase1: { bound: new Map([[1, { slot: 1 }]]) } });
		lab.deliver(among('n1', 'n2'));
		expect(['n1', 'n2', 'n4'].map((id) => lab.chosen(id))).toEqual([['green'], ['green'], ['green']]);
	});

	it('a contested slot that nobody voted for takes the contender’s value; one beyond the next is refused', () => {
		const lab = new Lab(3);
		lab.propose('n3', 'blue', 'self', 1);
		lab.propose('n3', 'far', 'self', 7);
		lab.campaign('n3', 20);
		lab.deliver();
		expect(lab.chosen('n3')).toEqual(['blue']);
		lab.applied('n3', [1]);
		lab.campaign('n3', 30);
		lab.deliver();
		expect(lab.outcomes('n3', 'refused')).toMatchObject([{ reason: 'slotNotOpen', nextSlot: 2 }]);
	});

	it('a proposal that is withdrawn before it left surely was not chosen', () => {
		const lab = new Lab(3);
		const early = lab.propose('n1', 'red');
		lab.step('n1', { kind: 'withdraw', proposal: early });
		lab.elect('n1', 10);
		lab.deliver();
		const late = lab.propose('n1', 'blue');
		lab.step('n1', { kind: 'withdraw', proposal: late });
		lab.deliver();
		expect(lab.outcomes('n1', 'withdrawn')).toEqual([
			{ kind: 'withdrawn', proposal: early, left: false },
			{ kind: 'withdrawn', proposal: late, left: true },
		]);
		expect(lab.chosen('n2')).toEqual(['blue']);
	});
});

const put = (key: string, value: string): Operation => ({
	kind: 'put',
	key,
	value: toUtf8(value),
	flags: 0n,
	cas: null,
});

describe('9. the identity of a command', () => {
	it('a command that is chosen twice is applied once, and a client that was never opened is refused', () => {
		const store = new Store();
		const results: Result[] = [];
		const apply = (client: string, sequence: number, operation: Operation) => {
			const command = encodeCommand({ client, sequence, receivedThrough: 0 }, operation);
			store.apply(command, (_client, _sequence, result) => results.push(result));
		};
		apply('s', 1, { kind: 'registerClient', client: 's' });
		apply('s', 2, put('color', 'red'));
		apply('s', 3, put('color', 'blue'));
		apply('s', 2, put('color', 'red'));
		apply('other', 1, put('color', 'green'));
		expect(results.map(({ kind }) => kind)).toEqual(['applied', 'applied', 'applied', 'duplicate', 'unknownClient']);
		expect(fromUtf8(store.get('color')?.value as Uint8Array)).toBe('blue');
		expect(store.revision).toBe(3);
	});
});

describe('10. the only clock of the state machine', () => {
	it('is what its leaders measured, carried by the values: see `time.test.ts`', () => {
		const lab = new Lab(3);
		const store = new Store();
		lab.elect('n1', 10);
		for (const passedMs of [5000, 300, 0]) {
			lab.pass(passedMs);
			lab.propose('n1', `after ${passedMs} ms`);
			lab.deliver();
		}
		for (const ms of lab.elapsedMs('n3')) store.passTime(ms);
		expect(store.timeMs).toBe(300);
	});
});

describe('11. the window of open slots, on which a change of members will stand', () => {
	it('no slot is proposed beyond openSlotsMax above what is chosen', () => {
		const lab = new Lab(3, { openSlotsMax: 2, valueBytesMax: 1 });
		lab.elect('n1', 10);
		for (const value of ['a', 'b', 'c']) lab.propose('n1', value);
		expect(lab.agent('n1').view().openSlotsCount).toBe(2);
		lab.deliver();
		expect(lab.chosen('n1')).toEqual(['a', 'b', 'c']);
	});
});

describe('12. who votes', () => {
	it('a node that is no member has no vote, and a proposer may use no ballot but its own', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		lab.drop();
		lab.step('n1', { kind: 'receive', from: 'n9', message: { kind: 'accepted', ballot: ballot(10, 'n1'), slot: 1 } });
		expect(lab.chosen('n1')).toEqual([]);
		lab.step('n2', {
			kind: 'receive',
			from: 'n3',
			message: { kind: 'prepare', ballot: ballot(20, 'n1'), contest: 0, chosenThrough: 0 },
		});
		expect(lab.inFlight('promise')).toEqual([]);
		expect(lab.facts('n2', 'ignored')).toHaveLength(1);
	});
});

describe('13. a broken invariant stops the node', () => {
	it('two values for one slot under one ballot are refused with an InvariantError', () => {
		const lab = new Lab(3);
		const accept = (value: string) =>
			({
				kind: 'accept',
				ballot: ballot(10, 'n2'),
				slot: 1,
				value: bytes(value),
				chosenThrough: 0,
				recoveredThrough: 0,
			}) as const;
		lab.step('n1', { kind: 'receive', from: 'n2', message: accept('red') });
		expect(() => lab.step('n1', { kind: 'receive', from: 'n2', message: accept('blue') })).toThrow(InvariantError);
	});

	it('what is chosen is never accepted with another value: a late proposer is told what it is', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		lab.deliver();
		const message = {
			kind: 'accept',
			ballot: ballot(20, 'n3'),
			slot: 1,
			value: bytes('blue'),
			chosenThrough: 0,
			recoveredThrough: 0,
		} as const;
		lab.step('n1', { kind: 'receive', from: 'n3', message });
		expect(text(lab.agent('n1').view().entry(1)?.value as Uint8Array)).toBe('red');
		expect(lab.inFlight('accepted')).toEqual([]);
		expect(lab.inFlight('decisions')).toMatchObject([
			{ to: 'n3', message: { from: 1, decisions: [{ value: bytes('red') }] } },
		]);
	});
});

describe('a copy of its state', () => {
	it('gives an agent that goes on exactly as the first would', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		lab.deliver(({ from, to, message }) => among('n1', 'n2')({ from, to, message }) && message.kind !== 'accepted');
		lab.propose('n2', 'blue', 'self');
		lab.propose('n2', 'green', 'self', 1);
		for (const id of lab.members) lab.step(id, { kind: 'read', read: 1 });
		lab.campaign('n2', 20);
		const waiting = [...lab.net];
		for (const id of lab.members) {
			const twin = PaxosAgent.from(lab.configOf(id), copyOf(lab.agent(id).state));
			twin.watched = true;
			expect(canonical(twin.state)).toEqual(canonical(lab.agent(id).state));
			const events: Event[] = [
				...waiting
					.filter(({ to }) => to === id)
					.map(({ from, message }) => ({ kind: 'receive', from, message }) as const),
				...(['heartbeat', 'fetch', 'forward', 'election', 'election', 'patience', 'quorum', 'poll'] as const).map(
					(timer) => ({ kind: 'timer', timer }) as const,
				),
				{ kind: 'campaign', now: { ms: 30, ns: 0 } },
				{ kind: 'withdraw', proposal: 2 },
			];
			const now = { wallMs: 5, steadyMs: 7, stillMs: 0, room: 'everything' } as const;
			for (const event of events) {
				expect(twin.step(event, now)).toEqual(lab.agent(id).step(event, now));
				expect(canonical(twin.state)).toEqual(canonical(lab.agent(id).state));
			}
		}
	});
});

/** n1 leads and knows the value to be chosen; the others have accepted it and do not know more. */
function chosenInSecret(lab: Lab, value: string): void {
	lab.elect('n1', 10);
	lab.propose('n1', value);
	lab.deliver(ofKind('accept', 'accepted'));
	expect(lab.chosen('n1')).toEqual([value]);
	lab.drop();
}

function accepts(lab: Lab, id: string, slot: number, value: string): void {
	const leading = { ballot: ballot(10, 'n1'), chosenThrough: 0, recoveredThrough: 0 };
	lab.step(id, { kind: 'receive', from: 'n1', message: { kind: 'accept', ...leading, slot, value: bytes(value) } });
}

function learns(lab: Lab, id: string, values: readonly string[]): void {
	const decisions = values.map((value) => ({ ballot: ballot(10, 'n1'), value: bytes(value) }));
	lab.step(id, {
		kind: 'receive',
		from: 'n1',
		message: { kind: 'decisions', from: 1, chosenThrough: values.length, decisions },
	});
}
