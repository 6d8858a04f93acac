/** Watches of the client: at real nodes, and in virtual time where a node is lost, slow or gone without a word. */
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { Writer } from '../../shared/bytes/bytes.ts';
import { type ToldChange, writeChanges } from '../../shared/client/changes.ts';
import type { WatchedChanges } from '../../shared/client/client.ts';
import { type ClientSection, writeHello, writeUnwatch, writeWatch } from '../../shared/client/client-frame.ts';
import { BadKeyError, BadOptionsError, CompactedError, RefusedError } from '../../shared/client/errors.ts';
import {
	type NodeSection,
	readNodeFrame,
	writeChangesSection,
	writeWatchEnded,
} from '../../shared/client/node-frame.ts';
import { WATCHES_PER_CONNECTION_MAX, type WatchEndReason } from '../../shared/client/protocol.ts';
import type { Watcher } from '../../shared/client/watches.ts';
import { TestSwarm } from './nodes.ts';
import { type VirtualNode, type VirtualSocket, VirtualSwarm } from './virtual.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe('a watch of the client', () => {
	let swarm: TestSwarm;
	afterEach(() => swarm.stop());

	/** The next changes: the revision, and each change in a word. */
	async function next(watch: AsyncIterator<WatchedChanges>): Promise<[number, ...string[]]> {
		const { value, done } = await watch.next();
		if (done) throw new Error('the watch is over');
		return [
			value.revision,
			...value.changes.map((each: WatchedChanges['changes'][number]) =>
				each.kind === 'put' ? `${each.key}=${text(each.value)}` : `${each.kind} ${each.key}`,
			),
		];
	}

	it('is told every change below its prefix, those of a transaction together', async () => {
		swarm = await TestSwarm.start(3);
		const client = swarm.client();
		const { revision } = await client.put('app/ключ', '1', { flags: 2n ** 63n });
		const watch = client.watch('app/', { from: revision - 1 });
		expect(await next(watch)).toEqual([revision, 'app/ключ=1']);
		await client.put('other', 'x');
		await client.delete('app/ключ');
		const ask = (method: string, path: string, body = '') =>
			fetch(`${swarm.urls[0]}${path}`, { method, ...(body === '' ? {} : { body }) });
		const operations = ['app/a', 'b', 'app/b'].map((Key) => ({ KV: { Verb: 'set', Key, Value: 'eA==' } }));
		expect((await ask('PUT', '/v1/txn', JSON.stringify(operations))).status).toBe(200);
		expect((await ask('DELETE', '/v1/kv/app?recurse')).status).toBe(200);
		expect((await next(watch)).slice(1)).toEqual(['delete app/ключ']);
		expect((await next(watch)).slice(1)).toEqual(['app/a=x', 'app/b=x']);
		expect((await next(watch)).slice(1)).toEqual(['deletePrefix app']);
	});

	it('goes on at another node, without a gap and without repetition, when its own stops', async () => {
		swarm = await TestSwarm.start(3);
		const [writer, watcher] = [swarm.client(), swarm.client()];
		const { revision } = await writer.put('key', 'first');
		const watch = watcher.watch('key', { from: revision });
		const told: string[] = [];
		for (let i = 0; i < 60; i++) {
			if (i === 30) await swarm.node(watcher.node).close();
			await writer.put('key', `${i}`);
		}
		for (let i = 0; i < 60; i++) told.push((await next(watch))[1] as string);
		expect(told).toEqual(Array.from({ length: 60 }, (_, i) => `key=${i}`));
	});

	it('that is not taken keeps little, and goes on behind what was taken', async () => {
		swarm = await TestSwarm.start(1);
		const client = swarm.client();
		const { revision } = await client.put('key', 'first');
		const watch = client.watch('', { from: revision });
		const values = Array.from({ length: 40 }, (_, i) => `${i}`.padEnd(200_000, '.'));
		for (const value of values) await client.put('key', value);
		for (const value of values) expect((await next(watch))[1]).toBe(`key=${value}`);
	});

	it('ends when its loop is left, by its signal, and with the client', async () => {
		swarm = await TestSwarm.start(1);
		const client = swarm.client();
		const { revision } = await client.put('key', 'x');
		for await (const changes of client.watch('', { from: revision - 1 })) {
			expect(changes.revision).toBe(revision);
			break;
		}
		const aborts = new AbortController();
		const aborted = client.watch('', { signal: aborts.signal }).next();
		const closed = client.watch('').next();
		aborts.abort(new Error('enough'));
		await expect(aborted).rejects.toThrow('enough');
		client.close();
		await expect(closed).rejects.toMatchObject({ name: 'RefusedError', why: 'closed' });
		await expect(client.watch('').next()).rejects.toThrow(RefusedError);
	});

	it('is refused where its arguments are wrong, and above the bound of a connection', async () => {
		swarm = await TestSwarm.start(1);
		const client = swarm.client();
		await expect(client.watch('/a').next()).rejects.toThrow(BadKeyError);
		await expect(client.watch('a', { from: -1 }).next()).rejects.toThrow(BadOptionsError);
		await expect(client.watch('a', { signal: 1 as never }).next()).rejects.toThrow(BadOptionsError);
		const all = Array.from({ length: WATCHES_PER_CONNECTION_MAX + 1 }, () => client.watch('a'));
		const last = all.at(-1)?.next();
		await expect(last).rejects.toMatchObject({ name: 'RefusedError', why: 'overloaded' });
		const first = all[0] as AsyncIterator<WatchedChanges>;
		await client.put('a', 'x');
		expect((await next(first))[1]).toBe('a=x');
	});
});

