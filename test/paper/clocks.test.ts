/** Clocks may be wrong by years, and ballots may be anything: the swarm goes on, and every log stays readable. */
import { describe, expect, it } from 'vitest';
import { Reader, Writer } from '../../shared/bytes/bytes.ts';
import { PaxosAgent } from '../../shared/paxos/agent.ts';
import { type Ballot, isWellFormed } from '../../shared/paxos/ballot.ts';
import { BALLOT_AHEAD_MAX_MS, WALL_MS_MAX } from '../../shared/paxos/bounds.ts';
import type { Message } from '../../shared/paxos/message.ts';
import { readRecord, writeRecord } from '../../shared/paxos/record.ts';
import { among, bytes, Lab } from './lab.ts';

const NOW = Date.UTC(2026, 5, 1);
const YEAR_MS = 31_557_600_000;
const HIGHEST_MS = Number(2n ** 62n / 1_000_000n) - 1;
const highest = (node: string): Ballot => ({ ms: HIGHEST_MS, ns: 999_999, node });

/** Three nodes with right clocks, each of which has heard the clocks of the others. */
function threeNodes(): Lab {
	const lab = new Lab(3);
	for (const id of lab.members) lab.setClock(id, NOW);
	lab.elect('n1', NOW);
	lab.deliver();
	for (const id of ['n2', 'n3']) {
		lab.step(id, { kind: 'linkDown', peer: 'n1' });
		lab.timer(id, 'poll');
		lab.deliver();
	}
	lab.timer('n1', 'heartbeat');
	lab.deliver();
	return lab;
}

function everyLogIsReadable(lab: Lab): void {
	for (const id of lab.members) {
		const read = lab.durable(id).map((record) => {
			const out = new Writer();
			writeRecord(out, record);
			return readRecord(new Reader(out.take()));
		});
		expect(read).toEqual(lab.durable(id));
		expect(() => new PaxosAgent(lab.configOf(id), read)).not.toThrow();
	}
}

describe('a peer that sends the highest well-formed ballot', () => {
	const leading = { chosenThrough: 0, recoveredThrough: 0 };
	const messages: Record<string, Message> = {
		'in a prepare': { kind: 'prepare', ballot: highest('n3'), contest: 0, chosenThrough: 0 },
		'in an accept': { kind: 'accept', ballot: highest('n3'), slot: 1, value: bytes('red'), ...leading },
		'in a heartbeat': { kind: 'heartbeat', ballot: highest('n3'), round: 1, timeMs: NOW, ...leading },
		'in a nack': {
			kind: 'nack',
			refused: 'accept',
			ballot: { ms: NOW, ns: 0, node: 'n1' },
			promised: highest('n9'),
			acceptance: null,
		},
		'as the leader that it hears': {
			kind: 'pollReply',
			ballot: { ms: NOW, ns: 0, node: 'n1' },
			leader: highest('n3'),
			relays: true,
			recoveredThrough: 0,
			chosenThrough: 0,
			timeMs: NOW,
		},
		'with what is chosen': {
			kind: 'decisions',
			from: 1,
			chosenThrough: 1,
			decisions: [{ ballot: highest('n3'), value: bytes('red') }],
		},
	};

	it.each(Object.entries(messages))('%s takes no head room from the others', (_, message) => {
		const lab = threeNodes();
		for (const to of ['n1', 'n2']) {
			for (let i = 0; i < 3; i++) lab.step(to, { kind: 'receive', from: 'n3', message });
			expect(lab.agent(to).view().promised.ms).toBeLessThan(NOW + YEAR_MS);
			expect(lab.facts(to, 'ignored').length).toBeLessThanOrEqual(1);
		}
		lab.drop();
		for (const [id, ms] of [
			['n2', NOW + 1],
			['n1', NOW + 2],
		] as const) {
			lab.setClock(id, ms);
			lab.propose(id, `of ${id}`, 'self');
			lab.campaign(id, ms);
			lab.deliver(among('n1', 'n2'));
			expect(lab.chosen(id)).toContain(`of ${id}`);
			expect(lab.agent(id).view().ballot).toEqual({ ms, ns: 0, node: id });
		}
		everyLogIsReadable(lab);
	});

	it('is refused with a fact, once', () => {
		const lab = threeNodes();
		const message = { kind: 'prepare', ballot: highest('n3'), contest: 0, chosenThrough: 0 } as const;
		for (let i = 0; i < 3; i++) lab.step('n1', { kind: 'receive', from: 'n3', message });
		expect(lab.facts('n1', 'ignored')).toMatchObject(
			[{ from: 'n3', message: 'prepare', why: /90 years ahead/ }].map(({ why, ...rest }) => ({
				...rest,
				why: expect.stringMatching(why),
			})),
		);
	});

	it('cannot creep ahead either: each ballot is measured against the clock, not against the one before', () => {
		const lab = threeNodes();
		for (let years = 1; years < 80; years++) {
			const ballot = { ms: NOW + years * YEAR_MS, ns: 0, node: 'n3' };
			lab.step('n1', {
				kind: 'receive',
				from: 'n3',
				message: { kind: 'prepare', ballot, contest: 0, chosenThrough: 0 },
			});
		}
		expect(lab.agent('n1').view().promised.ms).toBeLessThanOrEqual(NOW + BALLOT_AHEAD_MAX_MS);
	});
});

