/** No number from a peer or from the disk makes a node loop, allocate, hang or stop. */
import { describe, expect, it } from 'vitest';
import { MalformedError, Reader, Writer } from '../../shared/bytes/bytes.ts';
import { PaxosAgent } from '../../shared/paxos/agent.ts';
import {
	PROMISE_PARTS_MAX,
	REPORTED_MAX,
	SLOT_MAX,
	SLOT_VALUE_BYTES_MAX,
	SLOTS_AHEAD_MAX,
} from '../../shared/paxos/bounds.ts';
import { InvariantError } from '../../shared/paxos/config.ts';
import type { Message } from '../../shared/paxos/message.ts';
import { type DurableRecord, readRecord, writeRecord } from '../../shared/paxos/record.ts';
import { batchValue } from '../../shared/paxos/value.ts';
import { readMessage, writeMessage } from '../../shared/paxos/wire.ts';
import { among, bytes, Lab, ofKind } from './lab.ts';

const ballot = { ms: 10, ns: 0, node: 'n1' };
const value = bytes('red');
const leading = { ballot, chosenThrough: 0, recoveredThrough: 0 };
const promise = { kind: 'promise', ballot, part: 0, parts: 1, chosenThrough: 0, accepted: [] } as const;
const FAR = SLOT_MAX + 1;
const large = batchValue(new Uint8Array(SLOT_VALUE_BYTES_MAX));
const reported = (slot: number) => ({ slot, ballot, value });

const MALFORMED: Record<string, Message> = {
	'a contest of a slot that cannot be': { kind: 'prepare', ballot, contest: FAR, chosenThrough: 0 },
	'a promise of too many parts': { ...promise, parts: PROMISE_PARTS_MAX + 1 },
	'a promise of 2^53 - 1 parts': { ...promise, parts: Number.MAX_SAFE_INTEGER },
	'a part behind the last': { ...promise, part: 3, parts: 3 },
	'a promise of no part': { ...promise, parts: 0 },
	'a promise that knows what cannot be': { ...promise, chosenThrough: FAR },
	'a promise with an acceptance beyond its window': { ...promise, accepted: [reported(SLOTS_AHEAD_MAX + 1)] },
	'a promise with more acceptances than there are slots': {
		...promise,
		accepted: Array.from({ length: REPORTED_MAX + 1 }, () => reported(1)),
	},
	'an accept for a slot that cannot be': { kind: 'accept', ...leading, slot: FAR, value },
	'an accept for slot 0': { kind: 'accept', ...leading, slot: 0, value },
	'an accept that knows what cannot be': { kind: 'accept', ...leading, chosenThrough: FAR, slot: 1, value },
	'an accept with a recovered slot that cannot be': {
		kind: 'accept',
		...leading,
		recoveredThrough: FAR,
		slot: 1,
		value,
	},
	'an accept of a value above the largest': { kind: 'accept', ...leading, slot: 1, value: large },
	'an accepted of a slot that cannot be': { kind: 'accepted', ballot, slot: FAR },
	'a nack with an acceptance that cannot be': {
		kind: 'nack',
		refused: 'accept',
		ballot,
		promised: ballot,
		acceptance: reported(FAR),
	},
	'a heartbeat that knows what cannot be': { kind: 'heartbeat', ...leading, chosenThrough: FAR, round: 1, timeMs: 0 },
	'a heartbeat with a recovered slot that cannot be': {
		kind: 'heartbeat',
		...leading,
		recoveredThrough: FAR,
		round: 1,
		timeMs: 0,
	},
	'a confirm that knows what cannot be': {
		kind: 'confirm',
		ballot,
		round: 1,
		chosenThrough: FAR,
		stillMs: 0,
		takesValues: true,
		timeMs: 0,
	},
	'a poll reply that knows what cannot be': {
		kind: 'pollReply',
		ballot,
		leader: ballot,
		relays: true,
		recoveredThrough: 0,
		chosenThrough: FAR,
		timeMs: 0,
	},
	'a fetch from where no slot is': { kind: 'fetch', from: FAR },
	'decisions that know what cannot be': { kind: 'decisions', from: 1, chosenThrough: FAR, decisions: [] },
	'decisions of what is not chosen': { kind: 'decisions', from: 5, chosenThrough: 4, decisions: [{ ballot, value }] },
	'a trim of what cannot be': { kind: 'trimmed', trimmedThrough: FAR, chosenThrough: FAR },
	'a forward above the largest value': {
		kind: 'forward',
		origin: 'n1',
		epoch: 1,
		id: 1,
		settledThrough: 0,
		value: large,
	},
	'a read index that cannot be': { kind: 'readIndex', origin: 'n1', epoch: 1, round: 1, slot: FAR },
};

