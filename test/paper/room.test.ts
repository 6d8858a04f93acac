/** Nodes whose logs have no room for values: they promise, confirm and answer reads, and go on when there is room. */
import { describe, expect, it } from 'vitest';
import type { LogRoom } from '../../shared/paxos/event.ts';
import { among, Lab, ofKind } from './lab.ts';

/** n1 leads, and the logs of these nodes take no more than this. */
function led(nodes: readonly string[], room: LogRoom = 'recovery'): Lab {
	const lab = new Lab(3);
	lab.elect('n1', 10);
	lab.deliver();
	for (const node of nodes) lab.setRoom(node, room);
	return lab;
}

/** The links of n1 are gone, and this node is elected. */
function electNext(lab: Lab, node: string): void {
	for (const other of ['n2', 'n3']) lab.step(other, { kind: 'linkDown', peer: 'n1' });
	lab.elect(node, 20);
}

/** n1 left red in slot 1 of n2, and n3, which leads five nodes now, has accepted blue there. Its accepts are on their way. */
function disputed(): Lab {
	const lab = new Lab(5);
	lab.elect('n1', 10);
	lab.deliver();
	lab.propose('n1', 'red');
	lab.deliver(({ message, to }) => message.kind === 'accept' && to === 'n2');
	lab.drop();
	electAmong(lab, 20, ['n3', 'n4', 'n5']);
	lab.drop();
	lab.propose('n3', 'blue');
	return lab;
}

/** The links of all leaders so far are gone, and the first of `nodes`, which hear only each other, is elected. */
function electAmong(lab: Lab, ms: number, nodes: readonly [string, ...string[]]): void {
	const [node] = nodes;
	for (const other of nodes) {
		for (const leader of ['n1', 'n3']) if (other !== leader) lab.step(other, { kind: 'linkDown', peer: leader });
	}
	lab.timer(node, 'poll');
	lab.deliver(among(...nodes));
	lab.campaign(node, ms);
	lab.deliver(among(...nodes));
}

function beat(lab: Lab): void {
	lab.timer('n1', 'heartbeat');
	lab.deliver();
}

describe('an acceptor whose log has no room', () => {
	it('does not answer an accept, keeps no part of it, and says once why', () => {
		const lab = led(['n2']);
		lab.drop();
		lab.propose('n1', 'red');
		lab.propose('n1', 'blue');
		lab.deliver(({ to }) => to === 'n2');
		expect(lab.inFlight('accepted')).toEqual([]);
		expect(lab.durable('n2').filter(({ kind }) => kind === 'accepted')).toEqual([]);
		expect(lab.agent('n2').view().lastSlot).toBe(0);
		expect(lab.facts('n2', 'ignored')).toMatchObject([{ from: 'n1', message: 'accept' }]);
	});

	it.each(['recovery', 'promises'] as const)('promises and confirms as ever, with room for %s', (room) => {
		const lab = led(['n1', 'n2', 'n3'], room);
		electNext(lab, 'n2');
		lab.step('n3', { kind: 'read', read: 1 });
		lab.deliver();
		expect(lab.agent('n2').view().role).toBe('leader');
		expect(lab.outcomes('n3', 'readAt')).toMatchObject([{ read: 1 }]);
	});

	it('answers again for what it has accepted before', () => {
		const lab = led([]);
		lab.propose('n1', 'red');
		lab.deliver(({ to }) => to === 'n2');
		lab.drop();
		lab.setRoom('n2', 'promises');
		lab.step('n1', { kind: 'linkDown', peer: 'n2' });
		lab.step('n1', { kind: 'linkUp', peer: 'n2' });
		lab.deliver();
		expect(lab.chosen('n1')).toEqual(['red']);
	});

	it('is sent what it has left out when it has room again, over the same link', () => {
		const lab = led(['n2', 'n3']);
		lab.propose('n1', 'red');
		lab.deliver();
		beat(lab);
		expect(lab.chosen('n1')).toEqual([]);
		lab.setRoom('n2', 'everything');
		beat(lab);
		beat(lab);
		expect(lab.chosen('n1')).toEqual(['red']);
	});

	it('is sent it too where it has room again before it could say that it had none', () => {
		const lab = led(['n2', 'n3']);
		lab.propose('n1', 'red');
		lab.deliver();
		lab.setRoom('n2', 'everything');
		beat(lab);
		expect(lab.chosen('n1')).toEqual([]);
		beat(lab);
		expect(lab.chosen('n1')).toEqual(['red']);
	});

	it('is sent it too where a leader that was deposed has asked before the one that needs its vote', () => {
		const lab = new Lab(5);
		lab.elect('n1', 10);
		lab.deliver();
		electAmong(lab, 20, ['n3', 'n4', 'n5']);
		lab.drop();
		lab.setRoom('n2', 'promises');
		lab.propose('n3', 'blue');
		lab.deliver(({ to }) => to === 'n2' || to === 'n4');
		lab.deliver(({ from, to }) => from === 'n4' && to === 'n3');
		lab.drop();
		// n5 is gone, so n2 has to vote. n1 does not know yet that it leads no more.
		lab.setRoom('n2', 'everything');
		lab.timer('n1', 'heartbeat');
		lab.deliver(({ from, to }) => from === 'n1' && to === 'n2');
		lab.drop();
		for (let times = 0; times < 2; times++) {
			lab.timer('n3', 'heartbeat');
			lab.deliver(among('n2', 'n3', 'n4'));
		}
		expect(lab.chosen('n3')).toEqual(['blue']);
	});

	it('asks for nothing that it could not keep, and learns what it has accepted', () => {
		const lab = led([]);
		lab.propose('n1', 'red');
		lab.deliver(({ message, to }) => message.kind !== 'heartbeat' || to !== 'n2');
		lab.drop();
		lab.setRoom('n2', 'promises');
		lab.propose('n1', 'blue');
		lab.deliver();
		electNext(lab, 'n3');
		beat(lab);
		expect(lab.agent('n3').view().chosenThrough).toBe(2);
		// It accepted slot 1 at an earlier ballot, so it asks, and takes slot 1 of the answer alone.
		expect(lab.chosen('n2')).toEqual(['red']);
		expect(lab.durable('n2').filter(({ kind }) => kind === 'learned')).toEqual([]);
		lab.timer('n3', 'heartbeat');
		lab.deliver(ofKind('heartbeat', 'confirm'));
		expect(lab.inFlight('fetch')).toEqual([]);
		lab.setRoom('n2', 'everything');
		lab.timer('n3', 'heartbeat');
		lab.deliver();
		expect(lab.chosen('n2')).toEqual(['red', 'blue']);
	});

	it('asks once for a value that it has no room for, though it has accepted another one in its slot', () => {
		const lab = disputed();
		lab.deliver(among('n3', 'n4', 'n5'));
		lab.drop();
		lab.setRoom('n2', 'recovery');
		for (const fetches of [1, 0, 0]) {
			lab.timer('n3', 'heartbeat');
			lab.drop(({ to }) => to !== 'n2');
			lab.deliver(ofKind('heartbeat'));
			expect(lab.inFlight('fetch')).toHaveLength(fetches);
			lab.deliver(ofKind('fetch'));
			lab.deliver(ofKind('decisions'));
			expect(lab.inFlight('fetch')).toEqual([]);
		}
		lab.setRoom('n2', 'everything');
		lab.timer('n3', 'heartbeat');
		lab.deliver(among('n2', 'n3'));
		expect(lab.chosen('n2')).toEqual(['blue']);
	});
});

