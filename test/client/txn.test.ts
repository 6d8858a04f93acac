/** Transactions of the client: all of a transaction or nothing, once, with what it read. */
import { afterEach, describe, expect, it } from 'vitest';
import type { TxnOperation } from '../../shared/client/client.ts';
import { BadKeyError, BadOptionsError, BadValueError } from '../../shared/client/errors.ts';
import { writeReadings, writeResults } from '../../shared/client/node-frame.ts';
import { STATUSES } from '../../shared/client/protocol.ts';
import type { PartOfTransaction } from '../../shared/store/command.ts';
import { VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import { TestSwarm } from './nodes.ts';
import { type GotBatch, type Settled, VirtualSwarm, watched } from './virtual.ts';

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && new TextDecoder().decode(bytes);

describe('a transaction', () => {
	let swarm: TestSwarm;
	afterEach(() => swarm.stop());

	it('has all of its effects or none, and says what each operation answers', async () => {
		swarm = await TestSwarm.start(3);
		const client = swarm.client();
		const { revision } = await client.put('a', '1');
		const done = await client.txn([
			{ kind: 'check', key: 'a', cas: revision },
			{ kind: 'put', key: 'b', value: '2', flags: 7n, cas: 0 },
			{ kind: 'get', key: 'b' },
			{ kind: 'delete', key: 'a', cas: revision },
			{ kind: 'get', key: 'a' },
		]);
		if (!done.ok) return expect.fail(`failed: ${done.failed}`);
		const [check, put, b, deleted, a] = done.results;
		expect([check, put, deleted]).toEqual([revision + 1, revision + 2, revision + 4]);
		expect(b).toMatchObject({ flags: 7n, createRevision: put, modifyRevision: put });
		expect(text(b?.value)).toBe('2');
		expect(a).toBeNull();

		const refused = await client.txn([
			{ kind: 'put', key: 'c', value: '3' },
			{ kind: 'check', key: 'a', cas: revision },
			{ kind: 'deletePrefix', prefix: '' },
			{ kind: 'put', key: 'b', value: '4', cas: put },
		]);
		// After the deletion of everything, `b` has no revision any more.
		expect(refused).toEqual({ ok: false, failed: [1, 3] });
		expect(await client.get('c')).toBeNull();
		expect(text((await client.get('b'))?.value)).toBe('2');
	});

	it('writes only for the session that holds a key', async () => {
		swarm = await TestSwarm.start(3);
		const client = swarm.client();
		const session = await client.session();
		const lock = await client.lock('job', { session });
		const write = [
			{ kind: 'checkSession', key: 'job', session },
			{ kind: 'put', key: 'report', value: 'done' },
		] as const;
		expect(await client.txn(write)).toMatchObject({ ok: true });
		await lock.release();
		expect(await client.txn(write)).toEqual({ ok: false, failed: [0] });
	});

	it('leaves in its turn: behind the calls before it, and in front of those after it', async () => {
		swarm = await TestSwarm.start(1);
		const client = swarm.client();
		const before = client.put('a', '1');
		const transaction = client.txn([{ kind: 'get', key: 'a' }]);
		const after = client.put('a', '2');
		expect(await transaction).toMatchObject({ ok: true, results: [{ modifyRevision: (await before).revision }] });
		expect((await after).revision).toBe((await before).revision + 2);
	});

	it('is applied once, and reads the state that it was applied to, though connections break', async () => {
		swarm = await TestSwarm.start(3);
		const client = swarm.client();
		let lost = 0;
		const counted: number[] = [];
		const count = async (worker: number): Promise<void> => {
			for (let calls = 0; calls < 60; calls++) {
				const next = `${worker}/${calls}`;
				const operations = [
					{ kind: 'get', key: 'last' },
					{ kind: 'put', key: 'last', value: next },
					{ kind: 'get', key: 'last' },
				] as const;
				const done = await client.txn(operations).catch((error: Error) => error);
				if (done instanceof Error) {
					expect(done.name).toBe('ReadingsLostError');
					lost++;
				} else if (done.ok) {
					const [read, , own] = done.results;
					expect(own?.createRevision).toBe(read?.createRevision ?? own?.modifyRevision);
					counted.push(own?.modifyRevision ?? 0);
				}
				if (calls % 5 === 0) client.cut();
			}
		};
		await Promise.all([1, 2, 3].map(count));
		expect(counted.length + lost).toBe(180);
		expect(new Set(counted).size).toBe(counted.length);
		// A registration, and three operations of each transaction.
		expect((await client.put('end', '')).revision).toBe(1 + 3 * 180 + 1);
		expect(lost).toBeLessThan(90);
	});

	it('reads as much as a frame takes, also many at once', async () => {
		swarm = await TestSwarm.start(1);
		const client = swarm.client();
		await client.put('large', new Uint8Array(VALUE_BYTES_MAX).fill(1));
		const twice = [{ kind: 'get', key: 'large' } as const, { kind: 'get', key: 'large' } as const] as const;
		const all = await Promise.all(Array.from({ length: 40 }, () => client.txn(twice)));
		for (const done of all) {
			if (!done.ok) return expect.fail(`failed: ${done.failed}`);
			expect(done.results.map((entry) => entry?.value.length)).toEqual([VALUE_BYTES_MAX, VALUE_BYTES_MAX]);
		}
		expect(await client.txn([...twice, { kind: 'get', key: 'large' }])).toEqual({ ok: false, failed: [2] });
	});

	it('fails with the reason of its signal, and for what is wrong before anything is sent', async () => {
		swarm = await TestSwarm.start(1);
		const client = swarm.client();
		await client.put('first', '');
		const { sent } = client.frames;
		const wrong: readonly [unknown, new (...args: never[]) => Error][] = [
			[null, BadOptionsError],
			[[], BadOptionsError],
			[Array.from({ length: 65 }, () => ({ kind: 'get', key: 'a' })), BadOptionsError],
			[[null], BadOptionsError],
			[['get'], BadOptionsError],
			[[{ kind: 'other', key: 'a' }], BadOptionsError],
			[[{ kind: 'get', key: '/a' }], BadKeyError],
			[[{ kind: 'put', key: 'a' }], BadValueError],
			[[{ kind: 'put', key: 'a', value: 'x', cas: -1 }], BadValueError],
			[[{ kind: 'put', key: 'a', value: 'x', flags: 1 }], BadValueError],
			[[{ kind: 'delete' }], BadKeyError],
			[[{ kind: 'delete', key: 'a', cas: 0.5 }], BadValueError],
			[[{ kind: 'deletePrefix', prefix: '/' }], BadKeyError],
			[[{ kind: 'check', key: 'a' }], BadValueError],
			[[{ kind: 'check', key: 'a', cas: '1' }], BadValueError],
			[[{ kind: 'checkSession', key: 'a' }], BadOptionsError],
			[[{ kind: 'checkSession', key: 'a', session: { id: 'none' } }], BadOptionsError],
		];
		for (const [operations, type] of wrong) {
			await expect(client.txn(operations as TxnOperation[])).rejects.toThrow(type);
		}
		const half = 'v'.repeat(VALUE_BYTES_MAX / 2 + 1);
		const tooMuch = client.txn([
			{ kind: 'put', key: 'a', value: half },
			{ kind: 'put', key: 'b', value: half },
		]);
		await expect(tooMuch).rejects.toThrow(BadValueError);
		const signal = AbortSignal.abort(new Error('enough'));
		await expect(client.txn([{ kind: 'get', key: 'a' }], { signal })).rejects.toThrow('enough');
		expect(client.frames.sent).toBe(sent);
		client.close();
		await expect(client.txn([{ kind: 'get', key: 'a' }])).rejects.toMatchObject({ why: 'closed' });
	});
});

describe('the client', () => {
	const READS: readonly PartOfTransaction[] = [
		{ kind: 'read', key: 'a' },
		{ kind: 'delete', key: 'a', cas: null },
	];
	const OK = STATUSES.indexOf('ok');
	const isRegistration = ({ kinds }: GotBatch): boolean => kinds[0] === 3;

	function transact(swarm: VirtualSwarm, answer: (batch: GotBatch, out: Parameters<typeof writeResults>[0]) => void) {
		swarm.onWrite = (batch, out) => {
			if (isRegistration(batch)) return false;
			answer(batch, out);
			return true;
		};
		const settled: Settled = watched(swarm.time);
		swarm.client({ timeoutMs: 5000 }).transact(READS, undefined, settled as never);
		return settled;
	}

	it('registers before its first transaction, which is a batch of its own', () => {
		const swarm = new VirtualSwarm(['n1']);
		const batches: (readonly number[])[] = [];
		const settled = transact(swarm, ({ kinds, first, count }, out) => {
			batches.push(kinds);
			writeReadings(out, first, [undefined]);
			writeResults(out, first, count, OK, 7);
		});
		swarm.time.run(1000);
		expect(settled).toMatchObject({ times: 1, value: { held: [true, true], revision: 8, entries: [null] } });
		expect(batches).toEqual([[5, 1]]);
	});

	it('leaves results aside that come without what was read, until those of its own copy come', () => {
		const swarm = new VirtualSwarm(['n1']);
		let copies = 0;
		const settled = transact(swarm, ({ first, count, node }, out) => {
			copies++;
			if (copies > 1) writeReadings(out, first, [undefined]);
			writeResults(out, first, count, OK, 7);
			if (copies === 1) swarm.time.after(100, () => node.cut());
		});
		swarm.time.run(3000);
		expect(copies).toBe(2);
		expect(settled).toMatchObject({ times: 1, value: { revision: 8, entries: [null] } });
	});

	it('says that a transaction has happened whose readings no node knows any more', () => {
		const swarm = new VirtualSwarm(['n1']);
		const settled = transact(swarm, ({ first, count }, out) => {
			writeReadings(out, first, null);
			writeResults(out, first, count, OK, 7);
		});
		swarm.time.run(1000);
		expect(settled).toMatchObject({ times: 1, error: { name: 'ReadingsLostError', revision: 8 } });
	});

	it('needs no readings of a transaction that does not hold', () => {
		const swarm = new VirtualSwarm(['n1']);
		const settled = transact(swarm, ({ first }, out) => {
			writeResults(out, first, 1, OK, 7);
			writeResults(out, first + 1, 1, STATUSES.indexOf('conditionFailed'), 8);
		});
		swarm.time.run(1000);
		expect(settled).toMatchObject({ times: 1, value: { held: [true, false], entries: [] } });
	});

	it('registers anew for a transaction of a client that the swarm has dropped', () => {
		const swarm = new VirtualSwarm(['n1']);
		const from = new Set<string>();
		const settled = transact(swarm, ({ client, first, count }, out) => {
			from.add(client);
			const isDropped = from.size === 1;
			if (!isDropped) writeReadings(out, first, [undefined]);
			writeResults(out, first, count, isDropped ? STATUSES.indexOf('unknownClient') : OK, 7);
		});
		swarm.time.run(1000);
		expect(settled).toMatchObject({ times: 1, value: { held: [true, true] } });
		expect(from.size).toBe(2);
	});

	it('gives a transaction that waits in line its place, and one whose signal was aborted none', () => {
		const swarm = new VirtualSwarm(['n1']);
		const kept: GotBatch[] = [];
		swarm.onWrite = (batch) => !isRegistration(batch) && kept.push(batch) > 0;
		const client = swarm.client({ timeoutMs: 5000, limits: { inFlightMax: 4 } });
		const abort = new AbortController();
		const settled = [undefined, abort.signal, undefined].map((signal) => {
			const each = watched(swarm.time);
			client.transact([...READS, { kind: 'read', key: 'b' }], signal, each as never);
			return each;
		});
		const tooMany = watched(swarm.time);
		client.transact([...READS, ...READS], undefined, tooMany as never);
		expect(tooMany).toMatchObject({ times: 1, error: { why: 'overloaded' } });
		swarm.time.run(100);
		expect(kept).toHaveLength(1);
		abort.abort(new Error('enough'));
		swarm.onWrite = ({ first, count }, out) => {
			writeReadings(out, first, [undefined, undefined]);
			writeResults(out, first, count, OK, 9);
			return true;
		};
		swarm.nodes[0]?.cut();
		swarm.time.run(3000);
		expect(settled.map(({ times, error }) => [times, error?.message])).toEqual([
			[1, undefined],
			[1, 'enough'],
			[1, undefined],
		]);
	});
});
