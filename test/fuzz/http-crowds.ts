/** Many requests at once, and clients that are slow, silent or gone. */
import assert from 'node:assert/strict';
import { request, type Wire } from '../front/wire.ts';
import { until } from '../process/swarm.ts';
import { isAnswered, type Kind, type Target, textOf } from './kind.ts';

/** Checks that the node that was crowded serves others. */
async function serves(target: Target): Promise<void> {
	const key = target.key();
	isAnswered(await target.ask('PUT', `/v1/kv/${key}`, { body: 'x' }), 200, 'true');
	isAnswered(await target.ask('GET', `/v1/kv/${key}?raw`), 200, 'x');
	isAnswered(await target.ask('GET', '/readyz'), 200);
}

function wires(target: Target, count: number): Wire[] {
	return Array.from({ length: count }, () => target.wire());
}

function resetAll(all: readonly Wire[]): Promise<unknown> {
	for (const { socket } of all) socket.resetAndDestroy();
	return Promise.all(all.map(({ closed }) => closed));
}

export const CROWDS: readonly Kind[] = [
	{
		name: 'many blocking reads that are dropped at once',
		answer: 'others are served meanwhile and afterwards',
		async throwAt(target) {
			const key = target.key();
			const all = wires(target, 20);
			const waits = target.random.integer(5, 50);
			target.inputs += all.length * waits;
			for (const wire of all) wire.write(request('GET', `/v1/kv/${key}?index=1000000000000&wait=10m`).repeat(waits));
			await serves(target);
			await resetAll(all);
			await serves(target);
		},
	},
	{
		name: 'blocking reads whose key is written',
		answer: 'all of them are answered with what was written',
		async throwAt(target) {
			const key = target.key();
			isAnswered(await target.ask('PUT', `/v1/kv/${key}`, { body: 'before' }), 200, 'true');
			const read = await target.ask('GET', `/v1/kv/${key}`);
			const all = wires(target, target.random.integer(10, 200));
			target.inputs += all.length;
			for (const wire of all)
				wire.write(request('GET', `/v1/kv/${key}?raw&index=${read.headers['x-consul-index']}&wait=10m`));
			isAnswered(await target.ask('PUT', `/v1/kv/${key}`, { body: 'after' }), 200, 'true');
			for (const wire of all) isAnswered(await wire.answer(), 200, 'after');
		},
	},
	{
		name: 'watches that never read',
		answer: 'writes go on, and memory is bounded by what a connection holds',
		async throwAt(target) {
			const prefix = target.key();
			const all = wires(target, 10);
			target.inputs += all.length;
			for (const wire of all) wire.write(request('GET', `/v1/watch/${prefix}?index=1`)).socket.pause();
			const value = textOf(target.random, 1000, 'abc').repeat(100);
			for (let count = 0; count < 20; count++) {
				isAnswered(await target.ask('PUT', `/v1/kv/${prefix}/${count}`, { body: value }), 200, 'true');
			}
			await serves(target);
			await resetAll(all);
			isAnswered(await target.ask('DELETE', `/v1/kv/${prefix}?recurse`), 200, 'true');
		},
	},
	{
		name: 'long reads that are asked for and never taken',
		answer: 'others are served, and the readers go with their connections',
		async throwAt(target) {
			const prefix = target.key();
			const value = textOf(target.random, 1000, 'abc').repeat(300);
			for (let count = 0; count < 5; count++) {
				isAnswered(await target.ask('PUT', `/v1/kv/${prefix}/${count}`, { body: value }), 200, 'true');
			}
			const all = wires(target, target.random.integer(5, 30));
			for (const wire of all) {
				target.inputs += 5;
				wire.write(request('GET', `/v1/kv/${prefix}?recurse`).repeat(5)).socket.pause();
			}
			await serves(target);
			await resetAll(all);
			isAnswered(await target.ask('DELETE', `/v1/kv/${prefix}?recurse`), 200, 'true');
			await serves(target);
		},
	},
	{
		name: 'connections that say nothing',
		answer: 'others are served, and the oldest of those beyond the bound are closed',
		async throwAt(target) {
			const all = wires(target, target.random.integer(520, 600));
			target.inputs += all.length;
			await serves(target);
			const [oldest] = all as [Wire];
			await oldest.closed;
			await resetAll(all);
		},
	},
	{
		name: 'requests that never end',
		answer: 'others are served',
		async throwAt(target) {
			const all = wires(target, target.random.integer(20, 100));
			target.inputs += all.length;
			const text = request('PUT', `/v1/kv/${target.key()}`, { body: 'slow' });
			for (const wire of all) wire.write(text.slice(0, target.random.integer(1, text.length - 1)));
			await serves(target);
			await resetAll(all);
		},
	},
	{
		name: 'writes that are sent and not waited for',
		answer: 'each is there or not, and nothing else is',
		async throwAt(target) {
			const prefix = target.key();
			const all = wires(target, 10);
			const count = target.random.integer(10, 100);
			for (const [index, wire] of all.entries()) {
				target.inputs += count;
				for (let at = 0; at < count; at++)
					wire.write(request('PUT', `/v1/kv/${prefix}/${index}-${at}`, { body: `${at}` }));
			}
			await all[0]?.answer();
			await resetAll(all);
			const { body } = await target.ask('GET', `/v1/kv/${prefix}/?keys&limit=2000`);
			for (const key of JSON.parse(body) as readonly string[]) assert.match(key, new RegExp(`^${prefix}/\\d-\\d+$`));
			isAnswered(await target.ask('DELETE', `/v1/kv/${prefix}?recurse`), 200, 'true');
		},
	},
	{
		name: 'transactions that write all they may, at once',
		answer: 'each is carried out, or refused with its outcome',
		async throwAt(target) {
			const keys = Array.from({ length: 16 }, () => target.key());
			const Value = Buffer.from(textOf(target.random, 100, 'abc').repeat(180)).toString('base64');
			const body = JSON.stringify(keys.map((Key) => ({ KV: { Verb: 'set', Key, Value } })));
			const all = await Promise.all(Array.from({ length: 8 }, () => target.ask('PUT', '/v1/txn', { body })));
			for (const answer of all) {
				assert.ok(
					answer.status === 200 || answer.headers['x-swarm-outcome'] !== undefined,
					`${answer.status} ${answer.body}`,
				);
			}
		},
	},
	{
		name: 'more snapshots than are given out at once',
		answer: '503 in words for the third one; the places are free when their readers are gone',
		async throwAt(target) {
			const all = wires(target, 4);
			target.inputs += all.length;
			for (const wire of all) wire.write(request('GET', '/v1/snapshot')).socket.pause();
			await serves(target);
			await resetAll(all);
			await until('a snapshot is given out', async () => {
				const answer = await target.node.fetch('/v1/snapshot?stale');
				await answer.arrayBuffer();
				if (!answer.ok) assert.equal(answer.status, 503);
				return answer.ok || undefined;
			});
		},
	},
	{
		name: 'sessions that are made and forgotten',
		answer: 'each is there, and can be ended',
		async throwAt(target) {
			const made = await Promise.all(
				Array.from({ length: target.random.integer(5, 40) }, () =>
					target.ask('PUT', '/v1/session/create', { body: '{"TTL":"24h"}' }),
				),
			);
			const ids = made.map(({ body }) => (JSON.parse(body) as { readonly ID: string }).ID);
			const { body } = await target.ask('GET', '/v1/session/list');
			for (const id of ids) assert.ok(body.includes(id), `${id} is missing`);
			for (const id of ids) isAnswered(await target.ask('PUT', `/v1/session/destroy/${id}`), 200, 'true');
		},
	},
];
