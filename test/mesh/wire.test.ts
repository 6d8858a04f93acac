import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MalformedError, Reader, Writer } from '../../shared/bytes/bytes.ts';
import type { Message } from '../../shared/paxos/message.ts';
import { membersValue, NOOP } from '../../shared/paxos/value.ts';
import { readMessage, writeMessage } from '../../shared/paxos/wire.ts';
import { ANY_MESSAGE, ANY_MESSAGE_OF } from './arbitrary.ts';

describe('the wire', () => {
	test.each(Object.entries(ANY_MESSAGE_OF))('a %s is read as it was written', (_, anyMessage) => {
		fc.assert(
			fc.property(anyMessage as fc.Arbitrary<Message>, (message) => {
				expect(read(written(message))).toEqual(message);
			}),
		);
	});

	test('a message that is cut short anywhere is malformed', () => {
		fc.assert(
			fc.property(ANY_MESSAGE, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (message, part) => {
				const bytes = written(message);
				expect(() => read(bytes.subarray(0, Math.floor(part * bytes.length)))).toThrow(MalformedError);
			}),
		);
	});

	test('bytes behind a message are malformed', () => {
		fc.assert(
			fc.property(ANY_MESSAGE, fc.uint8Array({ minLength: 1 }), (message, more) => {
				expect(() => read(Uint8Array.of(...written(message), ...more))).toThrow(MalformedError);
			}),
		);
	});

	test('a message with any byte changed is another message or malformed, never another error', () => {
		fc.assert(
			fc.property(ANY_MESSAGE, fc.nat(), fc.integer({ min: 1, max: 255 }), (message, at, flip) => {
				const bytes = written(message);
				const index = at % bytes.length;
				bytes[index] = (bytes[index] ?? 0) ^ flip;
				expectMessageOrMalformed(bytes);
			}),
			{ numRuns: 2000 },
		);
	});

	test('no bytes at all lead to anything but a message or a MalformedError', () => {
		fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), expectMessageOrMalformed), { numRuns: 5000 });
	});

	test.each([
		['a no-op', NOOP],
		[
			'a change of members',
			membersValue({ follows: 0, members: [{ id: 'n1', url: 'http://h', isVoter: true, replaces: null }] }),
		],
	])('a forwarded proposal that is %s is malformed, because no node proposes that', (_, value) => {
		const bytes = written({ kind: 'forward', origin: 'n3', epoch: 1, id: 1, settledThrough: 0, value });
		expect(() => read(bytes)).toThrow(MalformedError);
	});

	test('a count that promises more than there is is malformed without taking memory for it', () => {
		const out = new Writer();
		writeMessage(out, { kind: 'fetch', from: 1 });
		const bytes = Uint8Array.of(10, ...out.take().subarray(1), 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f);
		expect(() => read(bytes)).toThrow(MalformedError);
	});
});

describe('a writer', () => {
	const ranges = [2 ** 7, 2 ** 28, 2 ** 31, 2 ** 35, Number.MAX_SAFE_INTEGER];

	test('writes an integer as unsigned LEB128, at and around every limit', () => {
		const any = fc.oneof(
			fc.maxSafeNat(),
			fc.constantFrom(...ranges.flatMap((range) => [range - 1, range])),
			fc.nat({ max: 2 ** 30 }),
		);
		fc.assert(
			fc.property(any, (value) => {
				const out = new Writer(1);
				out.int(value);
				const bytes = out.take();
				expect([...bytes]).toEqual(leb128(BigInt(value)));
				expect(new Reader(bytes).int()).toBe(value);
			}),
			{ numRuns: 1000 },
		);
	});

	test('never writes over what was taken', () => {
		fc.assert(
			fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (arrays) => {
				const out = new Writer(8);
				const taken = arrays.map((array) => {
					out.raw(array);
					return out.take();
				});
				expect(taken).toEqual(arrays);
			}),
		);
	});
});

function leb128(value: bigint): number[] {
	const low = Number(value & 0x7fn);
	return value < 0x80n ? [low] : [low | 0x80, ...leb128(value >> 7n)];
}

function written(message: Message): Uint8Array {
	const out = new Writer(1);
	writeMessage(out, message);
	return out.take();
}

function read(bytes: Uint8Array): Message {
	const from = new Reader(bytes);
	const message = readMessage(from);
	from.finish();
	return message;
}

function expectMessageOrMalformed(bytes: Uint8Array): void {
	let message: Message;
	try {
		message = read(bytes);
	} catch (error) {
		expect(error).toBeInstanceOf(MalformedError);
		return;
	}
	// Bytes that were read as a message are one: it can be written and read again.
	expect(read(written(message))).toEqual(message);
}
