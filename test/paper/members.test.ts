/**
 * Changes of members. A change that is chosen in slot i governs the slots from i + α on, and who governs a slot is
 * known to all who know every slot up to i. Sources: Paxos Made Simple 3; Lamport, Malkhi, Zhou 2010, Reconfiguring a
 * State Machine.
 */
import { describe, expect, it } from 'vitest';
import { MalformedError, Reader, Writer } from '../../shared/bytes/bytes.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Member } from '../../shared/paxos/change.ts';
import type { Context } from '../../shared/paxos/config.ts';
import { Departure } from '../../shared/paxos/departure.ts';
import { firstMembers, Members, readMembersState, writeMembersState } from '../../shared/paxos/members.ts';
import type { Heartbeat, Message, MessageKind, Slot } from '../../shared/paxos/message.ts';
import { changeOf, membersValue, NOOP, readValue, type Value } from '../../shared/paxos/value.ts';
import { votersNamed } from '../../shared/simulation/node.ts';
import { among, Lab, ofKind } from './lab.ts';

const ALPHA = 4;

function learner(id: NodeId): Member {
	return { id, url: `http://${id}`, isVoter: false, replaces: null };
}

/** The value that makes these nodes the voters. */
function change(follows: Slot, ...ids: readonly NodeId[]): Value {
	return membersValue({ follows, members: votersNamed(ids) });
}

/** Proposes these nodes as the voters at the leader. */
function changeTo(lab: Lab, leader: NodeId, ids: readonly NodeId[], learners: readonly NodeId[] = []): void {
	const follows = lab.agent(leader).members.last.chosenAt;
	const members = [...votersNamed(ids), ...learners.map(learner)];
	lab.step(leader, { kind: 'changeMembers', id: 1, members, follows });
}

/** The node leads under a ballot of this time, which these others have promised. It hears nobody else. */
function lead(lab: Lab, leader: NodeId, ms: number, others: readonly NodeId[]): void {
	const proposal = lab.propose(leader, 'nothing', 'self');
	lab.campaign(leader, ms);
	lab.step(leader, { kind: 'withdraw', proposal });
	lab.deliver(among(leader, ...others));
	lab.drop();
}

function labOf(ids: number, ...spares: readonly NodeId[]): Lab {
	const lab = new Lab(ids, { openSlotsMax: ALPHA }, spares);
	lab.elect('n1', 10);
	return lab;
}

describe('the members of a slot', () => {
	const members = () => new Members(ALPHA, firstMembers(votersNamed(['n1', 'n2', 'n3'])));
	const votersOf = (all: Members, ...slots: readonly Slot[]) =>
		slots.map((slot) => all.governing(slot).voters.join(''));

	it('are others from α slots behind the one in which the change is chosen', () => {
		const all = members();
		all.chosen(1, NOOP);
		all.chosen(2, change(0, 'n1', 'n2', 'n4'));
		expect(all.last).toMatchObject({ chosenAt: 2, from: 2 + ALPHA });
		expect(votersOf(all, 3, 5, 6, 60)).toEqual(['n1n2n3', 'n1n2n3', 'n1n2n4', 'n1n2n4']);
		expect(all.ids).toEqual(['n1', 'n2', 'n3', 'n4']);
		for (const slot of [3, 4]) all.chosen(slot, NOOP);
		expect(all.sets).toHaveLength(2);
		all.chosen(5, NOOP);
		expect(all.sets).toHaveLength(1);
		expect(all.past).toEqual(['n3']);
	});

	it('need a quorum of both sets as long as both may decide', () => {
		const all = members();
		all.chosen(1, change(0, 'n3', 'n4', 'n5'));
		expect(all.isQuorum(new Set(['n1', 'n2']))).toBe(false);
		expect(all.isQuorum(new Set(['n4', 'n5']))).toBe(false);
		expect(all.isQuorum(new Set(['n1', 'n3', 'n4']))).toBe(true);
	});

	it.each([
		['does not follow the last one', 9, change(0, 'n1')],
		['comes before the last one is in force', 5, change(2, 'n1')],
		['brings back who was a member before', 9, change(2, 'n1', 'n3')],
	])('stay the same where a change %s', (_, slot, value) => {
		const all = members();
		for (let at = 1; at < slot; at++) all.chosen(at, at === 2 ? change(0, 'n1', 'n2', 'n4') : NOOP);
		const before = all.last;
		all.chosen(slot, value);
		expect(all.last).toBe(before);
	});

	it('are found again in bytes, and nothing else is taken for them', () => {
		const all = members();
		all.chosen(
			1,
			membersValue({ follows: 0, members: [...votersNamed(['n1']), { ...learner('n7'), replaces: 'n1' }] }),
		);
		const out = new Writer();
		writeMembersState(out, all.state);
		const written = out.take();
		expect(readMembersState(new Reader(written))).toEqual(all.state);
		for (let length = 0; length < written.length; length++) {
			expect(() => readMembersState(new Reader(written.subarray(0, length)))).toThrow(MalformedError);
		}
	});

	it.each([
		['no voter', [learner('n1')]],
		['one twice', votersNamed(['n1', 'n1'])],
		['ten', votersNamed(Array.from({ length: 10 }, (_, index) => `n${index}`))],
		['at an address that is too long', votersNamed(['n1']).map((member) => ({ ...member, url: 'a'.repeat(257) }))],
	])('are never %s', (_, list) => {
		const value = membersValue({ follows: 0, members: list });
		expect(() => changeOf(value)).toThrow(MalformedError);
		const out = new Writer();
		out.bytes(value);
		expect(() => readValue(new Reader(out.take()))).toThrow(MalformedError);
		const lab = labOf(3);
		lab.deliver();
		lab.step('n1', { kind: 'changeMembers', id: 1, members: list, follows: 0 });
		expect(lab.outcomes('n1', 'changeRefused')).toHaveLength(1);
		expect(lab.outcomes('n1', 'changePlaced')).toEqual([]);
	});
});

