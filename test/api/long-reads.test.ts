/** Answers of any length: their contents, their memory while nobody takes them, and the order of those that wait. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { printJson } from '../../server/api/answer.ts';
import { LONG_READ_LIMITS, PIECE_BYTES } from '../../server/api/long-reads.ts';
import type { Entry } from '../../shared/store/entry.ts';
import { VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import { TestNode } from './node.ts';

let node: TestNode;
let sockets: Socket[];
/** The responses to all requests, in the order in which they came. */
let responses: ServerResponse[];
beforeEach(() => {
	node = new TestNode();
	sockets = [];
	responses = [];
	node.events.on('request', (_req: IncomingMessage, res: ServerResponse) => responses.push(res));
});
afterEach(async () => {
	for (const socket of sockets) socket.destroy();
	await node.stop();
	expect(node.errors).toEqual([]);
});

/** Puts entries into the store, as if other nodes had proposed them. */
function fill(count: number, bytes: (i: number) => Uint8Array, keyOf = (i: number) => `k/${i % 50}/ç${i}`): void {
	for (let i = 0; i < count; i++) {
		const operation = { kind: 'put', key: keyOf(i), value: bytes(i), flags: BigInt(i % 3), cas: null } as const;
		void node.replica.submit(operation, { route: 'leader', contest: 0, timeoutMs: 1 });
	}
}

const small = (i: number): Uint8Array => Buffer.from(i % 7 === 0 ? '' : `value ${i}`);

/** All entries of the store, printed in one step. */
function printed(pretty: boolean, entries = node.replica.store.list('')): string {
	const toJson = ({ key, value, flags, createRevision, modifyRevision }: Entry) => ({
		LockIndex: 0,
		Key: key,
		Flags: flags,
		Value: value.length === 0 ? null : Buffer.from(value).toString('base64'),
		CreateIndex: createRevision,
		ModifyIndex: modifyRevision,
	});
	return printJson(entries.map(toJson), pretty ? '\n' : null);
}

