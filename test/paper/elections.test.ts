/** Which node stands for election, and which one lets another node stand first. */
import { describe, expect, it } from 'vitest';
import type { Ballot } from '../../shared/paxos/ballot.ts';
import { LAG_SLOTS_MAX, SLOT_MAX, YIELDS_MAX } from '../../shared/paxos/bounds.ts';
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