describe('a change', () => {
	it('is in force at once, because the leader fills the slots before', () => {
		const lab = labOf(3, 'n4');
		changeTo(lab, 'n1', ['n1', 'n2', 'n4']);
		lab.deliver();
		expect(lab.chosen('n1')).toEqual(['members n1, n2, n4', 'no-op', 'no-op', 'no-op']);
		expect(lab.agent('n1').members.sets).toMatchObject([{ chosenAt: 1, from: 5 }]);
		lab.propose('n1', 'blue');
		lab.deliver(among('n1', 'n4'));
		expect(lab.chosen('n1').at(-1)).toBe('blue');
	});

	it('is told at once to those that vote in later slots only', () => {
		const lab = labOf(3, 'n4', 'n5');
		lab.deliver();
		changeTo(lab, 'n1', ['n1', 'n4', 'n5']);
		const isOfTheChange = ({ message }: { readonly message: Message }) => 'slot' in message && message.slot === 1;
		lab.deliver((envelope) => ofKind('accept', 'accepted')(envelope) && isOfTheChange(envelope));
		const told = lab.inFlight('heartbeat').filter(({ message }) => (message as Heartbeat).chosenThrough === 1);
		expect(told.map(({ to }) => to)).toEqual(expect.arrayContaining(['n4', 'n5']));
	});

	it('takes the slots of what waits rather than no-ops', () => {
		const lab = labOf(3, 'n4');
		changeTo(lab, 'n1', ['n1', 'n2', 'n4']);
		for (const value of ['a', 'b', 'c', 'd']) lab.propose('n1', value);
		lab.deliver();
		expect(lab.chosen('n1').join(' ')).toBe('members n1, n2, n4 a b c d');
	});

	it('is refused where it is not the leader’s, not made for the last members, or one is under way', () => {
		const lab = labOf(3, 'n4');
		lab.step('n2', { kind: 'changeMembers', id: 1, members: votersNamed(['n2']), follows: 0 });
		changeTo(lab, 'n1', ['n1', 'n2', 'n4']);
		changeTo(lab, 'n1', ['n1', 'n2']);
		lab.deliver();
		lab.step('n1', { kind: 'changeMembers', id: 1, members: votersNamed(['n1']), follows: 0 });
		const why = (id: NodeId) => lab.outcomes(id, 'changeRefused').map((outcome) => outcome.why);
		expect([why('n2'), why('n1')]).toEqual([['notLeader'], ['underWay', 'outdated']]);
	});

	it('is refused as long as the one before is not in force, because its members have not promised yet', () => {
		const lab = labOf(3, 'n4', 'n5');
		changeTo(lab, 'n1', ['n1', 'n4', 'n5']);
		lab.deliver(({ message }) => 'slot' in message && message.slot === 1);
		changeTo(lab, 'n1', ['n1', 'n4']);
		expect(lab.agent('n1').members.sets).toHaveLength(2);
		expect(lab.outcomes('n1', 'changeRefused')).toMatchObject([{ why: 'underWay' }]);
	});

	it('that was not proposed is refused when its leader is deposed', () => {
		const lab = labOf(3);
		for (const value of ['a', 'b', 'c', 'd']) lab.propose('n1', value);
		lab.drop();
		changeTo(lab, 'n1', ['n1', 'n2']);
		lab.step('n1', {
			kind: 'receive',
			from: 'n2',
			message: {
				kind: 'nack',
				refused: 'heartbeat',
				ballot: { ms: 10, ns: 0, node: 'n1' },
				promised: { ms: 20, ns: 0, node: 'n3' },
				acceptance: null,
			},
		});
		expect(lab.outcomes('n1', 'changeRefused')).toMatchObject([{ why: 'notLeader' }]);
	});

	it('is proposed again by the next leader, where its quorum reports it', () => {
		const lab = labOf(3, 'n4');
		changeTo(lab, 'n1', ['n2', 'n3', 'n4']);
		lab.deliver(({ to, message }) => to === 'n2' && message.kind === 'accept');
		lab.drop();
		lab.propose('n3', 'new', 'self');
		lab.campaign('n3', 20);
		lab.deliver(({ from, to }) => from !== 'n1' && to !== 'n1');
		expect(lab.agent('n3').members.sets).toMatchObject([{ chosenAt: 1, voters: ['n2', 'n3', 'n4'] }]);
		expect(lab.chosen('n3')).toContain('new');
	});

	it('survives a restart, also where a snapshot stands for its slot', () => {
		const lab = labOf(3, 'n4');
		changeTo(lab, 'n1', ['n1', 'n2', 'n4']);
		lab.deliver();
		lab.timer('n1', 'heartbeat');
		lab.deliver();
		lab.propose('n1', 'last');
		lab.deliver();
		const { state } = lab.agent('n2').members;
		lab.restart('n2');
		expect(lab.agent('n2').members.state).toEqual(state);
		lab.step('n3', { kind: 'snapshot', through: 5, members: state });
		expect(lab.agent('n3').members.state).toEqual(state);
	});
});