describe('on the wire', () => {
	it.each(Object.entries(MALFORMED))('%s is malformed', (_, message) => {
		const out = new Writer();
		writeMessage(out, message);
		const written = out.take();
		expect(() => readMessage(new Reader(written))).toThrow(MalformedError);
	});

	it('a list that claims more than there are bytes is malformed', () => {
		const out = new Writer();
		writeMessage(out, promise);
		const written = Uint8Array.from([...out.take().slice(0, -1), 0xff, 0xff, 0xff, 0x7f]);
		expect(() => readMessage(new Reader(written))).toThrow(MalformedError);
	});
});

describe('on the disk', () => {
	it.each<[string, DurableRecord]>([
		['an acceptance of slot 0', { kind: 'accepted', slot: 0, ballot, value }],
		['an acceptance of a slot that cannot be', { kind: 'accepted', slot: FAR, ballot, value }],
		['a learned slot that cannot be', { kind: 'learned', slot: FAR, ballot, value }],
		['a chosen slot that cannot be', { kind: 'chosen', through: FAR }],
		['a value above the largest', { kind: 'accepted', slot: 1, ballot, value: large }],
	])('%s is malformed', (_, record) => {
		const out = new Writer();
		writeRecord(out, record);
		expect(() => readRecord(new Reader(out.take()))).toThrow(MalformedError);
	});

	it.each<[string, DurableRecord]>([
		['an acceptance far ahead', { kind: 'accepted', slot: 2 ** 32 - 2, ballot, value }],
		['a far slot that is said to be learned', { kind: 'learned', slot: 2 ** 40, ballot, value }],
		['a far slot that is said to be chosen', { kind: 'chosen', through: 2 ** 40 }],
	])('%s ends the start at once, instead of hanging it', (_, record) => {
		const config = new Lab(3).configOf('n1');
		expect(() => new PaxosAgent(config, [record])).toThrow(InvariantError);
	});
});

describe('a slot beyond the window', () => {
	it('is not accepted in the memory of a node that crashed between two records either', () => {
		const lab = new Lab(3, { slotsAheadMax: 4 });
		const receive = (message: Message) => lab.step('n2', { kind: 'receive', from: 'n1', message });
		for (const slot of [2, 3, 4]) receive({ kind: 'accept', ...leading, slot, value });
		// Slot 1 has to be written, and the others need no record, because they were accepted.
		const decisions = Array.from({ length: 4 }, () => ({ ballot, value }));
		receive({ kind: 'decisions', from: 1, chosenThrough: 4, decisions });
		receive({ kind: 'accept', ...leading, slot: 8, value });
		const records = lab.durable('n2');
		expect(records).toContainEqual({ kind: 'accepted', slot: 8, ballot, value });
		for (let count = 0; count <= records.length; count++) {
			const { chosenThrough, lastSlot } = new PaxosAgent(lab.configOf('n2'), records.slice(0, count)).view();
			expect(lastSlot).toBeLessThanOrEqual(chosenThrough + 4);
		}
	});

	it.each([17, 1_000_000, 2 ** 32 - 2, SLOT_MAX])('%i is not accepted, and nothing is written', (slot) => {
		const lab = new Lab(3);
		lab.drop();
		for (let i = 0; i < 3; i++) {
			lab.step('n2', { kind: 'receive', from: 'n1', message: { kind: 'accept', ...leading, slot, value } });
		}
		expect(lab.durable('n2')).toEqual([]);
		expect(lab.agent('n2').view().lastSlot).toBe(0);
		expect(lab.inFlight('accepted')).toEqual([]);
		expect(lab.facts('n2', 'ignored')).toHaveLength(1);
	});

	it('is sent again by its leader to a follower that has caught up, over a link that stands', () => {
		const lab = new Lab(3, { openSlotsMax: 4, slotsAheadMax: 4, valueBytesMax: 1 });
		lab.elect('n1', 10);
		lab.deliver();
		const isBetween12 = among('n1', 'n2');
		for (let i = 0; i < 8; i++) {
			lab.propose('n1', `${i}`);
			lab.deliver(isBetween12);
		}
		expect(lab.chosen('n1')).toHaveLength(8);
		// n3 has heard of no slot so far, and hears of the last one first.
		lab.drop();
		lab.propose('n1', 'last');
		lab.drop(({ to }) => to === 'n2');
		lab.deliver(ofKind('accept'));
		expect(lab.inFlight('accepted')).toEqual([]);
		const isBetween13 = among('n1', 'n3');
		lab.deliver(isBetween13);
		lab.timer('n1', 'heartbeat');
		lab.deliver(isBetween13);
		expect(lab.chosen('n1').at(-1)).toBe('last');
	});
});

