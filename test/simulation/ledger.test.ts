/** The ledger notices each way in which nodes can break the algorithm, and names the invariant. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Ballot } from '../../shared/paxos/ballot.ts';
import { firstMembers, Members } from '../../shared/paxos/members.ts';
import type { DurableRecord } from '../../shared/paxos/record.ts';
import { membersValue } from '../../shared/paxos/value.ts';
import { noCounts } from '../../shared/simulation/counters.ts';
import { Electorates } from '../../shared/simulation/electorates.ts';
import { Ledger, Violation } from '../../shared/simulation/ledger.ts';
import { votersNamed } from '../../shared/simulation/node.ts';

const RED = new Uint8Array([1]);
const BLUE = new Uint8Array([2]);
const low: Ballot = { ms: 1, ns: 0, node: 'n1' };
const middle: Ballot = { ms: 2, ns: 0, node: 'n2' };
const high: Ballot = { ms: 3, ns: 0, node: 'n3' };

let ledger: Ledger;

beforeEach(begin);

function begin(): void {
	ledger = new Ledger(new Electorates(['n1', 'n2', 'n3'], 3, 8), noCounts());
}

function write(node: number, ...records: readonly DurableRecord[]): void {
	for (const record of records) ledger.appended(node, record);
	ledger.durable(node, records.length);
}

function promised(ballot: Ballot): DurableRecord {
	return { kind: 'promised', ballot };
}

function accepted(ballot: Ballot, value: Uint8Array, slot = 1): DurableRecord {
	return { kind: 'accepted', slot, ballot, value };
}

function rule(act: () => void): string | undefined {
	try {
		act();
	} catch (error) {
		if (error instanceof Violation) return error.rule;
		throw error;
	}
	return undefined;
}

/** A log of which nothing was trimmed. */
const WHOLE = { isTrimmed: false, snapshotThrough: 0, mayBeOlder: false };

