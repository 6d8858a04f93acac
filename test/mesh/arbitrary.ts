/** Random messages of every kind, for tests of properties. */
import fc from 'fast-check';
import { type Ballot, NO_BALLOT } from '../../shared/paxos/ballot.ts';
import { PROMISE_PARTS_MAX, SLOT_MAX, SLOTS_AHEAD_MAX } from '../../shared/paxos/bounds.ts';
import type { Acceptance, Message, MessageKind, Nack } from '../../shared/paxos/message.ts';
import { batchValue, NOOP } from '../../shared/paxos/value.ts';

const BALLOT_MS_END = Number(2n ** 62n / 1_000_000n);

const count = fc.maxSafeNat();
const slot = fc.integer({ min: 1, max: SLOT_MAX });
const through = fc.integer({ min: 0, max: SLOT_MAX });
const batch = fc.uint8Array({ minLength: 1, maxLength: 300 }).map(batchValue);
const value = fc.oneof(fc.constant(NOOP), batch);
const nodeId = fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 64 });
const ballot: fc.Arbitrary<Ballot> = fc.oneof(
	fc.constant(NO_BALLOT),
	plainRecord({ ms: fc.maxSafeNat().map((ms) => ms % BALLOT_MS_END), ns: fc.nat({ max: 999_999 }), node: nodeId }),
);
const acceptance: fc.Arbitrary<Acceptance> = plainRecord({ slot, ballot, value });
const hearing = { leader: ballot, relays: fc.boolean(), recoveredThrough: through, chosenThrough: through };
const forwardId = { origin: nodeId, epoch: count, id: count };
const refused = fc.constantFrom<Nack['refused']>('prepare', 'accept', 'heartbeat');

/** A generator for every kind. The compiler refuses a missing one. */
export const ANY_MESSAGE_OF: { readonly [Kind in MessageKind]: fc.Arbitrary<Extract<Message, { kind: Kind }>> } = {
	prepare: plainRecord({ kind: kind('prepare'), ballot, contest: through, chosenThrough: through }),
	promise: fc.integer({ min: 1, max: PROMISE_PARTS_MAX }).chain((parts) =>
		plainRecord({
			kind: kind('promise'),
			ballot,
			part: fc.nat({ max: parts - 1 }),
			parts: fc.constant(parts),
			chosenThrough: fc.constant(SLOT_MAX - SLOTS_AHEAD_MAX),
			accepted: fc.array(acceptance, { maxLength: 5 }),
		}),
	),
	accept: plainRecord({ kind: kind('accept'), ballot, chosenThrough: through, recoveredThrough: through, slot, value }),
	accepted: plainRecord({ kind: kind('accepted'), ballot, slot }),
	nack: plainRecord({
		kind: kind('nack'),
		refused,
		ballot,
		promised: ballot,
		acceptance: fc.option(acceptance),
	}),
	heartbeat: plainRecord({
		kind: kind('heartbeat'),
		ballot,
		chosenThrough: through,
		recoveredThrough: through,
		round: count,
		timeMs: count,
	}),
	confirm: plainRecord({
		kind: kind('confirm'),
		ballot,
		round: count,
		chosenThrough: through,
		stillMs: count,
		takesValues: fc.boolean(),
		timeMs: count,
	}),
	handOver: plainRecord({ kind: kind('handOver'), ballot }),
	poll: plainRecord({ kind: kind('poll'), ballot, timeMs: count }),
	pollReply: plainRecord({ kind: kind('pollReply'), ballot, ...hearing, timeMs: count }),
	fetch: plainRecord({ kind: kind('fetch'), from: slot }),
	decisions: plainRecord({
		kind: kind('decisions'),
		from: fc.integer({ min: 1, max: SLOT_MAX - 5 }),
		chosenThrough: fc.constant(SLOT_MAX),
		decisions: fc.array(plainRecord({ ballot, value }), { maxLength: 5 }),
	}),
	trimmed: plainRecord({ kind: kind('trimmed'), trimmedThrough: through, chosenThrough: through }),
	forward: plainRecord({ kind: kind('forward'), ...forwardId, settledThrough: count, value: batch }),
	hears: plainRecord({ kind: kind('hears'), ...hearing }),
	noRoom: plainRecord({ kind: kind('noRoom'), ...forwardId }),
	digest: plainRecord({ kind: kind('digest'), slot, digest: fc.integer() }),
	snapshotAsk: plainRecord({ kind: kind('snapshotAsk'), through, offset: count }),
	snapshotPart: plainRecord({
		kind: kind('snapshotPart'),
		through,
		bytesOfAll: fc.integer({ min: 2_000, max: 2 ** 40 }),
		offset: fc.integer({ min: 0, max: 1_000 }),
		bytes: fc.uint8Array({ maxLength: 1_000 }),
	}),
	readAsk: plainRecord({ kind: kind('readAsk'), origin: nodeId, epoch: count, round: count }),
	readIndex: plainRecord({ kind: kind('readIndex'), origin: nodeId, epoch: count, round: count, slot: through }),
};

export const ANY_MESSAGE: fc.Arbitrary<Message> = fc.oneof(...Object.values<fc.Arbitrary<Message>>(ANY_MESSAGE_OF));

function kind<Kind extends MessageKind>(kind: Kind): fc.Arbitrary<Kind> {
	return fc.constant(kind);
}

function plainRecord<T>(fields: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> {
	return fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>;
}
