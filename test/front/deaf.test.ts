/** A WebSocket whose other end only sends, or does not close, costs a node little and is ended, on each of the three paths. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { REFUSALS } from '../../server/mesh/refusal.ts';
import { Writer } from '../../shared/bytes/bytes.ts';
import { writeHello, writeRead } from '../../shared/client/client-frame.ts';
import { READ_KEYS_MAX } from '../../shared/client/protocol.ts';
import { TestSwarm } from '../client/nodes.ts';
import { TestNode } from '../mesh/node.ts';
import { Stranger } from '../mesh/stranger.ts';
import { request, Wire } from './wire.ts';

const MEGABYTE = 1024 * 1024;
/** The bound on the memory for such a WebSocket, together with other memory that this process takes meanwhile. */
const HELD_BYTES_MAX = 128 * MEGABYTE;

/** The time from a closing frame to the end of a connection on which no other one comes, milliseconds. */
const CLOSE_GRACE_MS = 1000;
/** A frame of WebSocket without anything in it, and one with bits that no version uses. @source RFC 6455, 5.2 */
const EMPTY = Uint8Array.of(0x82, 0x80, 0, 0, 0, 0);
const RESERVED_BITS = Uint8Array.of(0xf2, 0x80, 0, 0, 0, 0);

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
	for (const clean of cleanUp.splice(0).reverse()) await clean();
});

async function startSwarm(): Promise<TestSwarm> {
	const swarm = await TestSwarm.start(1);
	cleanUp.push(() => swarm.stop());
	await swarm.client().put('large', new Uint8Array(500_000));
	return swarm;
}

function stopReading(ws: WebSocket): void {
	(ws as unknown as { readonly _socket: Socket })._socket.pause();
}

const heldBytes = () => process.memoryUsage().arrayBuffers;

/** Sends pings until the node ends the connection. */
async function flood(ws: WebSocket): Promise<void> {
	const payload = Buffer.alloc(125);
	const before = heldBytes();
	ws.on('error', () => undefined);
	stopReading(ws);
	const closed = once(ws, 'close');
	while (ws.readyState === ws.OPEN) {
		for (let count = 0; count < 1000; count++) ws.ping(payload);
		await Promise.race([new Promise((sent) => ws.ping(payload, undefined, sent)), closed]);
		expect(heldBytes() - before).toBeLessThan(HELD_BYTES_MAX);
	}
}

describe('one that sends pings without end', () => {
	it('at /client is ended', async () => {
		const swarm = await startSwarm();
		const ws = swarm.stranger('n1');
		await once(ws, 'open');
		const out = new Writer();
		writeHello(out, 'deaf');
		ws.send(out.take());
		await once(ws, 'message');
		await flood(ws);
		expect((await swarm.client().put('still', 'here')).ok).toBe(true);
	});

	it('at /socket.io/ is ended', async () => {
		const swarm = await startSwarm();
		const ws = swarm.stranger('n1', { path: '/socket.io/?EIO=4&transport=websocket' });
		await once(ws, 'open');
		ws.send('40');
		await once(ws, 'message');
		await flood(ws);
	});

	it('at /mesh is ended, though it has proved itself', async () => {
		const node = await TestNode.listen('n1');
		const peer = await TestNode.listen('n2');
		cleanUp.push(
			() => node.close(),
			() => peer.close(),
		);
		node.start([node, peer]);
		const stranger = await Stranger.proven(node, { self: 'n2' });
		await flood(stranger.ws);
	});
});

describe('one that asks for much', () => {
	it('at /client is sent no more than a bound ahead of what it reads', async () => {
		const swarm = await startSwarm();
		const ws = swarm.stranger('n1');
		cleanUp.push(() => ws.terminate());
		await once(ws, 'open');
		const out = new Writer();
		writeHello(out, 'deaf');
		writeRead(out, 'stale', 1, Array<string>(READ_KEYS_MAX).fill('large'));
		const before = heldBytes();
		stopReading(ws);
		ws.send(out.take());
		const client = swarm.client();
		for (let round = 0; round < 200; round++) {
			await client.get('large', { stale: true });
			expect(heldBytes() - before).toBeLessThan(HELD_BYTES_MAX);
		}
	});
});

/** Has the WebSocket of `path` without the things that a WebSocket does by itself. */
async function upgraded(port: number, path = '/mesh'): Promise<Wire> {
	const wire = new Wire(port);
	const headers = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
	wire.write(request('GET', path, { headers: [...headers, `Sec-WebSocket-Key: ${'A'.repeat(22)}==`] }));
	expect((await wire.answer()).status).toBe(101);
	return wire;
}

/** No timer that begins from here on fires before the test says so, or ends. */
function holdTimers(): void {
	vi.useFakeTimers({ toFake: ['setTimeout'] });
	cleanUp.push(() => vi.runOnlyPendingTimers() && vi.useRealTimers());
}

/** Resolves when the other side is closed: only one that is open goes on to take bytes. */
async function untilCut({ socket }: Wire): Promise<void> {
	while (!socket.destroyed) {
		socket.write(RESERVED_BITS);
		await setImmediate();
	}
}

it.each(['/client', '/socket.io/?EIO=4&transport=websocket', '/mesh'])(
	'one at %s that breaks the rules of WebSocket is cut, though it does not close',
	async (path) => {
		const swarm = await startSwarm();
		holdTimers();
		const wire = await upgraded(Number(new URL(swarm.node('n1').url).port), path);
		wire.write(RESERVED_BITS);
		expect(await wire.closed).toBe('end');
		vi.advanceTimersByTime(CLOSE_GRACE_MS);
		await untilCut(wire);
	},
);

it.each([false, true])(
	'one at /mesh whose place is needed is cut at once; it was refused before: %s',
	async (isRefused) => {
		const node = await TestNode.listen('n1');
		cleanUp.push(() => node.close());
		node.start([node], { limits: { unprovenMax: 1 } });
		holdTimers();
		const first = await upgraded(node.port);
		if (isRefused) first.write(EMPTY);
		await first.receives(isRefused ? REFUSALS.malformedHandshake.text : '');
		await upgraded(node.port);
		await first.closed;
		expect(first.bytes.includes(REFUSALS.crowded.text)).toBe(!isRefused);
		await untilCut(first);
	},
);
