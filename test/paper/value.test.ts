/** The shape of a slot's value, and a log that does not begin with slot 1. */
import { describe, expect, it } from 'vitest';
import { MalformedError, Reader, Writer } from '../../shared/bytes/bytes.ts';
import { PaxosAgent } from '../../shared/paxos/agent.ts';
import type { Message } from '../../shared/paxos/message.ts';
import { readRecord, writeRecord } from '../../shared/paxos/record.ts';
import { batchValue, commandsOf, joinBatches, NOOP, VALUE_KIND } from '../../shared/paxos/value.ts';
import { readMessage, writeMessage } from '../../shared/paxos/wire.ts';
import { copyOf } from '../../shared/simulation/snapshot.ts';
import { among, bytes, Lab } from './lab.ts';

const ballot = { ms: 10, ns: 0, node: 'n1' };
const NOW = { wallMs: 0, steadyMs: 0, stillMs: 0 };

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

describe('a log that is trimmed', () => {
	const TRIMMED = 5;
	const config = new Lab(3).configOf('n2');

	function trimmed(): PaxosAgent {
		return new PaxosAgent(config, [{ kind: 'accepted', slot: 6, ballot, value: bytes('six') }], TRIMMED);
	}

	it('begins above its base, and is applied from there', () => {
		const agent = new PaxosAgent(
			config,
			[
				{ kind: 'accepted', slot: 3, ballot, value: bytes('three') },
				{ kind: 'accepted', slot: 6, ballot, value: bytes('six') },
				{ kind: 'chosen', through: 6 },
			],
			TRIMMED,
		);
		expect(agent.view()).toMatchObject({ chosenThrough: 6, appliedThrough: TRIMMED, lastSlot: 6 });
		expect(agent.view().entry(3)).toBeUndefined();
		expect(agent.step({ kind: 'start', epoch: 1 }, NOW).apply).toEqual([{ slot: 6, ballot, value: bytes('six') }]);
		expect(PaxosAgent.from(config, copyOf(agent.state)).state).toEqual(agent.state);
	});

	it('is asked for nothing below its base', () => {
		const agent = trimmed();
		agent.step({ kind: 'start', epoch: 1 }, NOW);
		const message = { kind: 'heartbeat', ballot, chosenThrough: 9, recoveredThrough: 0, round: 1, timeMs: 0 } as const;
		const { send } = agent.step({ kind: 'receive', from: 'n1', message }, NOW);
		expect(send).toContainEqual({ to: 'n1', message: { kind: 'fetch', from: 7 } });
	});

	it('answers a fetch and an accept of what it keeps no more', () => {
		const agent = trimmed();
		const answer = { to: 'n3', message: { kind: 'trimmed', trimmedThrough: TRIMMED, chosenThrough: TRIMMED } };
		const higher = { ...ballot, ms: 20, node: 'n3' };
		const accept = { ballot: higher, slot: 2, value: bytes('two'), chosenThrough: 0, recoveredThrough: 0 };
		for (const message of [{ kind: 'fetch', from: 2 } as const, { kind: 'accept', ...accept } as const]) {
			const { send, sendWhenDurable, persist } = agent.step({ kind: 'receive', from: 'n3', message }, NOW);
			expect([...send, ...sendWhenDurable]).toEqual([answer]);
			expect(persist).toEqual([]);
		}
	});

	it('is not asked again by a node that it could not answer', () => {
		const lab = new Lab(3);
		const heartbeat = {
			kind: 'heartbeat',
			ballot,
			chosenThrough: 9,
			recoveredThrough: 0,
			round: 0,
			timeMs: 0,
		} as const;
		lab.step('n3', { kind: 'receive', from: 'n1', message: heartbeat });
		const answer = { kind: 'trimmed', trimmedThrough: 9, chosenThrough: 9 } as const;
		lab.step('n3', { kind: 'receive', from: 'n1', message: answer });
		lab.drop();
		for (let i = 0; i < 3; i++) lab.timer('n3', 'fetch');
		expect(lab.inFlight('fetch')).toEqual([]);
		expect(lab.facts('n3', 'ignored')).toMatchObject([{ from: 'n1', message: 'trimmed' }]);
	});

	it('has an answer for those who contest a slot below its base', () => {
		const lab = new Lab(3);
		lab.propose('n1', 'blue', 'self', 2);
		lab.campaign('n1', 20);
		lab.drop(({ to }) => to === 'n3');
		const agent = trimmed();
		for (const { from, message } of lab.net.splice(0).filter(({ to }) => to === 'n2')) {
			const { sendWhenDurable } = agent.step({ kind: 'receive', from, message }, NOW);
			for (const envelope of sendWhenDurable) lab.net.push({ from: 'n2', ...envelope });
		}
		lab.deliver(among('n1', 'n2'));
		expect(lab.outcomes('n1', 'refused')).toMatchObject([{ reason: 'slotTrimmed', nextSlot: 7 }]);
	});
});