describe('phase 1 and phase 2', () => {
	it('a slot is decided by its own members, and by no others', () => {
		const lab = labOf(3, 'n4', 'n5');
		changeTo(lab, 'n1', ['n1', 'n4', 'n5']);
		lab.deliver();
		lab.propose('n1', 'blue');
		expect(lab.inFlight('accept').map(({ to }) => to)).toEqual(['n4', 'n5']);
		lab.drop();
		for (const from of ['n2', 'n3']) {
			const ballot = { ms: 10, ns: 0, node: 'n1' };
			lab.step('n1', { kind: 'receive', from, message: { kind: 'accepted', ballot, slot: 5 } });
		}
		expect(lab.chosen('n1')).not.toContain('blue');
	});

	it('a leader proposes nothing to members of which no quorum has promised', () => {
		const lab = labOf(3, 'n4', 'n5');
		changeTo(lab, 'n1', ['n1', 'n4', 'n5']);
		lab.deliver(among('n1', 'n2', 'n3'));
		lab.propose('n1', 'blue');
		lab.deliver(among('n1', 'n2', 'n3'));
		expect(lab.agent('n1').members.sets).toMatchObject([{ voters: ['n1', 'n4', 'n5'] }]);
		expect(lab.inFlight('accept')).toEqual([]);
		expect(lab.inFlight('prepare').map(({ to }) => to)).toEqual(['n4', 'n5']);
		lab.deliver(among('n1', 'n4'));
		expect(lab.chosen('n1')).toContain('blue');
	});

	it('a leader proposes in no slot of later members before a quorum of them has promised, though its window is open', () => {
		const lab = labOf(3, 'n4', 'n5');
		changeTo(lab, 'n1', ['n1', 'n4', 'n5']);
		for (const value of ['a', 'b', 'c', 'd']) lab.propose('n1', value);
		// Only the change is chosen, in slot 1, so that slot 5 is the first of the later members.
		lab.deliver(({ message }) => (message.kind === 'accept' || message.kind === 'accepted') && message.slot === 1);
		const slots = () => lab.inFlight('accept').map(({ message }) => (message as { readonly slot: Slot }).slot);
		expect(lab.agent('n1').members.sets).toHaveLength(2);
		expect(Math.max(...slots())).toBe(ALPHA);
		lab.deliver(among('n1', 'n4'));
		expect(slots()).toContain(ALPHA + 1);
	});

	it('a new leader is bound by what later members report, once it learns of them', () => {
		const lab = labOf(3, 'n4', 'n5');
		changeTo(lab, 'n1', ['n1', 'n4', 'n5']);
		lab.deliver(({ from, to }) => from !== 'n3' && to !== 'n3');
		lab.propose('n1', 'blue');
		// n4 and n1 have chosen it. n3 knows nothing of the change, and n2 does not know that it is chosen.
		lab.deliver(among('n1', 'n4'));
		expect(lab.chosen('n1')).toContain('blue');
		lab.drop();
		lab.propose('n3', 'red', 'self');
		lab.campaign('n3', 20);
		lab.deliver(({ from, to }) => from !== 'n1' && to !== 'n1');
		expect(lab.chosen('n3')).toContain('blue');
	});

	it('a new leader is bound by what a later member has accepted and does not know to be chosen', () => {
		const lab = labOf(3, 'n4', 'n5');
		changeTo(lab, 'n1', ['n3', 'n4', 'n5']);
		lab.deliver(({ from, to }) => from !== 'n3' && to !== 'n3');
		lab.propose('n1', 'blue');
		lab.deliver(({ to, message }) => ['n4', 'n5'].includes(to) && message.kind === 'accept');
		lab.deliver(({ to, message }) => to === 'n1' && message.kind === 'accepted');
		expect([lab.chosen('n1').at(-1), lab.chosen('n4')]).toEqual(['blue', expect.not.arrayContaining(['blue'])]);
		lab.drop();
		lab.propose('n3', 'red', 'self');
		lab.campaign('n3', 20);
		lab.deliver(among('n2', 'n3', 'n4'));
		expect(lab.chosen('n3').slice(-2)).toEqual(['blue', 'red']);
	});

	it('a slot that a new leader contests keeps what a later member has accepted, though the first quorum left it free', () => {
		const lab = labOf(3, 'n4', 'n5');
		changeTo(lab, 'n1', ['n3', 'n4', 'n5']);
		lab.deliver(({ from, to }) => from !== 'n3' && to !== 'n3');
		lab.propose('n1', 'blue');
		lab.deliver(({ to, message }) => ['n4', 'n5'].includes(to) && message.kind === 'accept');
		lab.deliver(({ to, message }) => to === 'n1' && message.kind === 'accepted');
		const slot = lab.chosen('n1').indexOf('blue') + 1;
		lab.drop();
		const proposal = lab.propose('n3', 'red', 'self', slot);
		lab.campaign('n3', 20);
		lab.deliver(among('n2', 'n3', 'n4'));
		expect(lab.chosen('n3')[slot - 1]).toBe('blue');
		expect(lab.outcomes('n3', 'kept')).toMatchObject([{ proposal, slot }]);
	});

	it('a contested slot is accepted again by those who are members once its contender knows them', () => {
		const lab = labOf(3, 'n4', 'n5');
		changeTo(lab, 'n1', ['n2', 'n3', 'n4', 'n5']);
		lab.deliver(({ from, to }) => from !== 'n3' && to !== 'n3');
		lab.propose('n1', 'blue');
		lab.deliver(({ from, to }) => from !== 'n3' && to !== 'n3');
		lab.timer('n1', 'heartbeat');
		lab.deliver(({ from, to }) => from !== 'n3' && to !== 'n3');
		const slot = lab.chosen('n1').indexOf('blue') + 1;
		lab.drop();
		const proposal = lab.propose('n3', 'red', 'self', slot);
		lab.campaign('n3', 20);
		lab.deliver((envelope) => among('n2', 'n3')(envelope) && ofKind('prepare', 'promise')(envelope));
		expect(lab.agent('n3').view()).toMatchObject({ role: 'leader', chosenThrough: 0, openSlotsCount: 1 });
		// n1 and n2 are gone, and n3 learns of the change from n4.
		lab.drop();
		lab.step('n3', { kind: 'linkDown', peer: 'n2' });
		lab.step('n4', { kind: 'receive', from: 'n3', message: { kind: 'fetch', from: 1 } });
		lab.deliver(among('n3', 'n4', 'n5'));
		expect(lab.agent('n3').members.sets).toMatchObject([{ voters: ['n2', 'n3', 'n4', 'n5'] }]);
		expect(lab.outcomes('n3', 'kept')).toMatchObject([{ proposal, slot }]);
	});

	it('a leader answers no read before it knows who decides, though a quorum of those it knows confirms it', () => {
		const lab = labOf(3, 'n4', 'n5');
		lab.deliver();
		lab.drop();
		changeTo(lab, 'n1', ['n3', 'n4', 'n5']);
		lab.step('n1', { kind: 'read', read: 1 });
		lab.deliver(ofKind('heartbeat', 'confirm'));
		expect(lab.outcomes('n1', 'readAt')).toEqual([]);
		lab.deliver();
		expect(lab.outcomes('n1', 'readAt')).toHaveLength(1);
	});

	it('a leader answers reads while it contests the slot of a change that it knows to be chosen', () => {
		const lab = labOf(3, 'n4');
		changeTo(lab, 'n1', ['n1', 'n2', 'n3'], ['n4']);
		lab.deliver();
		lab.propose('n2', 'rival', 'self', 1);
		lab.campaign('n2', 20);
		// The logs of the others have no room for what the slot holds.
		for (const id of ['n1', 'n3']) lab.setRoom(id, 'promises');
		lab.step('n2', { kind: 'read', read: 1 });
		lab.deliver();
		expect(lab.agent('n2').view()).toMatchObject({ role: 'leader', openSlotsCount: 1 });
		expect(lab.outcomes('n2', 'readAt')).toMatchObject([{ read: 1 }]);
	});

	it('a round of reads that a change overtakes begins anew, and needs a quorum of both sets', () => {
		const lab = labOf(3, 'n4', 'n5');
		lab.timer('n1', 'heartbeat');
		lab.deliver();
		lab.step('n1', { kind: 'read', read: 1 });
		changeTo(lab, 'n1', ['n1', 'n4', 'n5']);
		lab.deliver(({ message }) => 'slot' in message && message.slot === 1);
		expect(lab.agent('n1').members.sets).toHaveLength(2);
		const deliver = (by: NodeId, ...kinds: readonly MessageKind[]): void =>
			lab.deliver((envelope) => among('n1', by)(envelope) && ofKind(...kinds)(envelope));
		for (const by of ['n2', 'n4']) deliver(by, 'heartbeat', 'confirm');
		expect(lab.outcomes('n1', 'readAt')).toEqual([]);
		deliver('n4', 'prepare', 'promise');
		deliver('n4', 'heartbeat', 'confirm');
		expect(lab.outcomes('n1', 'readAt')).toEqual([]);
		deliver('n2', 'heartbeat', 'confirm');
		expect(lab.outcomes('n1', 'readAt')).toMatchObject([{ read: 1 }]);
	});

	/**
	 * n1 leads under a later ballot, and n3 has promised so. n2 leads under an earlier one, which n3 had promised before,
	 * and lacks slot 2. It fetches that slot when n3 knows of a change by n1 as well, which n1 cannot tell to the others.
	 */
	function rivalOfLaterMembers(): Lab {
		const lab = labOf(3, 'n4');
		lab.propose('n1', 'one');
		lab.deliver();
		lab.timer('n1', 'heartbeat');
		lab.deliver();
		lab.propose('n1', 'two');
		lab.deliver(among('n1', 'n3'));
		lab.step('n1', { kind: 'handOver', to: 'n2' });
		lab.deliver(ofKind('handOver'));
		lab.campaign('n2', 20);
		lab.deliver((envelope) => among('n2', 'n3')(envelope) && ofKind('prepare', 'promise')(envelope));
		expect(lab.agent('n2').view()).toMatchObject({ role: 'leader', chosenThrough: 1 });
		const fetch = lab.inFlight('fetch');
		lab.drop();
		lab.propose('n1', 'three', 'self');
		lab.campaign('n1', 30);
		lab.deliver(among('n1', 'n3'));
		changeTo(lab, 'n1', ['n1', 'n2', 'n4']);
		lab.deliver(among('n1', 'n3'));
		// n3 is no member any more, and learns by its polls that it is none.
		for (let i = 0; i < 2; i++) lab.timer('n3', 'election');
		lab.timer('n3', 'poll');
		lab.deliver(among('n1', 'n3'));
		lab.drop();
		lab.net.push(...fetch);
		lab.deliver(ofKind('fetch', 'decisions'));
		lab.deliver(among('n2', 'n4'));
		expect(lab.agent('n2').view().role).toBe('leader');
		lab.propose('n2', 'rival');
		lab.deliver((envelope) => among('n2', 'n4')(envelope) && ofKind('accept', 'accepted')(envelope));
		lab.drop();
		expect(lab.chosen('n2').at(-1)).toBe('rival');
		return lab;
	}

	it('a settled leader is bound by what later members have accepted under an earlier ballot', () => {
		const lab = rivalOfLaterMembers();
		lab.propose('n1', 'mine');
		lab.step('n1', { kind: 'linkUp', peer: 'n4' });
		lab.deliver(among('n1', 'n4'));
		expect(lab.chosen('n1').slice(-2)).toEqual(['rival', 'mine']);
		expect(lab.chosen('n1').slice(0, -1)).toEqual(lab.chosen('n2'));
	});

	it('a settled leader answers no read before it knows what later members have decided under an earlier ballot', () => {
		const lab = rivalOfLaterMembers();
		lab.step('n1', { kind: 'read', read: 1 });
		for (let beat = 0; beat < 2; beat++) {
			lab.timer('n1', 'heartbeat');
			lab.deliver((envelope) => among('n1', 'n4')(envelope) && ofKind('heartbeat', 'confirm')(envelope));
		}
		expect(lab.outcomes('n1', 'readAt')).toEqual([]);
		lab.step('n1', { kind: 'linkUp', peer: 'n4' });
		lab.deliver(among('n1', 'n4'));
		expect(lab.outcomes('n1', 'readAt')).toEqual([{ kind: 'readAt', read: 1, slot: lab.chosen('n2').length }]);
	});

	it('a round of reads that outlasts the members it began with is answered from all that they have decided', () => {
		const lab = labOf(3, 'n4', 'n5', 'n6');
		changeTo(lab, 'n1', ['n1', 'n2', 'n3'], ['n5', 'n6']);
		lab.deliver();
		changeTo(lab, 'n1', ['n1', 'n2', 'n4'], ['n5', 'n6']);
		lab.propose('n1', 'red');
		// The second change is chosen. What comes behind it, up to where it is in force, is accepted by n2 alone.
		lab.deliver(({ message }) => 'slot' in message && message.slot === ALPHA + 1);
		lab.deliver(among('n1', 'n4', 'n6'));
		lab.deliver(({ to, message }) => to === 'n2' && message.kind === 'accept');
		lab.drop();
		// n3 leads next and has it chosen. Neither n1 nor n4 and n6 hear of that, and n6 has a read.
		lab.propose('n3', 'blue', 'self');
		lab.campaign('n3', 20);
		lab.deliver(among('n2', 'n3', 'n5'));
		const slot = lab.chosen('n3').indexOf('red') + 1;
		expect(slot).toBeGreaterThan(0);
		lab.step('n6', { kind: 'read', read: 1 });
		lab.deliver(among('n1', 'n6'));
		// n1 learns from n5 what it has proposed itself, and that n3 is no member any more.
		for (let beat = 0; beat < 2; beat++) {
			lab.timer('n1', 'heartbeat');
			lab.deliver(among('n1', 'n4', 'n5'));
		}
		expect(lab.agent('n1').members.sets).toMatchObject([{ voters: ['n1', 'n2', 'n4'] }]);
		lab.deliver(among('n1', 'n6'));
		const [answer] = lab.outcomes('n6', 'readAt');
		expect(answer?.slot).toBeGreaterThanOrEqual(slot);
	});

	it('a round of reads is not confirmed by members that its leader did not know when it began', () => {
		const lab = new Lab(5, { openSlotsMax: ALPHA }, ['n6']);
		lab.elect('n2', 10);
		lab.deliver();
		// n2 proposes other members, and n4 alone accepts them. n1 leads next, and n3 after it, which has them chosen.
		changeTo(lab, 'n2', ['n1', 'n2', 'n6']);
		lab.deliver(among('n2', 'n4'));
		lab.drop();
		lead(lab, 'n1', 20, ['n3', 'n5']);
		lead(lab, 'n3', 30, ['n4', 'n5']);
		lab.timer('n3', 'heartbeat');
		lab.deliver(among('n3', 'n6'));
		expect(lab.agent('n6').members.sets).toMatchObject([{ voters: ['n1', 'n2', 'n6'] }]);
		lab.drop();
		// n2 leads on under the first ballot. It learns of the members from n6, and they decide a slot for it.
		for (let from = 1; from <= ALPHA; from++) {
			lab.step('n6', { kind: 'receive', from: 'n2', message: { kind: 'fetch', from } });
			const [answer] = lab.inFlight('decisions').map(({ message }) => message as Message & { kind: 'decisions' });
			lab.drop();
			const decisions = answer?.decisions.slice(0, 1) ?? [];
			lab.step('n2', {
				kind: 'receive',
				from: 'n6',
				message: { kind: 'decisions', from, chosenThrough: ALPHA, decisions },
			});
		}
		lab.step('n2', { kind: 'linkUp', peer: 'n6' });
		lab.propose('n2', 'red');
		lab.deliver(among('n2', 'n6'));
		expect(lab.chosen('n2').at(-1)).toBe('red');
		lab.drop();

		lab.step('n1', { kind: 'read', read: 1 });
		const members = new Members(ALPHA, lab.firstMembers);
		for (let slot = 1; slot <= ALPHA; slot++) members.chosen(slot, lab.agent('n6').view().entry(slot)?.value as Value);
		lab.step('n1', { kind: 'snapshot', through: ALPHA, members: members.state });
		lab.timer('n1', 'heartbeat');
		lab.deliver((envelope) => among('n1', 'n6')(envelope) && ofKind('heartbeat', 'confirm')(envelope));
		expect(lab.agent('n1').view().role).toBe('leader');
		expect(lab.outcomes('n1', 'readAt')).toEqual([]);
		lab.deliver(among('n1', 'n6'));
		expect(lab.outcomes('n1', 'readAt')).toEqual([{ kind: 'readAt', read: 1, slot: ALPHA + 1 }]);
	});

	it('a leader that takes over a snapshot asks the members of both sets in it', () => {
		const lab = labOf(3, 'n4', 'n5', 'n6');
		lab.deliver();
		const all = new Members(ALPHA, lab.firstMembers);
		for (let slot = 1; slot <= 6; slot++) {
			const value = slot === 1 ? change(0, 'n1', 'n4', 'n5') : slot === 5 ? change(1, 'n1', 'n5', 'n6') : NOOP;
			all.chosen(slot, value);
		}
		expect(all.sets).toMatchObject([{ chosenAt: 1 }, { chosenAt: 5 }]);
		lab.step('n1', { kind: 'snapshot', through: 6, members: all.state });
		expect(lab.inFlight('prepare').map(({ to }) => to)).toEqual(['n4', 'n5', 'n6']);
	});

	it('a leader of members of which no quorum answers gives up', () => {
		const lab = labOf(3, 'n4', 'n5');
		lab.deliver();
		changeTo(lab, 'n1', ['n1', 'n4', 'n5']);
		lab.deliver(among('n1', 'n2', 'n3'));
		lab.timer('n1', 'quorum');
		lab.timer('n1', 'heartbeat');
		lab.deliver(among('n1', 'n2', 'n3'));
		lab.timer('n1', 'quorum');
		expect(lab.agent('n1').view().role).toBe('follower');
		expect(lab.facts('n1', 'givenUp')).toMatchObject([{ why: 'noQuorum' }]);
	});
});

