/** The feed's door over real sockets, with a fake replica that the test controls. */
import { once } from 'node:events';
import http from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { io as connect, type Socket } from 'socket.io-client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { FEED_PATH, Feed, type FeedOptions } from '../../server/feed/feed.ts';
import { FLOW_LIMITS } from '../../server/feed/limits.ts';
import { PACKETS_OF_BODY_MAX } from '../../server/feed/packets.ts';
import { MALFORMED_MAX, PROPOSALS_IN_FLIGHT_MAX } from '../../server/feed/requests.ts';
import { createDoors } from '../../server/front/doors.ts';
import { Front } from '../../server/front/front.ts';
import { connectionLimits, DESCRIPTORS_ASSUMED } from '../../server/front/limits.ts';
import type { ReplicaService } from '../../server/replica/service.ts';
import type {
	FactBatch,
	NodeSnapshot,
	ProposeAnswer,
	ProposeRequest,
	Recall,
	ServerToWatcher,
	WatcherToServer,
} from '../../shared/feed.ts';
import type { SubmitOptions } from '../../shared/replica/batch.ts';
import type { SubmitAnswer } from '../../shared/replica/submit-answer.ts';
import type { ReplicaView } from '../../shared/replica/view.ts';
import type { Operation } from '../../shared/store/command.ts';
import { KEY_BYTES_MAX } from '../../shared/store/key.ts';
import { Store } from '../../shared/store/store.ts';
import { Client, put } from '../store/commands.ts';
import { ScriptedSource } from './source.ts';

type Page = Socket<ServerToWatcher, WatcherToServer>;
const REQUEST: ProposeRequest = { key: 'color', value: 'red', route: 'self', contest: 0 };

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const LIMITS = connectionLimits(DESCRIPTORS_ASSUMED);
const ignore = (): void => undefined;

/** A fake replica for the feed. Its submissions wait until the test answers them. */
class FakeReplica extends ScriptedSource implements ReplicaService {
	readonly store = new Store();
	readonly isStopped = false;
	readonly revision = 0;
	readonly submitted: { operation: Operation; options: SubmitOptions; answer: (answer: SubmitAnswer) => void }[] = [];

	submit(operation: Operation, options: SubmitOptions): Promise<SubmitAnswer> {
		return new Promise((answer) => this.submitted.push({ operation, options, answer }));
	}

	transact(): never {
		throw new Error('the feed makes no transactions');
	}

	submitNamed(): never {
		throw new Error('the feed submits no requests with a name');
	}

	readBarrier(): never {
		throw new Error('the feed reads nothing');
	}

	whenChanged(): never {
		throw new Error('the feed waits for no change');
	}

	openWatch(): never {
		throw new Error('the feed watches no keys');
	}

	changeMembers(): never {
		throw new Error('the feed changes no members');
	}

	handOver(): never {
		throw new Error('the feed asks for no other leader');
	}

	openSnapshot(): never {
		throw new Error('the feed opens no snapshot');
	}

	proposals(): never {
		throw new Error('the feed counts no proposals');
	}

	/** The feed asks only how far all slots are chosen. */
	override view(): ReplicaView {
		return super.view() as ReplicaView;
	}

	peers(): never {
		throw new Error('the feed asks for no peers');
	}
}