describe('a node whose clock', () => {
	it.each([
		['says 2200', Date.UTC(2200, 0)],
		['says 2090', Date.UTC(2090, 0)],
		['says 1970', 0],
		['says 2001', Date.UTC(2001, 0)],
		['is two years ahead', NOW + 2 * YEAR_MS],
	])('%s leads, follows, and goes on once the clock is right', (_, wrong) => {
		const lab = threeNodes();
		lab.setClock('n3', wrong);
		for (let round = 0; round < 3; round++) {
			lab.propose('n3', `wrong ${round}`, 'self');
			lab.campaign('n3', wrong + round);
			lab.deliver();
			expect(lab.chosen('n1')).toContain(`wrong ${round}`);
			lab.applied(
				'n3',
				lab.outcomes('n3', 'placed').flatMap(({ proposals }) => proposals),
			);
		}
		lab.setClock('n3', NOW);
		everyLogIsReadable(lab);
		lab.restart('n3');
		lab.drop();
		lab.propose('n1', 'right', 'self');
		lab.campaign('n1', NOW + 10);
		lab.deliver(among('n1', 'n3'));
		expect(lab.chosen('n1')).toContain('right');
		expect(lab.agent('n1').view().ballot.ms).toBeLessThan(NOW + 10 * YEAR_MS);
	});

	it('says 2200, alone and before it has heard any other, forms no ballot that the others would refuse', () => {
		const lab = new Lab(3);
		const wrong = Date.UTC(2200, 0);
		for (const id of lab.members) lab.setClock(id, id === 'n3' ? wrong : NOW);
		for (let round = 0; round < 5; round++) {
			lab.propose('n3', `alone ${round}`, 'self');
			lab.campaign('n3', wrong);
			lab.drop();
			for (let period = 0; period < 8; period++) lab.timer('n3', 'patience');
		}
		lab.drop();
		lab.setClock('n3', NOW);
		lab.propose('n1', 'red', 'self');
		lab.campaign('n1', NOW);
		lab.deliver(among('n1', 'n3'));
		lab.campaign('n1', NOW);
		lab.deliver(among('n1', 'n3'));
		expect(lab.chosen('n1')).toContain('red');
	});

	it('is far from another’s is reported by both, and so is its return', () => {
		const lab = threeNodes();
		lab.setClock('n2', NOW + 8 * 3_600_000);
		lab.timer('n1', 'heartbeat');
		lab.deliver();
		lab.timer('n1', 'heartbeat');
		lab.deliver();
		expect(lab.facts('n1', 'clockSkew')).toMatchObject([{ peer: 'n2', aheadMs: 8 * 3_600_000 }]);
		expect(lab.facts('n2', 'clockSkew')).toMatchObject([{ peer: 'n1', aheadMs: -8 * 3_600_000 }]);
		lab.setClock('n2', NOW);
		lab.timer('n1', 'heartbeat');
		lab.deliver();
		expect(lab.facts('n1', 'clockSkew')).toMatchObject([{}, { peer: 'n2', aheadMs: 0 }]);
	});
});

describe('clocks of all nodes that say 2200, and are put back', () => {
	it('leave a swarm that elects leaders as before', () => {
		const lab = new Lab(3);
		const wrong = Date.UTC(2200, 0);
		for (const id of lab.members) lab.setClock(id, wrong);
		lab.elect('n1', wrong);
		lab.propose('n1', 'then');
		lab.deliver();
		expect(lab.chosen('n1')).toEqual(['then']);
		for (const id of lab.members) lab.setClock(id, NOW);
		for (const id of ['n2', 'n3', 'n1', 'n2'] as const) {
			lab.propose(id, `of ${id}`, 'self');
			lab.campaign(id, NOW);
			lab.deliver();
			expect(lab.chosen(id)).toContain(`of ${id}`);
			expect(isWellFormed(lab.agent(id).view().ballot)).toBe(true);
		}
		everyLogIsReadable(lab);
		expect(lab.agent('n1').view().promised.ms).toBeLessThanOrEqual(WALL_MS_MAX);
	});
});

describe('a node that missed years of wrong clocks', () => {
	/** n1 leads n2, and the clocks of both are fifty years ahead. n3 has heard nothing. */
	function ledByWrongClock(): Lab {
		const lab = new Lab(3);
		const wrong = NOW + 50 * YEAR_MS;
		for (const id of ['n1', 'n2']) lab.setClock(id, wrong);
		lab.setClock('n3', NOW);
		lab.timer('n1', 'poll');
		lab.deliver(among('n1', 'n2'));
		lab.campaign('n1', wrong);
		lab.deliver(among('n1', 'n2'));
		lab.drop();
		return lab;
	}

	it('is sent again what it has ignored, once it believes the ballot', () => {
		const lab = ledByWrongClock();
		lab.propose('n1', 'red');
		lab.deliver(({ to }) => to === 'n3');
		lab.drop();
		lab.timer('n3', 'poll');
		lab.deliver();
		// n2 is gone, so n3 has to vote.
		for (let beat = 0; beat < 3; beat++) {
			lab.timer('n1', 'heartbeat');
			lab.deliver(among('n1', 'n3'));
		}
		expect(lab.chosen('n1')).toEqual(['red']);
	});

	it('believes the ballot that a quorum follows', () => {
		const lab = ledByWrongClock();
		lab.timer('n1', 'heartbeat');
		lab.deliver();
		expect(lab.agent('n3').view().leader.node).toBe('');
		lab.timer('n3', 'poll');
		lab.deliver();
		lab.timer('n1', 'heartbeat');
		lab.deliver();
		expect(lab.agent('n3').view().leader).toMatchObject({ node: 'n1' });
	});
});
