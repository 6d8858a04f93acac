/** One AbortSignal may be given to any number of calls: it has one listener while they last, and none afterwards. */
import { getEventListeners } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Turns } from '../../shared/client/turns.ts';
import { WatchIterator } from '../../shared/client/watch-iterator.ts';
import { VirtualSwarm, watched } from './virtual.ts';

const VALUE = new Uint8Array(8);
const warned = vi.fn();

beforeAll(() => void process.on('warning', warned));
afterAll(() => void process.off('warning', warned));
afterEach(() => warned.mockClear());

describe('one signal on many calls of many clients', () => {
	it('has one listener, warns of nothing, ends all of them, and keeps none', async () => {
		const swarm = new VirtualSwarm(['n1']);
		swarm.onWrite = () => true;
		const clients = Array.from({ length: 20 }, () => swarm.client());
		const abort = new AbortController();
		const { signal } = abort;
		const calls = clients.flatMap((client) =>
			Array.from({ length: 20 }, () => {
				const [put, get] = [watched(swarm.time), watched(swarm.time)];
				client.put('a', VALUE, 0n, null, signal, put);
				client.get('a', 'linearizable', signal, get);
				return [put, get];
			}),
		);
		expect(getEventListeners(signal, 'abort')).toHaveLength(1);
		swarm.time.run(100);
		// The reads are answered; the writes are not.
		expect(calls.every(([put, get]) => put?.times === 0 && get?.times === 1)).toBe(true);
		expect(getEventListeners(signal, 'abort')).toHaveLength(1);
		abort.abort(new Error('enough'));
		expect(calls.every(([put]) => put?.times === 1 && put.error?.message === 'enough')).toBe(true);
		expect(getEventListeners(signal, 'abort')).toHaveLength(0);
		for (const client of clients) client.close();
		expect(calls.flat().every(({ times }) => times === 1)).toBe(true);
		await new Promise(setImmediate);
		expect(warned).not.toHaveBeenCalled();
	});

	it('has no listener once the calls are answered, have failed, or were never made', () => {
		const swarm = new VirtualSwarm(['n1']);
		const client = swarm.client({ timeoutMs: 1000, limits: { callsMax: 2 } });
		const { signal } = new AbortController();
		const all = Array.from({ length: 5 }, () => {
			const call = watched(swarm.time);
			client.put('a', VALUE, 0n, null, signal, call);
			return call;
		});
		swarm.time.run(100);
		expect(all.every(({ times }) => times === 1)).toBe(true);
		expect(getEventListeners(signal, 'abort')).toHaveLength(0);
		swarm.onWrite = () => true;
		client.put('a', VALUE, 0n, null, signal, watched(swarm.time));
		expect(getEventListeners(signal, 'abort')).toHaveLength(1);
		swarm.time.run(2000);
		expect(getEventListeners(signal, 'abort')).toHaveLength(0);
	});
});

describe('one signal on many watches', () => {
	it('has one listener, warns of nothing, ends all of them, and keeps none', async () => {
		const swarm = new VirtualSwarm(['n1']);
		const client = swarm.client();
		const abort = new AbortController();
		const { signal } = abort;
		const watches = Array.from(
			{ length: 20 },
			() => new WatchIterator(signal, (watcher) => client.watch('a', null, watcher)),
		);
		expect(getEventListeners(signal, 'abort')).toHaveLength(1);
		await watches[0]?.return();
		const over = watches.slice(1).map((watch) => expect(watch.next()).rejects.toThrow('enough'));
		abort.abort(new Error('enough'));
		await Promise.all(over);
		expect(await watches[0]?.next()).toEqual({ done: true, value: undefined });
		expect([getEventListeners(signal, 'abort').length, client.watchesCount]).toEqual([0, 0]);
		client.close();
		await new Promise(setImmediate);
		expect(warned).not.toHaveBeenCalled();
	});

	it('has no listener once they were left', async () => {
		const swarm = new VirtualSwarm(['n1']);
		const client = swarm.client();
		const { signal } = new AbortController();
		const watch = new WatchIterator(signal, (watcher) => client.watch('a', null, watcher));
		expect(getEventListeners(signal, 'abort')).toHaveLength(1);
		await watch.return();
		expect(getEventListeners(signal, 'abort')).toHaveLength(0);
		client.close();
	});
});

describe('a turn at a key', () => {
	it('that is not waited for any more leaves nothing on the other signals, and comes to the next one', async () => {
		const turns = new Turns();
		const end = await turns.take('a', []);
		const [abort, other] = [new AbortController(), new AbortController()];
		const aborted = turns.take('a', [abort.signal, other.signal]);
		const [second, third] = [turns.take('a', []), turns.take('a', [])];
		abort.abort(new Error('enough'));
		await expect(aborted).rejects.toThrow('enough');
		await new Promise(setImmediate);
		expect(getEventListeners(other.signal, 'abort')).toHaveLength(0);
		const order: string[] = [];
		const ended = third.then(() => order.push('third'));
		end();
		const endSecond = await second;
		// To end it again is fine.
		end();
		await new Promise(setImmediate);
		expect(order).toEqual([]);
		endSecond();
		await ended;
		await expect(turns.take('b', [abort.signal])).rejects.toThrow('enough');
		await turns.take('b', []);
	});
});
