/** A link that stands loses nothing, so messages are sent again only on a new link, and their copies are recognized. */
import { describe, expect, it } from 'vitest';
import type { Event } from '../../shared/paxos/event.ts';
import type { Forward } from '../../shared/paxos/message.ts';
import { among, bytes, Lab, ofKind } from './lab.ts';

const PERIODS = 6;

/** A long time passes at every node, and no message arrives. */
function waitInVain(lab: Lab): void {
	for (let period = 0; period < PERIODS; period++) {
		for (const id of lab.members) for (const timer of ['fetch', 'forward', 'heartbeat'] as const) lab.timer(id, timer);
	}
}

function relink(lab: Lab, a: string, b: string): void {
	for (const [id, peer] of [
		[a, b],
		[b, a],
	] as const)
		lab.step(id, { kind: 'linkDown', peer });
	for (const [id, peer] of [
		[a, b],
		[b, a],
	] as const)
		lab.step(id, { kind: 'linkUp', peer });
}

/** As `relink`, and then the follower hears its leader again. */
function relinkWithLeader(lab: Lab, leader: string, follower: string): void {
	relink(lab, leader, follower);
	lab.timer(leader, 'heartbeat');
	lab.deliver(ofKind('heartbeat'));
}

describe('over a link that stands', () => {
	it('no prepare, accept, forward or ask is sent again, however long it takes', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.deliver();
		lab.propose('n1', 'red');
		lab.propose('n2', 'blue');
		lab.step('n2', { kind: 'read', read: 1 });
		const counts = () => (['accept', 'forward', 'readAsk'] as const).map((kind) => lab.inFlight(kind).length);
		const before = counts();
		expect(before).toEqual([2, 1, 1]);
		waitInVain(lab);
		expect(counts()).toEqual(before);
		lab.propose('n3', 'green', 'self');
		lab.campaign('n3', 20);
		waitInVain(lab);
		expect(lab.inFlight('prepare')).toHaveLength(2);
	});
});

describe('over a link that was made anew', () => {
	it('a lost prepare leaves again, to that peer alone, where it has not promised', () => {
		const lab = new Lab(3);
		lab.propose('n1', 'red', 'self');
		lab.campaign('n1', 10);
		lab.drop();
		relink(lab, 'n1', 'n2');
		expect(lab.inFlight('prepare')).toMatchObject([{ to: 'n2' }]);
		lab.deliver();
		expect(lab.chosen('n1')).toEqual(['red']);
		lab.drop();
		relink(lab, 'n1', 'n2');
		expect(lab.inFlight('prepare')).toEqual([]);
	});

	it('a lost promise is given again', () => {
		const lab = new Lab(3);
		lab.propose('n1', 'red', 'self');
		lab.campaign('n1', 10);
		lab.drop(({ to }) => to === 'n3');
		lab.deliver(ofKind('prepare'));
		lab.drop();
		relink(lab, 'n2', 'n1');
		lab.deliver(among('n1', 'n2'));
		expect(lab.chosen('n1')).toEqual(['red']);
	});

	it.each([
		['accept', 'accept'],
		['accepted', 'accepted'],
	] as const)('a lost %s leaves again', (_, kind) => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.deliver();
		lab.propose('n1', 'red');
		lab.drop(({ to }) => to === 'n3');
		if (kind === 'accepted') lab.deliver(ofKind('accept'));
		lab.drop();
		relink(lab, 'n1', 'n2');
		lab.deliver(among('n1', 'n2'));
		expect(lab.chosen('n1')).toEqual(['red']);
	});

	it.each([
		['ask for a read', 'readAsk'],
		['answer to an ask', 'readIndex'],
	] as const)('a lost %s leaves again', (_, kind) => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.deliver();
		lab.step('n2', { kind: 'read', read: 1 });
		if (kind === 'readIndex') lab.deliver(({ message }) => message.kind !== 'readIndex');
		lab.drop();
		relink(lab, 'n1', 'n2');
		lab.timer('n1', 'heartbeat');
		lab.deliver();
		expect(lab.outcomes('n2', 'readAt')).toHaveLength(1);
	});

	it.each(['fetch', 'decisions'] as const)('a lost %s is made good by the next node that claims to know', (kind) => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		lab.deliver(among('n1', 'n2'));
		lab.drop();
		lab.timer('n1', 'heartbeat');
		lab.deliver(({ to, message }) => to === 'n3' && message.kind === 'heartbeat');
		if (kind === 'decisions') lab.deliver(ofKind('fetch'));
		expect(lab.inFlight(kind)).toHaveLength(1);
		lab.drop();
		relink(lab, 'n1', 'n3');
		lab.timer('n1', 'heartbeat');
		lab.deliver();
		expect(lab.chosen('n3')).toEqual(['red']);
	});

	it('a fetch whose answer was dropped though the link stands is left after a while', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		lab.deliver(among('n1', 'n2'));
		lab.drop();
		lab.timer('n1', 'heartbeat');
		lab.deliver(ofKind('heartbeat', 'fetch'));
		lab.drop(ofKind('decisions'));
		lab.timer('n3', 'fetch');
		lab.timer('n1', 'heartbeat');
		lab.deliver();
		expect(lab.chosen('n3')).toEqual(['red']);
	});

	it('an answer to a fetch that a heartbeat has made old leads to the next fetch at once', () => {
		const lab = new Lab(3, { messageBytesMax: 1 });
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		lab.propose('n1', 'blue');
		lab.deliver(among('n1', 'n2'));
		lab.timer('n1', 'heartbeat');
		lab.deliver(({ to, message }) => to === 'n3' && message.kind === 'heartbeat');
		lab.deliver(ofKind('fetch'));
		expect(lab.inFlight('decisions')).toMatchObject([{ message: { from: 1, decisions: [{}] } }]);
		// Slot 1 comes by an accept and is told to be chosen, both before the answer.
		lab.deliver(({ to, message }) => to === 'n3' && message.kind === 'accept' && message.slot === 1);
		lab.timer('n1', 'heartbeat');
		lab.deliver(({ to, message }) => to === 'n3' && message.kind === 'heartbeat');
		expect(lab.chosen('n3')).toEqual(['red']);
		expect(lab.inFlight('fetch')).toEqual([]);
		lab.deliver(ofKind('decisions'));
		expect(lab.inFlight('fetch')).toMatchObject([{ message: { from: 2 } }]);
	});
});

