/**
 * A client that nobody here wrote, the npm package `consul`, against real nodes: everything that it has for keys, sessions,
 * locks, transactions and watches, also while the leader is killed and comes back.
 */
import { once } from 'node:events';
import Consul from 'consul';
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest';
import { Swarm, type TestNode, until } from './swarm.ts';

/** Short time-outs of sessions, and elections that no busy machine begins. */
const timings = { electionMinMs: 1_000, electionMaxMs: 1_500, sessionTtlMinMs: 1_000 };

let swarm: Swarm;
beforeAll(async () => {
	swarm = await Swarm.create({ size: 3, timings });
	await swarm.start();
});
afterAll(() => swarm.dispose());

/** The client makes nothing of the answer `false`. */
const FALSE = undefined;

const clientOf = ({ port }: TestNode): Consul => new Consul({ host: '127.0.0.1', port });

/** The client of each node. */
const clients = (): Consul[] => swarm.nodes.map(clientOf);

/** An entry as the client gives it: its value is text. */
interface Item {
	readonly Key: string;
	readonly Value: string | null;
	readonly Flags: number;
	readonly Session?: string;
	readonly LockIndex: number;
	readonly CreateIndex: number;
	readonly ModifyIndex: number;
}

const item = async (client: Consul, key: string): Promise<Item> => (await client.kv.get({ key })) as unknown as Item;

/** Asks again while there is no leader, as the client's users do. A node that is gone refuses the connection. */
async function retried<T>(ask: () => Promise<T>): Promise<T> {
	return until('the swarm has a leader again', async () => {
		try {
			return await ask();
		} catch (error) {
			if ((error as { statusCode?: number }).statusCode === 500) return undefined;
			throw error;
		}
	});
}

/** Collects what a watch is told. */
class Changes {
	readonly values: (string | null | undefined)[] = [];
	readonly #watch: ReturnType<Consul['watch']>;

	constructor(client: Consul, key: string) {
		this.#watch = client.watch({
			method: client.kv.get,
			options: { key, wait: '60s' },
			backoffFactor: 20,
			backoffMax: 200,
		});
		this.#watch.on('change', (data: Item | undefined) => this.values.push(data?.Value));
		this.#watch.on('error', () => undefined);
	}

	/** Resolves when it is told this value. */
	async told(value: string): Promise<void> {
		while (!this.values.includes(value)) await once(this.#watch, 'change');
	}

	end(): void {
		this.#watch.end();
	}
}