describe('a learner', () => {
	function withLearner(): Lab {
		const lab = labOf(3, 'n4');
		lab.propose('n1', 'before');
		changeTo(lab, 'n1', ['n1', 'n2', 'n3'], ['n4']);
		lab.deliver();
		return lab;
	}

	it('is told what is chosen, and learns it', () => {
		const lab = withLearner();
		lab.propose('n1', 'after');
		lab.deliver();
		expect(lab.chosen('n4')).toEqual(lab.chosen('n1'));
		expect(lab.chosen('n4')).toEqual(expect.arrayContaining(['before', 'after']));
		expect(lab.agent('n1').view().confirmedThrough?.get('n4')).toBeUndefined();
		lab.timer('n1', 'heartbeat');
		lab.deliver();
		expect(lab.agent('n1').view().confirmedThrough?.get('n4')).toBe(lab.agent('n1').view().chosenThrough);
	});

	it('is asked for no vote, and stands for nothing', () => {
		const lab = withLearner();
		lab.propose('n1', 'after');
		expect(lab.inFlight('accept').map(({ to }) => to)).toEqual(['n2', 'n3']);
		lab.step('n4', { kind: 'timer', timer: 'election' });
		lab.step('n4', { kind: 'timer', timer: 'election' });
		lab.step('n4', { kind: 'timer', timer: 'poll' });
		lab.deliver(({ from, to }) => from === 'n4' || to === 'n4');
		expect(lab.campaignAsked('n4')).toBe(false);
		const own = lab.propose('n4', 'mine', 'self');
		expect(lab.outcomes('n4', 'refused')).toMatchObject([{ proposal: own, reason: 'notAVoter' }]);
	});

	it('counts in no quorum', () => {
		const lab = withLearner();
		lab.step('n1', { kind: 'read', read: 1 });
		lab.deliver(among('n1', 'n4'));
		expect(lab.outcomes('n1', 'readAt')).toEqual([]);
	});
});

