/**
 * Bad input at a node's doors or on its command line gives a clear error to the sender and a log line to the operator, and
 * loses nothing. After each test the same five nodes still run, and earlier writes are there.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, connect as dial, type Socket as TcpSocket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFailed, test } from 'vitest';
import { WebSocket } from 'ws';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import { get, put } from './client.ts';
import { MAIN, Swarm, type TestNode } from './swarm.ts';
import { Watch } from './watch.ts';

const FOREIGN = 'http://evil.example';

let swarm: Swarm;
let n1: TestNode;
let pids: number[];

describe('five nodes', () => {
	beforeAll(async () => {
		swarm = await Swarm.create({ size: 5 });
		await swarm.start();
		n1 = swarm.node('n1');
		pids = swarm.nodes.map(({ pid }) => pid);
		expect(await (await put(n1, 'before', 'kept')).text()).toBe('true');
	});
	afterEach(async () => {
		expect(swarm.nodes.map(({ isRunning }) => isRunning)).toEqual([true, true, true, true, true]);
		expect(swarm.nodes.map(({ pid }) => pid)).toEqual(pids);
		for (const node of swarm.nodes) expect(await get(node, 'before')).toBe('kept');
		expect(await (await put(n1, 'after', 'written')).text()).toBe('true');
	});
	afterAll(() => swarm.dispose());

	test('a key over the limit is refused by its size', async () => {
		const fits = 'k'.repeat(KEY_BYTES_MAX);
		expect(await (await put(n1, fits, 'x')).text()).toBe('true');
		const response = await put(n1, `${fits}k`, 'x');
		expect(response.status).toBe(400);
		expect(await response.text()).toContain(`${KEY_BYTES_MAX}`);
	});

	test('a value over the limit is refused by its size, and a full one is kept byte for byte', async () => {
		const full = 'v'.repeat(VALUE_BYTES_MAX);
		expect(await (await put(n1, 'full', full)).text()).toBe('true');
		expect(await get(swarm.node('n4'), 'full')).toBe(full);
		const response = await put(n1, 'full', `${full}v`);
		expect(response.status).toBe(413);
		expect(await response.text()).toBe(
			`Request body(${VALUE_BYTES_MAX + 1} bytes) too large, max size: ${VALUE_BYTES_MAX} bytes.`,
		);
		expect(await get(n1, 'full')).toBe(full);
	});

	test('a request that is sent by half writes nothing', async () => {
		const socket = await tcp(n1);
		const head = `PUT /v1/kv/half HTTP/1.1\r\nHost: 127.0.0.1:${n1.port}\r\nContent-Length: 100\r\n\r\n`;
		socket.write(`${head}only a part`);
		const length = Buffer.byteLength(head) + 11;
		await expect.poll(() => socket.bytesWritten).toBe(length);
		socket.resetAndDestroy();
		const headless = await tcp(n1);
		headless.write('PUT /v1/kv/half HT');
		headless.destroy();
		expect(await get(n1, 'half')).toBeNull();
	});

	test('what is no HTTP at all is answered with 400', async () => {
		const socket = await tcp(n1);
		socket.write('\u0016\u0003\u0001 not http\r\n\r\n');
		const [answer] = (await once(socket, 'data')) as [Buffer];
		expect(answer.toString()).toMatch(/^HTTP\/1\.1 400 /);
		socket.destroy();
	});

	test('a page from elsewhere is refused at each of the three doors', async () => {
		const http = await put(n1, 'foreign', 'x').then(() =>
			n1.fetch('/v1/kv/color', { method: 'PUT', body: 'x', headers: { origin: FOREIGN } }),
		);
		expect(http.status).toBe(403);
		expect(await http.text()).toContain(FOREIGN);

		const polling = await n1.fetch('/socket.io/?EIO=4&transport=polling', { headers: { origin: FOREIGN } });
		expect(polling.status).toBe(403);
		expect(await polling.text()).toContain('evil.example');
		expect(await refusedUpgrade(n1, '/socket.io/?EIO=4&transport=websocket', { origin: FOREIGN })).toBe(403);

		expect(await refusedUpgrade(n1, '/mesh', { origin: FOREIGN })).toBe(403);
		// No node sends an Origin, so not even a member's own page may connect.
		expect(await refusedUpgrade(n1, '/mesh', { origin: n1.url })).toBe(403);
		expect(await get(n1, 'color')).toBeNull();
	});

	test('a page of another member is let in by HTTP and by the feed', async () => {
		const headers = { origin: swarm.node('n2').url };
		for (const path of ['/v1/kv/before?raw', '/socket.io/?EIO=4&transport=polling']) {
			const response = await n1.fetch(path, { headers });
			expect(response.status).toBe(200);
			expect(response.headers.get('access-control-allow-origin')).toBe(headers.origin);
			await response.text();
		}
	});

	test('a name that is not a member is refused at each of the three doors', async () => {
		const socket = await tcp(n1);
		socket.write('GET /v1/kv/before HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n');
		const [answer] = (await once(socket, 'data')) as [Buffer];
		expect(answer.toString()).toMatch(/^HTTP\/1\.1 403 /);
		expect(answer.toString()).not.toContain('kept');
		expect(await refusedUpgrade(n1, '/socket.io/?EIO=4&transport=websocket', { host: 'evil.example' })).toBe(403);
		expect(await refusedUpgrade(n1, '/mesh', { host: 'evil.example' })).toBe(403);
	});

	test('garbage and oversized frames on the mesh close that connection, with a fact, and no link', async () => {
		const watch = await Watch.open(n1);
		const oversized = Buffer.alloc(2 * 1024 * 1024);
		for (const frame of ['text', '', Buffer.alloc(0), Buffer.from([0, 255, 1, 2]), Buffer.alloc(500, 7), oversized]) {
			const told = watch.facts.length;
			const socket = new WebSocket(`${n1.url.replace('http', 'ws')}/mesh`);
			await once(socket, 'open');
			const closed = once(socket, 'close');
			socket.send(frame);
			const [code] = (await closed) as [number];
			expect([1003, 1009, 4400]).toContain(code);
			const fact = await watch.fact(
				'a malformed fact of the mesh',
				(fact) => fact.kind === 'malformed' && fact.door === 'mesh' && watch.facts.indexOf(fact) >= told,
			);
			expect(fact).toMatchObject({ from: expect.stringContaining('127.0.0.1') });
		}
		expect(watch.facts.filter(({ kind }) => kind === 'linkDown')).toEqual([]);
		watch.close();
	});

	test('garbage and oversized frames on the feed close that connection, with a fact, and disturb no watcher', async () => {
		const watch = await Watch.open(n1);
		const frames = [
			'garbage',
			'42["propose"',
			Buffer.from([0, 255]),
			`42["propose",{"key":"${'k'.repeat(4_000_000)}"}]`,
		];
		for (const [index, frame] of frames.entries()) {
			const socket = new WebSocket(`${n1.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
			await once(socket, 'open');
			const joined = new Promise<void>((resolve) => {
				socket.on('message', (data: Buffer) => data.toString().startsWith('40') && resolve());
			});
			socket.send('40');
			await joined;
			const closed = once(socket, 'close');
			socket.send(frame);
			await closed;
			await watch.fact(
				`malformed fact ${index + 1}`,
				() => watch.facts.filter((fact) => fact.kind === 'malformed' && fact.door === 'feed').length > index,
			);
		}
		expect(await watch.propose({ key: '' })).toMatchObject({ outcome: 'refused', why: expect.stringContaining('key') });
		expect(await watch.propose({ key: 'x', value: 'v'.repeat(VALUE_BYTES_MAX + 1) })).toMatchObject({
			outcome: 'refused',
			why: expect.stringContaining(String(VALUE_BYTES_MAX)),
		});
		expect(await watch.propose({ key: 'fine', value: 'x' })).toMatchObject({ outcome: 'chosen' });
		expect(watch.gaps).toBe(0);
		watch.close();
	});

	test('a node id that is not in the list is refused with those that are', async () => {
		const { status, stderr } = await swarm.run('node', 'n9');
		expect(status).toBe(2);
		expect(stderr).toContain('n9');
		expect(stderr).toContain('n1, n2, n3, n4, n5');
	});

	test('an argument that is no text is refused, and is not written as another one', async () => {
		const put = `exec "$0" "$1" put before "$(printf '\\377')"`;
		const { status, stderr } = spawnSync('sh', ['-c', put, process.execPath, MAIN], { encoding: 'utf8' });
		// Other systems do not tell a program its arguments as they were given.
		if (process.platform !== 'linux') return;
		expect([status, stderr]).toEqual([2, expect.stringContaining('bytes that are not text in UTF-8')]);
	});

	test('a node that runs already is not started again, and its address is told', async () => {
		const { status, stderr } = await swarm.run('node', 'n1');
		expect(status).toBe(1);
		expect(stderr).toContain(`n1 runs already: ${n1.url}`);
	});
});

describe('three nodes, one of them a stranger', () => {
	beforeAll(async () => {
		swarm = await Swarm.create({ size: 3, environment: { SWARM_SECRET: 'the right one' } });
		n1 = swarm.node('n1');
		await swarm.start([n1, swarm.node('n2')]);
	});
	afterEach(() => swarm.node('n3').stop());
	afterAll(() => swarm.dispose());

	/** Expects n1 and n2 to work together, and the third node to run alone, to log the reason, and to change nothing. */
	async function expectStranger(options: Parameters<TestNode['launch']>[0], words: RegExp): Promise<void> {
		onTestFailed(() => swarm.report());
		const [, n2, n3] = swarm.nodes as [TestNode, TestNode, TestNode];
		expect(await (await put(n1, 'before', 'kept')).text()).toBe('true');
		const watch = await Watch.open(n1);
		const stranger = n3.launch(options);
		await stranger.printed(words);
		await watch.fact(
			'a malformed fact',
			(fact) => fact.kind === 'malformed' && fact.door === 'mesh' && words.test(fact.why),
		);
		expect(watch.facts.filter(({ kind }) => kind === 'linkUp')).toEqual([]);
		watch.close();
		expect(await (await put(n2, 'meanwhile', words.source)).text()).toBe('true');
		expect((await n3.fetch('/readyz')).status).toBe(503);
		expect(await get(n3, 'meanwhile', '&stale')).not.toBe(words.source);
		await n3.stop();
		await n3.start();
		for (const node of swarm.nodes) expect(await get(node, 'meanwhile')).toBe(words.source);
	}

	test('a wrong secret is refused on both sides', async () => {
		await expectStranger({ environment: { SWARM_SECRET: 'a wrong one' } }, /wrong secret/);
	});

	test('a missing secret is refused on both sides', async () => {
		await expectStranger({ environment: { SWARM_SECRET: '' } }, /a secret is set on one side only/);
	});

	test('a peer of another swarm is refused on both sides', async () => {
		const other = join(swarm.folder, 'other');
		expect(await swarm.run('init', '--data-dir', other)).toMatchObject({ status: 0 });
		await expectStranger({ environment: { SWARM_DATA_DIR: other } }, /another swarm/);
	});
});

