/** A write that is given up is never applied once a call that was made later was: the later one says so to the swarm. */
import { expect, it } from 'vitest';
import type { Settle } from '../../shared/client/abort.ts';
import type { ClientCore } from '../../shared/client/core.ts';
import { writeResults } from '../../shared/client/node-frame.ts';
import { STATUSES } from '../../shared/client/protocol.ts';
import { type GotBatch, VirtualSwarm, watched } from './virtual.ts';

const TIMEOUT_MS = 5000;

function put(client: ClientCore, key: string, settle: Settle<unknown>): void {
	client.put(key, new Uint8Array(0), 0n, null, undefined, settle);
}

it('also where calls are made between two writes that are given up at the same time', () => {
	const swarm = new VirtualSwarm(['n1']);
	const { time } = swarm;
	const client = swarm.client({ timeoutMs: TIMEOUT_MS });
	put(client, 'first', watched(time));
	time.run(100);
	const lost: GotBatch[] = [];
	const later: GotBatch[] = [];
	swarm.onWrite = (batch) => {
		(time.nowMs < TIMEOUT_MS ? lost : later).push(batch);
		return true;
	};
	for (const key of ['a', 'b']) {
		put(client, key, { resolve: () => undefined, reject: () => put(client, `after ${key}`, watched(time)) });
		// Each is a batch of its own.
		time.run(time.nowMs);
	}
	time.run(TIMEOUT_MS + 200);
	expect(lost.map(({ count }) => count)).toEqual([1, 1]);
	// The call behind `a` was made before `b` was given up, and the one behind `b` after it.
	expect(later.map(({ receivedThrough }) => receivedThrough)).toEqual(lost.map(({ first }) => first));
});

it('also where a call under a client that the swarm has dropped has no answer yet', () => {
	const swarm = new VirtualSwarm(['n1']);
	const { time } = swarm;
	const client = swarm.client({ timeoutMs: TIMEOUT_MS });
	put(client, 'first', watched(time));
	time.run(100);
	const got: GotBatch[] = [];
	swarm.onWrite = (batch, out) => {
		const [early] = got;
		got.push(batch);
		// The answer to the first of two calls is that the swarm has dropped the client.
		if (early && got.length === 2) writeResults(out, early.first, 1, STATUSES.indexOf('unknownClient'), 0);
		return true;
	};
	put(client, 'early', { resolve: () => undefined, reject: () => put(client, 'after', watched(time)) });
	time.run(200);
	put(client, 'late', watched(time));
	time.run(100 + TIMEOUT_MS + 50);
	const [early, late, again, after] = got as [GotBatch, GotBatch, GotBatch, GotBatch];
	expect(late.client).toBe(early.client);
	expect(again.client).not.toBe(early.client);
	expect(after).toMatchObject({ client: again.client, receivedThrough: again.first + again.count - 1 });
});

it('also where it went behind a later call, because the swarm had forgotten its client', () => {
	const swarm = new VirtualSwarm(['n1']);
	const { time } = swarm;
	const client = swarm.client({ timeoutMs: TIMEOUT_MS });
	put(client, 'first', watched(time));
	time.run(100);
	const got: GotBatch[] = [];
	const [unknown, ok] = ['unknownClient', 'ok'].map((each) => STATUSES.indexOf(each as (typeof STATUSES)[number])) as [
		number,
		number,
	];
	swarm.onWrite = (batch, out) => {
		const [early, late] = got;
		got.push(batch);
		// The swarm has forgotten the client of the first two calls, and says so of the second one only behind the next call.
		if (got.length === 2) writeResults(out, early?.first ?? 0, 1, unknown, 0);
		if (got.length === 3) writeResults(out, batch.first, batch.count, ok, 1);
		if (got.length === 4) writeResults(out, late?.first ?? 0, 1, unknown, 0);
		return true;
	};
	put(client, 'early', watched(time));
	time.run(200);
	put(client, 'late', { resolve: () => undefined, reject: () => put(client, 'after', watched(time)) });
	time.run(300);
	put(client, 'next', watched(time));
	time.run(400);
	const [early, late, , next, again] = got as [GotBatch, GotBatch, GotBatch, GotBatch, GotBatch];
	expect([late.client, again.client]).toEqual([early.client, next.client]);
	expect(again.first).toBeGreaterThan(next.first);
	// The late call is given up before the one that is in front of it now.
	time.run(200 + TIMEOUT_MS + 50);
	expect(got).toHaveLength(5);
	time.run(300 + TIMEOUT_MS + 200);
	expect(got).toHaveLength(6);
	expect(got[5]).toMatchObject({ client: again.client, receivedThrough: again.first });
});
