/**
 * A read at any node shows every write that was acknowledged before it began; a stale one shows the node's own state.
 */
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { get, put } from './client.ts';
import { Swarm, type TestNode, until } from './swarm.ts';

let swarm: Swarm;
beforeAll(async () => {
	swarm = await Swarm.create({ size: 5 });
	await swarm.start();
});
afterAll(() => swarm.dispose());

test('a read at any node sees the write that another has just acknowledged', async () => {
	onTestFailed(() => swarm.report());
	for (let round = 0; round < 40; round++) {
		const writer = swarm.nodes[round % 5] as TestNode;
		expect(await (await put(writer, 'round', String(round))).text()).toBe('true');
		const seen = await Promise.all(swarm.nodes.map((node) => get(node, 'round', round % 2 === 0 ? '' : '&consistent')));
		expect(seen).toEqual(Array(5).fill(String(round)));
	}
});

test('a read says how it was answered, and at which index', async () => {
	const [n1] = swarm.nodes as [TestNode];
	const fresh = await n1.fetch('/v1/kv/round?consistent');
	expect(fresh.headers.get('x-consul-effective-consistency')).toBe('consistent');
	expect(fresh.headers.get('x-consul-knownleader')).toBe('true');
	const [entry] = (await fresh.json()) as { ModifyIndex: number }[];
	expect(Number(fresh.headers.get('x-consul-index'))).toBe(entry?.ModifyIndex);
	const stale = await n1.fetch('/v1/kv/round?stale');
	expect(stale.headers.get('x-consul-effective-consistency')).toBe('stale');
	expect((await n1.fetch('/v1/kv/round?stale&consistent')).status).toBe(400);
});

test('a blocking read at any node waits for a write at another one, and then shows it', async () => {
	onTestFailed(() => swarm.report());
	const [n1, , , , n5] = swarm.nodes as [TestNode, TestNode, TestNode, TestNode, TestNode];
	await put(n1, 'awaited/key', 'first');
	const index = (await n1.fetch('/v1/kv/awaited/key')).headers.get('x-consul-index');
	const paths = ['awaited/key?raw&', 'awaited/?keys&'].map((path) => `/v1/kv/${path}index=${index}&wait=9m`);
	const answers = Promise.all(swarm.nodes.flatMap((node) => paths.map((path) => node.fetch(path))));
	for (let other = 0; other < 10; other++) await put(n5, 'other', String(other));
	await put(n5, 'awaited/key', 'second');
	for (const answer of await answers) {
		expect(['second', '["awaited/key"]']).toContain(await answer.text());
		expect(Number(answer.headers.get('x-consul-index'))).toBeGreaterThan(Number(index));
	}
});

test('transactions at all nodes move amounts between keys, and none is lost or made', async () => {
	onTestFailed(() => swarm.report());
	const accounts = ['account/a', 'account/b', 'account/c'];
	const [n1] = swarm.nodes as [TestNode];
	for (const account of accounts) await put(n1, account, '100');
	const txn = (node: TestNode, operations: object[]): Promise<Response> =>
		node.fetch('/v1/txn', { method: 'PUT', body: JSON.stringify(operations.map((KV) => ({ KV }))) });
	const all = async (node: TestNode): Promise<{ Key: string; Value: string; ModifyIndex: number }[]> => {
		const { Results } = (await (await txn(node, [{ Verb: 'get-tree', Key: 'account/' }])).json()) as {
			Results: { KV: { Key: string; Value: string; ModifyIndex: number } }[];
		};
		return Results.map(({ KV }) => KV);
	};
	const amountOf = ({ Value }: { Value: string }): number => Number(Buffer.from(Value, 'base64').toString());
	const amounts = async (node: TestNode): Promise<number[]> => (await all(node)).map(amountOf);
	const encoded = (amount: number): string => Buffer.from(String(amount)).toString('base64');
	let moved = 0;
	await Promise.all(
		swarm.nodes.map(async (node, index) => {
			for (let round = 0; round < 10; round++) {
				const entries = await all(node);
				const [from, to] = [entries[(index + round) % 3], entries[(index + round + 1) % 3]];
				if (!from || !to) throw new Error('an account is missing');
				const answer = await txn(node, [
					{ Verb: 'cas', Key: from.Key, Value: encoded(amountOf(from) - 1), Index: from.ModifyIndex },
					{ Verb: 'cas', Key: to.Key, Value: encoded(amountOf(to) + 1), Index: to.ModifyIndex },
				]);
				expect([200, 409]).toContain(answer.status);
				if (answer.status === 200) moved++;
				expect((await amounts(node)).reduce((sum, amount) => sum + amount)).toBe(300);
			}
		}),
	);
	expect(moved).toBeGreaterThan(0);
	const states = await Promise.all(swarm.nodes.map(amounts));
	for (const state of states) expect(state).toEqual(states[0]);
});

test('without a quorum a stale read is answered and a linearizable one is not, nor is a write', async () => {
	onTestFailed(() => swarm.report());
	const leader = await swarm.leader();
	const others = swarm.nodes.filter((node) => node !== leader);
	const gone = others.slice(0, 3);
	const left = others.slice(3).concat(leader);
	await Promise.all(gone.map((node) => node.kill()));
	for (const node of left) expect(await get(node, 'round', '&stale')).toBe('39');
	// Each of them is answered when its time limit is over.
	const [reads, writes] = await Promise.all([
		Promise.all(left.map((node) => node.fetch('/v1/kv/round'))),
		Promise.all(left.map((node) => put(node, 'lonely', 'x'))),
	]);
	for (const read of reads) {
		expect(read.status).toBe(500);
		expect(await read.text()).toContain('No cluster leader');
	}
	for (const write of writes) {
		expect(write.status).toBe(500);
		expect(write.headers.get('x-swarm-outcome')).toMatch(/^(unknown|not-applied)$/);
	}
	for (const node of left) {
		await until(`${node.id} is not ready`, async () =>
			(await node.fetch('/readyz')).status === 503 ? true : undefined,
		);
		expect((await node.fetch('/livez')).status).toBe(200);
	}
	await swarm.start(gone);
	for (const node of swarm.nodes) expect(await get(node, 'round')).toBe('39');
});