describe('the client', () => {
	test('writes, reads, lists and deletes keys, each at another node', async () => {
		const [one, two, three] = clients() as [Consul, Consul, Consul];
		expect(await one.kv.set('app/color', 'red')).toBe(true);
		expect(await item(two, 'app/color')).toMatchObject({ Key: 'app/color', Value: 'red', Flags: 0, LockIndex: 0 });
		expect(await three.kv.set({ key: 'app/größe', value: Buffer.from('ç'), flags: 42 })).toBe(true);
		expect(await item(one, 'app/größe')).toMatchObject({ Value: 'ç', Flags: 42 });
		expect(await one.kv.set('app/empty', '')).toBe(true);
		expect((await item(two, 'app/empty')).Value).toBeNull();
		expect(await two.kv.keys('app/')).toEqual(['app/color', 'app/empty', 'app/größe']);
		expect(await two.kv.keys({ key: '', separator: '/' })).toEqual(['app/']);
		const all = (await three.kv.get({ key: 'app/', recurse: true })) as unknown as Item[];
		expect(all.map(({ Key }) => Key)).toEqual(['app/color', 'app/empty', 'app/größe']);
		expect(String(await one.kv.get({ key: 'app/color', raw: true }))).toBe('red');
		expect(await one.kv.get('app/none')).toBeFalsy();
		expect(await three.kv.del('app/color')).toBe(true);
		expect(await one.kv.get('app/color')).toBeFalsy();
		expect(await two.kv.del({ key: 'app/', recurse: true })).toBe(true);
		await expect(three.kv.keys('app/')).rejects.toMatchObject({ statusCode: 404 });
	});

	test('writes and deletes under the condition of an index', async () => {
		const [one, two, three] = clients() as [Consul, Consul, Consul];
		expect(await one.kv.set({ key: 'cas', value: '1', cas: 0 })).toBe(true);
		expect(await two.kv.set({ key: 'cas', value: '2', cas: 0 })).toBe(FALSE);
		const { ModifyIndex } = await item(three, 'cas');
		expect(await two.kv.set({ key: 'cas', value: '2', cas: ModifyIndex })).toBe(true);
		expect(await one.kv.set({ key: 'cas', value: '3', cas: ModifyIndex })).toBe(FALSE);
		expect(await one.kv.del({ key: 'cas', cas: ModifyIndex })).toBe(FALSE);
		expect(await one.kv.del({ key: 'cas', cas: (await item(two, 'cas')).ModifyIndex })).toBe(true);
	});

	test('has sessions', async () => {
		const [one, two, three] = clients() as [Consul, Consul, Consul];
		const { ID: id } = await one.session.create({
			name: 'mine',
			node: 'n1',
			ttl: '60s',
			lockdelay: '5s',
			behavior: 'delete',
		});
		const told = { ID: id, Name: 'mine', Node: 'n1', TTL: '60s', LockDelay: 5_000_000_000, Behavior: 'delete' };
		const infoOf = async (client: Consul) => [await client.session.info(id)].flat();
		expect(await infoOf(two)).toMatchObject([told]);
		expect(await three.session.renew(id)).toMatchObject([told]);
		expect(await two.session.node('n1')).toMatchObject([told]);
		expect(await two.session.node('n2')).toEqual([]);
		const { ID: plain } = await two.session.create();
		expect((await three.session.list()).map(({ ID }) => ID)).toEqual([id, plain]);
		for (const each of [id, plain]) await three.session.destroy(each);
		expect((await infoOf(one)).filter(Boolean)).toEqual([]);
		await expect(one.session.renew(id)).rejects.toMatchObject({ statusCode: 404 });
		await expect(one.session.create({ ttl: '1ms' })).rejects.toMatchObject({ statusCode: 500 });
	});

	test('holds a key for one session at a time', async () => {
		const [one, two, three] = clients() as [Consul, Consul, Consul];
		const [a, b] = [(await one.session.create({ lockdelay: '0s' })).ID, (await two.session.create()).ID];
		expect(await one.kv.set({ key: 'lock', value: 'a', acquire: a })).toBe(true);
		expect(await two.kv.set({ key: 'lock', value: 'b', acquire: b })).toBe(FALSE);
		expect(await item(three, 'lock')).toMatchObject({ Value: 'a', Session: a, LockIndex: 1 });
		expect(await two.kv.set({ key: 'lock', value: 'b', release: b })).toBe(FALSE);
		expect(await three.kv.set({ key: 'lock', value: 'a', release: a })).toBe(true);
		expect(await two.kv.set({ key: 'lock', value: 'b', acquire: b })).toBe(true);
		expect(await item(one, 'lock')).toMatchObject({ Value: 'b', Session: b, LockIndex: 2 });
		await expect(one.kv.set({ key: 'lock', value: 'x', acquire: 'nobody' })).rejects.toMatchObject({ statusCode: 500 });
		for (const each of [a, b]) await one.session.destroy(each);
		expect((await item(one, 'lock')).Session).toBeUndefined();
	});

	test('knows the leader, the members and their health', async () => {
		const leader = await swarm.leader();
		for (const client of clients()) {
			expect(await client.status.leader()).toBe(`127.0.0.1:${leader.port}`);
			expect(await client.status.peers()).toEqual(swarm.nodes.map(({ port }) => `127.0.0.1:${port}`));
			expect(await client.agent.self()).toMatchObject({ Config: { Datacenter: 'test', Server: true } });
			expect(await client.catalog.node.list()).toMatchObject(['n1', 'n2', 'n3'].map((Node) => ({ Node })));
			expect(await client.health.state('passing')).toHaveLength(3);
		}
	});

	test('carries out transactions', async () => {
		const [one, two, three] = clients() as [Consul, Consul, Consul];
		const set = (key: string) => ({ KV: { Verb: 'set', Key: key, Value: Buffer.from(key).toString('base64') } });
		const done = await one.transaction.create([
			set('txn/a'),
			set('txn/b'),
			{ KV: { Verb: 'get', Key: 'txn/a' } },
		] as never);
		expect(done).toMatchObject({
			Results: [{ KV: { Key: 'txn/a' } }, { KV: {} }, { KV: { Value: 'dHhuL2E=' } }],
			Errors: null,
		});
		const refused = two.transaction.create([set('txn/c'), { KV: { Verb: 'check-not-exists', Key: 'txn/a' } }] as never);
		await expect(refused).rejects.toMatchObject({ statusCode: 409 });
		expect(await three.kv.keys('txn/')).toEqual(['txn/a', 'txn/b']);
	});

	test('watches a key by blocking reads', async () => {
		const [one, two] = clients() as [Consul, Consul];
		const changes = new Changes(two, 'watched');
		await one.kv.set('elsewhere', 'x');
		for (const value of ['1', '2', '3']) {
			await one.kv.set('watched', value);
			await changes.told(value);
		}
		changes.end();
		// The first one is the answer to the first read, of a missing key or of its first value.
		expect(changes.values.filter((value) => value !== undefined)).toEqual(['1', '2', '3']);
	});
});

