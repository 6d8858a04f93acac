/** A watch goes on at another node when its own is killed: it is told each change once, in order, and none is missing. */
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { EventStream } from '../api/event-stream.ts';
import { put } from './client.ts';
import { Swarm, type TestNode } from './swarm.ts';

/** As long as the nodes elect another leader a write fails, and the next one is tried. */
const WRITES_MIN = 120;
const KILL_AFTER = 40;

let swarm: Swarm;
beforeAll(async () => {
	swarm = await Swarm.create({ size: 3 });
	await swarm.start();
});
afterAll(() => swarm.dispose());

interface Change {
	readonly Key: string;
	readonly Value: string;
	readonly ModifyIndex: number;
}

test('a watch at the leader resumes at another node when the leader is killed', async () => {
	onTestFailed(() => swarm.report());
	const leader = await swarm.leader();
	const [writer, other] = swarm.nodes.filter((node) => node !== leader) as [TestNode, TestNode];
	const first = await put(writer, 'watched/0', 'first');
	expect(await first.text()).toBe('true');
	const { headers } = await writer.fetch('/v1/kv/watched/?recurse');

	const acknowledged: string[] = [];
	const writing = (async () => {
		for (let i = 0; acknowledged.length < WRITES_MIN; i++) {
			const body = ['a', 'b'].map((name) => ({
				KV: { Verb: 'set', Key: `watched/${i % 7}/${name}`, Value: Buffer.from(`${i}`).toString('base64') },
			}));
			const answer = await writer.fetch('/v1/txn', { method: 'PUT', body: JSON.stringify(body) });
			if (answer.status === 200) acknowledged.push(`${i}`);
			await answer.arrayBuffer();
			await put(writer, 'elsewhere', `${i}`);
		}
		expect(await (await put(writer, 'watched/last', 'last')).text()).toBe('true');
	})();

	const told: Change[][] = [];
	let stream = await EventStream.open(`${leader.url}/v1/watch/watched/?index=${headers.get('x-consul-index')}`);
	let killed: Promise<void> | undefined;
	for (;;) {
		const event = await stream.next().catch(() => undefined);
		if (event === undefined) {
			expect(killed).toBeDefined();
			stream = await EventStream.open(`${other.url}/v1/watch/watched/`, { 'Last-Event-ID': stream.id });
			continue;
		}
		expect(event.event).toBe('message');
		const changes = event.data as Change[];
		if (changes[0]?.Key === 'watched/last') break;
		told.push(changes);
		if (told.length === KILL_AFTER) killed = leader.kill();
	}
	stream.close();
	await writing;
	await killed;

	const values = told.map((changes) => {
		const [a, b] = changes.map(({ Key, Value, ModifyIndex }) => ({ Key, Value, ModifyIndex }));
		expect([changes.length, a?.Key.endsWith('/a'), b?.Key.endsWith('/b'), a?.Value]).toEqual([2, true, true, b?.Value]);
		return Buffer.from(a?.Value ?? '', 'base64').toString();
	});
	const indexes = told.flat().map(({ ModifyIndex }) => ModifyIndex);
	expect(indexes).toEqual([...new Set(indexes)].toSorted((a, b) => a - b));
	// A write that was not acknowledged may have happened too, but none twice.
	expect(values).toEqual([...new Set(values)]);
	expect(values.filter((value) => acknowledged.includes(value))).toEqual(acknowledged);
});
