import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Tells } from '../../server/replica/tells.ts';
import type { Envelope, Message } from '../../shared/paxos/message.ts';

const leading = { ballot: { ms: 1, ns: 0, node: 'n1' }, chosenThrough: 7, recoveredThrough: 0 };
const tell: Message = { kind: 'heartbeat', ...leading, round: 0 };
const accept: Message = { kind: 'accept', ...leading, slot: 8, value: new Uint8Array(1) };

describe('what is told to a follower', () => {
	let sent: Envelope[];
	let released: number;
	let tells: Tells;

	beforeEach(() => {
		vi.useFakeTimers();
		sent = [];
		released = 0;
		tells = new Tells(
			(envelope) => sent.push(envelope),
			() => released++,
		);
	});

	afterEach(() => {
		tells.stop();
		vi.useRealTimers();
	});

	it('waits a little, and then leaves', () => {
		tells.send({ to: 'n2', message: tell });
		expect(sent).toEqual([]);
		vi.runAllTimers();
		expect(sent).toEqual([{ to: 'n2', message: tell }]);
		expect(released).toBe(1);
	});

	it('does not leave where the next accept says the same', () => {
		tells.send({ to: 'n2', message: tell });
		tells.send({ to: 'n3', message: tell });
		tells.send({ to: 'n2', message: accept });
		vi.runAllTimers();
		expect(sent).toEqual([
			{ to: 'n2', message: accept },
			{ to: 'n3', message: tell },
		]);
	});

	it('leaves before an answer that rests on it', () => {
		const answer: Message = { kind: 'readIndex', epoch: 1, round: 1, slot: 7 };
		tells.send({ to: 'n2', message: tell });
		tells.send({ to: 'n2', message: answer });
		expect(sent.map(({ message }) => message)).toEqual([tell, answer]);
	});

	it('leaves at once to a node whose own clients wait for it', () => {
		tells.heard('n2', { kind: 'forward', value: new Uint8Array(1) });
		tells.send({ to: 'n2', message: tell });
		expect(sent).toHaveLength(1);
		vi.advanceTimersByTime(1001);
		tells.send({ to: 'n2', message: tell });
		expect(sent).toHaveLength(1);
	});

	it('is the newest only', () => {
		const newer: Message = { ...tell, chosenThrough: 9 };
		tells.send({ to: 'n2', message: tell });
		tells.send({ to: 'n2', message: newer });
		vi.runAllTimers();
		expect(sent).toEqual([{ to: 'n2', message: newer }]);
	});
});
