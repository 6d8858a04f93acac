/** Which node stands for election, and which one lets another node stand first. */
import { describe, expect, it } from 'vitest';
import type { Ballot, NodeId } from '../../shared/paxos/ballot.ts';
import { NO_BALLOT } from '../../shared/paxos/ballot.ts';
import { HANDOVER_EVERY_MS, LAG_SLOTS_MAX, SLOT_MAX, STILL_MS_MAX, YIELDS_MAX } from '../../shared/paxos/bounds.ts';
import type { Message } from '../../shared/paxos/message.ts';
import { Lab, ofKind } from './lab.ts';

const none: Ballot = { ms: 0, ns: 0, node: '' };

/** n1 polls, and n2 answers that it hears no leader and knows so much. */
function pollAnswered(lab: Lab, chosenThrough: number): void {
	lab.timer('n1', 'poll');
	lab.drop();
	const hearing = { leader: none, relays: false, recoveredThrough: 0, chosenThrough };
	const message = { kind: 'pollReply', ballot: lab.agent('n1').view().promised, ...hearing, timeMs: 0 } as const;
	lab.step('n1', { kind: 'receive', from: 'n2', message });
}

describe('a node that lags far behind', () => {
	it.each([LAG_SLOTS_MAX + 1, 600_000, SLOT_MAX])(
		'by %i slots lets one that knows more stand first, but not for ever',
		(chosenThrough) => {
			const lab = new Lab(3);
			for (let poll = 0; poll < YIELDS_MAX; poll++) {
				pollAnswered(lab, chosenThrough);
				expect(lab.campaignAsked('n1')).toBe(false);
			}
			pollAnswered(lab, chosenThrough);
			expect(lab.campaignAsked('n1')).toBe(true);
		},
	);

	it('by a few slots stands at once', () => {
		const lab = new Lab(3);
		pollAnswered(lab, LAG_SLOTS_MAX);
		expect(lab.campaignAsked('n1')).toBe(true);
	});

	it('waits anew at the next election, once a leader was heard', () => {
		const lab = new Lab(3);
		for (let poll = 0; poll < YIELDS_MAX; poll++) pollAnswered(lab, 10_000);
		const leading = { ballot: { ms: 10, ns: 0, node: 'n3' }, chosenThrough: 0, recoveredThrough: 0 };
		const heartbeat = { kind: 'heartbeat', ...leading, round: 0, timeMs: 0 } as const;
		lab.step('n1', { kind: 'receive', from: 'n3', message: heartbeat });
		lab.step('n1', { kind: 'linkDown', peer: 'n3' });
		pollAnswered(lab, 10_000);
		expect(lab.campaignAsked('n1')).toBe(false);
	});
});

describe('followers whose links to the leader end', () => {
	/** When each of the other four asks, after the leader of five nodes is lost. */
	function asked(leader: NodeId) {
		const lab = new Lab(5);
		lab.elect(leader, 10);
		lab.deliver();
		const left = ['n1', 'n2', 'n3', 'n4', 'n5'].filter((id) => id !== leader);
		return left.flatMap((node) => {
			const { timers } = lab.step(node, { kind: 'linkDown', peer: leader });
			return timers.filter(({ timer }) => timer === 'poll').map(({ minMs, maxMs }) => ({ node, minMs, maxMs }));
		});
	}

	it.each([
		['n1', ['n2', 'n3', 'n4', 'n5']],
		['n3', ['n4', 'n5', 'n1', 'n2']],
		['n5', ['n1', 'n2', 'n3', 'n4']],
	])('ask one after another, from the one after %s on', (leader, order) => {
		const turns = asked(leader).sort((a, b) => a.minMs - b.minMs);
		expect(turns.map(({ node }) => node)).toEqual(order);
		expect(turns[0]?.minMs).toBe(0);
		for (const [i, { maxMs }] of turns.slice(0, -1).entries())
			expect(maxMs).toBeLessThan(turns[i + 1]?.minMs as number);
	});
});