describe('the feed', () => {
	let front: Front;
	let replica: FakeReplica;
	let feed: Feed | undefined;
	let url: string;
	let malformed: { from: string; why: string }[];
	let onMalformed: () => void;
	let pages: Page[];

	beforeEach(async () => {
		malformed = [];
		onMalformed = ignore;
		pages = [];
		let doors = createDoors([]);
		front = new Front({
			doors: { refusal: (headers) => doors.refusal(headers) },
			limits: LIMITS,
			refused: (_door, from, why) => tellMalformed(from, why),
			failed: (error) => expect.unreachable(error.message),
		});
		await front.listen('127.0.0.1', 0);
		url = `http://127.0.0.1:${front.port}`;
		doors = createDoors([
			{ host: '127.0.0.1', port: front.port },
			{ host: '127.0.0.1', port: 7102 },
		]);
		replica = new FakeReplica();
		await attach();
	});

	function tellMalformed(from: string, why: string): void {
		malformed.push({ from, why });
		onMalformed();
	}

	async function attach(options: Partial<FeedOptions> = {}): Promise<void> {
		await feed?.close();
		const opened = new Feed({
			service: replica,
			places: LIMITS,
			proposeTimeoutMs: 1_234,
			malformed: tellMalformed,
			...options,
		});
		feed = opened;
		front.open({
			request: (request, response) =>
				request.url?.startsWith(FEED_PATH) ? opened.handleRequest(request, response) : response.end('the API'),
			upgrade: (path) =>
				path === FEED_PATH ? { name: 'feed', handleUpgrade: opened.handleUpgrade.bind(opened) } : null,
		});
	}

	afterEach(async () => {
		for (const page of pages) page.disconnect();
		await feed?.close();
		await front.close();
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

	/** What a page is told before its first snapshot. */
	async function recalled(options?: Parameters<typeof connect>[1]): Promise<Recall[]> {
		const recalls: Recall[] = [];
		const page = open(options);
		page.on('recall', (recall) => recalls.push(recall));
		await nextSnapshot(page);
		return recalls;
	}

	function openIfThereIsRoom(): Promise<boolean> {
		const page = open();
		return new Promise((resolve) => {
			page.once('connect', () => resolve(true));
			page.once('connect_error', () => resolve(false));
		});
	}

	const nextSnapshot = (page: Page) => new Promise<NodeSnapshot>((resolve) => page.once('snapshot', resolve));

	/** Resolves once a refusal with this text was told. */
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
			const all = collect(page, 250);
			for (let round = 0; round < 5; round++) {
				replica.tell(50);
				await new Promise<void>((resolve) => page.once('batch', () => resolve()));
			}
			const { facts, skipped } = await all;
			expect(facts).toEqual(Array.from({ length: 250 }, (_, index) => index + 4));
			expect(skipped).toBe(0);
		});
	}

	test('asks the replica for facts from the first watcher to the last, and a little longer', async () => {
		await attach({ limits: { ...FLOW_LIMITS, restAfterMs: 1 } });
		expect(replica.watchers).toBe(0);
		const first = await openPage();
		const second = await openPage();
		expect(replica.watches).toBe(1);
		first.disconnect();
		second.disconnect();
		await expect.poll(() => replica.watchers).toBe(0);
	});

	test('tells a page that asks for it what another one was told, and no other page', async () => {
		const first = await openPage();
		const told = new Promise((resolve) => first.once('batch', resolve));
		replica.tell(3);
		await told;
		const facts = [1, 2, 3].map((seq) => expect.objectContaining({ seq }));
		expect(await recalled({ auth: { recall: true } })).toEqual([{ snapshot: expect.anything(), facts }]);
		expect(await recalled({ auth: { recall: 1 } })).toEqual([]);
		expect(await recalled()).toEqual([]);
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
			factsPerSecondMax: 2_000,
			tellingMsPerSecondMax: 1_000,
			slotsPerSecondMin: 0,
			factsPerSecondMin: 0,
			queueFactsMax: 2_600,
			batchesPerSecondMax: 60,
			snapshotsPerSecondMax: 4,
			restAfterMs: 1,
		};
		// The watcher answers no ping until it reads again, however long the rounds take.
		await attach({ limits, pongTimeoutMs: 3_600_000 });
		const page = await openPage();
		const quick = await openPage();
		// The kernel's buffer is soon full, and from then on this process holds what the limits say: less than half of it all.
		const factBytes = 5_000;
		const heldBytesMax = limits.queueFactsMax * factBytes;
		const raw = rawSocketOf(page);
		raw.pause();
		const beforeBytes = heapBytes();
		for (let round = 0; round < 120; round++) {
			const arrived = new Promise<void>((resolve) => quick.once('batch', () => resolve()));
			replica.tellLong(50, factBytes);
			await arrived;
		}
		expect(heapBytes() - beforeBytes).toBeLessThan(1.4 * heldBytesMax);
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

	test('lists the first entries below a prefix, and says whether these are all', async () => {
		const client = new Client(replica.store);
		for (let index = 0; index < 101; index++) client.apply(put(`a/${index}`, 'red'));
		client.apply(put('b', 'red'));
		const page = await openPage();
		expect(await page.emitWithAck('list', 'b')).toEqual({
			revision: replica.store.revision,
			entries: [
				{ key: 'b', value: 'red', bytes: 3, isWhole: true, flags: '0', modifyRevision: replica.store.revision },
			],
			isAll: true,
		});
		const below = await page.emitWithAck('list', 'a/');
		expect([below?.entries.length, below?.isAll]).toEqual([100, false]);
		expect((await page.emitWithAck('list', 'a/1'))?.isAll).toBe(true);
		expect(malformed).toEqual([]);
		for (const bad of [7, null, 'a'.repeat(KEY_BYTES_MAX + 1), '\ud800']) {
			expect(await page.emitWithAck('list', bad as string)).toBeNull();
		}
		(page as unknown as Socket).emit('list', 'a/');
		await expect.poll(() => malformed.length).toBe(5);
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

	test.each([
		['bytes that are to come', '451-["propose",{"_placeholder":true,"num":0}]'],
		['bytes', Buffer.from([1])],
		['a number of many digits', `42${'9'.repeat(16)}["resync"]`],
		['a namespace with a long name', `42/${'a'.repeat(65)},["resync"]`],
		['very many values', `42["resync",[${'0,'.repeat(64)}0]]`],
	])('closes the connection of a page that sends %s, and tells of it', async (_, packet) => {
		const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
		await once(socket, 'open');
		socket.send('40');
		socket.send(packet);
		await once(socket, 'close');
		await told('a packet that does not parse');
		expect(malformed).toHaveLength(1);
	});

	test.each([PACKETS_OF_BODY_MAX, PACKETS_OF_BODY_MAX + 1])('takes some packets in a body: %s', async (count) => {
		const opened = await fetch(`${url}/socket.io/?EIO=4&transport=polling`);
		const { sid } = JSON.parse((await opened.text()).slice(1)) as { sid: string };
		const body = Array.from({ length: count }, (_, index) => (index === 0 ? '40' : '3')).join('\u001e');
		await fetch(`${url}/socket.io/?EIO=4&transport=polling&sid=${sid}`, { method: 'POST', body });
		expect(malformed.map(({ why }) => why)).toEqual(
			count > PACKETS_OF_BODY_MAX ? ['a packet that does not parse'] : [],
		);
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
			expect(malformed).toEqual([{ from: '127.0.0.1', why: body }]);
		});

		test.each(strangers)('not %o over websocket', async (headers) => {
			const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`, { headers });
			const [, response] = (await once(socket, 'unexpected-response')) as [unknown, http.IncomingMessage];
			expect(response.statusCode).toBe(403);
			expect(malformed).toHaveLength(1);
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

	test('refuses one watcher too many, says why, and takes it when another has left', async () => {
		await attach({ places: { watchersMax: 3, unjoinedMax: 2 } });
		const watchers = [await openPage(), await openPage(), await openPage({ transports: ['polling'] })];
		const late = open();
		const error = await new Promise<Error & { data?: unknown }>((resolve) => late.once('connect_error', resolve));
		expect(error.data).toEqual({ reason: 'full', watchersMax: 3 });
		await told('3 watchers already');
		watchers[0]?.disconnect();
		await expect.poll(() => openIfThereIsRoom()).toBe(true);
	});

	describe('counts only those that have joined', () => {
		const handshake = async (): Promise<string> => {
			const opened = await fetch(`${url}/socket.io/?EIO=4&transport=polling`);
			expect(opened.status).toBe(200);
			return (JSON.parse((await opened.text()).slice(1)) as { sid: string }).sid;
		};
		const poll = async (sid: string): Promise<number> =>
			(await fetch(`${url}/socket.io/?EIO=4&transport=polling&sid=${sid}`)).status;
		const socket = async (): Promise<WebSocket> => {
			const opened = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
			opened.on('error', ignore);
			await once(opened, 'open');
			return opened;
		};

		test('64 handshakes over polling, and as many over WebSockets, keep no page out', async () => {
			for (let index = 0; index < 64; index++) await handshake();
			await openPage();
			for (let index = 0; index < 64; index++) await socket();
			await openPage();
			await told('crowded out before it joined');
		});

		test('of those that have not, the oldest has to go first', async () => {
			await attach({ places: { watchersMax: 3, unjoinedMax: 2 } });
			const first = await handshake();
			const second = await socket();
			const secondGone = once(second, 'close');
			const third = await handshake();
			expect(await poll(first)).toBe(400);
			await socket();
			await secondGone;
			const joined = await fetch(`${url}/socket.io/?EIO=4&transport=polling&sid=${third}`, {
				method: 'POST',
				body: '40',
			});
			expect(joined.status).toBe(200);
		});

		test('and gives the others little time', async () => {
			await attach({ joinMs: 50 });
			const sid = await handshake();
			const silent = await socket();
			await once(silent, 'close');
			await told('did not join within 50 ms');
			expect(await poll(sid)).toBe(400);
		});

		test.each(['websocket', 'polling'] as const)('and a watcher over %s that leaves is let go', async (transport) => {
			await attach({ places: { watchersMax: 1, unjoinedMax: 1 } });
			const page = await openPage({ transports: [transport] });
			const closed = new Promise<string>((resolve) => page.io.engine.once('close', resolve));
			// `page.disconnect()` would close the connection as well.
			page.io.engine.write('1');
			expect(await closed).toMatch(/^transport/);
			await openPage();
		});

		test('also where the other end never answers a goodbye', async () => {
			await attach({ joinMs: 50 });
			const silent = await socket();
			const closed = once(silent, 'close');
			rawSocketOfClient(silent).pause();
			await told('did not join within 50 ms');
			rawSocketOfClient(silent).resume();
			await closed;
		});
	});

	test('leaves other paths and other upgrades to the node', async () => {
		expect(await (await fetch(`${url}/v1/swarm`)).text()).toBe('the API');
		const socket = new WebSocket(`${url.replace('http', 'ws')}/mesh`);
		const [, response] = (await once(socket, 'unexpected-response')) as [unknown, http.IncomingMessage];
		expect(response.statusCode).toBe(200);
		socket.on('error', ignore);
		socket.terminate();
	});

	test('drained, answers what was proposed, takes nothing more, and closes with 1001', async () => {
		const page = await openPage();
		const asked = page.emitWithAck('propose', REQUEST);
		await expect.poll(() => replica.submitted.length).toBe(1);
		const drained = feed?.drain(1_000_000);
		const late = (await page.emitWithAck('propose', REQUEST)) as ProposeAnswer;
		expect(late).toMatchObject({ outcome: 'refused', why: 'this node is about to stop' });
		replica.submitted[0]?.answer({ outcome: 'refused', why: 'noLeader', detail: 'nobody', attempts: [] });
		await drained;
		expect(((await asked) as ProposeAnswer).outcome).toBe('refused');
		expect(replica.submitted).toHaveLength(1);
	});

	test('drained, waits for an answer only so long', async () => {
		const page = await openPage();
		page.emit('propose', REQUEST, ignore);
		await expect.poll(() => replica.submitted.length).toBe(1);
		await feed?.drain(20);
	});

	test('close leaves no watcher and no connection, also of pages that do not answer, and lets nobody in', async () => {
		const pageGone = openPage().then((page) => new Promise<string>((resolve) => page.once('disconnect', resolve)));
		const polling = await openPage({ transports: ['polling'] });
		const deaf = await openPage();
		rawSocketOf(deaf).pause();
		const raw = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
		await once(raw, 'open');
		const rawGone = once(raw, 'close');
		const idle = await fetch(`${url}/socket.io/?EIO=4&transport=polling`);
		expect(idle.status).toBe(200);
		await expect.poll(() => replica.watchers).toBe(1);
		await feed?.close();
		expect(replica.watchers).toBe(0);
		expect(await pageGone).not.toBe('io server disconnect');
		expect((await rawGone)[0]).toBe(1001);
		expect(polling.connected).toBe(false);
		expect((await fetch(`${url}/socket.io/?EIO=4&transport=polling`)).status).toBe(503);
		const late = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
		const [, response] = (await once(late, 'unexpected-response')) as [unknown, http.IncomingMessage];
		expect(response.statusCode).toBe(503);
		late.on('error', ignore);
		late.terminate();
	});
});

/** The bytes in use after a garbage collection. */
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

/** The TCP socket under a WebSocket. */
function rawSocketOfClient(ws: WebSocket): { pause(): void; resume(): void } {
	return (ws as unknown as { _socket: { pause(): void; resume(): void } })._socket;
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
