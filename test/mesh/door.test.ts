import { on, once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { FRAME_BYTES_MAX, Lane, readFrame, TRACES_PER_MESSAGE_MAX, writeTraces } from '../../server/mesh/frame.ts';
import { DialerHandshake, NONCE_BYTES } from '../../server/mesh/handshake.ts';
import { REFUSALS, type Refusal } from '../../server/mesh/refusal.ts';
import type { Message } from '../../shared/paxos/message.ts';
import { Bench, forward, type NodeChange, type TestNode, textOf } from './node.ts';
import { identityOf, Stranger } from './stranger.ts';

const bench = new Bench();
afterEach(() => bench.close());

describe('two nodes that do not belong together', () => {
	test.each<[string, NodeChange, NodeChange, Refusal, 'n1' | 'n2']>([
		['of another swarm', {}, { swarmId: 'other' }, 'otherSwarm', 'n1'],
		['with another secret', { secret: 'right' }, { secret: 'wrong' }, 'wrongSecret', 'n1'],
		['with a secret at the dialer only', {}, { secret: 'right' }, 'secretOnOneSide', 'n1'],
		['with a secret at the listener only', { secret: 'right' }, {}, 'secretOnOneSide', 'n1'],
	])('%s are told apart on both sides, once, however often they try', async (_, change1, change2, refusal, refuser) => {
		const [n1, n2] = await bench.nodes('n1', 'n2');
		n1.start([n1, n2], change1);
		n2.start([n1, n2], change2);
		await n1.untilKnocked(4);
		const { text } = REFUSALS[refusal];
		const texts = [`refused: ${text}`, `it refused us: ${text}`];
		if (refuser === 'n2') texts.reverse();
		expect(n1.refusals()).toEqual(texts.slice(0, 1));
		expect(n2.refusals()).toEqual(texts.slice(1));
		expect([...n1.links('n2'), ...n2.links('n1')]).toEqual([]);
		expect(n2.heard[0]).toMatchObject({ from: `n1 (127.0.0.1:${n1.port})` });
	});

	test('are linked as soon as the mistake is mended', async () => {
		const [n1, n2] = await bench.nodes('n1', 'n2');
		n1.start([n1, n2], { secret: 'old' });
		n2.start([n1, n2], { secret: 'new' });
		await n2.until(() => n2.refusals().length === 1);
		await n1.stop();
		n1.start([n1, n2], { secret: 'new' });
		await Promise.all([n1.untilLinked('n2'), n2.untilLinked('n1')]);
		expect(n2.links('n1')).toEqual(['up']);
	});

	test('because one has the other’s address are told apart', async () => {
		const [n1, n2, n3] = await bench.nodes('n1', 'n2', 'n3');
		n1.start([n1, n2, n3]);
		n3.start([n1, n2, n3], { ports: { n2: n1.port } });
		await n3.until(() => n3.refusals().length === 1);
		expect(n3.refusals()).toEqual([`it refused us: ${REFUSALS.otherNode.text}`]);
		expect(n3.mesh.linked()).toEqual(['n1']);
	});
});

describe('a stranger at the door', () => {
	test('with an Origin is answered 403, whatever the Origin', async () => {
		const n1 = await lonely();
		for (const origin of ['http://evil.example', `http://127.0.0.1:${n1.port}`, 'null', '']) {
			await expect(Stranger.at(n1, { headers: { Origin: origin } })).rejects.toThrow('403');
		}
		expect(n1.refusals()).toEqual(Array(4).fill('refused: an Origin header, which no node sends'));
	});

	test('that is not a WebSocket at all is answered 400', async () => {
		const n1 = await lonely();
		const socket = connect(n1.port, '127.0.0.1');
		socket.write('GET /mesh HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
		const [answer] = await once(socket, 'data');
		expect(String(answer)).toMatch(/^HTTP\/1.1 400 /);
		socket.destroy();
	});

	test.each<[string, string | Uint8Array, Refusal]>([
		['text', 'hello', 'textFrame'],
		['nothing', new Uint8Array(0), 'malformedHandshake'],
		['garbage', Uint8Array.of(1, 2, 3, 250), 'malformedHandshake'],
		['a frame of messages before its handshake', frameOf(forward('x')), 'malformedHandshake'],
		['more than a handshake takes', new Uint8Array(100_000), 'malformedHandshake'],
		['more than a frame takes', new Uint8Array(FRAME_BYTES_MAX + 1), 'malformedHandshake'],
	])('that says %s is refused', async (_, what, refusal) => {
		const n1 = await lonely();
		const stranger = bench.add(await Stranger.at(n1));
		stranger.ws.send(what);
		// A frame above the largest is refused by its header already.
		const code = await stranger.closed;
		expect([REFUSALS[refusal].code, ...(what.length > FRAME_BYTES_MAX ? [1009] : [])]).toContain(code);
		await n1.until(() => n1.refusals().length === 1);
		expect(n1.messages()).toEqual([]);
	});

	test('that never ends what it says is refused before it fills the memory', async () => {
		const n1 = await lonely();
		const stranger = bench.add(await Stranger.at(n1));
		for (let i = 0; i < 20; i++) stranger.ws.send(new Uint8Array(1000), { fin: false });
		expect(await stranger.closed).toBe(REFUSALS.malformedHandshake.code);
	});

	test('that says nothing is refused when its time is up, and nobody else', async () => {
		const n1 = await lonely({ timings: { handshakeMs: 400 } });
		bench.add(await Stranger.proven(n1, { self: 'n2' }));
		const stranger = bench.add(await Stranger.at(n1));
		expect(await stranger.closed).toBe(REFUSALS.tooSlow.code);
		expect(n1.links('n2')).toEqual(['up']);
	});

	test('takes the place of the one that has waited longest, when too many have proved nothing', async () => {
		const n1 = await lonely({ limits: { unprovenMax: 2 } });
		const member = bench.add(await Stranger.proven(n1, { self: 'n2' }));
		const strangers = [];
		for (let i = 0; i < 3; i++) strangers.push(bench.add(await Stranger.at(n1)));
		expect(await strangers[0]?.closed).toBe(REFUSALS.crowded.code);
		expect(n1.mesh.linked()).toEqual(['n2']);
		member.ws.send(frameOf(forward('still here')));
		await n1.until(() => n1.messages().length === 1);
	});

	test('takes no place of one from another address, however many come from its own', async () => {
		const n1 = await lonely({ limits: { unprovenMax: 2 } });
		const member = bench.add(await Stranger.at(n1));
		const handshake = new DialerHandshake(identityOf({ self: 'n2' }), 'n1', new Uint8Array(NONCE_BYTES));
		member.ws.send(handshake.opening);
		const step = handshake.receive(await member.hears(1));
		for (let i = 0; i < 3; i++) bench.add(await Stranger.at(n1, { localAddress: '127.0.0.2' }));
		if (step.kind === 'send') member.ws.send(step.bytes);
		await n1.untilLinked('n2');
	});

	test('that plays a recorded handshake back is refused', async () => {
		const n1 = await lonely({ secret: 'right' });
		const identity = identityOf({ self: 'n2', secret: 'right' });
		const member = bench.add(await Stranger.at(n1));
		const handshake = new DialerHandshake(identity, 'n1', new Uint8Array(NONCE_BYTES));
		member.ws.send(handshake.opening);
		const step = handshake.receive(await member.hears(1));
		if (step.kind !== 'send') throw new Error('the challenge was not answered');
		member.ws.send(step.bytes);
		await n1.untilLinked('n2');
		const stranger = bench.add(await Stranger.at(n1));
		stranger.ws.send(handshake.opening);
		await stranger.hears(1);
		stranger.ws.send(step.bytes);
		expect(await stranger.closed).toBe(REFUSALS.wrongSecret.code);
		expect(n1.links('n2')).toEqual(['up']);
	});

	test('that is a node of the swarm and no member is a guest until its link ends', async () => {
		const n1 = await lonely();
		const guest = bench.add(await Stranger.proven(n1, { self: 'n9' }));
		await n1.untilLinked('n9');
		expect(n1.mesh.send('n9', forward('to a guest'))).toBeGreaterThan(0);
		n1.mesh.flush();
		await guest.hears(3);
		await guest.close();
		await n1.until(() => n1.links('n9').length === 2);
		expect(n1.mesh.linked()).toEqual([]);
		expect(n1.mesh.send('n9', forward('to nobody'))).toBe(-1);
	});

	test('that is a guest and connects twice has its first connection replaced', async () => {
		const n1 = await lonely();
		const first = bench.add(await Stranger.proven(n1, { self: 'n9' }));
		const second = bench.add(await Stranger.proven(n1, { self: 'n9' }));
		expect(await first.closed).toBe(REFUSALS.replaced.code);
		await n1.until(() => n1.links('n9').length === 3);
		expect(n1.mesh.linked()).toEqual(['n9']);
		expect(n1.mesh.send('n9', forward('to a guest'))).toBeGreaterThan(0);
		second.ws.send(frameOf(forward('x')));
		await n1.until(() => n1.messages().length === 1);
		await second.close();
		await n1.until(() => n1.links('n9').length === 4);
		expect(n1.links('n9').slice(0, 3)).toEqual(['up', REFUSALS.replaced.text, 'up']);
	});

	test.each([
		[7, 3],
		[8, 4],
	])('that speaks version %i is told traces only where it understands them', async (max, frames) => {
		const n1 = await lonely();
		const guest = bench.add(await Stranger.proven(n1, { self: 'n9', protocol: { min: 7, max } }));
		await n1.untilLinked('n9');
		const number = n1.mesh.send('n9', forward('traced'));
		n1.mesh.tellTraces('n9', number, ['one']);
		n1.mesh.flush();
		const last = await guest.hears(frames);
		expect(readFrame(last)).toMatchObject({ firstId: number });
		expect(guest.received).toHaveLength(frames);
	});

	test('is refused where there are many guests already, also where all of them come at once', async () => {
		const n1 = await lonely();
		const guests = await Promise.allSettled(
			Array.from({ length: 20 }, (_, index) => Stranger.proven(n1, { self: `guest${index}` })),
		);
		for (const guest of guests) {
			if (guest.status === 'fulfilled') bench.add(guest.value);
			else expect(guest.reason.message).toBe(REFUSALS.tooManyGuests.text);
		}
		expect(n1.mesh.linked()).toHaveLength(16);
		await expect(Stranger.proven(n1, { self: 'n9' })).rejects.toThrow(REFUSALS.tooManyGuests.text);
	});

	test('with the id of the node itself is refused', async () => {
		const n1 = await lonely();
		await expect(Stranger.proven(n1, { self: 'n1' })).rejects.toThrow(REFUSALS.sameNode.text);
	});

	test('with a name that would break a line of the log is refused', async () => {
		const n1 = await lonely();
		await expect(Stranger.proven(n1, { self: 'n2\nall is well' })).rejects.toThrow();
		expect(n1.refusals()).toEqual(['refused: not a handshake of this mesh: a name that cannot be printed']);
		expect(n1.heard[0]).toMatchObject({ from: expect.stringMatching(/^127\.0\.0\.1:\d+$/) });
	});

	test('that reflects all it hears is refused', async () => {
		const n1 = await lonely({ secret: 'right' });
		const stranger = bench.add(await Stranger.at(n1));
		stranger.ws.on('message', (data) => stranger.ws.send(data));
		stranger.ws.send(new DialerHandshake(identityOf({ self: 'n2' }), 'n1', new Uint8Array(NONCE_BYTES)).opening);
		expect(await stranger.closed).toBe(REFUSALS.malformedHandshake.code);
		expect(n1.mesh.linked()).toEqual([]);
	});
});

describe('a member that goes mad', () => {
	test.each<[string, string | Uint8Array, number]>([
		['garbage', Uint8Array.of(0x10, 1, 200), REFUSALS.malformedFrame.code],
		['a second handshake', Uint8Array.of(1, 2, 3), REFUSALS.malformedFrame.code],
		['nothing', new Uint8Array(0), REFUSALS.malformedFrame.code],
		['good messages and then garbage', Uint8Array.of(...frameOf(forward('x')), 99), REFUSALS.malformedFrame.code],
		['the largest frame, of garbage', new Uint8Array(FRAME_BYTES_MAX), REFUSALS.malformedFrame.code],
		['a frame above the largest', new Uint8Array(FRAME_BYTES_MAX + 1), REFUSALS.tooLarge.code],
		['too many traces of a message', tracesOf(TRACES_PER_MESSAGE_MAX + 1), REFUSALS.malformedFrame.code],
		['traces and more', Uint8Array.of(...tracesOf(1), 0), REFUSALS.malformedFrame.code],
		['text', 'hello', REFUSALS.textFrame.code],
	])('and says %s is cut off with a fact, and nothing of it counts', async (_, what, code) => {
		const n1 = await lonely();
		const member = bench.add(await Stranger.proven(n1, { self: 'n2' }));
		await n1.untilLinked('n2');
		member.ws.send(frameOf(forward('good')));
		member.ws.send(what);
		member.ws.send(frameOf(forward('too late')));
		expect(await member.closed).toBe(code);
		await n1.until(() => n1.links('n2').length === 2);
		expect(n1.messages().map(textOf)).toEqual(['good']);
		expect(n1.refusals()).toHaveLength(1);
		expect(n1.heard.find(({ kind }) => kind === 'malformed')).toMatchObject({ from: expect.stringMatching(/^n2 \(/) });
		const sane = bench.add(await Stranger.proven(n1, { self: 'n2' }));
		expect(n1.links('n2')).toHaveLength(3);
		sane.ws.send(what);
		await n1.until(() => n1.refusals().length === 2);
	});

	test('and connects twice has its first connection replaced', async () => {
		const n1 = await lonely();
		const first = bench.add(await Stranger.proven(n1, { self: 'n2' }));
		const second = bench.add(await Stranger.proven(n1, { self: 'n2' }));
		expect(await first.closed).toBe(REFUSALS.replaced.code);
		second.ws.send(frameOf(forward('x')));
		await n1.until(() => n1.messages().length === 1);
		expect(n1.links('n2')).toEqual(['up', REFUSALS.replaced.text, 'up']);
		expect(n1.heard.at(-1)).toMatchObject({ kind: 'message', id: 'n2-1:1' });
	});
});

describe('a stranger at a member’s address', () => {
	test('that talks nonsense is refused with a fact, and asked again', async () => {
		const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
		// The second one may come before the first is closed.
		const connections = on(server, 'connection');
		await once(server, 'listening');
		const [n1, n2] = await bench.nodes('n1', 'n2');
		n2.start([n1, n2], { ports: { n1: (server.address() as AddressInfo).port } });
		for (const nonsense of [Uint8Array.of(9, 9), new Uint8Array(50_000)]) {
			const [ws] = (await connections.next()).value;
			ws.send(nonsense);
			const [code] = await once(ws, 'close');
			expect(code).toBe(REFUSALS.malformedHandshake.code);
		}
		expect(n2.refusals()[0]).toMatch(/^refused: not a handshake of this mesh/);
		await n2.stop();
		server.close();
	});

	test('that is another HTTP server is named by its answer', async () => {
		const server = createServer((_, response) => response.writeHead(404).end()).listen(0, '127.0.0.1');
		await once(server, 'listening');
		const [n1, n2] = await bench.nodes('n1', 'n2');
		n2.start([n1, n2], { ports: { n1: (server.address() as AddressInfo).port } });
		await n2.until(() => n2.refusals().length > 0);
		expect(n2.refusals()[0]).toBe('the node answered with HTTP status 404');
		await n2.stop();
		server.close();
	});
});

/** n1, in a swarm with n2, which never starts. */
async function lonely(change: NodeChange = {}): Promise<TestNode> {
	const [n1, n2] = await bench.nodes('n1', 'n2');
	n1.start([n1, n2], change);
	return n1;
}

function frameOf(message: Message): Uint8Array {
	const lane = new Lane(1);
	lane.add(message);
	return lane.takeFrame() as Uint8Array;
}

function tracesOf(count: number): Uint8Array {
	return writeTraces({ message: 1, traceparents: Array<string>(count).fill('one') });
}