test('a port that another program has is named, and nothing is started', async () => {
	const alone = await Swarm.create({ size: 3 });
	const blocker = createServer();
	try {
		const blocked = alone.node('n2');
		blocker.listen(blocked.port, '127.0.0.1');
		await once(blocker, 'listening');
		for (const command of [['up'], ['node', 'n2']]) {
			const { status, stderr } = await alone.run(...command);
			expect(status).toBe(1);
			expect(stderr).toMatch(new RegExp(`port ${blocked.port} .*taken by another program`, 'i'));
			expect(stderr).toContain('--base-port');
			if (command[0] === 'up') expect(stderr).toContain(`--config ${alone.configFile}`);
		}
		expect(await alone.processes()).toEqual([]);
	} finally {
		blocker.close();
		await alone.dispose();
	}
});

async function tcp(node: TestNode): Promise<TcpSocket> {
	const socket = dial(node.port, '127.0.0.1');
	socket.on('error', () => socket.destroy());
	await once(socket, 'connect');
	return socket;
}

/** The status with which an upgrade is refused. */
async function refusedUpgrade(node: TestNode, path: string, headers: Record<string, string>): Promise<number> {
	const socket = new WebSocket(`${node.url.replace('http', 'ws')}${path}`, { headers });
	const refused = new Promise<number>((resolve, reject) => {
		socket.on('unexpected-response', (request, response) => {
			request.destroy();
			resolve(response.statusCode ?? 0);
		});
		socket.on('open', () => reject(new Error(`${path} was opened`)));
		socket.on('error', reject);
	});
	try {
		return await refused;
	} finally {
		socket.terminate();
	}
}
