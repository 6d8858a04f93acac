import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
	Encoder,
	FRAME_BYTES_MAX,
	FRAME_MESSAGES_MAX,
	type Frame,
	Lane,
	MESSAGE_BYTES_MAX,
	REACHED_MAX,
	readFrame,
} from '../../server/mesh/frame.ts';
import { MalformedError, Writer } from '../../shared/bytes/bytes.ts';
import type { Message } from '../../shared/paxos/message.ts';
import { writeMessage } from '../../shared/paxos/wire.ts';
import { ANY_MESSAGE } from './arbitrary.ts';
import { forwardOf, sizedValue } from './node.ts';

describe('a lane', () => {
	test('gives back all messages in order, numbered without gaps', () => {
		fc.assert(
			fc.property(fc.array(fc.array(ANY_MESSAGE, { maxLength: 8 }), { maxLength: 5 }), fc.nat(), (turns, firstId) => {
				const lane = new Lane(firstId);
				const received: Message[] = [];
				for (const turn of turns) {
					turn.forEach((message, i) => {
						expect(lane.add(message)).toBe(firstId + received.length + i);
					});
					for (const frame of framesOf(lane)) {
						expect(frame.firstId).toBe(firstId + received.length);
						received.push(...frame.messages);
					}
					expect(lane.bytes).toBe(0);
				}
				expect(received).toEqual(turns.flat());
			}),
		);
	});

	test('never makes a frame above the largest, and none of too many messages', () => {
		const lane = new Lane(1);
		const sizes = [10, 200_000, 1_000_000, 250_000, 20_000, 1_048_000, 1_048_000, 5];
		for (const size of sizes) lane.add(forwardSized(size));
		for (let i = 0; i < FRAME_MESSAGES_MAX + 10; i++) lane.add({ kind: 'fetch', from: 1 });
		let ids = 1;
		for (let bytes = lane.takeFrame(); bytes; bytes = lane.takeFrame()) {
			expect(bytes.length).toBeLessThanOrEqual(FRAME_BYTES_MAX);
			const frame = readFrame(bytes);
			expect(frame.firstId).toBe(ids);
			expect(frame.messages.length).toBeLessThanOrEqual(FRAME_MESSAGES_MAX);
			ids += frame.messages.length;
		}
		expect(ids).toBe(1 + sizes.length + FRAME_MESSAGES_MAX + 10);
	});

	test('refuses a message above the largest, and takes one just as large', () => {
		const lane = new Lane(1);
		expect(() => lane.add(messageOf(MESSAGE_BYTES_MAX + 1))).toThrow(RangeError);
		expect(lane.takeFrame()).toBeUndefined();
		lane.add(messageOf(MESSAGE_BYTES_MAX));
		expect(framesOf(lane)[0]?.messages).toHaveLength(1);
	});

	test('of a mesh copies what another one of them has encoded, whatever is taken and added between', () => {
		const step = fc.record({ message: ANY_MESSAGE, lanes: fc.array(fc.nat(2)), takes: fc.boolean() });
		fc.assert(
			fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
				const encoder = new Encoder();
				const lanes = [1, 2, 3].map(() => new Lane(1, encoder));
				const sent: Message[][] = [[], [], []];
				const received: Message[][] = [[], [], []];
				const takeAll = () => {
					for (const [index, lane] of lanes.entries()) {
						received[index]?.push(...framesOf(lane).flatMap(({ messages }) => messages));
					}
				};
				for (const { message, lanes: to, takes } of steps) {
					for (const index of to) {
						lanes[index]?.add(message);
						sent[index]?.push(message);
						if (takes) takeAll();
					}
				}
				takeAll();
				expect(received).toEqual(sent);
			}),
		);
	});

	test('says in each frame how far the log was durable as the frame left, not as its messages came', () => {
		let reached = 5;
		const lane = new Lane(1, new Encoder(), () => reached);
		lane.add(forwardSized(FRAME_BYTES_MAX - MESSAGE_BYTES_MAX));
		lane.add(forwardSized(10));
		reached = REACHED_MAX;
		lane.add(forwardSized(10));
		expect(framesOf(lane).map((frame) => frame.reached)).toEqual([5, REACHED_MAX]);
		reached = 0x1234;
		lane.add(forwardSized(10));
		expect(framesOf(lane)).toMatchObject([{ reached, firstId: 4, messages: [{ kind: 'forward' }] }]);
	});

	test('writes over frames that were taken when it is told that the kernel has them, and not before', () => {
		const lane = new Lane(1);
		const take = () => {
			lane.add(forwardSized(1000));
			return lane.takeFrame() as Uint8Array;
		};
		const [first, second] = [take(), take()];
		expect(second.byteOffset).toBeGreaterThan(first.byteOffset);
		lane.add(forwardSized(1000));
		lane.reuse();
		const third = lane.takeFrame() as Uint8Array;
		expect(third.byteOffset).toBeGreaterThan(second.byteOffset);
		lane.reuse();
		const fourth = take();
		expect(fourth.buffer).toBe(first.buffer);
		expect(fourth.byteOffset).toBe(first.byteOffset);
		lane.add(forwardSized(1000));
		lane.clear();
		expect(take().buffer).not.toBe(first.buffer);
	});

	test('never writes over a frame that waits because it is full', () => {
		const lane = new Lane(1);
		lane.add(forwardSized(FRAME_BYTES_MAX - MESSAGE_BYTES_MAX));
		lane.reuse();
		lane.add(forwardSized(2000));
		expect(framesOf(lane).flatMap(({ messages }) => messages)).toHaveLength(2);
	});

	test('says how many bytes wait, and drops them when told', () => {
		const lane = new Lane(7);
		lane.add(forwardSized(300_000));
		lane.add(forwardSized(1000));
		expect(lane.bytes).toBeGreaterThan(301_000);
		lane.clear();
		expect(lane.bytes).toBe(0);
		expect(lane.takeFrame()).toBeUndefined();
		expect(lane.add(forwardSized(4))).toBe(9);
	});
});

