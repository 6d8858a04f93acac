import { beforeEach, describe, expect, it } from 'vitest';
import type { Envelope, Message } from '../../shared/paxos/message.ts';
import { FORWARDS_LATELY_MS, HELD_MS_MAX, Tells } from '../../shared/replica/tells.ts';

const leading = { ballot: { ms: 1, ns: 0, node: 'n1' }, chosenThrough: 7, recoveredThrough: 0 };
const tell: Message = { kind: 'heartbeat', ...leading, round: 0, timeMs: 0 };
const accept: Message = { kind: 'accept', ...leading, slot: 8, value: new Uint8Array(1) };

describe('what is told to a follower', () => {
	let sent: Envelope[];
	let released: number;
	let nowMs: number;
	/** The times for which the timer was set, milliseconds. */
	let asked: number[];
	let tells: Tells;

	beforeEach(() => {
		sent = [];
		released = 0;
		nowMs = 0;
		asked = [];
		tells = new Tells({
			nowMs: () => nowMs,
			setTimer: (afterMs) => asked.push(afterMs),
			send: (envelope) => sent.push(envelope),
			released: () => released++,
		});
	});

	it('waits a little, and then leaves', () => {
		tells.send({ to: 'n2', message: tell });
		expect(sent).toEqual([]);
		expect(asked).toEqual([HELD_MS_MAX]);
		tells.fire();
		expect(sent).toEqual([{ to: 'n2', message: tell }]);
		expect(released).toBe(1);
		expect(tells.count).toBe(0);
	});

	it('does not leave where the next accept says the same', () => {
		tells.send({ to: 'n2', message: tell });
		tells.send({ to: 'n3', message: tell });
		tells.send({ to: 'n2', message: accept });
		tells.fire();
		expect(asked).toHaveLength(1);
		expect(sent).toEqual([
			{ to: 'n2', message: accept },
			{ to: 'n3', message: tell },
		]);
	});

	it('leaves before an answer that rests on it', () => {
		const answer: Message = { kind: 'readIndex', origin: 'n1', epoch: 1, round: 1, slot: 7 };
		tells.send({ to: 'n2', message: tell });
		tells.send({ to: 'n2', message: answer });
		expect(sent.map(({ message }) => message)).toEqual([tell, answer]);
	});

	it('leaves at once to a node whose own clients wait for it', () => {
		tells.heard('n2', {
			kind: 'forward',
			origin: 'n2',
			epoch: 1,
			id: 1,
			settledThrough: 0,
			value: new Uint8Array(1),
		});
		tells.send({ to: 'n2', message: tell });
		expect(sent).toHaveLength(1);
		nowMs = FORWARDS_LATELY_MS;
		tells.send({ to: 'n2', message: tell });
		expect(sent).toHaveLength(1);
	});

	it('is the newest only', () => {
		const newer: Message = { ...tell, chosenThrough: 9 };
		tells.send({ to: 'n2', message: tell });
		tells.send({ to: 'n2', message: newer });
		tells.fire();
		expect(sent).toEqual([{ to: 'n2', message: newer }]);
	});
});
