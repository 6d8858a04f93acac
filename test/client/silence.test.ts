/** A node that says nothing, or knows no leader, is left for another one; a node that is only slow is not. */
import { describe, expect, it } from 'vitest';
import type { ClientCore } from '../../shared/client/core.ts';
import { type Settled, VirtualSwarm, watched } from './virtual.ts';

const VALUE = new Uint8Array(8);

function put(swarm: VirtualSwarm, client: ClientCore, key = 'a', value = VALUE): Settled {
	const settled = watched(swarm.time);
	client.put(key, value, 0n, null, undefined, settled);
	return settled;
}

function get(swarm: VirtualSwarm, client: ClientCore): Settled {
	const settled = watched(swarm.time);
	client.get('a', 'linearizable', undefined, settled);
	return settled;
}

describe('a node that says nothing', () => {
	it('is left within three seconds, and the call is answered under the same identity', () => {
		const swarm = new VirtualSwarm(['n1', 'n2', 'n3']);
		const batches: string[] = [];
		swarm.onWrite = ({ node, client, first }) => {
			batches.push(`${node.id} ${client}/${first}`);
			return false;
		};
		const client = swarm.client();
		swarm.time.run(100);
		expect(client.node).toBe('n1');
		expect(put(swarm, client).times).toBe(0);
		swarm.time.run(200);
		swarm.node('n1').answer = 'is silent';
		for (const node of swarm.nodes) node.leader = 'n2';
		const settled = put(swarm, client);
		const read = get(swarm, client);
		swarm.time.run(3200);
		expect(settled).toMatchObject({ times: 1, value: { ok: true } });
		expect(read).toMatchObject({ times: 1, value: null });
		expect(client.node).not.toBe('n1');
		// n1 may have taken the command before it fell silent, and another node was sent the same command.
		swarm.node('n1').resume();
		expect(new Set(batches.map((batch) => batch.slice(3))).size).toBe(2);
	});

	it('is left though the next one is silent too, and the one after it cannot be reached', () => {
		const swarm = new VirtualSwarm(['n1', 'n2', 'n3', 'n4', 'n5']);
		const client = swarm.client();
		swarm.time.run(100);
		for (const id of ['n1', 'n2']) swarm.node(id).answer = 'is silent';
		swarm.node('n3').answer = 'refuses the connection';
		for (const node of swarm.nodes) node.leader = 'n5';
		const settled = put(swarm, client);
		swarm.time.run(4000);
		expect(settled.times).toBe(1);
	});

	it('is left when it falls silent while a call waits', () => {
		const swarm = new VirtualSwarm(['n1', 'n2', 'n3']);
		swarm.onWrite = ({ node }) => node.id === 'n1';
		const client = swarm.client();
		swarm.time.run(100);
		const settled = put(swarm, client);
		swarm.time.run(5000);
		expect(settled.times).toBe(0);
		expect(client.node).toBe('n1');
		swarm.node('n1').answer = 'is silent';
		swarm.time.run(8000);
		expect(settled).toMatchObject({ times: 1, value: { ok: true } });
	});

	it('is kept without calls, and where no other node answers', () => {
		const swarm = new VirtualSwarm(['n1', 'n2', 'n3']);
		const client = swarm.client({ timeoutMs: 60_000 });
		swarm.time.run(100);
		for (const node of swarm.nodes) node.answer = 'is silent';
		const { dials } = swarm;
		swarm.time.run(60_000);
		expect(swarm.dials).toBe(dials);
		const settled = put(swarm, client);
		swarm.time.run(90_000);
		expect(client.node).toBe('n1');
		swarm.node('n1').resume();
		swarm.time.run(90_100);
		expect(settled).toMatchObject({ times: 1, value: { ok: true } });
		expect(swarm.dials - dials).toBeLessThan(20);
	});
});

