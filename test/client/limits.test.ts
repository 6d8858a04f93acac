/** A call is settled once, within its time limit and with the truth, and leaves no memory behind. */
import { describe, expect, it } from 'vitest';
import { Writer } from '../../shared/bytes/bytes.ts';
import type { ClientCore } from '../../shared/client/core.ts';
import { writeRefused, writeResults } from '../../shared/client/node-frame.ts';
import { type Refusal, STATUSES } from '../../shared/client/protocol.ts';
import { type GotBatch, type Settled, VirtualSwarm, watched } from './virtual.ts';

const REGISTER = 3;
const VALUE = new Uint8Array(8);

function put(swarm: VirtualSwarm, client: ClientCore, key = 'a', signal?: AbortSignal): Settled {
	const settled = watched(swarm.time);
	client.put(key, VALUE, 0n, null, signal, settled);
	return settled;
}

function get(swarm: VirtualSwarm, client: ClientCore, signal?: AbortSignal): Settled {
	const settled = watched(swarm.time);
	client.get('a', 'linearizable', signal, settled);
	return settled;
}

/** Lets the node answer this batch later, or never, by a call of `say`. */
function sayLater({ socket }: GotBatch, say: (out: Writer) => void): true {
	const out = new Writer();
	say(out);
	socket.toClient(out.take());
	return true;
}

function refuse(batch: GotBatch, why: Refusal, mayHaveLeft: boolean): true {
	return sayLater(batch, (out) => writeRefused(out, 'write', batch.first, batch.count, why, mayHaveLeft));
}

describe('the limit of the caller', () => {
	it.each(['noLeader', 'overloaded', 'diskFull', 'diskBehind'] as const)(
		'holds though the node refuses with %s before',
		(why) => {
			const swarm = new VirtualSwarm(['n1']);
			const identities: string[] = [];
			let refusals = 0;
			swarm.onWrite = (batch) => {
				identities.push(`${batch.client}/${batch.first}`);
				return swarm.time.nowMs < 30_000 && refuse(batch, why, ++refusals === 5);
			};
			const client = swarm.client({ timeoutMs: 60_000 });
			const settled = put(swarm, client);
			swarm.time.run(29_000);
			expect(settled.times).toBe(0);
			swarm.time.run(33_000);
			expect(settled).toMatchObject({ times: 1, value: { ok: true } });
			expect(new Set(identities).size).toBe(1);
			expect(identities.length).toBeLessThan(200);
		},
	);

	it.each([
		['noLeader', false, 'RefusedError'],
		['noLeader', true, 'UnknownOutcomeError'],
		['overloaded', false, 'RefusedError'],
		['diskFull', false, 'RefusedError'],
		['diskBehind', false, 'RefusedError'],
		['diskBehind', true, 'UnknownOutcomeError'],
	] as const)('ends what was refused with %s (may have left: %s) by a %s', (why, mayHaveLeft, name) => {
		const swarm = new VirtualSwarm(['n1']);
		swarm.onWrite = (batch) => refuse(batch, why, mayHaveLeft);
		const client = swarm.client({ timeoutMs: 2000 });
		const settled = put(swarm, client);
		swarm.time.run(3000);
		expect(settled).toMatchObject({ times: 1, atMs: 2000, error: { name } });
		if (name === 'RefusedError') expect(settled.error?.why).toBe(why);
	});

	it('finds a call surely not applied where the node knew no leader: it is not left with the node then', () => {
		const swarm = new VirtualSwarm(['n1']);
		swarm.node('n1').leader = '';
		let batches = 0;
		swarm.onWrite = (batch) => {
			batches++;
			if (swarm.node('n1').leader !== '') return false;
			// The node keeps the batch for a while first, as a real one does.
			swarm.time.after(500, () => refuse(batch, 'noLeader', false));
			return true;
		};
		const client = swarm.client({ timeoutMs: 4000 });
		const early = put(swarm, client, 'a');
		swarm.time.run(3000);
		const late = put(swarm, client, 'b');
		swarm.time.run(4010);
		expect(early).toMatchObject({ times: 1, error: { name: 'RefusedError', why: 'noLeader' } });
		expect(batches).toBeLessThanOrEqual(2);
		swarm.node('n1').lead('n1');
		swarm.time.run(4700);
		expect(late).toMatchObject({ times: 1, value: { ok: true } });
	});

	it('is exact, whatever it is and whatever else waits', () => {
		for (const timeoutMs of [1, 30, 99, 101, 5000]) {
			const swarm = new VirtualSwarm(['n1']);
			swarm.onWrite = () => true;
			const client = swarm.client({ timeoutMs });
			const all: [number, Settled][] = [];
			for (let ms = 0; ms < 1000; ms += 17) {
				swarm.time.run(ms);
				all.push([ms, put(swarm, client)]);
			}
			swarm.time.run(10_000);
			for (const [ms, { atMs, times }] of all) {
				expect(times).toBe(1);
				expect((atMs as number) - ms).toBeCloseTo(timeoutMs, 6);
			}
		}
	});

	it('that has passed once is no answer of the node’s: what was out when a connection broke stays unknown', () => {
		const swarm = new VirtualSwarm(['n1']);
		let times = 0;
		swarm.onWrite = (batch) => (times++ === 0 ? true : refuse(batch, 'noLeader', false));
		const client = swarm.client({ timeoutMs: 2000 });
		const settled = put(swarm, client);
		swarm.time.run(200);
		swarm.node('n1').cut();
		swarm.time.run(3000);
		expect(times).toBeGreaterThan(2);
		expect(settled).toMatchObject({ times: 1, error: { name: 'UnknownOutcomeError' } });
	});

	it('holds for a read that is refused before', () => {
		const swarm = new VirtualSwarm(['n1']);
		let refusals = 0;
		swarm.onRead = ({ first, keys }, socket) => {
			if (++refusals > 4) return false;
			const out = new Writer();
			writeRefused(out, 'read', first, keys.length, 'noLeader', false);
			socket.toClient(out.take());
			return true;
		};
		const settled = get(swarm, swarm.client());
		swarm.time.run(9000);
		expect(settled).toMatchObject({ times: 1, value: null });
		expect(refusals).toBe(5);
	});
});

