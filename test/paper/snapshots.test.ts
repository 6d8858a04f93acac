/**
 * What stands for slots once a snapshot does: the log begins above them, a node that lacks them needs the snapshot, and
 * one that has taken it over goes on as if it had learned every slot. Sources: Paxos Made Simple 2.2 and 3.
 */
import { describe, expect, it } from 'vitest';
import { PaxosAgent } from '../../shared/paxos/agent.ts';
import { copyOf } from '../../shared/simulation/snapshot.ts';
import { among, bytes, Lab, ofKind } from './lab.ts';

const ballot = { ms: 10, ns: 0, node: 'n1' };
const NOW = { wallMs: 0, steadyMs: 0, stillMs: 0, room: 'everything' } as const;

describe('a log that is trimmed', () => {
	const TRIMMED = 5;
	const config = new Lab(3).configOf('n2');

	function trimmed(): PaxosAgent {
		return new PaxosAgent(config, [{ kind: 'accepted', slot: 6, ballot, value: bytes('six') }], TRIMMED);
	}

	it('begins above its base, and is applied from there', () => {
		const agent = new PaxosAgent(
			config,
			[
				{ kind: 'accepted', slot: 3, ballot, value: bytes('three') },
				{ kind: 'accepted', slot: 6, ballot, value: bytes('six') },
				{ kind: 'chosen', through: 6 },
			],
			TRIMMED,
		);
		expect(agent.view()).toMatchObject({ chosenThrough: 6, appliedThrough: TRIMMED, lastSlot: 6 });
		expect(agent.view().entry(3)).toBeUndefined();
		expect(agent.step({ kind: 'start', epoch: 1 }, NOW).apply).toEqual([{ slot: 6, ballot, value: bytes('six') }]);
		expect(PaxosAgent.from(config, copyOf(agent.state)).state).toEqual(agent.state);
	});

	it('is asked for nothing below its base', () => {
		const agent = trimmed();
		agent.step({ kind: 'start', epoch: 1 }, NOW);
		const message = { kind: 'heartbeat', ballot, chosenThrough: 9, recoveredThrough: 0, round: 1, timeMs: 0 } as const;
		const { send } = agent.step({ kind: 'receive', from: 'n1', message }, NOW);
		expect(send).toContainEqual({ to: 'n1', message: { kind: 'fetch', from: 7 } });
	});

	it('answers a fetch and an accept of what it keeps no more', () => {
		const agent = trimmed();
		const answer = { to: 'n3', message: { kind: 'trimmed', trimmedThrough: TRIMMED, chosenThrough: TRIMMED } };
		const higher = { ...ballot, ms: 20, node: 'n3' };
		const accept = { ballot: higher, slot: 2, value: bytes('two'), chosenThrough: 0, recoveredThrough: 0 };
		for (const message of [{ kind: 'fetch', from: 2 } as const, { kind: 'accept', ...accept } as const]) {
			const { send, sendWhenDurable, persist } = agent.step({ kind: 'receive', from: 'n3', message }, NOW);
			expect([...send, ...sendWhenDurable]).toEqual([answer]);
			expect(persist).toEqual([]);
		}
	});

	it('has an answer for those who contest a slot below its base', () => {
		const lab = new Lab(3);
		lab.propose('n1', 'blue', 'self', 2);
		lab.campaign('n1', 20);
		lab.drop(({ to }) => to === 'n3');
		const agent = trimmed();
		for (const { from, message } of lab.net.splice(0).filter(({ to }) => to === 'n2')) {
			const { sendWhenDurable } = agent.step({ kind: 'receive', from, message }, NOW);
			for (const envelope of sendWhenDurable) lab.net.push({ from: 'n2', ...envelope });
		}
		lab.deliver(among('n1', 'n2'));
		expect(lab.outcomes('n1', 'refused')).toMatchObject([{ reason: 'slotTrimmed', nextSlot: 7 }]);
	});
});

