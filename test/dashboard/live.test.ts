/** The page's connection to a node, against real socket.io servers on loopback. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { NodeConnection } from '../../dashboard/live/node-connection.ts';
import { Feed } from '../../server/feed/feed.ts';
import { Front } from '../../server/front/front.ts';
import { connectionLimits, DESCRIPTORS_ASSUMED } from '../../server/front/limits.ts';
import type { ReplicaService } from '../../server/replica/service.ts';
import type { FactBatch, NodeSnapshot, Recall, ServerToWatcher, WatcherToServer } from '../../shared/feed.ts';
import { type FakeFeed, startFakeFeed } from './fake-feed.ts';
import { FakeSwarm, fakeMembers } from './fake-swarm.ts';

const HOUR_MS = 3_600_000;

let feed: FakeFeed | undefined;
let connection: NodeConnection | undefined;

afterEach(async () => {
	connection?.close();
	await feed?.close();
});

test('a node is told by snapshot and batches, is lost when it dies, and told anew when it is back', async () => {
	feed = await startFakeFeed(3);
	const heard = listen(feed.members[1]?.url ?? '');
	const first = await heard.snapshot();
	expect(first.node).toBe('n2');
	feed.swarm.campaign('n1', 'noLeader');
	const batch = await heard.batch();
	expect(batch.from).toBe(first.seq + 1);

	feed.kill('n2');
	const sinceMs = await heard.lost();
	expect(sinceMs).toBeGreaterThan(first.time - 60_000);

	feed.revive('n2');
	const second = await heard.snapshot();
	expect(second.epoch).not.toBe(first.epoch);
});

test('a node that falls silent with its connection open is lost, also where the clock of the page was set back', async () => {
	const feed = await startSilentFeed();
	onTestFinished(feed.close);
	const heard = listen(feed.url);
	await heard.snapshot();
	const beforeMs = Date.now();
	const { now } = Date;
	vi.spyOn(Date, 'now').mockImplementation(() => now() - HOUR_MS);
	const sinceMs = await heard.lost();
	expect(sinceMs).toBeLessThan(beforeMs - HOUR_MS / 2);
});

test('a snapshot comes for the asking', async () => {
	feed = await startFakeFeed(3);
	const heard = listen(feed.members[0]?.url ?? '');
	const first = await heard.snapshot();
	feed.swarm.campaign('n1', 'noLeader');
	await heard.batch();
	connection?.resync();
	const second = await heard.snapshot();
	expect(second.seq).toBeGreaterThan(first.seq);
	expect(second.role).toBe('leader');
});

test('a proposal and a list of keys are answered by the node; where nothing can be asked, there is no answer', async () => {
	feed = await startFakeFeed(3);
	const heard = listen(feed.members[2]?.url ?? '');
	await heard.snapshot();
	const request = { key: 'color', value: 'red', route: 'self', contest: 0 } as const;
	expect(await connection?.propose(request)).toMatchObject({ outcome: 'chosen', slot: 1 });
	expect(await connection?.list('co')).toMatchObject({ entries: [{ key: 'color', value: 'red' }], isAll: true });
	feed.kill('n3');
	await heard.lost();
	expect(await connection?.propose(request)).toMatchObject({ outcome: 'refused' });
	expect(await connection?.list('co')).toBeNull();
});

test('a node that has no room for one more watcher is not lost: it says why it cannot be watched', async () => {
	const front = new Front({
		doors: { refusal: () => null },
		limits: connectionLimits(DESCRIPTORS_ASSUMED),
		refused: () => undefined,
		failed: () => undefined,
	});
	await front.listen('127.0.0.1', 0);
	const full = new Feed({
		service: { watch: () => () => undefined } as unknown as ReplicaService,
		proposeTimeoutMs: 1000,
		places: { watchersMax: 0, unjoinedMax: 16 },
		malformed: () => undefined,
	});
	front.open({
		request: full.handleRequest.bind(full),
		upgrade: () => ({ name: 'feed', handleUpgrade: full.handleUpgrade.bind(full) }),
	});
	const heard = listen(`http://127.0.0.1:${front.port}`);
	expect(await heard.refused()).toBe('0 pages watch it already');
	connection?.close();
	await full.close();
	await front.close();
});

/** A node that tells its state once, and nothing more. */
async function startSilentFeed(): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
	const http = createServer();
	const io = new Server<WatcherToServer, ServerToWatcher>(http, { pingInterval: HOUR_MS });
	const swarm = new FakeSwarm(fakeMembers(1), Date.now(), () => undefined);
	io.on('connection', (socket) => socket.emit('snapshot', swarm.snapshot('n1')));
	await new Promise<void>((done) => http.listen(0, '127.0.0.1', done));
	return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, close: () => io.close() };
}

/** Each call waits for the next event of its kind. */
function listen(url: string) {
	const snapshots = new Awaited<NodeSnapshot>();
	const recalls = new Awaited<Recall>();
	const batches = new Awaited<FactBatch>();
	const losses = new Awaited<number>();
	const refusals = new Awaited<string>();
	connection = new NodeConnection(url, {
		recall: (recall) => recalls.put(recall),
		snapshot: (snapshot) => snapshots.put(snapshot),
		batch: (batch) => batches.put(batch),
		lost: (sinceMs) => losses.put(sinceMs),
		denied: () => undefined,
		refused: (why) => refusals.put(why),
	});
	return {
		recall: () => recalls.next(),
		snapshot: () => snapshots.next(),
		batch: () => batches.next(),
		lost: () => losses.next(),
		refused: () => refusals.next(),
	};
}

class Awaited<T> {
	readonly #items: T[] = [];
	#waiting: ((item: T) => void) | null = null;

	put(item: T): void {
		if (!this.#waiting) {
			this.#items.push(item);
			return;
		}
		this.#waiting(item);
		this.#waiting = null;
	}

	next(): Promise<T> {
		const item = this.#items.shift();
		if (item !== undefined) return Promise.resolve(item);
		return new Promise((resolve) => {
			this.#waiting = resolve;
		});
	}
}