describe('an answer', () => {
	it('that comes twice settles nothing else', () => {
		const swarm = new VirtualSwarm(['n1']);
		const ok = STATUSES.indexOf('ok');
		swarm.onWrite = (batch) =>
			sayLater(batch, (out) => {
				for (let i = 0; i < batch.count; i++) writeResults(out, batch.first, 1, ok, 7);
			});
		const client = swarm.client({ timeoutMs: 1000 });
		const all = [put(swarm, client, 'a'), put(swarm, client, 'b'), put(swarm, client, 'c')];
		swarm.time.run(5000);
		expect(all.map(({ times }) => times)).toEqual([1, 1, 1]);
		expect(all[2]?.error?.name).toBe('UnknownOutcomeError');
		expect(client.callsCount).toBe(0);
	});

	it('may come in pieces, and in any order of them', () => {
		const swarm = new VirtualSwarm(['n1']);
		const ok = STATUSES.indexOf('ok');
		swarm.onWrite = (batch) =>
			sayLater(batch, (out) => {
				for (let i = batch.count - 1; i >= 0; i--) writeResults(out, batch.first + i, 1, ok, 100 + i);
			});
		const client = swarm.client();
		const all = ['a', 'b', 'c'].map((key) => put(swarm, client, key));
		swarm.time.run(100);
		expect(all.map(({ value }) => (value as { revision: number }).revision)).toEqual([101, 102, 103]);
		expect(client.callsCount).toBe(0);
	});
});

describe('a client that the swarm has dropped', () => {
	it('goes on under another, and what was sent before on another connection is greeted, answered or unknown', () => {
		const swarm = new VirtualSwarm(['n1']);
		const unknown = STATUSES.indexOf('unknownClient');
		const dropped = new Set<string>();
		let isMute = false;
		swarm.onWrite = (batch, out) => {
			if (isMute) return true;
			if (!dropped.has(batch.client)) return false;
			writeResults(out, batch.first, batch.count, unknown, 0);
			return true;
		};
		const client = swarm.client({ timeoutMs: 5000 });
		put(swarm, client);
		swarm.time.run(100);
		isMute = true;
		const before = put(swarm, client);
		swarm.time.run(200);
		const [first] = swarm.clients;
		dropped.add(first as string);
		isMute = false;
		const after = put(swarm, client);
		swarm.time.run(300);
		expect(after).toMatchObject({ times: 1, value: { ok: true } });
		// The node throws for a batch of a client that it was not told.
		swarm.node('n1').cut();
		swarm.time.run(4000);
		expect(before).toMatchObject({ times: 1, error: { name: 'UnknownOutcomeError' } });
		expect(put(swarm, client).times).toBe(0);
		swarm.time.run(4100);
		expect(client.callsCount).toBe(0);
		expect(swarm.dials).toBe(2);
	});

	it('though it is dropped again and again, names no more clients than a node remembers, and ends', () => {
		const swarm = new VirtualSwarm(['n1']);
		const unknown = STATUSES.indexOf('unknownClient');
		let batches = 0;
		swarm.onWrite = (batch, out) => {
			// Every third one is never answered, and stays behind under its old client.
			if (++batches % 3 === 0) return true;
			writeResults(out, batch.first, batch.count, unknown, 0);
			return true;
		};
		const client = swarm.client({ timeoutMs: 1000 });
		const all: Settled[] = [];
		for (let ms = 0; ms < 2000; ms += 50) {
			swarm.time.run(ms);
			all.push(put(swarm, client, `${ms}`));
			if (ms % 400 === 0) swarm.node('n1').cut();
		}
		swarm.time.run(5000);
		expect(all.every(({ times, error }) => times === 1 && error)).toBe(true);
		expect(client.callsCount).toBe(0);
	});
});

