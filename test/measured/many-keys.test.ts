/**
 * With a million keys, a node's event loop stays free and its memory bounded, while readers ask for all keys, among them
 * a hundred that take nothing, and while all keys are deleted.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { WebSocket } from 'ws';
import { SwarmClient } from '../../shared/client/client.ts';
import { KEPT_BYTES_MAX, VIEWS_MAX } from '../../shared/store/views.ts';
import { Swarm, type TestNode } from '../process/swarm.ts';
import { LoopSteps } from './loop-steps.ts';

const KEYS = 1_000_000;
const LOAD_MAX_MS = 600_000;
const SLOW_READERS = 100;
/** The bound on the memory that views keep, and that readers were sent and have not taken, with their buffers. */
const MEMORY_BYTES_MAX = KEPT_BYTES_MAX + VIEWS_MAX * 1024 * 1024;

let swarm: Swarm;
let client: SwarmClient;
let node: TestNode;
const sockets: Socket[] = [];
beforeAll(async () => {
	// A single node does the same work as each of several, and is filled sooner.
	swarm = await Swarm.create({ size: 1 });
	await swarm.start();
	node = await swarm.leader();
	client = new SwarmClient({ nodes: [node.url], connect: (url) => new WebSocket(url), timeoutMs: 120_000 });
	await putAll(KEYS, keyOf);
	// During the first reads, the garbage of the writes is still collected.
	await keysOf('/v1/kv/?keys');
	await lengthOf('/v1/kv/?recurse');
}, LOAD_MAX_MS);
afterAll(async () => {
	for (const socket of sockets) socket.destroy();
	client?.close();
	await swarm.dispose();
});

test('a node of a million keys stays free, whatever is asked of it', { timeout: LOAD_MAX_MS }, async () => {
	onTestFailed(() => swarm.report());
	const steps = await LoopSteps.of(node);
	const bytesBefore = residentBytes();

	expect((await keysOf('/v1/kv/?keys')).length).toBe(KEYS);
	expect(await lengthOf('/v1/kv/?recurse&stale')).toBeGreaterThan(200 * KEYS);
	expect(await steps.since()).toMatchObject({ over50Ms: 0 });

	let after = '';
	for (let page = 0; page < 100; page++) {
		const keys = await keysOf(`/v1/kv/?keys&limit=1000&after=${encodeURIComponent(after)}`);
		expect(keys[999]).toBe(keyOf(1000 * page + 999));
		after = keys[999] as string;
	}
	expect(await keysOf('/v1/kv/?keys&separator=/')).toEqual(['key/']);
	expect(await steps.since()).toMatchObject({ over50Ms: 0 });

	for (let i = 0; i < SLOW_READERS; i++) await askAndHold(`/v1/kv/?recurse${i % 2 === 0 ? '' : '&stale'}`);
	expect(await keysOf(`/v1/kv/${keyOf(0).slice(0, -2)}?keys`)).toHaveLength(100);
	expect(await (await node.fetch(`/v1/kv/${keyOf(7)}?raw&stale`)).text()).toHaveLength(100);
	expect(await steps.since()).toMatchObject({ over50Ms: 0 });

	// All keys that the readers hold are deleted meanwhile.
	expect(await (await node.fetch('/v1/kv/key/?recurse', { method: 'DELETE' })).text()).toBe('true');
	expect(await keysOf('/v1/kv/?keys')).toEqual([]);
	expect(await steps.since()).toMatchObject({ over50Ms: 0 });
	expect(residentBytes() - bytesBefore).toBeLessThan(MEMORY_BYTES_MAX);
});

test('after so many deletions, writes and reads go on', { timeout: LOAD_MAX_MS }, async () => {
	onTestFailed(() => swarm.report());
	await putAll(50_000, (i) => `later/${i}`);
	expect(await keysOf('/v1/kv/?keys')).toHaveLength(50_000);
});

async function putAll(count: number, keyAt: (i: number) => string): Promise<void> {
	let next = 0;
	const writer = async (): Promise<void> => {
		for (let i = next++; i < count; i = next++) await client.put(keyAt(i), new Uint8Array(100).fill(i));
	};
	await Promise.all(Array.from({ length: 2000 }, writer));
}

async function askAndHold(path: string): Promise<void> {
	const socket = connect(node.port, '127.0.0.1').pause();
	sockets.push(socket);
	socket.on('error', () => undefined);
	await once(socket, 'connect');
	socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${node.port}\r\n\r\n`);
}

async function keysOf(path: string): Promise<string[]> {
	const answer = await node.fetch(path, { signal: AbortSignal.timeout(LOAD_MAX_MS) });
	return (await answer.json()) as string[];
}

async function lengthOf(path: string): Promise<number> {
	const { body } = await node.fetch(path, { signal: AbortSignal.timeout(LOAD_MAX_MS) });
	let length = 0;
	for await (const bytes of body as AsyncIterable<Uint8Array>) length += bytes.length;
	return length;
}

/** @source Linux, proc_pid_status(5): VmRSS, in KiB */
function residentBytes(): number {
	return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${node.pid}/status`, 'utf8'))?.[1]);
}

function keyOf(i: number): string {
	return `key/${String(i).padStart(7, '0')}`;
}