describe('a leader that was refused', () => {
	it('campaigns at once where its followers still name its own ballot in their polls', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.deliver();
		const higher = { ms: 20, ns: 0, node: 'n3' };
		const nack = { kind: 'nack', refused: 'heartbeat', ballot: { ms: 10, ns: 0, node: 'n1' } } as const;
		lab.step('n1', { kind: 'receive', from: 'n3', message: { ...nack, promised: higher, acceptance: null } });
		expect(lab.agent('n1').view().role).toBe('follower');
		lab.timer('n1', 'poll');
		lab.drop(({ to }) => to === 'n3');
		lab.deliver(ofKind('poll', 'pollReply'));
		expect(lab.campaignAsked('n1')).toBe(true);
	});

	it('does not where they hear another one', () => {
		const lab = new Lab(5);
		lab.elect('n1', 10);
		lab.deliver();
		lab.propose('n2', 'red', 'self');
		lab.campaign('n2', 20);
		lab.deliver();
		lab.step('n1', { kind: 'linkDown', peer: 'n2' });
		lab.timer('n1', 'poll');
		lab.deliver(ofKind('poll', 'pollReply'));
		expect(lab.campaignAsked('n1')).toBe(false);
	});
});

describe('a follower whose leader falls silent', () => {
	it('tells for how long at least it has not heard it', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.deliver();
		lab.pass(300);
		lab.timer('n2', 'election');
		lab.pass(200);
		lab.timer('n1', 'heartbeat');
		lab.deliver();
		lab.pass(200);
		lab.timer('n2', 'election');
		expect(lab.facts('n2', 'role').at(-1)).toMatchObject({ why: 'heardLeader', silentMs: 0 });
		lab.pass(350);
		lab.timer('n2', 'election');
		expect(lab.facts('n2', 'role').at(-1)).toMatchObject({ why: 'leaderSilent', by: ['n1'], silentMs: 350 });
	});
});

describe('a leader that stands still again and again', () => {
	const UNSTEADY_MS = STILL_MS_MAX + 1;

	/** n1 leads, and its followers tell with what they confirm for how long they stood still. */
	function led({ n1 = 0, n2 = 0, n3 = 0 }): Lab {
		const lab = new Lab(3);
		lab.setStill('n2', n2);
		lab.setStill('n3', n3);
		lab.elect('n1', 10);
		lab.setStill('n1', n1);
		lab.timer('n1', 'heartbeat');
		return lab;
	}

	it('asks the steadiest of its followers to stand, and leads on until that one is promised more', () => {
		const lab = led({ n1: UNSTEADY_MS, n2: 500, n3: 200 });
		expect(lab.inFlight('handOver')).toMatchObject([{ to: 'n3' }]);
		expect(lab.facts('n1', 'handsOver')).toMatchObject([{ to: 'n3', why: 'unsteady' }]);
		lab.propose('n1', 'red');
		lab.deliver();
		expect(lab.chosen('n1')).toEqual(['red']);
		expect(lab.agent('n1').view().role).toBe('leader');
		expect(lab.campaignAsked('n3')).toBe(true);
		// It hears its leader meanwhile, and stands all the same.
		lab.timer('n1', 'heartbeat');
		lab.deliver();
		lab.campaign('n3', 20);
		lab.deliver();
		expect(lab.agent('n3').view().role).toBe('leader');
		expect(lab.agent('n1').view().leader).toMatchObject({ node: 'n3' });
		expect(lab.facts('n3', 'campaign')).toMatchObject([{ why: 'handedOver' }]);
	});

	it.each([
		['that stands still as much', { n1: UNSTEADY_MS, n2: UNSTEADY_MS, n3: UNSTEADY_MS - 100 }],
		['that is not much steadier', { n1: 4000, n2: 2000, n3: 3000 }],
	])('keeps leading rather than ask a node %s', (_, stillMs) => {
		expect(led(stillMs).inFlight('handOver')).toEqual([]);
	});

	it('keeps leading where it does not stand still much', () => {
		expect(led({ n1: STILL_MS_MAX }).inFlight('handOver')).toEqual([]);
	});

	it('asks nobody of whom it has heard nothing in this period', () => {
		const lab = led({});
		lab.drop();
		lab.timer('n1', 'quorum');
		lab.drop();
		lab.setStill('n1', UNSTEADY_MS);
		lab.timer('n1', 'heartbeat');
		expect(lab.inFlight('handOver')).toEqual([]);
	});

	it('asks once, and again only after a while', () => {
		const lab = led({ n1: UNSTEADY_MS });
		lab.drop(ofKind('handOver'));
		const beat = () => {
			lab.timer('n1', 'heartbeat');
			return lab.inFlight('handOver').length;
		};
		lab.pass(HANDOVER_EVERY_MS - 1);
		expect(beat()).toBe(0);
		lab.pass(1);
		expect(beat()).toBe(1);
	});

	it('is obeyed by a node that has only just missed it', () => {
		const lab = led({ n1: UNSTEADY_MS, n3: 100 });
		for (let i = 0; i < 2; i++) lab.timer('n2', 'election');
		expect(lab.facts('n2', 'role').at(-1)).toMatchObject({ why: 'leaderSilent' });
		lab.deliver(({ to, message }) => to === 'n2' && message.kind === 'handOver');
		expect(lab.campaignAsked('n2')).toBe(true);
		lab.campaign('n2', 20);
		expect(lab.agent('n2').view().role).toBe('candidate');
	});

	it('is not obeyed by a node that follows another one by then', () => {
		const lab = led({ n1: UNSTEADY_MS, n3: 100 });
		const [{ from, to, message }] = lab.inFlight('handOver') as [{ from: string; to: string; message: Message }];
		lab.drop();
		lab.step('n2', { kind: 'linkDown', peer: 'n1' });
		lab.propose(to, 'red', 'self');
		lab.campaign(to, 20);
		lab.drop();
		lab.step(to, { kind: 'receive', from, message });
		expect(lab.agent(to).view().role).toBe('candidate');
		expect(lab.campaignAsked(to)).toBe(false);
	});
});

