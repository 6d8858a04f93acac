/** The feed's door over real sockets, with a replica that tells what the test says. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { io as connect, type Socket } from 'socket.io-client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { attachFeed, WATCHERS_MAX } from '../../server/feed/feed.ts';
import type { FlowLimits } from '../../server/feed/flow.ts';
import { MALFORMED_MAX, PROPOSALS_IN_FLIGHT_MAX } from '../../server/feed/requests.ts';
import type { ReplicaService, SubmitAnswer, SubmitOptions } from '../../server/replica/service.ts';
import type {
	FactBatch,
	NodeSnapshot,
	ProposeAnswer,
	ProposeRequest,
	ServerToWatcher,
	WatcherToServer,
} from '../../shared/feed.ts';
import type { Operation } from '../../shared/store/command.ts';
import { Store } from '../../shared/store/store.ts';
import { ScriptedSource } from './source.ts';

type Page = Socket<ServerToWatcher, WatcherToServer>;
const REQUEST: ProposeRequest = { key: 'color', value: 'red', route: 'self', contest: 0 };

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const EVENTS = ['request', 'upgrade', 'close', 'listening'] as const;
const ignore = (): void => undefined;

/** Everything that the feed asks of a replica; its submissions wait until the test answers them. */
class FakeReplica extends ScriptedSource implements ReplicaService {
	readonly store = new Store();
	readonly submitted: { operation: Operation; options: SubmitOptions; answer: (answer: SubmitAnswer) => void }[] = [];

	submit(operation: Operation, options: SubmitOptions): Promise<SubmitAnswer> {
		return new Promise((answer) => this.submitted.push({ operation, options, answer }));
	}

	readBarrier(): never {
		throw new Error('the feed reads nothing');
	}

	view(): never {
		throw new Error('the feed views nothing');
	}

	peers(): never {
		throw new Error('the feed asks for no peers');
	}
}