describe('a node that is removed', () => {
	/** The node hears no leader for a while, and asks. Only these nodes answer. */
	function polls(lab: Lab, id: NodeId, ...others: readonly NodeId[]): void {
		for (let i = 0; i < 2; i++) lab.timer(id, 'election');
		lab.timer(id, 'poll');
		lab.deliver(among(id, ...others));
		lab.drop();
	}

	it('deposes nobody: its prepare is answered with what it does not know', () => {
		const lab = labOf(4);
		changeTo(lab, 'n1', ['n1', 'n2', 'n3']);
		lab.deliver(among('n1', 'n2', 'n3'));
		lab.timer('n1', 'heartbeat');
		lab.deliver(among('n1', 'n2', 'n3'));
		lab.drop();
		lab.propose('n4', 'mine', 'self');
		lab.campaign('n4', 99);
		lab.deliver(({ message }) => message.kind === 'prepare');
		expect(lab.inFlight('promise')).toEqual([]);
		lab.deliver();
		expect(lab.agent('n1').view().role).toBe('leader');
		expect(lab.agent('n4').members.past).toEqual(['n4']);
	});

	it('stays until a quorum of the others know what it may be needed for, and then goes', () => {
		const lab = labOf(3, 'n4', 'n5');
		changeTo(lab, 'n1', ['n1', 'n4', 'n5']);
		lab.deliver(among('n1', 'n2', 'n3', 'n4'));
		lab.timer('n1', 'heartbeat');
		lab.deliver(among('n1', 'n4'));
		lab.drop();
		polls(lab, 'n2', 'n1');
		expect(lab.agent('n2').members.past).toEqual(['n2', 'n3']);
		// n5 knows nothing yet, and n4 is cut off.
		polls(lab, 'n2', 'n1', 'n5');
		expect(lab.outcomes('n2', 'removed')).toEqual([]);
		polls(lab, 'n2', 'n1', 'n4');
		expect(lab.outcomes('n2', 'removed')).toEqual([{ kind: 'removed', chosenAt: 1 }]);
	});

	it('counts nobody that lacks a slot before the change is in force', () => {
		const lab = labOf(3, 'n4');
		changeTo(lab, 'n1', ['n1', 'n4']);
		lab.deliver(among('n1', 'n2', 'n3'));
		lab.timer('n1', 'heartbeat');
		lab.deliver(among('n1', 'n2'));
		lab.drop();
		for (let i = 0; i < 2; i++) polls(lab, 'n2', 'n1');
		const { promised: ballot } = lab.agent('n2').view();
		const inForceFrom = 1 + ALPHA;
		const reply = { kind: 'pollReply', ballot, leader: ballot, relays: false, recoveredThrough: 0, timeMs: 0 } as const;
		for (const chosenThrough of [inForceFrom - 2, inForceFrom - 1]) {
			expect(lab.outcomes('n2', 'removed')).toEqual([]);
			lab.step('n2', { kind: 'receive', from: 'n4', message: { ...reply, chosenThrough } });
		}
		expect(lab.outcomes('n2', 'removed')).toHaveLength(1);
	});

	it('counts nobody for a later change that knew enough for an earlier one', () => {
		const voters = ['n1', 'n4', 'n5'];
		const members = { past: ['n2'], sets: [{ chosenAt: 1, from: 9, voters }] };
		const outcomes: unknown[] = [];
		const departure = new Departure({ config: { id: 'n2' }, members, out: { outcomes } } as unknown as Context);
		departure.told('n4', 8);
		members.sets = [{ chosenAt: 20, from: 28, voters }];
		departure.told('n1', 27);
		expect(outcomes).toEqual([]);
		departure.told('n4', 27);
		expect(outcomes).toEqual([{ kind: 'removed', chosenAt: 20 }]);
	});

	it('goes by nothing that a crash could take back', () => {
		const lab = labOf(2);
		changeTo(lab, 'n1', ['n1']);
		lab.deliver();
		const leader = { ms: 10, ns: 0, node: 'n1' };
		const hears = { kind: 'hears', leader, relays: false, recoveredThrough: 0, chosenThrough: 4 } as const;
		lab.step('n2', { kind: 'receive', from: 'n1', message: hears });
		lab.deliver();
		expect(lab.agent('n2').members.past).toEqual(['n2']);
		lab.holdFlush('n1');
		polls(lab, 'n2', 'n1');
		expect(lab.outcomes('n2', 'removed')).toEqual([]);
		lab.flush('n1');
		lab.deliver();
		expect(lab.outcomes('n2', 'removed')).toHaveLength(1);
	});

	it('that was cut off meanwhile is told by any member that it links with, once that cannot be forgotten', () => {
		const lab = labOf(2);
		changeTo(lab, 'n1', ['n1']);
		lab.deliver(({ message }) => message.kind !== 'heartbeat');
		lab.drop();
		lab.timer('n1', 'heartbeat');
		lab.drop();
		expect(lab.agent('n1').members.past).toEqual(['n2']);
		expect(lab.agent('n2').members.past).toEqual([]);
		lab.holdFlush('n1');
		lab.step('n1', { kind: 'linkUp', peer: 'n2' });
		expect(lab.inFlight('hears')).toEqual([]);
		lab.flush('n1');
		lab.deliver();
		expect(lab.agent('n2').members.past).toEqual(['n2']);
	});

	it('leads on until the change is in force, and then hands over', () => {
		const lab = labOf(3);
		lab.timer('n1', 'heartbeat');
		lab.deliver();
		changeTo(lab, 'n1', ['n2', 'n3']);
		lab.deliver();
		expect(lab.agent('n1').members.sets).toMatchObject([{ voters: ['n2', 'n3'] }]);
		lab.propose('n1', 'blue');
		lab.deliver(among('n1', 'n2'));
		expect(lab.chosen('n1')).not.toContain('blue');
		lab.deliver();
		expect(lab.chosen('n1')).toContain('blue');
		lab.timer('n1', 'heartbeat');
		lab.deliver(ofKind('handOver', 'heartbeat', 'confirm'));
		const heir = ['n2', 'n3'].find((id) => lab.campaignAsked(id)) as NodeId;
		lab.campaign(heir, 20);
		lab.deliver();
		lab.timer('n1', 'heartbeat');
		lab.deliver();
		expect(lab.agent(heir).view().role).toBe('leader');
		expect(lab.agent('n1').view().role).toBe('follower');
		expect(lab.chosen(heir)).toEqual(expect.arrayContaining([...lab.chosen('n1')]));
	});
});