describe('a leader that is about to stop', () => {
	function leaving(): Lab {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.timer('n1', 'heartbeat');
		lab.deliver();
		lab.step('n1', { kind: 'leave' });
		return lab;
	}

	it('asks a follower to stand at once, and leads on until that one is promised more', () => {
		const lab = leaving();
		const to = lab.inFlight('handOver')[0]?.to as NodeId;
		expect(lab.facts('n1', 'handsOver')).toMatchObject([{ to, why: 'leaving' }]);
		lab.propose('n1', 'red');
		lab.deliver();
		expect(lab.chosen('n1')).toEqual(['red']);
		expect(lab.agent('n1').view().role).toBe('leader');
		lab.campaign(to, 20);
		lab.deliver();
		expect(lab.agent(to).view().role).toBe('leader');
		expect(lab.agent('n1').view().leader).toMatchObject({ node: to });
	});

	it('asks with each beat, until one of them is heard', () => {
		const lab = leaving();
		for (let beat = 0; beat < 2; beat++) {
			lab.drop(ofKind('handOver'));
			lab.timer('n1', 'heartbeat');
			expect(lab.inFlight('handOver')).toHaveLength(1);
			lab.deliver(({ message }) => message.kind !== 'handOver');
		}
	});

	it('does not ask a node that lags', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.step('n1', { kind: 'linkDown', peer: 'n3' });
		for (let i = 0; i <= LAG_SLOTS_MAX; i++) {
			lab.propose('n1', `${i}`);
			lab.deliver(({ from, to }) => from !== 'n3' && to !== 'n3');
		}
		lab.drop();
		lab.timer('n1', 'heartbeat');
		lab.deliver(ofKind('heartbeat', 'confirm'));
		lab.step('n1', { kind: 'leave' });
		expect(lab.inFlight('handOver')).toMatchObject([{ to: 'n2' }]);
	});

	it('asks nobody while it follows, whatever it was told under no ballot at all', () => {
		const lab = new Lab(3);
		const confirm = {
			kind: 'confirm',
			ballot: NO_BALLOT,
			round: 1,
			chosenThrough: 0,
			stillMs: 0,
			takesValues: true,
			timeMs: 0,
		} as const;
		lab.step('n2', { kind: 'receive', from: 'n3', message: confirm });
		lab.step('n2', { kind: 'leave' });
		expect(lab.inFlight('handOver')).toEqual([]);
	});

	it('is not asked to lead again, and neither is a follower that is about to stop', () => {
		const lab = leaving();
		const to = lab.inFlight('handOver')[0]?.to as NodeId;
		lab.step(to, { kind: 'leave' });
		lab.deliver();
		expect(lab.campaignAsked(to)).toBe(false);
		expect(lab.inFlight('handOver')).toEqual([]);
	});
});

