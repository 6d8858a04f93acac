/** Bad transactions, lists and sessions at the door of clients, and good ones at a bad time. */
import assert from 'node:assert/strict';
import { writeList } from '../../shared/client/client-frame.ts';
import { READING_TRANSACTIONS_MAX, type ReadMode, WRITE } from '../../shared/client/protocol.ts';
import { BatchWriter } from '../../shared/store/batch-writer.ts';
import type { PartOfTransaction } from '../../shared/store/command.ts';
import { VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import type { Kind, Target } from './kind.ts';
import { CLIENT, hello, ping, put, register, Stranger, write, written } from './stranger.ts';

/** A batch that is a transaction. @param first the sequence of its first operation */
function transaction(operations: readonly PartOfTransaction[], first = 2, client = CLIENT): Uint8Array {
	const out = new BatchWriter();
	out.begin(client, first, 0, true);
	for (const operation of operations) out.add(operation);
	return Buffer.concat([Uint8Array.of(WRITE), out.take()]);
}

function list(id: number, prefix: string, after: string, mode: ReadMode = 'stale'): Uint8Array {
	return written((out) => writeList(out, mode, id, prefix, after));
}

const putOf = (key: string, value?: Uint8Array): PartOfTransaction => put(key, value) as PartOfTransaction;
const readOf = (key: string): PartOfTransaction => ({ kind: 'read', key });

/** The name of a client that nothing else has. */
const clientOf = (target: Target): string => `${CLIENT} ${target.key()}`.slice(-60);

export const TRANSACTIONS: readonly Kind[] = [
	{
		name: 'transactions that read, with sequences inside one another',
		answer: 'some are applied, others forgotten, and others are served',
		async throwAt(target) {
			const client = clientOf(target);
			const stranger = await Stranger.at(target);
			stranger.send(hello(client), register(client));
			const [one, two, three] = [target.key(), target.key(), target.key()];
			const all = [one, two, three].map(readOf);
			for (let count = 0; count < 40; count++) {
				target.inputs++;
				stranger.send(transaction([...all, putOf(one)], 2 + target.random.integer(0, 60), client));
			}
			stranger.send(write(put(two), { client, sequence: 1000 }));
			await stranger.section('results', ({ first, count }) => first <= 1000 && first + count > 1000);
		},
	},
	{
		name: 'more transactions that read than may wait',
		answer: 'the others are refused as overloaded, and can be asked for again',
		async throwAt(target) {
			const client = clientOf(target);
			const stranger = await Stranger.at(target);
			const count = READING_TRANSACTIONS_MAX + target.random.integer(1, 30);
			const asks = Array.from({ length: count }, (_, index) => transaction([readOf('a')], 2 + index, client));
			target.inputs += count;
			stranger.send(hello(client), register(client), ...asks);
			for (let index = 0; index < count; index++) {
				const sequence = 2 + index;
				const refused = stranger.section('refused', ({ first }) => first === sequence).then(({ why }) => why);
				const answered = stranger.section('readings', ({ first }) => first === sequence).then(() => 'answered');
				const told = await Promise.race([refused, answered]);
				assert.equal(told, index < READING_TRANSACTIONS_MAX ? 'answered' : 'overloaded');
			}
			stranger.send(transaction([readOf('a')], 1000, client));
			await stranger.section('readings', ({ first }) => first === 1000);
		},
	},
	{
		name: 'transactions that read all they may, of a client that takes nothing',
		answer: 'the node keeps a bounded part of it, and serves others',
		async throwAt(target) {
			const client = clientOf(target);
			const key = target.key();
			const stranger = await Stranger.at(target);
			stranger.send(hello(client), register(client), write(put(key, new Uint8Array(VALUE_BYTES_MAX)), { client }));
			await stranger.section('results', ({ first, count }) => first + count > 2);
			stranger.ws.pause();
			for (let count = 0; count < 60; count++) {
				target.inputs++;
				stranger.send(transaction([readOf(key), readOf(key)], 10 + 2 * count, client));
			}
			const other = await Stranger.at(target);
			other.send(hello(`${client}2`), register(`${client}2`), write(put(target.key()), { client: `${client}2` }));
			await other.section('results', ({ first, count }) => first + count > 2);
		},
	},
	{
		name: 'transactions of which any operation does not hold',
		answer: 'conditionFailed for these, and nothing is changed',
		async throwAt(target) {
			const client = clientOf(target);
			const stranger = await Stranger.at(target);
			stranger.send(hello(client), register(client));
			const session = '6b1f0d7e-8c0c-4a1e-9b0c-6f1f3f0c1d2e';
			const value = Uint8Array.of(1);
			const unmet: readonly PartOfTransaction[] = [
				{ kind: 'check', key: target.key(), cas: null },
				{ kind: 'check', key: target.key(), cas: 2 ** 53 - 2 },
				{ kind: 'put', key: target.key(), value, flags: 0n, cas: 1 },
				{ kind: 'acquire', key: target.key(), value, flags: 2n ** 64n - 1n, session },
				{ kind: 'release', key: target.key(), value, flags: 0n, session },
				{ kind: 'checkSession', key: target.key(), session },
				{ kind: 'checkSession', key: target.key(), session: '' },
			];
			const written = target.key();
			for (const [index, operation] of unmet.entries()) {
				target.inputs++;
				const first = 2 + 2 * index;
				stranger.send(transaction([putOf(written), operation], first, client));
				const results = await stranger.section('results', (told) => told.first + told.count > first + 1);
				assert.equal(results.status, 'conditionFailed');
			}
			assert.equal(await target.read(written), null);
		},
	},
	{
		name: 'the same transaction again and again, on several connections',
		answer: 'it is applied once',
		async throwAt(target) {
			const client = clientOf(target);
			const key = target.key();
			const operations: readonly PartOfTransaction[] = [{ kind: 'check', key, cas: 0 }, putOf(key), readOf(key)];
			const all = await Promise.all(Array.from({ length: target.random.integer(2, 8) }, () => Stranger.at(target)));
			for (const stranger of all) {
				target.inputs++;
				stranger.send(hello(client), register(client), transaction(operations, 2, client));
			}
			const last = await Stranger.at(target);
			last.send(hello(client), register(client), transaction(operations, 2, client));
			const { status } = await last.section('results', ({ first, count }) => first <= 4 && first + count > 4);
			assert.equal(status, 'ok');
		},
	},
	{
		name: 'transactions of keys that no door takes, in any place',
		answer: 'refused as badKey, whole',
		async throwAt(target) {
			const stranger = await Stranger.at(target);
			stranger.send(hello(), register());
			for (const [index, key] of ['/a', 'a/../b', 'a\u0000', 'k'.repeat(4097), '\u202e'].entries()) {
				target.inputs++;
				const first = 2 + 64 * index;
				const operations = Array.from({ length: 63 }, () => putOf(target.key()));
				operations.splice(target.random.integer(0, 63), 0, target.random.pick([putOf, readOf])(key));
				stranger.send(transaction(operations, first));
				const { why, count } = await stranger.section('refused', (told) => told.first === first);
				assert.deepEqual([why, count], ['badKey', 64]);
			}
		},
	},
	{
		name: 'lists behind everything, and of what no key begins with',
		answer: 'a page that is the last one; or the connection is closed for a prefix that no key has',
		async throwAt(target) {
			const stranger = await Stranger.at(target);
			stranger.send(hello());
			const afters = ['\u{10ffff}', 'k'.repeat(60_000), ' ', '/', '..', '\u0000'];
			for (const [id, after] of afters.entries()) {
				target.inputs++;
				stranger.send(list(id, target.key(), after));
				const { entries, isLast } = await stranger.section('page', ({ first }) => first === id);
				assert.deepEqual([entries, isLast], [[], true]);
			}
			stranger.send(list(100, '/a', ''));
			assert.equal(await stranger.closed, 1002);
		},
	},
	{
		name: 'two connections that write in the name of one client',
		answer: 'no sequence is applied twice, and each has one answer',
		async throwAt(target) {
			const client = clientOf(target);
			const key = target.key();
			const [one, two] = (await Promise.all([Stranger.at(target), Stranger.at(target)])) as [Stranger, Stranger];
			one.send(hello(client), register(client));
			await one.section('results');
			two.send(hello(client));
			for (let sequence = 2; sequence < 102; sequence++) {
				target.inputs += 2;
				const value = Uint8Array.of(sequence);
				for (const each of [one, two]) each.send(write(put(key, value), { client, sequence }));
			}
			const { revision, first, count } = await two.section('results', (told) => told.first + told.count > 101);
			two.send(write({ kind: 'check', key, cas: revision + 101 - first }, { client, sequence: 102 }));
			assert.ok(count > 0);
			const check = await two.section('results', (told) => told.first + told.count > 102);
			assert.equal(check.status, 'ok');
		},
	},
	{
		name: 'sessions that end at once, and many renewals of one that is not there',
		answer: 'refused as badValue; conditionFailed',
		async throwAt(target) {
			const client = clientOf(target);
			const stranger = await Stranger.at(target);
			stranger.send(hello(client), register(client));
			const session = '6b1f0d7e-8c0c-4a1e-9b0c-6f1f3f0c1d2f';
			const attributes = { name: '', node: '', lockDelayMs: 0, behavior: 'delete' } as const;
			for (const [index, ttlMs] of [1, 10, target.random.integer(2, 9_999)].entries()) {
				target.inputs++;
				const operation = { kind: 'createSession', session, attributes: { ...attributes, ttlMs } } as const;
				stranger.send(write(operation, { client, sequence: 2 + index }));
				assert.equal((await stranger.section('refused', ({ first }) => first === 2 + index)).why, 'badValue');
			}
			const out = new BatchWriter();
			out.begin(client, 10, 0);
			for (let count = 0; count < 5000; count++) out.add({ kind: 'renewSession', session });
			target.inputs += 5000;
			stranger.send(Uint8Array.of(WRITE), out.take(), ping);
			const results = await stranger.section('results', ({ first, count }) => first + count > 5009);
			assert.equal(results.status, 'conditionFailed');
		},
	},
];
