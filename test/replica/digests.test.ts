/** Nodes compare digests of their states, and the one from which a quorum differs stops. */
import { describe, expect, it } from 'vitest';
import { DIGEST_EVERY_MS, DigestHistory, Digests, StateDiffersError } from '../../shared/replica/digests.ts';

describe('the digests of the last slots', () => {
	it('are kept for a while, and those of other slots are not known', () => {
		const history = new DigestHistory();
		expect(history.of(0)).toBeUndefined();
		for (let slot = 1; slot <= 10_000; slot++) history.note(slot, slot - 5000);
		expect([history.of(10_000), history.of(10_000 - 8191)]).toEqual([5000, -3191]);
		expect([history.of(10_000 - 8192), history.of(10_001)]).toEqual([undefined, undefined]);
	});
});

describe('a node that compares its state', () => {
	it('tells its peers once a second what it has, and nothing before it has anything', () => {
		const { digests, history, did } = digestsOf(2);
		digests.start();
		digests.fire();
		history.note(1, -7);
		digests.fire();
		const timer = `timer ${DIGEST_EVERY_MS}`;
		expect(did).toEqual([timer, timer, timer, 'tells -7 after 1']);
	});

	it('stops when a quorum has another state, and not before', () => {
		const { digests, did } = digestsOf(3, 100);
		digests.told('n2', { kind: 'digest', slot: 7, digest: 8 });
		digests.told('n2', { kind: 'digest', slot: 8, digest: 9 });
		digests.told('n3', { kind: 'digest', slot: 7, digest: 8 });
		expect(did).toEqual([
			'differs: has another state than n2 after slot 7: one of the two is wrong',
			'differs: has another state than n3 after slot 7: one of the two is wrong; it still differs from n2',
		]);
		expect(() => digests.told('n4', { kind: 'digest', slot: 100, digest: 8 })).toThrow(StateDiffersError);
	});

	it('goes on where a quorum agrees with it, though other nodes differ, and calls itself ready', () => {
		const { digests } = digestsOf(2, 100);
		digests.told('n2', { kind: 'digest', slot: 7, digest: 8 });
		expect(digests.fault).toMatch(/its state is not that of n2/);
		digests.told('n3', { kind: 'digest', slot: 7, digest: 7 });
		expect(digests.fault).toBe(null);
	});

	it('takes back what it said of a peer that has the same state again', () => {
		const { digests, did } = digestsOf(2, 100);
		digests.told('n2', { kind: 'digest', slot: 7, digest: 8 });
		digests.told('n2', { kind: 'digest', slot: 9, digest: 9 });
		expect(digests.fault).toBe(null);
		expect(did[1]).toBe('agrees: has the same state as n2 again, after slot 9');
	});

	it('says that it differs until all peers have the same state again', () => {
		const { digests, did } = digestsOf(3, 100);
		digests.told('n2', { kind: 'digest', slot: 7, digest: 8 });
		digests.told('n3', { kind: 'digest', slot: 7, digest: 8 });
		digests.told('n3', { kind: 'digest', slot: 9, digest: 9 });
		digests.told('n2', { kind: 'digest', slot: 11, digest: 11 });
		expect(did.slice(2)).toEqual([
			'differs: has the same state as n3 again, after slot 9; it still differs from n2',
			'agrees: has the same state as n2 again, after slot 11',
		]);
	});

	it('compares a later slot once it has applied it, whatever is told meanwhile', () => {
		const { digests, history, did } = digestsOf(2, 5);
		digests.told('n2', { kind: 'digest', slot: 2 ** 48, digest: 1 });
		digests.told('n2', { kind: 'digest', slot: 7, digest: 8 });
		digests.told('n2', { kind: 'digest', slot: 9, digest: 9 });
		history.note(6, 6);
		digests.applied();
		expect(did).toEqual([]);
		history.note(7, 7);
		digests.applied();
		digests.applied();
		expect(did).toEqual(['differs: has another state than n2 after slot 7: one of the two is wrong']);
	});

	it('says nothing of slots whose digests it does not keep', () => {
		const { digests, did } = digestsOf(2, 10_000);
		digests.told('n2', { kind: 'digest', slot: 7, digest: 8 });
		expect(did).toEqual([]);
	});
});

/** The digest after each slot is its number. */
function digestsOf(quorum: number, applied = 0) {
	const history = new DigestHistory();
	for (let slot = 1; slot <= applied; slot++) history.note(slot, slot);
	const did: string[] = [];
	const digests = new Digests('n1', history, {
		isQuorum: (nodes) => nodes.size >= quorum,
		setTimer: (afterMs) => did.push(`timer ${afterMs}`),
		tellAll: ({ slot, digest }) => did.push(`tells ${digest} after ${slot}`),
		report: (what, detail) => did.push(`${what}: ${detail}`),
	});
	return { digests, history, did };
}