test('a change of leader loses no lock, no write that was acknowledged and no watch', async () => {
	onTestFailed(() => swarm.report());
	const leader = await swarm.leader();
	const [one, two] = swarm.nodes.filter((node) => node !== leader).map(clientOf) as [Consul, Consul];
	const { ID: holder } = await one.session.create({ ttl: '60s' });
	const { ID: other } = await two.session.create({ ttl: '60s' });
	expect(await one.kv.set({ key: 'held', value: 'mine', acquire: holder })).toBe(true);
	const held = await item(two, 'held');
	const changes = new Changes(two, 'counted');
	const count = async (client: Consul, value: number): Promise<void> => {
		expect(await retried(() => client.kv.set('counted', String(value)))).toBe(true);
		expect((await retried(() => item(client, 'counted'))).Value).toBe(String(value));
	};
	await count(one, 1);
	await changes.told('1');

	await leader.kill();
	for (const value of [2, 3, 4]) await count(value % 2 ? one : two, value);
	await changes.told('4');
	expect(await item(one, 'held')).toEqual(held);
	expect(await two.kv.set({ key: 'held', value: 'theirs', acquire: other })).toBe(FALSE);
	expect(await two.session.renew(holder)).toMatchObject([{ ID: holder, TTL: '60s' }]);
	expect(await two.status.leader()).not.toBe(`127.0.0.1:${leader.port}`);

	await leader.start();
	const back = clientOf(leader);
	expect(await item(back, 'held')).toEqual(held);
	await count(back, 5);
	await changes.told('5');
	changes.end();
	const values = changes.values.map(Number).filter((value) => value > 0);
	expect(values).toEqual(values.toSorted((a, b) => a - b));
	expect(await back.kv.set({ key: 'held', value: 'mine', release: holder })).toBe(true);
	expect(await back.kv.set({ key: 'held', value: 'theirs', acquire: other })).toBe(true);
	expect(await item(one, 'held')).toMatchObject({ Session: other, LockIndex: 2 });
});

test('a write with an Idempotency-Key is carried out once, over any node and a change of leader', async () => {
	onTestFailed(() => swarm.report());
	const leader = await swarm.leader();
	const others = swarm.nodes.filter((node) => node !== leader) as [TestNode, TestNode];
	const send = async (node: TestNode): Promise<string> => {
		const headers = { 'Idempotency-Key': 'over a change of leader' };
		return (await node.fetch('/v1/kv/once', { method: 'PUT', headers, body: 'first' })).text();
	};
	expect(await send(leader)).toBe('true');
	await clientOf(others[0]).kv.set('once', 'later');
	await leader.kill();
	for (const node of others) {
		expect(await until('it is answered', async () => ((await send(node)) === 'true' ? true : undefined))).toBe(true);
	}
	await leader.start();
	expect(await send(leader)).toBe('true');
	for (const node of swarm.nodes) expect((await item(clientOf(node), 'once')).Value).toBe('later');
});

test('each node has figures of itself for Prometheus', async () => {
	onTestFailed(() => swarm.report());
	let leaders = 0;
	for (const node of swarm.nodes) {
		const peers = swarm.nodes.filter((peer) => peer !== node);
		const counts = [
			'swarm_server_has_leader',
			'swarm_server_leader_changes_seen_total',
			'swarm_server_proposals_committed_total',
			'swarm_server_proposals_applied_total',
			'swarm_disk_fsync_duration_seconds_count',
			'swarm_disk_fsync_duration_seconds_sum',
			'swarm_server_request_duration_seconds_count{handler="kv",method="GET"}',
			...peers.map(({ id }) => `swarm_network_peer_round_trip_time_seconds_count{To="${id}"}`),
		];
		// A link that is new is first measured a moment later.
		const page = await until(`${node.id} tells all of them`, async () => {
			const text = await (await node.fetch('/metrics')).text();
			const told = new Map(
				text.split('\n').map((line) => [line.replace(/ \S+$/, ''), Number(line.replace(/.* /, ''))]),
			);
			return counts.every((name) => (told.get(name) ?? 0) > 0) ? told : undefined;
		});
		leaders += page.get('swarm_server_is_leader') ?? Number.NaN;
	}
	expect(leaders).toBe(1);
});