describe('the door for watches', () => {
	let swarm: TestSwarm;
	afterEach(() => swarm.stop());

	const frame = (write: (out: Writer) => void): Uint8Array => {
		const out = new Writer();
		write(out);
		return out.take();
	};

	it.each([
		['before the greeting', (out: Writer) => writeWatch(out, 1, null, 'a')],
		[
			'of a prefix that no key has',
			(out: Writer) => {
				writeHello(out, 's');
				writeWatch(out, 1, null, '/a');
			},
		],
		[
			'with the id of another one',
			(out: Writer) => {
				writeHello(out, 's');
				writeWatch(out, 1, null, 'a');
				writeWatch(out, 1, null, 'b');
			},
		],
	])('ends a connection that begins one %s', async (_, write) => {
		swarm = await TestSwarm.start(1);
		const socket = swarm.stranger('n1');
		await once(socket, 'open');
		socket.send(frame(write));
		expect((await once(socket, 'close'))[0]).toBe(1002);
	});

	it('tells where a watch begins, and nothing more once it is given up', async () => {
		swarm = await TestSwarm.start(1);
		const client = swarm.client();
		const { revision } = await client.put('a', 'x');
		const socket = swarm.stranger('n1');
		const sections: NodeSection[] = [];
		socket.binaryType = 'nodebuffer';
		socket.on('message', (data: Buffer) => sections.push(...readNodeFrame(data)));
		await once(socket, 'open');
		socket.send(
			frame((out) => {
				writeHello(out, 's');
				writeWatch(out, 1, null, 'a');
				writeWatch(out, 2, null, 'a');
				writeUnwatch(out, 2);
				writeUnwatch(out, 3);
			}),
		);
		await once(socket, 'message');
		await client.put('a', 'y');
		while (!sections.some((each) => each.kind === 'changes' && each.changes.length > 0)) await once(socket, 'message');
		const changes = sections.filter((each) => each.kind === 'changes');
		expect(changes.map(({ id, through }) => [id, through])).toEqual([
			[1, revision],
			[2, revision],
			[1, revision + 1],
		]);
		socket.terminate();
	});
});