/** A leader n1 whose slots n1 and n2 have all, n3 only the first, and which keeps none up to `trimmed` any more. */
function trimmedLab(slots: number, trimmed: number, slotsAheadMax = 16): Lab {
	const lab = new Lab(3, { slotsAheadMax });
	lab.elect('n1', 10);
	const proposed = [lab.propose('n1', 'v1')];
	lab.deliver();
	for (let slot = 2; slot <= slots; slot++) {
		proposed.push(lab.propose('n1', `v${slot}`));
		lab.deliver(among('n1', 'n2'));
	}
	lab.drop();
	for (const id of ['n1', 'n2']) {
		lab.applied(id, id === 'n1' ? proposed : []);
		lab.step(id, { kind: 'snapshot', through: trimmed, members: lab.firstMembers });
	}
	return lab;
}

describe('a node that has a snapshot of its own', () => {
	it('keeps what the snapshot does not hold', () => {
		const lab = trimmedLab(6, 4);
		const view = lab.agent('n1').view();
		expect(view).toMatchObject({ trimmedThrough: 4, chosenThrough: 6, appliedThrough: 6, lastSlot: 6 });
		expect([4, 5].map((slot) => view.entry(slot)?.value)).toEqual([undefined, bytes('v5')]);
	});

	it('keeps its acceptances above it, chosen or not, and reports them in a promise', () => {
		const lab = trimmedLab(3, 3);
		lab.propose('n1', 'open');
		lab.deliver(ofKind('accept'));
		lab.drop();
		lab.step('n2', { kind: 'snapshot', through: 3, members: lab.firstMembers });
		lab.propose('n3', 'mine', 'self');
		lab.campaign('n3', 20);
		lab.deliver(({ to, from }) => to === 'n2' && from === 'n3');
		const [promise] = lab.inFlight('promise');
		expect(promise?.message).toMatchObject({ accepted: [{ slot: 4, value: bytes('open') }] });
	});

	it('goes on above it, and no older snapshot takes it back', () => {
		const lab = trimmedLab(6, 4);
		lab.step('n1', { kind: 'snapshot', through: 2, members: lab.firstMembers });
		lab.propose('n1', 'v7');
		lab.deliver();
		expect(lab.agent('n1').view()).toMatchObject({ trimmedThrough: 4, chosenThrough: 7 });
		expect(lab.chosen('n2').at(-1)).toBe('v7');
	});
});

