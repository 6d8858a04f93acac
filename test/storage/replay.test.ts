/** Records that are whole, one by one, and do not belong together. */
import { expect, test } from 'vitest';
import { CorruptLogError } from '../../shared/disk/corrupt-log-error.ts';
import { replaying } from '../../shared/disk/replay.ts';
import { LogReplay } from '../../shared/paxos/log-replay.ts';
import type { DurableRecord } from '../../shared/paxos/record.ts';
import { batchValue } from '../../shared/paxos/value.ts';
import { votersNamed } from '../../shared/simulation/node.ts';

const CONFIG = { members: votersNamed(['n1', 'n2', 'n3']), openSlotsMax: 4, slotsAheadMax: 8 };
const ballot = { ms: 1, ns: 0, node: 'n1' };
const value = batchValue(Uint8Array.of(1));

function replay(records: readonly DurableRecord[]): LogReplay {
	const made = new LogReplay(CONFIG);
	for (const _ of replaying(records, made));
	return made;
}

const learned = (slot: number): DurableRecord => ({ kind: 'learned', slot, ballot, value });

test('records that follow from one another make a log', () => {
	expect(replay([learned(1), learned(2), { kind: 'chosen', through: 2 }]).log.chosenThrough).toBe(2);
});

test.each<[string, readonly DurableRecord[]]>([
	['a slot is said to be chosen that nothing is known of', [learned(1), { kind: 'chosen', through: 3 }]],
	['a slot is learned behind one that nothing is known of', [learned(1), learned(3)]],
	['a value is accepted too far ahead', [{ kind: 'accepted', slot: 10, ballot, value }]],
])('where %s the log is damaged, and the file that should tell why is named', (_, records) => {
	expect(() => replay(records)).toThrow(CorruptLogError);
	expect(() => replay(records)).toThrow(/^the log is corrupt in manifest at byte 0: it does not belong to the records/);
});