describe('what the node has no room for', () => {
	it('waits in line, in order, and is answered', () => {
		const swarm = new VirtualSwarm(['n1']);
		const counts: number[] = [];
		let inFlight = 0;
		const answers: (() => void)[] = [];
		swarm.onWrite = (batch) => {
			inFlight += batch.count;
			counts.push(inFlight);
			answers.push(() => {
				inFlight -= batch.count;
				const { client, first, count } = batch;
				sayLater(batch, (out) =>
					writeResults(out, first, count, STATUSES.indexOf('ok'), swarm.revisionOf(client, first, count)),
				);
			});
			return true;
		};
		const client = swarm.client({ limits: { inFlightMax: 10 } });
		const all = Array.from({ length: 100 }, (_, i) => put(swarm, client, `${i}`));
		for (let ms = 10; ms < 1000; ms += 10) {
			swarm.time.run(ms);
			answers.shift()?.();
		}
		expect(Math.max(...counts)).toBeLessThanOrEqual(10);
		const revisions = all.map(({ value }) => (value as { revision: number }).revision);
		expect(revisions).toEqual(revisions.toSorted((a, b) => a - b));
		expect(client.callsCount).toBe(0);
	});

	it('is refused at once beyond the bound of calls, or of bytes', () => {
		for (const limits of [
			{ inFlightMax: 10, callsMax: 50 },
			{ inFlightMax: 10, bytesMax: 700 },
		]) {
			const swarm = new VirtualSwarm(['n1']);
			const client = swarm.client({ limits });
			const all = Array.from({ length: 100 }, (_, i) => put(swarm, client, `${i}`));
			const refused = all.filter(({ error }) => error?.why === 'overloaded').length;
			expect(refused).toBeGreaterThan(40);
			expect(refused).toBeLessThan(80);
			swarm.time.run(1000);
			expect(all.filter(({ value }) => value)).toHaveLength(100 - refused);
			expect(put(swarm, client).error).toBeUndefined();
		}
	});

	it('fails by its limit where it stays in line', () => {
		const swarm = new VirtualSwarm(['n1']);
		swarm.onWrite = () => true;
		const client = swarm.client({ timeoutMs: 500, limits: { inFlightMax: 4 } });
		const all = Array.from({ length: 20 }, (_, i) => put(swarm, client, `${i}`));
		swarm.time.run(600);
		expect(all.map(({ error }) => error?.name)).toEqual([
			...Array(3).fill('UnknownOutcomeError'),
			...Array(17).fill('RefusedError'),
		]);
	});
});

describe('a signal', () => {
	it('of calls that were not sent when it was aborted keeps them from ever being sent', () => {
		const swarm = new VirtualSwarm(['n1']);
		let commands = 0;
		swarm.onWrite = ({ kinds }) => {
			commands += kinds.filter((kind) => kind !== REGISTER).length;
			return false;
		};
		const client = swarm.client({ limits: { inFlightMax: 4 } });
		const abort = new AbortController();
		const all = Array.from({ length: 20 }, (_, i) =>
			put(swarm, client, `${i}`, i % 2 === 0 ? abort.signal : undefined),
		);
		const reads = [get(swarm, client, abort.signal), get(swarm, client)];
		abort.abort(new Error('enough'));
		swarm.time.run(1000);
		expect(all.map(({ error }) => error?.message)).toEqual(all.map((_, i) => (i % 2 === 0 ? 'enough' : undefined)));
		expect([...all, ...reads].every(({ times }) => times === 1)).toBe(true);
		// The first three were sent in the turn itself, and the node had no room for more.
		expect(commands).toBe(12);
		expect(client.callsCount).toBe(0);
	});
});

describe('at the end', () => {
	it('of a closed client no timer, connection or call is left', () => {
		const swarm = new VirtualSwarm(['n1', 'n2']);
		swarm.onWrite = () => true;
		const client = swarm.client({ limits: { inFlightMax: 4 } });
		swarm.time.run(50);
		const all = [get(swarm, client), ...Array.from({ length: 20 }, (_, i) => put(swarm, client, `${i}`))];
		swarm.time.run(60);
		all.push(put(swarm, client), get(swarm, client));
		client.close();
		client.close();
		expect(all.slice(1).every(({ times, error }) => times === 1 && error)).toBe(true);
		swarm.time.run(70);
		expect(swarm.time.timersCount).toBe(0);
		expect(swarm.nodes.every(({ sockets }) => sockets.size === 0)).toBe(true);
		expect(put(swarm, client)).toMatchObject({ times: 1, error: { why: 'closed' } });
	});
});