describe('a node that lacks slots which are kept nowhere', () => {
	it('says whose snapshot it needs, and asks for no slot until a while has passed', () => {
		const lab = trimmedLab(6, 4);
		lab.timer('n1', 'heartbeat');
		lab.deliver(among('n1', 'n3'));
		expect(lab.outcomes('n3', 'lacksSnapshot')).toEqual([{ kind: 'lacksSnapshot', from: 'n1' }]);
		for (let beat = 0; beat < 3; beat++) {
			lab.timer('n1', 'heartbeat');
			lab.deliver(among('n1', 'n3'));
		}
		expect(lab.outcomes('n3', 'lacksSnapshot')).toHaveLength(1);
		lab.timer('n3', 'fetch');
		lab.timer('n1', 'heartbeat');
		lab.deliver(among('n1', 'n3'));
		expect(lab.outcomes('n3', 'lacksSnapshot')).toHaveLength(2);
	});

	it('says so too where another node has claimed as much before the answer comes', () => {
		const lab = trimmedLab(6, 4);
		lab.timer('n1', 'heartbeat');
		lab.deliver(({ to, from, message }) => to === 'n3' && from === 'n1' && message.kind === 'heartbeat');
		expect(lab.inFlight('fetch')).toMatchObject([{ from: 'n3', to: 'n1' }]);
		lab.step('n3', { kind: 'receive', from: 'n2', message: { kind: 'trimmed', trimmedThrough: 4, chosenThrough: 6 } });
		lab.deliver(among('n1', 'n3'));
		expect(lab.outcomes('n3', 'lacksSnapshot')).toEqual([{ kind: 'lacksSnapshot', from: 'n1' }]);
	});

	it('fetches from a node that still keeps them', () => {
		const lab = trimmedLab(6, 4);
		lab.timer('n1', 'heartbeat');
		lab.deliver(among('n1', 'n3'));
		lab.timer('n3', 'fetch');
		const decisions = {
			kind: 'decisions',
			from: 2,
			chosenThrough: 3,
			decisions: [2, 3].map((slot) => ({ ballot, value: bytes(`v${slot}`) })),
		} as const;
		lab.step('n3', { kind: 'receive', from: 'n2', message: decisions });
		expect(lab.chosen('n3')).toEqual(['v1', 'v2', 'v3']);
	});

	it('learns what comes behind the snapshot once its state machine has taken it over', () => {
		const lab = trimmedLab(6, 4);
		lab.step('n3', { kind: 'snapshot', through: 5, members: lab.firstMembers });
		expect(lab.agent('n3').view()).toMatchObject({ trimmedThrough: 5, chosenThrough: 5, appliedThrough: 5 });
		lab.timer('n1', 'heartbeat');
		lab.deliver();
		expect(lab.agent('n3').view()).toMatchObject({ trimmedThrough: 5, chosenThrough: 6 });
		expect(lab.chosen('n3')).toEqual(['v1', 'v6']);
	});

	it('keeps its acceptances above it, and reports them in a promise', () => {
		const lab = trimmedLab(6, 4);
		lab.propose('n1', 'open');
		lab.deliver(ofKind('accept'));
		lab.drop();
		lab.step('n3', { kind: 'snapshot', through: 5, members: lab.firstMembers });
		lab.propose('n2', 'mine', 'self');
		lab.campaign('n2', 20);
		lab.deliver(({ to, from }) => to === 'n3' && from === 'n2');
		const [promise] = lab.inFlight('promise');
		expect(promise?.message).toMatchObject({ chosenThrough: 5, accepted: [{ slot: 7, value: bytes('open') }] });
	});

	it('is not moved back by slots that were applied before', () => {
		const lab = trimmedLab(6, 4);
		lab.step('n3', { kind: 'snapshot', through: 5, members: lab.firstMembers });
		lab.step('n3', { kind: 'applied', through: 1, settled: [] });
		expect(lab.agent('n3').view().appliedThrough).toBe(5);
	});

	it('leaves the leadership to others when it has won it, and does not stand again at once', () => {
		const lab = trimmedLab(6, 4);
		lab.step('n3', { kind: 'receive', from: 'n1', message: { kind: 'handOver', ballot } });
		lab.campaign('n3', 20);
		lab.deliver(({ message }) => message.kind === 'prepare' || message.kind === 'promise');
		expect(lab.agent('n3').view().role).toBe('leader');
		lab.deliver(ofKind('fetch', 'trimmed', 'heartbeat', 'confirm'));
		lab.timer('n3', 'quorum');
		lab.timer('n3', 'heartbeat');
		lab.deliver();
		lab.timer('n3', 'quorum');
		expect(lab.agent('n3').view().role).toBe('follower');
		expect(lab.facts('n3', 'givenUp')).toMatchObject([{ why: 'behind' }]);
		expect(lab.campaignAsked('n3')).toBe(false);
	});

	it('leads on above the snapshot when it has taken it over as the leader', () => {
		const lab = trimmedLab(6, 4);
		lab.propose('n3', 'mine', 'self');
		lab.campaign('n3', 20);
		lab.deliver(({ message }) => message.kind === 'prepare' || message.kind === 'promise');
		lab.drop(ofKind('fetch'));
		lab.step('n3', { kind: 'snapshot', through: 6, members: lab.firstMembers });
		lab.deliver();
		expect(lab.agent('n3').view()).toMatchObject({ role: 'leader', chosenThrough: 7 });
		expect(lab.chosen('n1').at(-1)).toBe('mine');
	});

	it('applies no slot of the snapshot that it had no room for before, and has room for now', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.propose('n1', 'red');
		lab.propose('n1', 'blue');
		lab.deliver(({ to }) => to === 'n3');
		lab.drop();
		lab.setRoom('n2', 'promises');
		for (const id of ['n2', 'n3']) lab.step(id, { kind: 'linkDown', peer: 'n1' });
		lab.elect('n2', 20);
		expect(lab.chosen('n2')).toEqual([]);
		lab.setRoom('n2', 'everything');
		const { apply } = lab.step('n2', { kind: 'snapshot', through: 1, members: lab.firstMembers });
		expect(apply.map(({ slot }) => slot)).toEqual([2]);
		lab.deliver();
		for (const id of ['n1', 'n3']) expect(lab.chosen(id), id).toEqual(['red', 'blue']);
		expect(lab.agent('n2').view()).toMatchObject({ role: 'leader', chosenThrough: 2 });
	});

	it('says so again as a leader, as long as it has not got the snapshot', () => {
		const lab = new Lab(5);
		lab.elect('n1', 10);
		lab.deliver();
		lab.propose('n1', 'red');
		lab.deliver((envelope) => among('n1', 'n2', 'n4')(envelope) && ofKind('accept', 'accepted')(envelope));
		lab.drop();
		expect(lab.chosen('n1')).toEqual(['red']);
		for (const id of ['n2', 'n3', 'n4', 'n5']) lab.step(id, { kind: 'linkDown', peer: 'n1' });
		lab.timer('n2', 'poll');
		lab.deliver(among('n2', 'n3', 'n4'));
		lab.campaign('n2', 20);
		lab.deliver((envelope) => among('n2', 'n3', 'n4')(envelope) && ofKind('prepare', 'promise')(envelope));
		// n3 learns only now that the slot is chosen, and keeps only its snapshot. n1 and n4 are gone.
		const hears = { leader: ballot, relays: false, recoveredThrough: 0, chosenThrough: 1 } as const;
		lab.step('n3', { kind: 'receive', from: 'n1', message: { kind: 'hears', ...hears } });
		lab.deliver(ofKind('fetch', 'decisions'));
		lab.applied('n3');
		lab.step('n3', { kind: 'snapshot', through: 1, members: lab.firstMembers });
		lab.deliver(among('n2', 'n3', 'n5'));
		for (const needed of [1, 2, 3]) {
			expect(lab.outcomes('n2', 'lacksSnapshot')).toHaveLength(needed);
			for (const timer of ['fetch', 'quorum', 'heartbeat'] as const) lab.timer('n2', timer);
			lab.deliver(among('n2', 'n3', 'n5'));
		}
		expect(lab.facts('n2', 'givenUp')).toEqual([]);
		lab.step('n2', { kind: 'snapshot', through: 1, members: lab.firstMembers });
		expect(lab.facts('n2', 'givenUp')).toMatchObject([{ why: 'behind' }]);
	});

	it('gives up as a leader where only the snapshot knows whether its own proposals are chosen', () => {
		const lab = new Lab(7);
		lab.elect('n1', 10);
		lab.propose('n1', 'mine');
		lab.deliver(({ to }) => to === 'n2');
		lab.drop();
		lab.propose('n4', 'theirs', 'self');
		lab.campaign('n4', 20);
		lab.deliver(among('n4', 'n5', 'n6', 'n7'));
		// n3 learns what they have chosen, and keeps only its snapshot. It has promised nothing to n4.
		const hears = {
			kind: 'hears',
			leader: { ...ballot, ms: 20, node: 'n4' },
			relays: false,
			recoveredThrough: 0,
		} as const;
		lab.step('n3', { kind: 'receive', from: 'n4', message: { ...hears, chosenThrough: 1 } });
		lab.deliver(ofKind('fetch', 'decisions'));
		lab.applied('n3');
		lab.step('n3', { kind: 'snapshot', through: 1, members: lab.firstMembers });
		lab.drop();
		lab.step('n1', { kind: 'linkUp', peer: 'n3' });
		lab.deliver(among('n1', 'n3'));
		expect(lab.outcomes('n1', 'lacksSnapshot')).toEqual([{ kind: 'lacksSnapshot', from: 'n3' }]);
		lab.step('n1', { kind: 'snapshot', through: 1, members: lab.firstMembers });
		lab.deliver(among('n1', 'n2'));
		expect(lab.facts('n1', 'givenUp')).toMatchObject([{ why: 'behind' }]);
		expect(lab.chosen('n2')).toEqual([]);
		lab.timer('n4', 'heartbeat');
		lab.deliver();
		for (const id of ['n2', 'n3', 'n4', 'n7']) expect(lab.chosen(id)[0], id).toBe('theirs');
	});
});

