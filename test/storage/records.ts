/** Records for tests, and handlers that note their calls. */
import fc from 'fast-check';
import type { LogHandlers } from '../../shared/disk/log.ts';
import type { Ballot } from '../../shared/paxos/ballot.ts';
import { SLOT_MAX } from '../../shared/paxos/bounds.ts';
import type { DurableRecord } from '../../shared/paxos/record.ts';
import { BATCH_AT, batchValue, NOOP } from '../../shared/paxos/value.ts';

const ballot: fc.Arbitrary<Ballot> = fc.record({
	ms: fc.integer({ min: 1, max: 2 ** 42 - 1 }),
	ns: fc.integer({ min: 0, max: 999_999 }),
	node: fc.constantFrom('n1', 'n2', 'a-node-with-a-long-name'),
});
const slot = fc.integer({ min: 1, max: SLOT_MAX });

/** Values of up to `valueBytesMax` bytes: many small ones, and some that take several sectors. */
export function anyRecord(valueBytesMax: number): fc.Arbitrary<DurableRecord> {
	const value = fc
		.tuple(fc.oneof(fc.nat(valueBytesMax), fc.nat(Math.min(valueBytesMax, 40))), fc.nat(255))
		.map(([length, first]) => (length === 0 ? NOOP : batchValue(Uint8Array.from({ length }, (_, i) => first + i))));
	return fc.oneof(
		fc.record({ kind: fc.constant('promised' as const), ballot }),
		fc.record({ kind: fc.constant('accepted' as const), slot, ballot, value }),
		fc.record({ kind: fc.constant('learned' as const), slot, ballot, value }),
		fc.record({ kind: fc.constant('chosen' as const), through: slot }),
	);
}

/** A record `accepted` for slot `slot`, with a value of so many bytes, or with the no-op. */
export function accepted(slot: number, valueBytes = NOOP.length): DurableRecord {
	const value = valueBytes <= NOOP.length ? NOOP : batchValue(new Uint8Array(valueBytes - BATCH_AT).fill(slot));
	return { kind: 'accepted', slot, ballot: { ms: 1, ns: 0, node: 'n1' }, value };
}

/** The owner of the logs of tests. */
export const OWNER = 'swarm/n1/incarnation';

export interface Heard extends LogHandlers {
	readonly durables: number[];
	readonly failures: Error[];
	readonly flushes: { readonly records: number; readonly bytes: number }[];
	/** The errors of the lack of room, in order; null where there was room again. */
	readonly lacks: (string | null)[];
}

export function listen(): Heard {
	const durables: number[] = [];
	const failures: Error[] = [];
	const flushes: { records: number; bytes: number }[] = [];
	const lacks: (string | null)[] = [];
	return {
		durables,
		failures,
		flushes,
		lacks,
		durable: (through) => durables.push(through),
		failed: (error) => failures.push(error),
		flushed: (records, bytes) => flushes.push({ records, bytes }),
		room: (lack) => lacks.push(lack?.message ?? null),
	};
}