/** Sends a request, and reads nothing until `resume` is called on the socket. */
async function askAndHold(...paths: readonly string[]): Promise<Socket> {
	const socket = connect(node.port, '127.0.0.1').pause();
	sockets.push(socket);
	socket.on('error', () => undefined);
	await once(socket, 'connect');
	socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${node.port}\r\n\r\n`).join(''));
	return socket;
}

/** The body of the first answer, which is chunked. */
async function bodyOf(socket: Socket): Promise<string> {
	const chunks: Buffer[] = [];
	for (let last = ''; last !== '0\r\n\r\n'; ) {
		const [chunk] = (await once(socket.resume(), 'data')) as [Buffer];
		chunks.push(chunk);
		last = (last + chunk.toString('latin1', chunk.length - 5)).slice(-5);
		socket.pause();
	}
	const received = Buffer.concat(chunks);
	const parts: Buffer[] = [];
	for (let at = received.indexOf('\r\n\r\n') + 4; ; ) {
		const end = received.indexOf('\r\n', at);
		const length = Number.parseInt(received.toString('latin1', at, end), 16);
		if (length === 0) return Buffer.concat(parts).toString();
		parts.push(received.subarray(end + 2, end + 2 + length));
		at = end + 2 + length + 2;
	}
}

describe('a long answer', () => {
	it.each([false, true])(
		'has the very bytes that it would have if it were made in one step (pretty: %s)',
		async (pretty) => {
			await node.start();
			fill(5000, small);
			fill(
				3,
				(i) => new Uint8Array(200_000 + i).fill(i),
				(i) => `k/large "Value":"~" ${i}`,
			);
			const query = pretty ? '&pretty' : '';
			const entries = node.replica.store.list('');
			const recurse = await node.get(`/v1/kv/?recurse${query}`);
			expect(recurse.text === printed(pretty)).toBe(true);
			expect(recurse.headers['x-consul-index']).toBe(String(node.replica.store.revision));
			expect(recurse.headers['content-type']).toBe('application/json; charset=utf-8');
			const keys = entries.map(({ key }) => key);
			expect((await node.get(`/v1/kv/?keys${query}`)).text === printJson(keys, pretty ? '\n' : null)).toBe(true);
			const cut = [...new Set(keys.map((key) => /^k\/\d+\//.exec(key)?.[0] ?? key))];
			const separated = await node.get(`/v1/kv/k/?keys&separator=/${query}`);
			expect(separated.text).toBe(printJson(cut, pretty ? '\n' : null));
		},
	);

	it('of one large value has its bytes and its length', async () => {
		await node.start();
		fill(
			1,
			() => new Uint8Array(VALUE_BYTES_MAX).fill(7),
			() => 'large "Value":"~"',
		);
		for (const pretty of [false, true]) {
			const { text, headers } = await node.get(`/v1/kv/large%20%22Value%22:%22~%22${pretty ? '?pretty' : ''}`);
			expect(text === printed(pretty)).toBe(true);
			expect(headers['content-length']).toBe(String(Buffer.byteLength(text)));
		}
		const raw = await node.get('/v1/kv/large%20%22Value%22:%22~%22?raw');
		expect(raw.text.length).toBe(VALUE_BYTES_MAX);
		expect(raw.headers).toMatchObject({ 'content-length': String(VALUE_BYTES_MAX), 'x-consul-index': '2' });
	});

	it('to HEAD is as short as to others, with the same headers', async () => {
		await node.start();
		fill(5000, small);
		for (const path of ['/v1/kv/?recurse', '/v1/kv/?keys', '/v1/kv/k/7/?keys', '/v1/kv/none?keys']) {
			const [got, head] = [await node.get(path), await node.ask('HEAD', path)];
			expect([head.status, head.text]).toEqual([got.status, '']);
			expect(head.headers['x-consul-index']).toBe(got.headers['x-consul-index']);
			if (got.status === 200) expect(head.headers['content-length']).toBe(got.headers['content-length']);
		}
	});

	it('is the state of one moment, whatever is written while its reader takes its time', async () => {
		await node.start();
		fill(20_000, (i) => Buffer.alloc(500, i));
		const before = printed(false);
		const held = await askAndHold('/v1/kv/?recurse');
		await isTaking();
		fill(5000, () => Buffer.from('written later'));
		fill(3000, small, (i) => `new/${i}`);
		void node.replica.submit({ kind: 'deletePrefix', prefix: 'k/1' }, { route: 'leader', contest: 0, timeoutMs: 1 });
		expect((await bodyOf(held)) === before).toBe(true);
		expect((await node.get('/v1/kv/?recurse')).text === printed(false)).toBe(true);
		expect(node.replica.store.viewsCount).toBe(0);
	});

	it('goes by pages, each from behind the last key of the one before', async () => {
		await node.start();
		fill(1000, small);
		const keys = node.replica.store.list('k/1').map(({ key }) => key);
		for (const [parameter, keyOf] of [
			['keys', (item: unknown) => item as string],
			['recurse', (item: unknown) => (item as { Key: string }).Key],
		] as const) {
			const seen: string[] = [];
			for (;;) {
				const after = encodeURIComponent(seen.at(-1) ?? '');
				const { status, json } = await node.get(`/v1/kv/k/1?${parameter}&limit=37&after=${after}`);
				expect(status).toBe(200);
				const page = (json as unknown[]).map(keyOf);
				seen.push(...page);
				if (page.length < 37) break;
			}
			expect(seen).toEqual(keys);
		}
		expect(await node.get('/v1/kv/k/1?keys&after=z')).toMatchObject({ status: 200, text: '[]' });
		expect(await node.get('/v1/kv/k/1?recurse&after=z')).toMatchObject({ status: 200, text: '[]' });
		expect(await node.get('/v1/kv/none?keys&limit=1')).toMatchObject({ status: 404 });
	});

	it('goes by pages of beginnings, each of which comes once', async () => {
		await node.start();
		fill(1000, small);
		const whole = (await node.get('/v1/kv/k/?keys&separator=/')).json as string[];
		const seen: string[] = [];
		for (let page: string[] = []; seen.length === 0 || page.length === 7; seen.push(...page)) {
			const after = encodeURIComponent(seen.at(-1) ?? '');
			page = (await node.get(`/v1/kv/k/?keys&separator=/&limit=7&after=${after}`)).json as string[];
		}
		expect(seen).toEqual(whole);
		expect(whole).toHaveLength(50);
	});

	it.each(['limit=0', 'limit=-1', 'limit=x', 'limit=', 'limit=1.5'])('with %s is refused', async (query) => {
		await node.start();
		const { status, text } = await node.get(`/v1/kv/?keys&${query}`);
		expect([status, text]).toEqual([
			400,
			expect.stringMatching(/^Invalid limit ".*": not a whole number of 1 or more$/),
		]);
	});
});

describe('readers that take nothing', () => {
	it('cost a piece each, however much they asked for and however often they ask', async () => {
		await node.start();
		fill(60, (i) => new Uint8Array(VALUE_BYTES_MAX).fill(i));
		const paths = ['/v1/kv/?recurse', '/v1/kv/k/1/%C3%A71', '/v1/kv/k/1/%C3%A71?raw', '/v1/kv/?recurse&pretty'];
		for (let i = 0; i < 12; i++)
			await askAndHold(...Array.from({ length: 60 }, (_, at) => paths[(i + at) % 4] as string));
		while (responses.length < 12 * 60) await turn();
		for (let i = 0; i < 50; i++) await turn();
		const kept = responses.reduce((bytes, res) => bytes + res.writableLength, 0);
		expect(kept).toBeLessThan(12 * (VALUE_BYTES_MAX + 3 * PIECE_BYTES));
	});

	it('are cut, so that what they hold is free', async () => {
		await node.start({ longReadLimits: { ...LONG_READ_LIMITS, stalledMs: 20 } });
		fill(60, (i) => new Uint8Array(VALUE_BYTES_MAX).fill(i));
		const held = await askAndHold('/v1/kv/?recurse', '/v1/kv/?keys');
		await isCut(held);
		expect(node.replica.store.viewsCount).toBe(0);
	});

	it('are cut when they are slow for too long in all', async () => {
		await node.start({ longReadLimits: { ...LONG_READ_LIMITS, stalledTotalMs: 20 } });
		fill(60, (i) => new Uint8Array(VALUE_BYTES_MAX).fill(i));
		const held = await askAndHold('/v1/kv/?recurse');
		await isCut(held);
		expect(node.replica.store.viewsCount).toBe(0);
	});

	it('are cut when what they hold is too much', async () => {
		await node.start();
		const bytes = (i: number): Uint8Array => new Uint8Array(VALUE_BYTES_MAX).fill(i);
		fill(300, bytes);
		const held = await askAndHold('/v1/kv/?recurse');
		await isTaking();
		for (let i = 1; i < 5; i++) fill(50, (at) => bytes(at + i));
		// Only versions that the view shows are kept for it, and not later ones.
		expect(node.replica.store.viewsCount).toBe(1);
		void node.replica.submit({ kind: 'deletePrefix', prefix: '' }, { route: 'leader', contest: 0, timeoutMs: 1 });
		node.replica.store.tidy(1000);
		expect(node.replica.store.viewsCount).toBe(0);
		await isCut(held);
	});
});

describe('more readers than there is room for', () => {
	const limits = { ...LONG_READ_LIMITS, readersMax: 2, lineMax: 3 };

	it('wait in line, and those that the line has no room for are refused', async () => {
		await node.start({ longReadLimits: limits });
		fill(30, (i) => new Uint8Array(VALUE_BYTES_MAX).fill(i));
		const before = printed(false);
		const held = [await askAndHold('/v1/kv/?recurse'), await askAndHold('/v1/kv/?recurse')];
		await isTaking(2);
		const waiting = [1, 2, 3].map((i) => node.get(`/v1/kv/k/${i}/?keys`));
		while (node.replica.barriers.length < 5) await turn();
		const refused = await node.get('/v1/kv/?keys');
		expect(refused.status).toBe(503);
		expect(refused.text).toContain('&limit=N&after=KEY');
		expect(await node.get('/v1/kv/none?raw')).toMatchObject({ status: 404 });
		for (const socket of held) expect((await bodyOf(socket)) === before).toBe(true);
		const answers = await Promise.all(waiting);
		expect(answers.map(({ json }) => json)).toEqual([['k/1/ç1'], ['k/2/ç2'], ['k/3/ç3']]);
	});

	it.each(['kv/k/1/?keys&', 'kv/large?', 'session/list?'])('are as young as they have to be: %s', async (path) => {
		await node.start({ longReadLimits: limits });
		fill(
			30,
			(i) => new Uint8Array(VALUE_BYTES_MAX).fill(i),
			(i) => (i === 0 ? 'large' : `k/${i}`),
		);
		const attributes = { name: '', node: '', ttlMs: 0, lockDelayMs: 0, behavior: 'release' } as const;
		for (let i = 0; i <= 100; i++) {
			const operation = { kind: 'createSession', session: randomUUID(), attributes } as const;
			void node.replica.submit(operation, { route: 'leader', contest: 0, timeoutMs: 1 });
		}
		const ask = async () => {
			const { headers } = await node.get(`/v1/${path}max_stale=13ms`);
			return headers['x-consul-effective-consistency'];
		};
		const held = [await askAndHold('/v1/kv/?recurse'), await askAndHold('/v1/kv/?recurse')];
		await isTaking(2);
		// It waits in line for its turn, and meanwhile the node loses its leader.
		const [confirmed, asked] = [node.replica.barriers.length, responses.length];
		const waiting = ask();
		while (responses.length === asked) await turn();
		for (let i = 0; i < 10; i++) await turn();
		node.replica.override = { lastContactMs: 13 };
		held[0]?.destroy();
		expect(await waiting).toBe('leader');
		expect(node.replica.barriers.length).toBe(confirmed + 1);

		node.replica.override = {};
		const inTime = [ask(), ask()];
		held[1]?.destroy();
		expect(await Promise.all(inTime)).toEqual(['stale', 'stale']);
	});

	it('are refused when they have waited for too long', async () => {
		await node.start({ longReadLimits: { ...limits, lineMs: 20 } });
		fill(60, (i) => new Uint8Array(VALUE_BYTES_MAX).fill(i));
		await askAndHold('/v1/kv/?recurse');
		await askAndHold('/v1/kv/?recurse');
		await isTaking(2);
		expect((await node.get('/v1/kv/?keys')).status).toBe(503);
	});

	it('take no place where they have gone before a leader has confirmed them', async () => {
		await node.start({ longReadLimits: limits });
		fill(5000, small);
		const confirm: (() => void)[] = [];
		node.replica.readBarrier = () => new Promise((resolve) => confirm.push(() => resolve(true)));
		for (let i = 1; i <= limits.readersMax; i++) {
			const socket = await askAndHold('/v1/kv/?recurse');
			while (confirm.length < i) await turn();
			socket.resetAndDestroy();
			await once(responses.at(-1) as ServerResponse, 'close');
		}
		for (const each of confirm) each();
		for (let i = 0; i < 10; i++) await turn();
		expect(node.replica.store.viewsCount).toBe(0);
	});

	it('leave the line when they go away', async () => {
		await node.start({ longReadLimits: limits });
		fill(60, (i) => new Uint8Array(VALUE_BYTES_MAX).fill(i));
		const held = [await askAndHold('/v1/kv/?recurse'), await askAndHold('/v1/kv/?recurse')];
		await isTaking(2);
		for (let i = 0; i < 9; i++) {
			const socket = await askAndHold('/v1/kv/?keys');
			while (node.replica.barriers.length < 3 + i) await turn();
			socket.resetAndDestroy();
			await once(responses.at(-1) as ServerResponse, 'close');
		}
		held[0]?.resetAndDestroy();
		expect((await node.get('/v1/kv/?keys')).status).toBe(200);
	});
});

/** Resolves when so many answers wait for their readers, because the kernel takes no more bytes of them. */
async function isTaking(count = 1): Promise<void> {
	while (node.replica.store.viewsCount < count) await turn();
	for (let i = 0; i < 50; i++) await turn();
}

/** Resolves when the node has ended the connection. */
async function isCut(socket: Socket): Promise<void> {
	while (responses.length === 0) await turn();
	const [response] = responses as [ServerResponse];
	if (!response.closed) await once(response, 'close');
	await once(socket.resume(), 'close');
}

function turn(): Promise<void> {
	return new Promise((resolve) => setImmediate(resolve));
}