describe('a leader', () => {
	it('takes in no value that too few logs have room for, and those that wait there once there is room', () => {
		const lab = led(['n2', 'n3']);
		beat(lab);
		const own = lab.propose('n1', 'red');
		lab.propose('n2', 'blue');
		lab.deliver();
		expect(lab.agent('n1').view()).toMatchObject({ openSlotsCount: 0, queuedCount: 0 });
		// It has not left, so its client is told that it is not applied.
		lab.step('n1', { kind: 'withdraw', proposal: own });
		expect(lab.outcomes('n1', 'withdrawn')).toMatchObject([{ proposal: own, left: false }]);
		lab.propose('n1', 'green');
		lab.setRoom('n3', 'everything');
		beat(lab);
		lab.timer('n2', 'forward');
		lab.deliver();
		expect(lab.chosen('n1').sort()).toEqual(['blue', 'green']);
	});

	it.each([
		['says of the one copy of a forward that it does not have it', false, [] as const],
		['has said so, and is sent another copy', true, ['retry'] as const],
		['says so of one of two copies', true, ['link'] as const],
	])('%s: the proposal may be chosen, %s', (_, left, [then]) => {
		const lab = led(['n1', 'n3']);
		const proposal = lab.propose('n2', 'red');
		if (then === 'link') {
			lab.step('n2', { kind: 'linkDown', peer: 'n1' });
			lab.step('n2', { kind: 'linkUp', peer: 'n1' });
			lab.timer('n1', 'heartbeat');
			lab.deliver(({ message }) => message.kind === 'heartbeat');
			expect(lab.inFlight('forward')).toHaveLength(2);
			lab.drop((envelope) => envelope === lab.inFlight('forward')[0]);
		}
		lab.deliver();
		if (then === 'retry') lab.timer('n2', 'forward');
		lab.step('n2', { kind: 'withdraw', proposal });
		expect(lab.outcomes('n2', 'withdrawn')).toEqual([{ kind: 'withdrawn', proposal, left }]);
	});

	it('does not say of a forward that it has taken that it has no room for it', () => {
		const lab = led([]);
		lab.propose('n2', 'red');
		lab.deliver(ofKind('forward'));
		lab.setRoom('n1', 'recovery');
		lab.step('n2', { kind: 'linkDown', peer: 'n1' });
		lab.step('n2', { kind: 'linkUp', peer: 'n1' });
		lab.timer('n1', 'heartbeat');
		lab.deliver(ofKind('heartbeat', 'forward'));
		expect(lab.inFlight('noRoom')).toEqual([]);
		lab.propose('n2', 'blue');
		lab.deliver(ofKind('forward'));
		expect(lab.inFlight('noRoom')).toHaveLength(1);
	});

	it('without room hands over to a follower that has room, where a quorum has', () => {
		const lab = led(['n1']);
		beat(lab);
		expect(['n2', 'n3'].some((node) => lab.campaignAsked(node))).toBe(true);
		expect(lab.facts('n1', 'handsOver')[0]).toMatchObject({ why: 'noRoom' });
	});

	it('without room leads on where no quorum of others has any', () => {
		const lab = led(['n2']);
		beat(lab);
		lab.setRoom('n1', 'recovery');
		beat(lab);
		expect(['n2', 'n3'].some((node) => lab.campaignAsked(node))).toBe(false);
	});

	it('that is new recovers what the one before left, and answers reads, while all logs are full', () => {
		const lab = led([]);
		lab.propose('n1', 'red');
		lab.deliver(({ message, to }) => message.kind === 'accept' && to === 'n2');
		lab.drop();
		for (const node of lab.members) lab.setRoom(node, 'recovery');
		electNext(lab, 'n2');
		lab.step('n3', { kind: 'read', read: 1 });
		lab.deliver();
		expect(lab.chosen('n3')).toEqual(['red']);
		expect(lab.outcomes('n3', 'readAt')).toMatchObject([{ read: 1, slot: 1 }]);
	});

	it('that had no room even for what it has to recover accepts it when there is room', () => {
		const lab = led([]);
		lab.propose('n1', 'red');
		lab.deliver(({ message, to }) => message.kind === 'accept' && to === 'n3');
		lab.drop();
		lab.setRoom('n2', 'promises');
		lab.setRoom('n1', 'promises');
		electNext(lab, 'n2');
		lab.drop();
		lab.step('n2', { kind: 'linkUp', peer: 'n3' });
		lab.deliver(({ to }) => to !== 'n1');
		expect(lab.chosen('n2')).toEqual([]);
		lab.setRoom('n2', 'everything');
		lab.timer('n2', 'heartbeat');
		lab.deliver(({ to }) => to !== 'n1');
		expect(lab.chosen('n2')).toEqual(['red']);
	});

	it('that had no room does not take what it accepted before for what the others have chosen', () => {
		const lab = disputed();
		lab.drop();
		lab.setRoom('n2', 'promises');
		electAmong(lab, 30, ['n2', 'n3', 'n4', 'n5']);
		expect(lab.agent('n2').view().role).toBe('leader');
		for (const other of ['n3', 'n4', 'n5']) expect(lab.agent(other).view().lastSlot).toBe(1);
		expect(lab.chosen('n2')).toEqual([]);
		lab.setRoom('n2', 'everything');
		lab.timer('n2', 'heartbeat');
		expect(lab.chosen('n2')).toEqual(['blue']);
		lab.deliver(among('n2', 'n3', 'n4', 'n5'));
		for (const other of ['n3', 'n4', 'n5']) expect(lab.chosen(other)).toEqual(['blue']);
	});

	it.each([
		['does not stand while another one knows more, where it has no room to learn', 'recovery', false],
		['stands where it has room, and learns', 'everything', true],
	] as const)('that would lack a slot %s', (_, room, stands) => {
		const lab = led([]);
		lab.propose('n1', 'red');
		lab.deliver(({ to }) => to !== 'n3');
		lab.drop();
		expect(lab.agent('n2').view().chosenThrough).toBe(1);
		lab.setRoom('n3', room);
		for (const other of ['n2', 'n3']) lab.step(other, { kind: 'linkDown', peer: 'n1' });
		lab.timer('n3', 'poll');
		lab.deliver();
		expect(lab.campaignAsked('n3')).toBe(stands);
	});
});

describe('a change of members', () => {
	it('is decided while all logs are full, so that a full disk can be replaced', () => {
		const lab = led(['n1', 'n2', 'n3']);
		const { members } = lab.firstMembers.sets[0];
		lab.step('n1', { kind: 'changeMembers', id: 1, members: members.slice(0, 2), follows: 0 });
		lab.deliver();
		expect(lab.chosen('n1')[0]).toMatch(/^members/);
	});

	it('that the leader has no room for waits for room there, though the others have accepted it', () => {
		const lab = led(['n1'], 'promises');
		const { members } = lab.firstMembers.sets[0];
		lab.step('n1', { kind: 'changeMembers', id: 1, members: members.slice(0, 2), follows: 0 });
		lab.deliver();
		expect(lab.chosen('n1')).toEqual([]);
		lab.setRoom('n1', 'everything');
		lab.timer('n1', 'heartbeat');
		expect(lab.chosen('n1')[0]).toMatch(/^members/);
	});
});