describe('what a peer claims to know', () => {
	it('is asked for, and forgotten when the peer itself knows less', () => {
		const lab = new Lab(3);
		const claim = { kind: 'heartbeat', ...leading, chosenThrough: SLOT_MAX, round: 0, timeMs: 0 } as const;
		lab.step('n2', { kind: 'receive', from: 'n1', message: claim });
		expect(lab.inFlight('fetch')).toHaveLength(1);
		const answer = { kind: 'decisions', from: 1, chosenThrough: 0, decisions: [] } as const;
		lab.step('n2', { kind: 'receive', from: 'n1', message: answer });
		lab.drop();
		for (let i = 0; i < 4; i++) lab.timer('n2', 'fetch');
		expect(lab.inFlight('fetch')).toEqual([]);
	});

	it.each([
		['with no decision', []],
		['with one', [{ ballot, value }]],
	])('unasked, %s, keeps nobody from asking another', (_, decisions) => {
		const lab = new Lab(3);
		lab.drop();
		const claim = { kind: 'decisions', from: 1, chosenThrough: SLOT_MAX, decisions } as const;
		lab.step('n2', { kind: 'receive', from: 'n3', message: claim });
		const told = { kind: 'heartbeat', ...leading, chosenThrough: 9, round: 0, timeMs: 0 } as const;
		lab.step('n2', { kind: 'receive', from: 'n1', message: told });
		expect(lab.inFlight('fetch')).toMatchObject([{ from: 'n2', to: 'n1', message: { from: decisions.length + 1 } }]);
	});

	it('is answered without a walk where it is asked for from far away', () => {
		const lab = new Lab(3);
		lab.step('n2', { kind: 'receive', from: 'n1', message: { kind: 'fetch', from: SLOT_MAX } });
		expect(lab.inFlight('decisions')).toMatchObject([{ message: { chosenThrough: 0, decisions: [] } }]);
	});

	it('does not hold a new leader for ever', () => {
		const lab = new Lab(3);
		lab.propose('n3', 'blue', 'self');
		lab.campaign('n3', 20);
		lab.drop(({ to }) => to === 'n1');
		const absurd = { kind: 'promise', ballot: { ms: 20, ns: 0, node: 'n3' }, part: 0, parts: 1, accepted: [] } as const;
		lab.step('n3', { kind: 'receive', from: 'n1', message: { ...absurd, chosenThrough: SLOT_MAX } });
		expect(lab.agent('n3').view().role).toBe('leader');
		for (let period = 0; period < 2; period++) {
			lab.deliver(among('n2', 'n3'));
			lab.drop();
			lab.timer('n3', 'heartbeat');
			lab.deliver(among('n2', 'n3'));
			lab.timer('n3', 'quorum');
		}
		lab.campaign('n3', 30);
		lab.deliver(among('n2', 'n3'));
		expect(lab.chosen('n3')).toEqual(['blue']);
	});
});

describe('a proposal above the largest value', () => {
	it('is refused', () => {
		const lab = new Lab(3);
		lab.step('n1', { kind: 'propose', proposal: { id: 7, value: large, route: 'leader', contest: 0 } });
		expect(lab.outcomes('n1', 'refused')).toMatchObject([{ proposal: 7, reason: 'tooLarge' }]);
	});
});