describe('the ledger', () => {
	it('takes a value for chosen once a quorum has durably accepted it at one ballot', () => {
		for (const node of [0, 1]) write(node, promised(low));
		write(0, accepted(low, RED));
		ledger.appended(1, accepted(low, RED));
		expect(rule(() => ledger.mustBeChosen(2, 1, RED, 'here'))).toBe('OnlyChosenIsLearned');
		ledger.durable(1, 1);
		expect(rule(() => ledger.mustBeChosen(2, 1, RED, 'here'))).toBeUndefined();
		expect(rule(() => ledger.mustBeChosen(2, 1, BLUE, 'here'))).toBe('Agreement');
		expect(ledger.chosenThrough).toBe(1);
	});

	it('does not add up acceptances of different ballots', () => {
		for (const node of [0, 1]) write(node, promised(low));
		write(0, accepted(low, RED));
		for (const node of [1, 2]) write(node, promised(middle));
		write(1, accepted(middle, RED));
		expect(rule(() => ledger.mustBeChosen(2, 1, RED, 'here'))).toBe('OnlyChosenIsLearned');
	});

	it('notices a change of members that is chosen, though it was refused to all who asked for it', () => {
		const members = votersNamed(['n1', 'n2']);
		const change = { follows: 0, members };
		const choose = () => {
			for (const node of [0, 1]) write(node, promised(low));
			for (const node of [0, 1]) write(node, accepted(low, membersValue(change)));
		};
		for (const refusals of [1, 2]) {
			begin();
			for (let asked = 0; asked < 2; asked++) ledger.changeAsked(change);
			for (let refused = 0; refused < refusals; refused++) ledger.changeRefused(0, change);
			expect(rule(choose)).toBe(refusals < 2 ? undefined : 'RefusedChangesAreNotChosen');
		}
		begin();
		ledger.changeAsked(change);
		choose();
		expect(rule(() => ledger.changeRefused(0, { follows: 1, members }))).toBeUndefined();
		expect(rule(() => ledger.changeRefused(0, change))).toBe('RefusedChangesAreNotChosen');
	});

	it('notices a snapshot with members that are chosen behind it, or without those that are chosen in it', () => {
		const first = new Members(8, firstMembers(votersNamed(['n1', 'n2', 'n3'])));
		const asked = { follows: 0, members: votersNamed(['n1', 'n2']) };
		const change = membersValue(asked);
		const later = first.copy();
		later.chosen(2, change);
		ledger.changeAsked(asked);
		for (const node of [0, 1]) write(node, promised(low));
		for (const node of [0, 1]) write(node, accepted(low, RED), accepted(low, change, 2));
		expect(rule(() => ledger.snapshotMembers(2, 1, first.state))).toBeUndefined();
		expect(rule(() => ledger.snapshotMembers(2, 1, later.state))).toBe('SnapshotsHoldTheirMembers');
		expect(rule(() => ledger.snapshotMembers(2, 2, later.state))).toBeUndefined();
		expect(rule(() => ledger.snapshotMembers(2, 2, first.state))).toBe('SnapshotsHoldTheirMembers');
	});

	it('notices two values under one ballot', () => {
		for (const node of [0, 1]) write(node, promised(low));
		ledger.proposed(low, 1, RED);
		expect(rule(() => ledger.proposed(low, 1, BLUE))).toBe('OneValuePerBallot');
		expect(rule(() => write(1, accepted(low, BLUE)))).toBe('OneValuePerBallot');
	});

	it('notices a proposal that no quorum has promised', () => {
		write(0, promised(low));
		expect(rule(() => ledger.proposed(low, 1, RED))).toBe('VotesSafe');
	});

	it('notices a proposal of another value than may be chosen below', () => {
		for (const node of [0, 1]) write(node, promised(low));
		write(0, accepted(low, RED));
		for (const node of [0, 2]) write(node, promised(middle));
		expect(rule(() => ledger.proposed(middle, 1, BLUE))).toBe('VotesSafe');
		expect(rule(() => ledger.proposed(middle, 1, RED))).toBeUndefined();
	});

	it('allows another value once a quorum can no longer accept the one below', () => {
		for (const node of [0, 1]) write(node, promised(low));
		write(0, accepted(low, RED));
		for (const node of [1, 2]) write(node, promised(high));
		expect(rule(() => ledger.proposed(high, 1, BLUE))).toBeUndefined();
	});

	it('notices a promise and an acceptance below a promise', () => {
		write(0, promised(middle));
		expect(rule(() => ledger.appended(0, promised(low)))).toBe('PromisesNeverGoBack');
		expect(rule(() => ledger.appended(0, accepted(low, RED)))).toBe('NoVoteBelowPromise');
	});

	it('believes neither promise nor acceptance before it is durable', () => {
		for (const node of [0, 1]) write(node, promised(low));
		ledger.appended(2, promised(low));
		expect(rule(() => ledger.mustHavePromised(2, low))).toBe('PromiseIsDurable');
		ledger.appended(0, accepted(low, RED));
		expect(rule(() => ledger.mustHaveAccepted(0, low, 1))).toBe('AcceptedIsDurable');
		ledger.durable(0, 1);
		expect(rule(() => ledger.mustHaveAccepted(0, low, 1))).toBeUndefined();
	});

	it('notices that a durable record is gone or another one after a restart', () => {
		write(0, promised(low), promised(middle));
		expect(rule(() => ledger.recovered(0, [promised(low)], WHOLE))).toBe('DurableStaysDurable');
		expect(rule(() => ledger.recovered(0, [promised(low), promised(high)], WHOLE))).toBe('DurableStaysDurable');
		expect(rule(() => ledger.recovered(0, [promised(low), promised(middle)], WHOLE))).toBeUndefined();
	});

	it('takes for durable what a restart finds of what was not flushed once it is sure of it, and forgets the rest', () => {
		for (const node of [0, 1]) write(node, promised(low));
		for (const value of [RED, BLUE]) ledger.appended(0, accepted(low, value, value === RED ? 1 : 2));
		ledger.recovered(0, [promised(low), accepted(low, RED)], WHOLE);
		expect(rule(() => ledger.mustHaveAccepted(0, low, 1))).toBe('AcceptedIsDurable');
		ledger.sureOfReadBack(0);
		expect(rule(() => ledger.mustHaveAccepted(0, low, 1))).toBeUndefined();
		expect(rule(() => ledger.mustHaveAccepted(0, low, 2))).toBe('AcceptedIsDurable');
	});
});