describe('in virtual time', () => {
	/** A swarm whose nodes note the watches that are begun, and tell what a test says. */
	class Watched extends VirtualSwarm {
		readonly begun: { readonly node: VirtualNode; readonly socket: VirtualSocket; readonly section: Watch }[] = [];
		readonly given: number[] = [];

		constructor(ids: readonly string[]) {
			super(ids);
			this.onWatch = (node, socket, section) => {
				if (section.kind === 'watch') this.begun.push({ node, socket, section });
				else this.given.push(section.id);
			};
		}

		tell(through: number, ...changes: readonly ToldChange[]): void {
			const { socket, section } = this.begun.at(-1) as (typeof this.begun)[number];
			const body = new Writer();
			writeChanges(body, through, changes);
			const out = new Writer();
			writeChangesSection(out, section.id, body.take());
			socket.toClient(out.take());
		}

		end(why: WatchEndReason): void {
			const { socket, section } = this.begun.at(-1) as (typeof this.begun)[number];
			const out = new Writer();
			writeWatchEnded(out, section.id, why);
			socket.toClient(out.take());
		}
	}
	type Watch = ClientSection & { kind: 'watch' };

	class Noting implements Watcher {
		readonly told: number[][] = [];
		error: Error | undefined;

		changed({ revision, changes }: WatchedChanges): void {
			this.told.push([revision, ...changes.map(({ modifyRevision }) => modifyRevision)]);
		}

		ended(error: Error): void {
			this.error = error;
		}
	}

	const del = (modifyRevision: number, index = modifyRevision): ToldChange => ({
		kind: 'delete',
		key: 'a',
		modifyRevision,
		index,
	});

	it('changes that belong together are told when the last has come, and begun again where it has not', () => {
		const swarm = new Watched(['n1', 'n2']);
		const client = swarm.client();
		const noting = new Noting();
		client.watch('a', 4, noting);
		swarm.time.run(100);
		swarm.tell(5, del(5), del(6, 8));
		swarm.time.run(200);
		expect(noting.told).toEqual([[5, 5]]);
		swarm.begun.at(-1)?.node.cut();
		swarm.time.run(5000);
		// The client has gone to the node that was left, and then to the leader.
		expect(new Set(swarm.begun.map(({ section }) => section.after))).toEqual(new Set([4, 5]));
		swarm.tell(5, del(6, 8));
		swarm.tell(9, del(8, 8), del(9));
		swarm.time.run(6000);
		expect(noting.told).toEqual([
			[5, 5],
			[8, 6, 8],
			[9, 9],
		]);
		client.close();
	});

	it('a watch that begins with the present state learns its revision, and does not lose it with the node', () => {
		const swarm = new Watched(['n1', 'n2']);
		const client = swarm.client();
		client.watch('a', null, new Noting());
		swarm.time.run(100);
		swarm.tell(17);
		swarm.time.run(200);
		swarm.begun.at(-1)?.node.cut();
		swarm.time.run(5000);
		expect(new Set(swarm.begun.map(({ section }) => section.after))).toEqual(new Set([null, 17]));
		client.close();
	});

	it('a watch is begun before the node is asked for what was called behind it, also on the next connection', () => {
		const swarm = new Watched(['n1']);
		const came: string[] = [];
		swarm.onWatch = () => came.push('watch');
		// None of them is answered.
		swarm.onWrite = () => came.push('write') > 0;
		swarm.onRead = () => came.push('read') > 0;
		const settle = { resolve: () => undefined, reject: () => undefined };
		const client = swarm.client();
		client.put('before', new Uint8Array(0), 0n, null, undefined, settle);
		swarm.time.run(100);
		client.put('a', new Uint8Array(0), 0n, null, undefined, settle);
		client.get('a', 'linearizable', undefined, settle);
		client.watch('a', null, new Noting());
		swarm.time.run(200);
		expect(came.splice(0)).toEqual(['write', 'watch', 'read']);
		swarm.nodes[0]?.cut();
		swarm.time.run(1000);
		expect(came).toEqual(['watch', 'write', 'read']);
		client.close();
	});

	it('a node that is gone without a word is left, though no call waits', () => {
		const swarm = new Watched(['n1', 'n2']);
		const client = swarm.client();
		client.watch('a', 4, new Noting());
		swarm.time.run(1000);
		expect(swarm.begun).toHaveLength(1);
		for (const node of swarm.nodes) if (node === swarm.begun[0]?.node) node.answer = 'is silent';
		swarm.time.run(60_000);
		expect(new Set(swarm.begun.map(({ node }) => node)).size).toBe(2);
		client.close();
		expect(swarm.time.timersCount).toBe(0);
	});

	it('a paused watch is given up at the node, and begun again behind what has come', () => {
		const swarm = new Watched(['n1']);
		const client = swarm.client();
		const noting = new Noting();
		const handle = client.watch('a', 4, noting);
		swarm.time.run(100);
		swarm.tell(5, del(5));
		swarm.time.run(200);
		handle.pause();
		swarm.time.run(300);
		expect(swarm.given).toEqual([1]);
		swarm.tell(6, del(6));
		swarm.time.run(400);
		handle.resume();
		swarm.time.run(500);
		expect(swarm.begun.map(({ section }) => [section.id, section.after])).toEqual([
			[1, 4],
			[2, 5],
		]);
		expect(noting.told).toEqual([[5, 5]]);
		client.close();
	});

	it('a watch whose changes are not kept any more ends, and one whose node is going to stop does not', () => {
		const swarm = new Watched(['n1']);
		const client = swarm.client();
		const noting = new Noting();
		client.watch('a', 4, noting);
		swarm.time.run(100);
		swarm.end('stopping');
		swarm.time.run(200);
		expect([noting.error, client.watchesCount]).toEqual([undefined, 1]);
		swarm.nodes[0]?.cut();
		swarm.time.run(5000);
		swarm.end('compacted');
		swarm.time.run(6000);
		expect([noting.error, client.watchesCount]).toEqual([new CompactedError(4), 0]);
		client.close();
	});
});