describe('a leader that people want another one for', () => {
	/** n1 leads, and n3 stood still less than n2. */
	function led(): Lab {
		const lab = new Lab(3);
		lab.setStill('n2', 500);
		lab.elect('n1', 10);
		lab.timer('n1', 'heartbeat');
		lab.deliver();
		return lab;
	}

	it.each([
		['the node that they name', 'n2', 'n2'],
		['the steadiest one where they name none', null, 'n3'],
	] as const)('asks %s, and leads on until that one is promised more', (_, to, heir) => {
		const lab = led();
		lab.step('n1', { kind: 'handOver', to });
		expect(lab.inFlight('handOver')).toMatchObject([{ to: heir }]);
		expect(lab.facts('n1', 'handsOver')).toMatchObject([{ to: heir, why: 'wanted' }]);
		lab.propose('n1', 'red');
		lab.deliver();
		expect(lab.chosen('n1')).toEqual(['red']);
		lab.campaign(heir, 20);
		lab.deliver();
		expect(lab.agent(heir).view().role).toBe('leader');
		expect(lab.agent('n1').view().leader).toMatchObject({ node: heir });
		expect(lab.facts(heir, 'campaign')).toMatchObject([{ why: 'handedOver' }]);
	});

	it('asks the furthest of those that are as steady', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.deliver();
		lab.propose('n1', 'red');
		lab.deliver(({ from, to }) => from !== 'n2' && to !== 'n2');
		lab.drop();
		lab.timer('n1', 'heartbeat');
		lab.deliver(({ to }) => to !== 'n2');
		const late = lab.agent('n2').view().chosenThrough;
		const ballot = lab.agent('n1').view().ballot;
		const confirm = {
			kind: 'confirm',
			ballot,
			round: 1,
			chosenThrough: late,
			stillMs: 0,
			takesValues: true,
			timeMs: 0,
		} as const;
		lab.step('n1', { kind: 'receive', from: 'n2', message: confirm });
		lab.step('n1', { kind: 'handOver', to: null });
		expect(lab.inFlight('handOver')).toMatchObject([{ to: 'n3' }]);
	});

	it('asks nobody that lags or is not heard, though they name it, and does nothing later', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.step('n1', { kind: 'linkDown', peer: 'n3' });
		for (let i = 0; i <= LAG_SLOTS_MAX; i++) {
			lab.propose('n1', `${i}`);
			lab.deliver(({ from, to }) => from !== 'n3' && to !== 'n3');
		}
		lab.timer('n1', 'quorum');
		lab.step('n1', { kind: 'handOver', to: 'n3' });
		expect(lab.inFlight('handOver')).toEqual([]);
		lab.drop();
		lab.timer('n1', 'heartbeat');
		lab.deliver(ofKind('heartbeat', 'confirm'));
		lab.step('n1', { kind: 'handOver', to: 'n3' });
		lab.timer('n1', 'heartbeat');
		expect(lab.inFlight('handOver')).toEqual([]);
	});

	it('asks nobody where it follows, or is named itself', () => {
		const lab = led();
		lab.step('n2', { kind: 'handOver', to: 'n3' });
		lab.step('n1', { kind: 'handOver', to: 'n1' });
		expect(lab.inFlight('handOver')).toEqual([]);
	});
});