describe('a contested slot that acceptors keep no more', () => {
	it('keeps what it has, as soon as one of them says so', () => {
		const lab = trimmedLab(6, 4);
		const loser = lab.propose('n2', 'rival', 'self', 5);
		lab.campaign('n2', 20);
		lab.deliver(({ message }) => message.kind === 'prepare' || message.kind === 'promise');
		lab.step('n1', { kind: 'snapshot', through: 6, members: lab.firstMembers });
		lab.deliver(among('n1', 'n2'));
		expect(lab.outcomes('n2', 'kept')).toMatchObject([{ proposal: loser, slot: 5, value: bytes('v5') }]);
		expect(lab.agent('n2').view().openSlotsCount).toBe(0);
	});

	it('keeps what it has, also where its contender learns that only after one has said so', () => {
		const lab = trimmedLab(6, 4);
		const loser = lab.propose('n3', 'rival', 'self', 5);
		lab.campaign('n3', 20);
		lab.deliver(ofKind('prepare', 'promise'));
		lab.step('n1', { kind: 'snapshot', through: 6, members: lab.firstMembers });
		lab.deliver(({ to, message }) => to === 'n1' && message.kind === 'accept');
		lab.deliver(ofKind('trimmed'));
		lab.drop(ofKind('accept', 'accepted'));
		expect(lab.outcomes('n3', 'kept')).toEqual([]);
		const decisions = ['v2', 'v3', 'v4', 'v5', 'v6'].map((value) => ({ ballot, value: bytes(value) }));
		const message = { kind: 'decisions', from: 2, chosenThrough: 6, decisions } as const;
		lab.step('n3', { kind: 'receive', from: 'n2', message });
		expect(lab.outcomes('n3', 'kept')).toMatchObject([{ proposal: loser, slot: 5, value: bytes('v5') }]);
	});

	it('keeps what it has, when its own leader trims it', () => {
		const lab = trimmedLab(6, 4);
		const loser = lab.propose('n2', 'rival', 'self', 5);
		lab.campaign('n2', 20);
		lab.deliver(({ message }) => message.kind === 'prepare' || message.kind === 'promise');
		lab.drop();
		lab.step('n2', { kind: 'snapshot', through: 6, members: lab.firstMembers });
		expect(lab.outcomes('n2', 'kept')).toMatchObject([{ proposal: loser, slot: 5, value: bytes('v5') }]);
		expect(lab.agent('n2').view().openSlotsCount).toBe(0);
	});

	it('is given up by a contender that has to take over a snapshot instead', () => {
		const lab = trimmedLab(8, 4, 4);
		const loser = lab.propose('n3', 'rival', 'self', 7);
		lab.campaign('n3', 20);
		lab.deliver(ofKind('prepare', 'promise'));
		lab.drop();
		lab.step('n3', { kind: 'snapshot', through: 8, members: lab.firstMembers });
		expect(lab.outcomes('n3', 'refused')).toMatchObject([{ proposal: loser, reason: 'slotTrimmed', nextSlot: 9 }]);
		expect(lab.agent('n3').view()).toMatchObject({ role: 'leader', pendingCount: 0 });
	});

	it('refuses nothing that was proposed for it before, and may be what it holds', () => {
		const lab = new Lab(3);
		const mine = lab.propose('n3', 'mine', 'self', 1);
		lab.campaign('n3', 10);
		lab.deliver((envelope) => among('n1', 'n3')(envelope) && !ofKind('accepted')(envelope));
		lab.drop();
		// n2 has that value chosen under a later ballot, and keeps only its snapshot.
		lab.propose('n2', 'theirs', 'self');
		lab.campaign('n2', 20);
		lab.deliver(among('n1', 'n2'));
		lab.applied('n2');
		lab.step('n2', { kind: 'snapshot', through: 1, members: lab.firstMembers });
		lab.drop();
		// n3, which does not know, contests the slot again for another proposal.
		lab.timer('n2', 'heartbeat');
		lab.deliver(({ to, message }) => to === 'n3' && message.kind === 'heartbeat');
		lab.drop();
		const other = lab.propose('n3', 'other', 'self', 1);
		lab.campaign('n3', 30);
		lab.deliver((envelope) => among('n2', 'n3')(envelope) && ofKind('prepare', 'promise')(envelope));
		lab.drop();
		expect(lab.outcomes('n3', 'refused')).toMatchObject([{ proposal: other, reason: 'slotTrimmed' }]);
		expect(lab.outcomes('n3', 'abandoned')).toMatchObject([{ proposal: mine, reason: 'slotTrimmed' }]);
		expect(lab.chosen('n2')[0]).toBe('mine');
	});
});