describe('a frame', () => {
	test('of no messages, of another kind, or of none at all is malformed', () => {
		const reached = [0, 0, 0, 0, 0, 0];
		for (const bytes of [[], [0x10], [0x10, ...reached, 1], [0x11, ...reached, 1, 9, 1], [1, ...reached, 1, 9, 1]]) {
			expect(() => readFrame(Uint8Array.from(bytes))).toThrow(MalformedError);
		}
	});

	test('of too many messages is malformed', () => {
		const fetches = Array.from({ length: FRAME_MESSAGES_MAX + 1 }, () => [9, 1]).flat();
		const frameOf = (messages: readonly number[]) => Uint8Array.of(0x10, 0, 0, 0, 0, 0, 0, 1, ...messages);
		expect(() => readFrame(frameOf(fetches))).toThrow(MalformedError);
		expect(readFrame(frameOf(fetches.slice(2))).messages).toHaveLength(FRAME_MESSAGES_MAX);
	});

	test('of any bytes leads to messages or a MalformedError', () => {
		fc.assert(
			fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, marked) => {
				try {
					expect(readFrame(marked ? Uint8Array.of(0x10, ...bytes) : bytes).messages).not.toEqual([]);
				} catch (error) {
					expect(error).toBeInstanceOf(MalformedError);
				}
			}),
			{ numRuns: 5000 },
		);
	});
});

function framesOf(lane: Lane): Frame[] {
	const frames: Frame[] = [];
	for (let bytes = lane.takeFrame(); bytes; bytes = lane.takeFrame()) frames.push(readFrame(bytes));
	return frames;
}

/** It has two values, because a single value has to be smaller. */
function messageOf(bytes: number): Message {
	const ballot = { ms: 1, ns: 0, node: 'n1' };
	const of = (...sizes: number[]): Message => {
		const decisions = sizes.map((size) => ({ ballot, value: sizedValue(size) }));
		return { kind: 'decisions', from: 1, chosenThrough: 2, decisions };
	};
	const sized = of(1_000_000, bytes - 1_000_000);
	const out = new Writer();
	writeMessage(out, sized);
	return of(1_000_000, bytes - 1_000_000 - (out.take().length - bytes));
}

function forwardSized(bytes: number): Message {
	return forwardOf(sizedValue(bytes));
}
