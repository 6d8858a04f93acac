/** The shape of a slot's value, and a log that does not begin with slot 1. */
import { describe, expect, it } from 'vitest';
import { MalformedError, Reader, Writer } from '../../shared/bytes/bytes.ts';
import type { Message } from '../../shared/paxos/message.ts';
import { readRecord, writeRecord } from '../../shared/paxos/record.ts';
import { batchValue, commandsOf, joinBatches, NOOP, VALUE_KIND } from '../../shared/paxos/value.ts';
import { readMessage, writeMessage } from '../../shared/paxos/wire.ts';
import { Lab } from './lab.ts';

const ballot = { ms: 10, ns: 0, node: 'n1' };

describe('a slot’s value', () => {
	it('keeps one kind, in front, where batches are put together', () => {
		const joined = joinBatches([batchValue(Uint8Array.of(7, 8)), batchValue(Uint8Array.of(9))], 0);
		expect(joined).toEqual(Uint8Array.of(VALUE_KIND.batch, 0, 0, 7, 8, 9));
		expect(commandsOf(joined)).toEqual(Uint8Array.of(7, 8, 9));
		expect(commandsOf(NOOP)).toHaveLength(0);
	});

	it.each([
		['no kind', []],
		['an unknown kind', [9, 1]],
		['the kind that is reserved', [VALUE_KIND.members, 1]],
		['a no-op that holds something', [VALUE_KIND.noop, 1]],
		['a batch of nothing', [VALUE_KIND.batch]],
		['a batch of nothing but its time', [VALUE_KIND.batch, 1, 0]],
		['a batch that moves the time too far', [VALUE_KIND.batch, 0xe9, 0x03, 1]],
	])('of %s is malformed on the wire and on disk', (_, raw) => {
		const value = Uint8Array.from(raw);
		const messages: Message[] = [
			{ kind: 'forward', origin: 'n1', epoch: 1, id: 1, settledThrough: 0, value },
			{ kind: 'accept', ballot, slot: 1, value, chosenThrough: 0, recoveredThrough: 0 },
			{ kind: 'decisions', from: 1, chosenThrough: 1, decisions: [{ ballot, value }] },
			{ kind: 'promise', ballot, part: 0, parts: 1, chosenThrough: 0, accepted: [{ slot: 1, ballot, value }] },
		];
		for (const message of messages) {
			const out = new Writer();
			writeMessage(out, message);
			expect(() => readMessage(new Reader(out.take()))).toThrow(MalformedError);
		}
		const out = new Writer();
		writeRecord(out, { kind: 'accepted', slot: 1, ballot, value });
		expect(() => readRecord(new Reader(out.take()))).toThrow(MalformedError);
	});

	it('that is no batch is refused when it is proposed', () => {
		const lab = new Lab(3);
		for (const value of [NOOP, Uint8Array.of(VALUE_KIND.members, 1), new Uint8Array(0)]) {
			lab.step('n1', { kind: 'propose', proposal: { id: 1, value, route: 'leader', contest: 0 } });
		}
		expect(lab.outcomes('n1', 'refused').map(({ reason }) => reason)).toEqual(['notABatch', 'notABatch', 'notABatch']);
		expect(lab.agent('n1').view().pendingCount).toBe(0);
	});
});
