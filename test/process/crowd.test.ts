/** However many connections there are, and whatever they do, a node keeps the descriptors that its own work needs. */
import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { SwarmClient } from '../../shared/client/client.ts';
import { request, Wire } from '../front/wire.ts';
import { Swarm, type TestNode } from './swarm.ts';

const DESCRIPTORS = 200;
const CROWD = 250;
const VALUE = 'x'.repeat(500_000);
/** More bytes than a segment of the log has, so that the next one is made. */
const VALUES = 40;
const FEED = '/socket.io/?EIO=4&transport=websocket';

let swarm: Swarm;
let crowd: { destroy(): void }[];

beforeEach(async () => {
	crowd = [];
	swarm = await Swarm.create({ size: 3 });
	for (const node of swarm.nodes) launchWithFew(node);
	await Promise.all(swarm.nodes.map((node) => node.ready()));
});
afterEach(async () => {
	for (const socket of crowd) socket.destroy();
	await swarm.dispose();
});

function launchWithFew(node: TestNode): void {
	node.launchUnder('bash', ['-c', `ulimit -n ${DESCRIPTORS}; exec "$0" "$@"`, process.execPath]);
}

function connect(node: TestNode, text: string): Wire {
	const wire = new Wire(node.port).write(text);
	crowd.push(wire.socket);
	return wire;
}

/** Opens a WebSocket that never sends anything, and waits until it is accepted or refused. */
async function mute(node: TestNode, path: string): Promise<void> {
	const socket = new WebSocket(node.url.replace('http', 'ws') + path);
	crowd.push({ destroy: () => socket.terminate() });
	await new Promise((settled) => socket.on('open', settled).on('error', settled));
}

const host = (node: TestNode) => ({ host: `127.0.0.1:${node.port}` });

describe('a crowd', () => {
	test('of connections of every kind leaves a node its log, its links and room for clients', async () => {
		const [n1, n2, n3] = swarm.nodes as [TestNode, TestNode, TestNode];
		for (let round = 0; round < 10; round++) {
			const all = Array.from({ length: CROWD / 10 }, async () => {
				connect(n1, '');
				connect(n1, request('PUT', '/v1/kv/a', { ...host(n1), body: 'red' }).slice(0, -1));
				// A connection that came before many others may have been closed for them.
				await connect(n1, request('GET', '/v1/kv/a?stale', host(n1))).closedOrAnswered();
			});
			const mutes = ['/client', '/mesh', FEED].flatMap((path) => [1, 2, 3, 4].map(() => mute(n1, path)));
			await Promise.all([...all, ...mutes]);
		}
		if (process.platform === 'linux') {
			expect(readdirSync(`/proc/${n1.pid}/fd`).length).toBeLessThan(DESCRIPTORS - 20);
		}
		for (let index = 0; index < VALUES; index++) {
			const put = await n1.fetch(`/v1/kv/large${index}`, { method: 'PUT', body: VALUE });
			expect([put.status, await put.text()]).toEqual([200, 'true']);
		}
		const client = new SwarmClient({ nodes: [n1.url], connect: (url) => new WebSocket(url) });
		crowd.push({ destroy: () => client.close() });
		expect((await client.put('color', 'red')).ok).toBe(true);
		await n3.kill();
		launchWithFew(n3);
		await n3.ready();
		expect((await n1.fetch('/livez')).status).toBe(200);
		expect(await (await n2.fetch('/v1/kv/color?raw')).text()).toBe('red');
		expect(swarm.nodes.every(({ isRunning }) => isRunning)).toBe(true);
	});
});