describe('the feed', () => {
	let server: http.Server;
	let replica: FakeReplica;
	let feed: { close(): Promise<void> } | undefined;
	let listenersBefore: number[];
	let url: string;
	let malformed: { from: string; why: string }[];
	let onMalformed: () => void;
	let pages: Page[];

	beforeEach(async () => {
		server = http.createServer((_request, response) => response.end('the API'));
		server.listen(0, '127.0.0.1');
		await once(server, 'listening');
		url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
		replica = new FakeReplica();
		listenersBefore = EVENTS.map((event) => server.listenerCount(event));
		malformed = [];
		onMalformed = ignore;
		pages = [];
		await attach();
	});

	async function attach(limits?: FlowLimits): Promise<void> {
		await feed?.close();
		const hosts = [url.slice('http://'.length)];
		const origins = [undefined, url, 'http://127.0.0.1:7102'];
		feed = attachFeed({
			http: server,
			service: replica,
			doors: {
				refusal({ host, origin }) {
					if (!hosts.includes(host ?? '')) return `the host ${host} is not a member's`;
					return origins.includes(origin) ? null : `the origin ${origin} is not a member's`;
				},
			},
			proposeTimeoutMs: 1_234,
			malformed(from, why) {
				malformed.push({ from, why });
				onMalformed();
			},
			...(limits && { limits }),
		});
	}

	afterEach(async () => {
		for (const page of pages) page.disconnect();
		await feed?.close();
		server.closeAllConnections();
		server.close();
		feed = undefined;
	});

	function open(options: Parameters<typeof connect>[1] = {}): Page {
		const page: Page = connect(url, { transports: ['websocket'], forceNew: true, reconnection: false, ...options });
		pages.push(page);
		return page;
	}

	async function openPage(options?: Parameters<typeof connect>[1]): Promise<Page> {
		const page = open(options);
		await nextSnapshot(page);
		return page;
	}

	function openIfThereIsRoom(): Promise<boolean> {
		const page = open();
		return new Promise((resolve) => {
			page.once('connect', () => resolve(true));
			page.once('connect_error', () => resolve(false));
		});
	}

	const nextSnapshot = (page: Page) => new Promise<NodeSnapshot>((resolve) => page.once('snapshot', resolve));

	/** Resolves once a refusal with these words was told. */
	function told(words: string): Promise<void> {
		return new Promise((resolve) => {
			onMalformed = () => {
				if (malformed.some(({ why }) => why.includes(words))) resolve();
			};
			onMalformed();
		});
	}

	/** Resolves with all facts that came until `count` had come or were counted. */
	function collect(page: Page, count: number): Promise<{ facts: number[]; skipped: number; batches: FactBatch[] }> {
		return new Promise((resolve) => {
			const facts: number[] = [];
			const batches: FactBatch[] = [];
			let skipped = 0;
			page.on('batch', (batch) => {
				batches.push(batch);
				facts.push(...batch.facts.map(({ seq }) => seq));
				for (const counted of Object.values(batch.skipped)) skipped += counted;
				if (facts.length + skipped >= count) resolve({ facts, skipped, batches });
			});
		});
	}

	for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
		test(`sends a snapshot, then batches without gaps, over ${transports.join(' and ')}`, async () => {
			replica.tell(3);
			const page = open({ transports });
			expect(await nextSnapshot(page)).toMatchObject({ node: 'n1', epoch: 'e1', seq: 3 });
			const all = collect(page, 500);
			for (let round = 0; round < 5; round++) {
				replica.tell(100);
				await new Promise<void>((resolve) => page.once('batch', () => resolve()));
			}
			const { facts, skipped } = await all;
			expect(facts).toEqual(Array.from({ length: 500 }, (_, index) => index + 4));
			expect(skipped).toBe(0);
		});
	}

	test('asks the replica for facts from the first watcher to the last', async () => {
		expect(replica.watchers).toBe(0);
		const first = await openPage();
		const second = await openPage();
		expect(replica.watches).toBe(1);
		first.disconnect();
		second.disconnect();
		await expect.poll(() => replica.watchers).toBe(0);
	});

	test('gives a watcher that sees a gap a new snapshot', async () => {
		const page = await openPage();
		replica.tell(2);
		const again = nextSnapshot(page);
		page.emit('resync');
		expect(await again).toMatchObject({ seq: 2 });
	});

	test('gives a watcher that does not read counts and a snapshot, and does not grow with what it is told', async () => {
		const limits = {
			factsPerSecondMax: 4_000,
			queueFactsMax: 1_200,
			batchesPerSecondMax: 60,
			snapshotsPerSecondMax: 4,
		};
		await attach(limits);
		const page = await openPage();
		const quick = await openPage();
		// What the kernel holds for it is soon full; then it must not be this process that grows.
		const raw = rawSocketOf(page);
		raw.pause();
		const beforeBytes = heapBytes();
		for (let round = 0; round < 120; round++) {
			const arrived = new Promise<void>((resolve) => quick.once('batch', () => resolve()));
			replica.tellLong(50, 20_000);
			await arrived;
		}
		expect(heapBytes() - beforeBytes).toBeLessThan(60_000_000);
		const all = collect(page, replica.seq);
		const snapshot = nextSnapshot(page);
		raw.resume();
		const { facts, skipped } = await all;
		expect(skipped).toBeGreaterThan(0);
		expect(facts.length + skipped).toBe(replica.seq);
		expect((await snapshot).seq).toBe(replica.seq);
	});

	test('passes a proposal on with its route, and its answer back', async () => {
		const page = await openPage();
		const answer: Promise<ProposeAnswer> = page.emitWithAck('propose', { ...REQUEST, contest: 41 });
		await expect.poll(() => replica.submitted.length).toBe(1);
		const submitted = replica.submitted[0];
		expect(submitted).toMatchObject({
			operation: { kind: 'put', key: 'color' },
			options: { route: 'self', contest: 41, timeoutMs: 1_234 },
		});
		submitted?.answer({
			outcome: 'kept',
			slot: 41,
			ballot: { ms: 5, ns: 0, node: 'n1' },
			value: new Uint8Array(),
			attempts: [{ ballot: '5000000@n1', haltedBy: '', givenUp: false }],
		});
		expect(await answer).toMatchObject({ outcome: 'kept', slot: 41, ballot: '5000000@n1', value: { bytes: 0 } });
		expect(malformed).toEqual([]);
	});

	test('takes a value of 524,288 bytes, however many JSON makes of them, and refuses one more', async () => {
		const page = await openPage();
		const value = '\u0001'.repeat(524_288);
		page.emit('propose', { ...REQUEST, value }, ignore);
		await expect.poll(() => replica.submitted.length).toBe(1);
		expect(await page.emitWithAck('propose', { ...REQUEST, value: `${value}a` })).toMatchObject({
			outcome: 'refused',
			why: expect.stringContaining('524288'),
		});
	});

	test('refuses a proposal that makes no sense, and names the field', async () => {
		const page = await openPage();
		const senseless: unknown[] = [null, 7, 'put', [], {}, { ...REQUEST, route: 'up' }, { ...REQUEST, key: '' }];
		for (const request of senseless) {
			const answer: ProposeAnswer = await page.emitWithAck('propose', request as ProposeRequest);
			expect(answer).toMatchObject({ outcome: 'refused', attempts: [] });
		}
		expect(await page.emitWithAck('propose', { ...REQUEST, value: 7 } as unknown as ProposeRequest)).toMatchObject({
			why: expect.stringContaining('value'),
		});
		expect(malformed).toHaveLength(senseless.length + 1);
		expect(replica.submitted).toEqual([]);
	});

	test('refuses proposals of one watcher beyond those in flight, and takes them again afterwards', async () => {
		const page = await openPage();
		for (let index = 0; index < PROPOSALS_IN_FLIGHT_MAX; index++) page.emit('propose', REQUEST, ignore);
		expect(await page.emitWithAck('propose', REQUEST)).toMatchObject({ outcome: 'refused' });
		expect(replica.submitted).toHaveLength(PROPOSALS_IN_FLIGHT_MAX);
		const next = replica.submitted[0];
		next?.answer({ outcome: 'refused', why: 'noLeader', detail: 'no leader', attempts: [] });
		await expect
			.poll(async () => {
				page.emit('propose', REQUEST, ignore);
				return replica.submitted.length;
			})
			.toBeGreaterThan(PROPOSALS_IN_FLIGHT_MAX);
	});

	test('tells of a proposal without an acknowledgement and of unknown events, and serves on', async () => {
		const page = await openPage();
		const raw = page as unknown as Socket;
		raw.emit('propose', REQUEST);
		await told('acknowledgement');
		raw.emit('propose', REQUEST, 'not a function');
		raw.emit('error', { message: 'gotcha' });
		raw.emit('__proto__');
		expect(await raw.emitWithAck('drop', 'everything')).toMatchObject({ outcome: 'refused' });
		expect(malformed).toHaveLength(5);
		expect(replica.submitted).toEqual([]);
		const again = nextSnapshot(page);
		page.emit('resync');
		await again;
	});

	test('disconnects a watcher that sends nothing but garbage', async () => {
		const page = await openPage();
		const gone = new Promise((resolve) => page.once('disconnect', resolve));
		for (let index = 0; index < MALFORMED_MAX; index++) (page as unknown as Socket).emit('garbage', index);
		await gone;
		expect(malformed.at(-1)?.why).toContain('disconnected');
	});

	test('survives bytes that are no packets at all, and tells of them', async () => {
		const page = await openPage();
		const garbage = ['', 'x', '4', '49', '42["propose"', '4{}', '451-["propose",{"_placeholder":true,"num":9}]', '99'];
		for (const frame of [...garbage, Buffer.from([0, 255, 7]), Buffer.alloc(0)]) {
			const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
			await once(socket, 'open');
			socket.send('40');
			socket.send(frame);
			socket.close();
			await once(socket, 'close');
		}
		expect(malformed.length).toBeGreaterThan(0);
		const again = nextSnapshot(page);
		page.emit('resync');
		await again;
	});

	test('tells of one that sends garbage instead of joining', async () => {
		const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
		await once(socket, 'open');
		socket.send('42["propose"');
		await once(socket, 'close');
		await told('instead of joining');
		expect(malformed).toHaveLength(1);
	});

	test('refuses an oversized frame over websocket and an oversized body over polling, and tells of both', async () => {
		const huge = 'x'.repeat(4 * 1024 * 1024);
		const page = await openPage();
		const gone = new Promise((resolve) => page.once('disconnect', resolve));
		page.emit('propose', { ...REQUEST, value: huge }, ignore);
		await gone;
		await told('Max payload');

		const opened = await fetch(`${url}/socket.io/?EIO=4&transport=polling`);
		const { sid } = JSON.parse((await opened.text()).slice(1)) as { sid: string };
		const posted = await fetch(`${url}/socket.io/?EIO=4&transport=polling&sid=${sid}`, { method: 'POST', body: huge });
		expect(posted.status).toBe(413);
		await told('bytes at once');
		expect(replica.submitted).toEqual([]);
	});

	describe('lets in members alone', () => {
		const strangers = [{ origin: 'http://evil.example' }, { host: 'evil.example' }, { origin: 'null' }];

		test.each(strangers)('not %o over polling', async (headers) => {
			const { status, body } = await get(`${url}/socket.io/?EIO=4&transport=polling`, headers);
			expect(status).toBe(403);
			expect(body).toContain("is not a member's");
			expect(malformed).toEqual([{ from: '127.0.0.1', why: expect.stringContaining("is not a member's") }]);
		});

		test.each(strangers)('not %o over websocket', async (headers) => {
			const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`, { headers });
			const [, response] = (await once(socket, 'unexpected-response')) as [unknown, http.IncomingMessage];
			expect(response.statusCode).toBe(400);
			expect(malformed).toEqual([{ from: '127.0.0.1', why: expect.stringContaining("is not a member's") }]);
			socket.on('error', ignore);
			socket.terminate();
		});

		test('a page of another member may read, a page from elsewhere may not', async () => {
			const member = await get(`${url}/socket.io/?EIO=4&transport=polling`, { origin: 'http://127.0.0.1:7102' });
			expect(member.headers['access-control-allow-origin']).toBe('http://127.0.0.1:7102');
			const stranger = await get(`${url}/socket.io/?EIO=4&transport=polling`, { origin: 'http://evil.example' });
			expect(stranger.headers['access-control-allow-origin']).toBeUndefined();
			expect(replica.watchers).toBe(0);
		});
	});

	test('refuses one watcher too many, and takes it when another has left', async () => {
		const watchers = await Promise.all(Array.from({ length: WATCHERS_MAX }, () => openPage()));
		const late = open();
		await new Promise((resolve) => late.once('connect_error', resolve));
		await told(`${WATCHERS_MAX} watchers already`);
		watchers[0]?.disconnect();
		await expect.poll(() => openIfThereIsRoom()).toBe(true);
	});

	test('leaves other paths and other upgrades to the node', async () => {
		server.on('upgrade', (request, socket) => {
			if (request.url === '/mesh')
				socket.end('HTTP/1.1 426 Upgrade Required\r\nX-Mesh: yes\r\nConnection: close\r\n\r\n');
		});
		expect(await (await fetch(`${url}/v1/swarm`)).text()).toBe('the API');
		const socket = new WebSocket(`${url.replace('http', 'ws')}/mesh`);
		const [, response] = (await once(socket, 'unexpected-response')) as [unknown, http.IncomingMessage];
		expect(response.headers['x-mesh']).toBe('yes');
		socket.on('error', ignore);
		socket.terminate();
	});

	test('close leaves no watcher, no connection and no listener, also of pages that do not answer', async () => {
		const pageGone = openPage().then((page) => new Promise<string>((resolve) => page.once('disconnect', resolve)));
		const polling = await openPage({ transports: ['polling'] });
		const deaf = await openPage();
		rawSocketOf(deaf).pause();
		const idle = await fetch(`${url}/socket.io/?EIO=4&transport=polling`);
		expect(idle.status).toBe(200);
		await expect.poll(() => replica.watchers).toBe(1);
		await feed?.close();
		expect(replica.watchers).toBe(0);
		expect(await pageGone).not.toBe('io server disconnect');
		expect(polling.connected).toBe(false);
		expect(EVENTS.map((event) => server.listenerCount(event))).toEqual(listenersBefore);
		expect(await (await fetch(`${url}/socket.io/?EIO=4&transport=polling`)).text()).toBe('the API');
		server.closeIdleConnections();
		const closed = once(server, 'close');
		server.close();
		server.closeAllConnections();
		await closed;
	});
});

/** What is in use, after collecting the rest. */
function heapBytes(): number {
	collectGarbage();
	const { heapUsed, external } = process.memoryUsage();
	return heapUsed + external;
}

/** The TCP socket under a page that is connected by websocket. */
function rawSocketOf(page: Page): { pause(): void; resume(): void } {
	const { ws } = page.io.engine.transport as unknown as { ws: WebSocket };
	return ws;
}

/** Like fetch, which does not let a Host header through. */
function get(
	url: string,
	headers: http.OutgoingHttpHeaders,
): Promise<{ status: number | undefined; headers: http.IncomingHttpHeaders; body: string }> {
	return new Promise((resolve, reject) => {
		const request = http.get(url, { headers, agent: false }, (response) => {
			let body = '';
			response.setEncoding('utf8');
			response.on('data', (chunk: string) => {
				body += chunk;
			});
			response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
		});
		request.on('error', reject);
	});
}