describe('a forwarded proposal', () => {
	const forwardsOf = (lab: Lab) => lab.inFlight('forward').map(({ message }) => message as Forward);

	it.each(['waits', 'is placed', 'is chosen'])('is not proposed twice where the leader has it: it %s', (where) => {
		const lab = new Lab(3, { openSlotsMax: where === 'waits' ? 1 : 4 });
		lab.elect('n1', 10);
		lab.deliver();
		if (where === 'waits') lab.propose('n1', 'before');
		lab.propose('n2', 'red');
		const [forward] = forwardsOf(lab);
		if (where === 'is chosen') lab.deliver(({ to, message }) => to !== 'n2' || message.kind === 'accept');
		else lab.deliver(ofKind('forward'));
		for (let i = 0; i < 3; i++) {
			relinkWithLeader(lab, 'n1', 'n2');
			expect(forwardsOf(lab)).toEqual([forward]);
			lab.deliver(ofKind('forward'));
		}
		lab.deliver();
		expect(lab.chosen('n1').filter((value) => value.includes('red'))).toEqual(['red']);
	});

	it('of another life of the same node is another one', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.deliver();
		const forward = { kind: 'forward', origin: 'n2', id: 1, settledThrough: 0 } as const;
		for (const [epoch, value] of [
			[7, 'red'],
			[8, 'blue'],
			[8, 'blue'],
		] as const) {
			lab.step('n1', { kind: 'receive', from: 'n2', message: { ...forward, epoch, value: bytes(value) } });
		}
		lab.deliver();
		expect(lab.chosen('n1')).toEqual(['red', 'blue']);
	});

	it('is refused by a leader that has no room, and forwarded again after a while', () => {
		const lab = new Lab(3, { openSlotsMax: 1 });
		lab.elect('n1', 10);
		lab.deliver();
		const value = bytes('x'.repeat(1_000_000));
		const full: Event[] = Array.from({ length: 70 }, (_, id) => ({
			kind: 'receive',
			from: 'n3',
			message: { kind: 'forward', origin: 'n3', epoch: 1, id: id + 1, settledThrough: 0, value },
		}));
		for (const event of full) lab.step('n1', event);
		expect(lab.inFlight('noRoom').length).toBeGreaterThan(0);
		lab.drop(ofKind('noRoom'));
		const proposal = lab.propose('n2', 'y'.repeat(1_000_000));
		lab.deliver(ofKind('forward', 'noRoom'));
		expect(lab.inFlight('forward')).toEqual([]);
		lab.deliver();
		expect(lab.chosen('n1').filter((chosen) => chosen.startsWith('y'))).toEqual([]);
		lab.timer('n2', 'forward');
		lab.deliver();
		expect(lab.chosen('n1').filter((chosen) => chosen.startsWith('y'))).toHaveLength(1);
		lab.applied('n2', [proposal]);
		expect(lab.agent('n2').view().pendingCount).toBe(0);
	});

	it('says how far its origin has settled, so that the leader can forget', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.deliver();
		const first = lab.propose('n2', 'red');
		lab.deliver();
		lab.applied('n2', [first]);
		lab.propose('n2', 'blue');
		expect(forwardsOf(lab)).toMatchObject([{ id: first + 1, settledThrough: first }]);
	});
});

describe('a message to several peers', () => {
	it.each(['prepare', 'accept', 'heartbeat', 'poll'] as const)('is one object: %s', (kind) => {
		const lab = new Lab(5);
		lab.elect('n1', 10);
		if (kind === 'heartbeat') lab.deliver();
		lab.propose('n1', 'red');
		if (kind === 'heartbeat') lab.timer('n1', 'heartbeat');
		if (kind === 'poll') for (const event of ['election', 'election'] as const) lab.timer('n2', event);
		if (kind === 'prepare') {
			lab.propose('n2', 'blue', 'self');
			lab.campaign('n2', 20);
		}
		const messages = new Set(lab.inFlight(kind).map(({ message }) => message));
		expect(lab.inFlight(kind).length).toBeGreaterThanOrEqual(4);
		expect(lab.inFlight(kind).length / messages.size).toBe(4);
	});
});

describe('the order of proposals', () => {
	it('is kept where several are forwarded again', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.deliver();
		for (const value of ['a', 'b', 'c']) lab.propose('n2', value);
		lab.drop();
		relinkWithLeader(lab, 'n1', 'n2');
		lab.deliver();
		expect(lab.chosen('n1').join('')).toBe('abc');
	});
});
