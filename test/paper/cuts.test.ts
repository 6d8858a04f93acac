/**
 * A repeated prepare is answered with a cut of what the acceptor has by then, which may differ from the first. A proposer
 * counts parts of one cut only.
 */
import { describe, expect, it } from 'vitest';
import type { Acceptor } from '../../shared/paxos/acceptor.ts';
import { Campaign } from '../../shared/paxos/campaign.ts';
import type { Context } from '../../shared/paxos/config.ts';
import type { Acceptance } from '../../shared/paxos/message.ts';
import { bytes, Lab, ofKind, text } from './lab.ts';

const BALLOT = { ms: 10, ns: 0, node: 'n1' };
const EARLIER = { ms: 5, ns: 0, node: 'n5' };

/** A campaign of n1 among five nodes, whose own promise is counted. Two others make a quorum. */
function campaign(): Lab {
	const lab = new Lab(5);
	lab.propose('n1', 'mine', 'self');
	lab.campaign('n1', BALLOT.ms);
	lab.drop();
	return lab;
}

function accepted(slot: number): Acceptance {
	return { slot, ballot: EARLIER, value: bytes(`slot ${slot}`) };
}

function receive(
	lab: Lab,
	from: string,
	part: number,
	parts: number,
	chosenThrough: number,
	accepted: Acceptance[],
): void {
	const message = { kind: 'promise', ballot: BALLOT, part, parts, chosenThrough, accepted } as const;
	lab.step('n1', { kind: 'receive', from, message });
}

describe('of two cuts of one acceptor', () => {
	it('the one that is whole stays, whatever part of another comes after it', () => {
		const lab = campaign();
		receive(lab, 'n2', 0, 1, 0, [accepted(1)]);
		receive(lab, 'n2', 1, 2, 0, [accepted(2)]);
		receive(lab, 'n3', 0, 1, 0, []);
		expect(lab.agent('n1').view().role).toBe('leader');
		const proposed = lab.inFlight('accept').map(({ message }) => message.kind === 'accept' && text(message.value));
		expect(new Set(proposed)).toEqual(new Set(['slot 1', 'mine']));
	});

	it('no parts are put together, though both have as many: the slot between them would be in neither', () => {
		const lab = campaign();
		receive(lab, 'n3', 0, 1, 0, []);
		receive(lab, 'n2', 1, 2, 0, [accepted(3)]);
		receive(lab, 'n2', 0, 2, 1, [accepted(2)]);
		expect(lab.agent('n1').view().role).not.toBe('leader');
		expect(lab.net.some(ofKind('accept'))).toBe(false);

		receive(lab, 'n2', 1, 2, 1, [accepted(3)]);
		expect(lab.agent('n1').view().phase1).toMatchObject({ chosenThrough: 1, recoveredThrough: 3 });
	});

	it('no parts are put together, though it knows no more: it has accepted a short value in the place of a long one', () => {
		const context = { members: { sets: [], last: null }, out: { watched: false } } as unknown as Context;
		const late = Campaign.begin({ context, acceptor: {} as Acceptor }, BALLOT, 0);
		const promise = { kind: 'promise', ballot: BALLOT, parts: 2, chosenThrough: 0 } as const;
		late.add('n2', { ...promise, part: 0, accepted: [accepted(1)] });
		late.linkDown('n2');
		late.add('n2', { ...promise, part: 0, accepted: [{ ...accepted(1), ballot: BALLOT }, accepted(2)] });
		late.add('n2', { ...promise, part: 1, accepted: [accepted(3)] });
		expect([...late.result().bound.keys()]).toEqual([2, 3]);
	});
});
