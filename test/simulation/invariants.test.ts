/** The rules for a node that starts on an older copy of its files, before it knows that it does. */
import { expect, test } from 'vitest';
import type { Ballot } from '../../shared/paxos/ballot.ts';
import type { Envelope } from '../../shared/paxos/message.ts';
import type { AgentView } from '../../shared/paxos/view.ts';
import { noCounts } from '../../shared/simulation/counters.ts';
import { Electorates } from '../../shared/simulation/electorates.ts';
import { Invariants } from '../../shared/simulation/invariants.ts';
import { Ledger } from '../../shared/simulation/ledger.ts';

const IDS = ['n1', 'n2', 'n3'];
const BALLOT: Ballot = { ms: 1, ns: 0, node: 'n1' };
const OLDER: Ballot = { ms: 0, ns: 0, node: '' };

test('a node on an older copy of its files has forgotten promises, and tells no more than its snapshot holds', () => {
	const counters = noCounts();
	const ledger = new Ledger(new Electorates(IDS, 3, 8), counters);
	for (const node of [0, 1]) {
		ledger.appended(node, { kind: 'promised', ballot: BALLOT });
		ledger.durable(node, 1);
	}
	for (const node of [0, 1]) {
		for (const slot of [1, 2]) {
			ledger.appended(node, { kind: 'accepted', slot, ballot: BALLOT, value: Uint8Array.of(1) });
			ledger.durable(node, 1);
		}
	}
	const invariants = new Invariants(ledger, IDS, counters, 8);
	const partThrough = (through: number): Envelope => ({
		to: 'n2',
		message: { kind: 'snapshotPart', through, bytesOfAll: 1, offset: 0, bytes: Uint8Array.of(0) },
	});
	const view = { trimmedThrough: 1, promised: OLDER } as AgentView;
	expect(() => invariants.started(0, view, false)).toThrow('PromisesNeverGoBack');

	invariants.started(0, view, true);
	invariants.sent(0, partThrough(1), 0);
	expect(() => invariants.sent(0, partThrough(2), 0)).toThrow('MessagesAreTrue');
});