describe('a node that has lost its connections without a word', () => {
	it.each([
		['no other node has room', ['n1', 'n2', 'n3']],
		['there is no other node', ['n1']],
	])('is dialed again where %s', (_, ids) => {
		const swarm = new VirtualSwarm(ids);
		const client = swarm.client();
		swarm.time.run(100);
		expect(client.node).toBe('n1');
		for (const node of swarm.nodes) if (node.id !== 'n1') node.answer = 'refuses the connection';
		swarm.node('n1').forget();
		const settled = put(swarm, client);
		swarm.time.run(3000);
		expect(settled).toMatchObject({ times: 1, value: { ok: true } });
	});
});

describe('a node that is slow', () => {
	it('is left a few times at most, by more and more patience, and calls are answered', () => {
		const swarm = new VirtualSwarm(['n1', 'n2', 'n3']);
		const client = swarm.client({ timeoutMs: 30_000 });
		swarm.time.run(100);
		for (const node of swarm.nodes) node.delayMs = 3000;
		const settled: Settled[] = [];
		for (let ms = 1000; ms <= 300_000; ms += 1000) {
			swarm.time.run(ms);
			settled.push(put(swarm, client), get(swarm, client));
		}
		swarm.time.run(330_000);
		expect(settled.every(({ times, error }) => times === 1 && error === undefined)).toBe(true);
		expect(swarm.dials).toBeLessThan(30);
	});

	it('is not left while this process itself stood still', () => {
		const swarm = new VirtualSwarm(['n1', 'n2', 'n3']);
		const client = swarm.client();
		swarm.time.run(100);
		const { dials } = swarm;
		for (let i = 0; i < 5; i++) {
			swarm.node('n1').delayMs = 5;
			const settled = put(swarm, client);
			// Nothing runs for two seconds, not even the timers that would ping.
			swarm.time.nowMs += 2000;
			swarm.time.run(swarm.time.nowMs + 50);
			expect(settled.times).toBe(1);
		}
		expect(swarm.dials).toBe(dials);
	});

	it('is not left while it takes a long line of frames', () => {
		const swarm = new VirtualSwarm(['n1', 'n2', 'n3']);
		let unsent = 0;
		const connected = swarm.client();
		connected.close();
		const client = swarm.client({
			connect: (url) => {
				const socket = swarm.connect(url);
				Object.defineProperty(socket, 'bufferedAmount', { get: () => unsent });
				return socket;
			},
		});
		swarm.time.run(100);
		const { dials } = swarm;
		swarm.node('n1').answer = 'is silent';
		unsent = 50_000_000;
		put(swarm, client, 'large', new Uint8Array(500_000));
		for (let ms = 200; ms < 8000; ms += 100) {
			unsent -= 100_000;
			swarm.time.run(ms);
		}
		expect(swarm.dials).toBe(dials);
		swarm.time.run(12_000);
		expect(swarm.dials).toBeGreaterThan(dials);
	});
});

describe('a node that knows no leader', () => {
	it('is left for one that knows one', () => {
		const swarm = new VirtualSwarm(['n1', 'n2', 'n3']);
		swarm.onWrite = ({ node }) => node.leader === '';
		const client = swarm.client();
		swarm.time.run(100);
		swarm.node('n1').leader = '';
		swarm.node('n1').cut();
		for (const id of ['n2', 'n3']) swarm.node(id).answer = 'refuses the connection';
		const settled = put(swarm, client);
		swarm.time.run(4000);
		expect(client.node).toBe('n1');
		for (const id of ['n2', 'n3']) Object.assign(swarm.node(id), { answer: 'answers', leader: 'n2' });
		swarm.time.run(9000);
		expect(settled).toMatchObject({ times: 1, value: { ok: true } });
		expect(client.node).not.toBe('n1');
	});

	it('is kept where no other one knows one either', () => {
		const swarm = new VirtualSwarm(['n1', 'n2', 'n3']);
		swarm.onWrite = () => true;
		for (const node of swarm.nodes) node.leader = '';
		const client = swarm.client({ timeoutMs: 60_000 });
		swarm.time.run(100);
		const { node } = client;
		const settled = put(swarm, client);
		swarm.time.run(60_200);
		expect(client.node).toBe(node);
		expect(settled.error?.name).toBe('UnknownOutcomeError');
		expect(swarm.dials).toBeLessThan(20);
	});
});
