/** Clients whose nodes are gone and come back do not all dial together, nor more often than they must. */
import { describe, expect, it } from 'vitest';
import { Writer } from '../../shared/bytes/bytes.ts';
import { writeWelcome } from '../../shared/client/node-frame.ts';
import type { ClientSocket } from '../../shared/client/socket.ts';
import { VirtualSwarm, watched } from './virtual.ts';

const CLIENTS = 2000;
const VALUE = new Uint8Array(8);

function dialsOf(swarm: VirtualSwarm): number[] {
	return swarm.nodes.flatMap(({ dialsMs }) => dialsMs).toSorted((a, b) => a - b);
}

/** The largest share of the times that lies within so many milliseconds. */
function peak(timesMs: readonly number[], windowMs: number): number {
	let most = 0;
	let from = 0;
	for (const [at, timeMs] of timesMs.entries()) {
		while ((timesMs[from] as number) <= timeMs - windowMs) from++;
		most = Math.max(most, at - from + 1);
	}
	return most / timesMs.length;
}

describe.each(['without calls', 'with a call each'])(
	'2,000 clients %s whose nodes are all killed and started',
	(what) => {
		it('dial a node twice at most, spread in time, and are all served', () => {
			const swarm = new VirtualSwarm(['n1', 'n2', 'n3']);
			const clients = Array.from({ length: CLIENTS }, () => swarm.client());
			swarm.time.run(2000);
			expect(clients.every(({ node }) => node === 'n1')).toBe(true);
			for (const node of swarm.nodes) node.dialsMs.length = 0;
			const before = swarm.dials;
			for (const node of swarm.nodes) {
				node.answer = 'refuses the connection';
				node.cut();
			}
			const calls = clients.map((client) => {
				const call = watched(swarm.time);
				if (what !== 'without calls') client.put('a', VALUE, 0n, null, undefined, call);
				return call;
			});
			swarm.time.run(3000);
			for (const node of swarm.nodes) {
				node.answer = 'answers';
				node.leader = 'n2';
			}
			swarm.time.run(60_000);
			expect(clients.every(({ node }) => node === 'n2')).toBe(true);
			const reached = dialsOf(swarm);
			expect(reached.length / CLIENTS).toBeLessThanOrEqual(2);
			// Dials that found no node cost the nodes nothing, and are few.
			expect((swarm.dials - before) / CLIENTS).toBeLessThan(what === 'without calls' ? 3 : 5);
			expect(peak(reached, 100)).toBeLessThan(0.2);
			if (what !== 'without calls') expect(calls.every(({ times, error }) => times === 1 && !error)).toBe(true);
		}, 60_000);
	},
);

describe('a client', () => {
	it('that is closed cuts a connection whose node does not close it too, and no other one', () => {
		for (const answers of [false, true]) {
			const swarm = new VirtualSwarm(['n1']);
			const cutMs: number[] = [];
			const connect = (url: string): ClientSocket =>
				Object.assign(swarm.connect(url), { terminate: () => void cutMs.push(swarm.time.nowMs) });
			const sockets: ClientSocket[] = [];
			const client = swarm.client({
				connect: (url) => {
					const socket = connect(url);
					sockets.push(socket);
					return socket;
				},
			});
			swarm.time.run(100);
			client.close();
			if (answers) sockets[0]?.onclose?.({} as never);
			expect(swarm.time.timersCount).toBe(answers ? 0 : 1);
			swarm.time.run(10_000);
			expect(cutMs).toEqual(answers ? [] : [1_100]);
		}
	});

	it('that has lost a connection has nothing to cut', () => {
		const swarm = new VirtualSwarm(['n1']);
		let cuts = 0;
		const connect = (url: string): ClientSocket => Object.assign(swarm.connect(url), { terminate: () => void cuts++ });
		const client = swarm.client({ connect });
		swarm.time.run(100);
		swarm.nodes[0]?.cut();
		swarm.time.run(101);
		client.close();
		expect([swarm.time.timersCount, cuts]).toEqual([0, 0]);
	});

	it('goes to another leader after a pause, but to the first at once', () => {
		const swarm = new VirtualSwarm(['n1', 'n2', 'n3']);
		const clients = Array.from({ length: 100 }, () => swarm.client());
		swarm.time.run(10);
		expect(clients.every(({ node }) => node === 'n1')).toBe(true);
		for (const node of swarm.nodes) node.dialsMs.length = 0;
		for (const node of swarm.nodes) node.lead('n2');
		swarm.time.run(2000);
		expect(clients.every(({ node }) => node === 'n2')).toBe(true);
		const dials = dialsOf(swarm);
		expect(dials).toHaveLength(100);
		expect(peak(dials, 50)).toBeLessThan(0.3);
	});

	it('pauses longer and longer where a node greets it and ends the connection', () => {
		const swarm = new VirtualSwarm(['n1']);
		swarm.onWrite = ({ socket }) => {
			socket.endByNode();
			return true;
		};
		const client = swarm.client({ timeoutMs: 30_000 });
		const call = watched(swarm.time);
		client.put('a', VALUE, 0n, null, undefined, call);
		swarm.time.run(31_000);
		expect(call).toMatchObject({ times: 1, error: { name: 'UnknownOutcomeError' } });
		expect(swarm.dials).toBeLessThan(60);
	});

	it('follows a leader that comes in as a member while it is connected, and finds it again', () => {
		const swarm = new VirtualSwarm(['n1', 'n2', 'n3']);
		const [first] = swarm.members;
		if (!first) throw new Error('there is no member');
		swarm.onHello = (node, socket) => {
			if (node.id !== 'n1') return false;
			const out = new Writer();
			writeWelcome(out, 'n1', 'n1', [first]);
			socket.toClient(out.take());
			return true;
		};
		const client = swarm.client({ nodes: [first.url] });
		swarm.time.run(1000);
		expect(client.node).toBe('n1');
		for (const node of swarm.nodes) node.lead('n3');
		swarm.time.run(6000);
		// The leader has no address yet, and n1 passes everything on to it.
		expect(client.node).toBe('n1');
		swarm.node('n1').tellMembers(swarm.members);
		swarm.time.run(11_000);
		expect(client.node).toBe('n3');
	});

	it('passes over addresses that a node tells and that cannot be any', () => {
		const swarm = new VirtualSwarm(['n1', 'n2']);
		const bad = ['', 'http://', 'not an address', 'ftp://n3', 'http://n3:99999', 'http://n3/?a'];
		swarm.onHello = (node, socket) => {
			const out = new Writer();
			const members = [...swarm.members, ...bad.map((url, i) => ({ id: `bad${i}`, url }))];
			writeWelcome(out, node.id, 'bad1', members);
			socket.toClient(out.take());
			return true;
		};
		const client = swarm.client();
		swarm.time.run(1000);
		swarm.node('n1').cut();
		swarm.node('n2').cut();
		const call = watched(swarm.time);
		client.put('a', VALUE, 0n, null, undefined, call);
		swarm.time.run(5000);
		expect(call).toMatchObject({ times: 1, value: { ok: true } });
	});
});
