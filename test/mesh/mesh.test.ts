import { afterEach, describe, expect, test } from 'vitest';
import { SLOT_VALUE_BYTES_MAX } from '../../shared/paxos/bounds.ts';
import { BATCH_AT, batchValue } from '../../shared/paxos/value.ts';
import { Cable } from './cable.ts';
import { Bench, forward, forwardOf, sizedValue, type TestNode, textOf } from './node.ts';

const bench = new Bench();
afterEach(() => bench.close());

describe('the mesh', () => {
	test.each([
		['three nodes, from the lowest', ['n1', 'n2', 'n3'], [0, 1, 2]],
		['three nodes, from the highest', ['n1', 'n2', 'n3'], [2, 1, 0]],
		['five nodes, at once', ['n1', 'n2', 'n3', 'n4', 'n5'], [3, 0, 4, 1, 2]],
	])('makes exactly one link a pair: %s', async (_, ids, order) => {
		const nodes: TestNode[] = await bench.nodes(...ids);
		for (const index of order) nodes[index]?.start(nodes);
		await Promise.all(nodes.map((node) => node.untilLinked(...ids.filter((id) => id !== node.id))));
		for (const [index, node] of nodes.entries()) {
			expect(await node.connections()).toBe(nodes.length - 1 - index);
			for (const peer of ids) if (peer !== node.id) expect(node.links(peer)).toEqual(['up']);
			expect(node.refusals()).toEqual([]);
		}
	});

	test('a node that starts late is linked by those that wait for it', async () => {
		const [n1, n2] = await bench.nodes('n1', 'n2');
		n2.start([n1, n2]);
		expect(n2.mesh.send('n1', forward('lost'))).toBe(-1);
		expect(n2.mesh.linked()).toEqual([]);
		expect(n2.mesh.lastHeardMs('n1')).toBe(Number.POSITIVE_INFINITY);
		await n1.untilKnocked(4);
		n1.start([n1, n2]);
		await Promise.all([n1.untilLinked('n2'), n2.untilLinked('n1')]);
		expect(n2.refusals()).toEqual([]);
	});

	test('a link that its node cuts comes back, and what is sent on the next one arrives', async () => {
		const [n1, n2] = await linkedPair();
		n1.mesh.cut('n2', 'the disk does not keep up');
		await n1.until(() => n1.links('n2').length === 3);
		await n2.until(() => n2.links('n1').length === 3);
		expect(n1.links('n2')).toEqual(['up', 'the disk does not keep up', 'up']);
		n2.mesh.send('n1', forward('again'));
		n2.mesh.flush();
		await n1.until(() => n1.messages().length === 1);
		expect(n1.refusals()).toEqual([]);
	});

	test.each(['n1', 'n2'])('%s leaves the other one alone, and has no link until it comes back', async (alone) => {
		const nodes = await linkedPair();
		const [n1, n2] = nodes;
		const node = alone === 'n1' ? n1 : n2;
		node.mesh.isolate(true, 'its disk does not answer');
		for (const each of nodes) await each.until(() => each.mesh.linked().length === 0);
		// n2 is the one that dials, and it fails or does not dial at all.
		if (alone === 'n1') await n1.untilKnocked(2);
		expect(n1.mesh.linked()).toEqual([]);
		node.mesh.isolate(false, '');
		for (const each of nodes) await each.until(() => each.mesh.linked().length === 1);
	});

	test.each(['n1', 'n2'])(
		'%s makes no link to the other one until it may, and keeps those to others',
		async (apart) => {
			const [n1, n2, n3] = await bench.nodes('n1', 'n2', 'n3');
			const nodes = [n1, n2, n3];
			for (const each of nodes) each.start(nodes);
			for (const each of nodes) await each.untilLinked(...nodes.filter((other) => other !== each).map(({ id }) => id));
			const [node, other] = apart === 'n1' ? [n1, n2] : [n2, n1];
			node.mesh.part(other.id, true, 'the cable is cut');
			for (const each of [n1, n2]) await each.until(() => each.mesh.linked().join() === 'n3');
			// n2 is the one that dials, and it fails or does not dial at all.
			if (apart === 'n1') await n1.untilKnocked(4);
			expect([n1, n2, n3].map(({ mesh }) => mesh.linked())).toEqual([['n3'], ['n3'], ['n1', 'n2']]);
			expect(node.links(other.id).slice(0, 2)).toEqual(['up', 'the cable is cut']);
			node.mesh.part(other.id, false, '');
			await Promise.all([n1.untilLinked('n2', 'n3'), n2.untilLinked('n1', 'n3')]);
		},
	);

	test('each end is told how far its log was durable, and every frame says how far it is', async () => {
		const [n1, n2] = await bench.nodes('n1', 'n2');
		n1.start([n1, n2], { reached: () => 17, remembered: (peer) => (peer === 'n2' ? 5 : 0) });
		n2.start([n1, n2], { reached: () => 8, remembered: (peer) => (peer === 'n1' ? 12 : 0) });
		await Promise.all([n1.untilLinked('n2'), n2.untilLinked('n1')]);
		expect(n1.heard).toEqual([{ kind: 'up', peer: 'n2', remembered: 12 }]);
		expect(n2.heard).toEqual([{ kind: 'up', peer: 'n1', remembered: 5 }]);
		n1.mesh.send('n2', forward('one'));
		n1.mesh.flush();
		n2.mesh.send('n1', { kind: 'decisions', from: 1, chosenThrough: 1, decisions: [] });
		n2.mesh.flush();
		await Promise.all([n1, n2].map((node) => node.until(() => node.messages().length === 1)));
		expect([n1.reached.get('n2'), n2.reached.get('n1')]).toEqual([8, 17]);
	});

	test('messages arrive in order and once, both ways, with the ids that send gave', async () => {
		const [n1, n2] = await linkedPair();
		const sent = { n1: [] as string[], n2: [] as string[] };
		for (let i = 0; i < 3000; i++) {
			sent.n1.push(`n1-1:${n1.mesh.send('n2', forward(`a${i}`))}`);
			sent.n2.push(`n2-1:${n2.mesh.send('n1', forward(`b${i}`))}`);
			if (i % 7 === 0) n1.mesh.flush();
			if (i % 1000 === 0) n2.mesh.flush();
		}
		n1.mesh.flush();
		n2.mesh.flush();
		await n1.until(() => n1.messages().length === 3000);
		await n2.until(() => n2.messages().length === 3000);
		expect(idsOf(n2)).toEqual(sent.n1);
		expect(idsOf(n1)).toEqual(sent.n2);
		expect(n2.messages().map(textOf)).toEqual(Array.from({ length: 3000 }, (_, i) => `a${i}`));
	});

	test('the traces of a message come before it', async () => {
		const [n1, n2] = await linkedPair();
		const number = n1.mesh.send('n2', forward('traced'));
		n1.mesh.tellTraces('n2', number, ['one', 'two']);
		n1.mesh.flush();
		await n2.until(() => n2.messages().length === 1);
		expect(n2.heard.slice(-2)).toMatchObject([
			{ kind: 'traces', id: `n1-1:${number}`, traceparents: ['one', 'two'] },
			{ kind: 'message', id: `n1-1:${number}` },
		]);
	});

	test('no two messages of a node have the same id, to no peer and in no lane', async () => {
		const nodes = await bench.nodes('n1', 'n2', 'n3');
		for (const node of nodes) node.start(nodes);
		const [n1] = nodes;
		await n1.untilLinked('n2', 'n3');
		const ids: number[] = [];
		for (let i = 0; i < 10; i++) {
			for (const peer of ['n2', 'n3']) {
				ids.push(n1.mesh.send(peer, forward('x')));
				ids.push(n1.mesh.send(peer, { kind: 'decisions', from: 1, chosenThrough: 1, decisions: [] }));
			}
		}
		expect(new Set(ids).size).toBe(40);
		expect(ids.every((id) => Number.isSafeInteger(id) && id > 0)).toBe(true);
	});

	test('what was sent since the last flush leaves as one frame', async () => {
		const [n1, n2] = await linkedPair();
		for (const turn of [1, 2]) {
			for (let i = 0; i < 100; i++) n1.mesh.send('n2', forward('x'));
			n1.mesh.flush();
			n1.mesh.flush();
			await n2.until(() => n2.messages().length === 100 * turn);
			expect(n2.frames).toBe(turn);
		}
	});

	test('some are told first, of those that have something queued, and the others by the next flush', async () => {
		const nodes = await bench.nodes('n1', 'n2', 'n3', 'n4');
		for (const node of nodes) node.start(nodes);
		const [n1, n2, n3, n4] = nodes as [TestNode, TestNode, TestNode, TestNode];
		await n1.untilLinked('n2', 'n3', 'n4');
		for (const peer of ['n3', 'n4']) n1.mesh.send(peer, forward('x'));
		n1.mesh.flush(1);
		await n3.until(() => n3.messages().length === 1);
		n1.mesh.send('n2', forward('y'));
		expect(n4.messages()).toEqual([]);
		n1.mesh.flush();
		await Promise.all([n2, n4].map((node) => node.until(() => node.messages().length === 1)));
		expect(n3.messages().length).toBe(1);
	});

	test('the largest value crosses whole', async () => {
		const [n1, n2] = await linkedPair();
		const value = batchValue(new Uint8Array(SLOT_VALUE_BYTES_MAX - BATCH_AT).map((_, i) => i % 251));
		for (let i = 0; i < 3; i++) n2.mesh.send('n1', forwardOf(value));
		n2.mesh.flush();
		await n1.until(() => n1.messages().length === 3);
		for (const message of n1.messages()) {
			expect(message.kind === 'forward' && Buffer.compare(message.value, value)).toBe(0);
		}
	});

	test('the round trip and the time since a peer was heard are known', async () => {
		const [n1, n2] = await linkedPair();
		n2.onMessage = () => {
			n2.mesh.send('n1', forward('pong'));
			n2.mesh.flush();
		};
		// The link's first ping was sent before this, and its pong comes before the answer.
		n1.mesh.send('n2', forward('ping'));
		n1.mesh.flush();
		await n1.until(() => n1.messages().length === 1);
		expect(n1.mesh.roundTripMs('n2')).toBeGreaterThan(0);
		expect(n1.mesh.lastHeardMs('n2')).toBeGreaterThanOrEqual(0);
		expect(n1.mesh.lastHeardMs('n2')).toBeLessThan(Number.POSITIVE_INFINITY);
	});

	test('a link that is cut goes down on both sides and comes back, every time', async () => {
		const [n1, n2, cable] = await linkedByCable();
		for (let cuts = 1; cuts <= 4; cuts++) {
			cable.cut();
			await n1.until(() => n1.links('n2').length === 2 * cuts + 1);
			await n2.until(() => n2.links('n1').length === 2 * cuts + 1);
			expect(n1.mesh.linked()).toEqual(['n2']);
		}
		for (const links of [n1.links('n2'), n2.links('n1')]) {
			links.forEach((what, i) => {
				if (i % 2 === 0) expect(what).toBe('up');
				else expect(what).toMatch(/^connection lost/);
			});
		}
		expect(cable.made).toBe(5);
	});

	test('what waited when a link went down is not sent on the next one', async () => {
		const [n1, n2, cable] = await linkedByCable();
		n2.mesh.send('n1', forward('of the first link'));
		cable.cut();
		await n2.until(() => n2.links('n1').length === 3);
		n2.mesh.send('n1', forward('of the second link'));
		n2.mesh.flush();
		await n1.until(() => n1.messages().length > 0);
		expect(n1.messages().map(textOf)).toEqual(['of the second link']);
	});

	test('a node that restarts is linked again, under its new epoch', async () => {
		const [n1, n2] = await linkedPair();
		await n1.stop();
		await n2.until(() => n2.links('n1').length === 2);
		expect(n2.links('n1')).toEqual(['up', 'the node stops']);
		expect(n2.mesh.send('n1', forward('lost'))).toBe(-1);
		n1.start([n1, n2], { epoch: 'n1-2' });
		await Promise.all([n1.untilLinked('n2'), n2.untilLinked('n1')]);
		n1.mesh.send('n2', forward('back'));
		n1.mesh.flush();
		await n2.until(() => n2.messages().length === 1);
		expect(idsOf(n2)[0]).toMatch(/^n1-2:/);
		expect(n2.refusals()).toEqual([]);
	});

	test('a new connection of a peer replaces the old one that nobody noticed to be dead', async () => {
		const [n1, n2, cable] = await linkedByCable();
		cable.cutNear();
		await n2.until(() => n2.links('n1').length === 3);
		await n1.until(() => n1.links('n2').length === 3);
		expect(n1.links('n2')).toEqual(['up', 'replaced by a new connection of the same node', 'up']);
		n2.mesh.send('n1', forward('hello'));
		n2.mesh.flush();
		await n1.until(() => n1.messages().length === 1);
		expect(n1.refusals()).toEqual([]);
	});

	test('a peer that neither reads nor answers any more goes down, and no other; it comes back when it can', async () => {
		const timings = { pingIntervalMs: 20, silentMs: 400 };
		const [n1, n2, n3] = await bench.nodes('n1', 'n2', 'n3');
		const cable = bench.add(await Cable.to(n1.port));
		n1.start([n1, n2, n3], { timings });
		n2.start([n1, n2, n3]);
		n3.start([n1, n2, n3], { ports: { n1: cable.port } });
		await n1.untilLinked('n2', 'n3');
		cable.freeze();
		await n1.until(() => n1.links('n3').length === 2);
		expect(n1.links('n3')[1]).toMatch(/^silent for \d+ ms$/);
		expect(n1.links('n2')).toEqual(['up']);
		cable.cut();
		await Promise.all([n1.untilLinked('n3'), n3.untilLinked('n1')]);
	});

	test('a link on which bytes pass one way only is ended by the end that hears nothing', async () => {
		const [n1, n2] = await bench.nodes('n1', 'n2');
		const cable = bench.add(await Cable.to(n1.port));
		n1.start([n1, n2], { timings: { pingIntervalMs: 20, silentMs: 200 } });
		n2.start([n1, n2], { timings: { pingIntervalMs: 20, silentMs: 200 }, ports: { n1: cable.port } });
		await Promise.all([n1.untilLinked('n2'), n2.untilLinked('n1')]);
		cable.freezeNear();
		await Promise.all([n1, n2].map((node) => node.until(() => node.heard.some(({ kind }) => kind === 'down'))));
		expect(n1.links('n2')[1]).toMatch(/^silent for \d+ ms$/);
		expect(n2.links('n1')[1]).toBe('connection lost');
	});

	test('a network on which much waits is slow, and not silent', async () => {
		const timings = { pingIntervalMs: 20, silentMs: 400 };
		const [n1, n2] = await bench.nodes('n1', 'n2');
		const cable = bench.add(await Cable.to(n1.port));
		n1.start([n1, n2], { timings });
		n2.start([n1, n2], { timings, ports: { n1: cable.port } });
		await Promise.all([n1.untilLinked('n2'), n2.untilLinked('n1')]);
		cable.trickle();
		// What waits takes more than twice the time of a silent link.
		for (let i = 0; i < 4; i++) n2.mesh.send('n1', forwardOf(sizedValue(400_000)));
		n2.mesh.flush();
		await n1.until(() => n1.messages().length === 4);
		expect([n1.links('n2'), n2.links('n1')]).toEqual([['up'], ['up']]);
	});

	test('a node that was itself stopped for a while does not blame its peers', async () => {
		const timings = { pingIntervalMs: 50, silentMs: 300 };
		const [n1, n2] = await bench.nodes('n1', 'n2');
		n1.start([n1, n2], { timings });
		n2.start([n1, n2], { timings: { ...timings, silentMs: 20_000 } });
		await n1.until(() => {
			const up = n1.links('n2').length === 1;
			// The link's first ping was just sent. The whole process sleeps, and can read the pong only afterwards.
			if (up) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700);
			return up;
		});
		await n2.untilLinked('n1');
		n1.mesh.send('n2', forward('ping'));
		n1.mesh.flush();
		n2.onMessage = () => {
			n2.mesh.send('n1', forward('pong'));
			n2.mesh.flush();
		};
		await n1.until(() => n1.messages().length === 1);
		expect(n1.mesh.roundTripMs('n2')).toBeGreaterThan(300);
		expect(n1.links('n2')).toEqual(['up']);
	});

	test('close leaves nothing open, calls no handler, and may be called twice', async () => {
		const nodes = await bench.nodes('n1', 'n2', 'n3');
		for (const node of nodes) node.start(nodes);
		const [n1, n2, n3] = nodes;
		await n2.untilLinked('n1', 'n3');
		const { mesh } = n2;
		const heard = n2.heard.length;
		await Promise.all([mesh.close(), mesh.close()]);
		expect(n2.heard).toHaveLength(heard);
		expect(mesh.linked()).toEqual([]);
		expect(mesh.send('n1', forward('late'))).toBe(-1);
		mesh.flush();
		await Promise.all([n1.until(() => n1.links('n2').length > 1), n3.until(() => n3.links('n2').length > 1)]);
		await Promise.all(nodes.map((node) => node.stop()));
		expect(await Promise.all(nodes.map((node) => node.connections()))).toEqual([0, 0, 0]);
		expect(process.getActiveResourcesInfo().filter((what) => what === 'TCPSocketWrap')).toEqual([]);
	});

	test('close does not wait for a peer that does not answer any more', async () => {
		const [n1, n2, cable] = await linkedByCable();
		cable.freeze();
		await Promise.all([n1.stop(), n2.stop()]);
		expect(n1.links('n2')).toEqual(['up']);
	});

	test('close while dialing and shaking hands ends those too', async () => {
		const [n1, n2] = await bench.nodes('n1', 'n2');
		n2.start([n1, n2]);
		await n2.stop();
		n1.start([n1, n2]);
		n2.start([n1, n2]);
		await Promise.all([n1.stop(), n2.stop()]);
		expect(await n1.connections()).toBe(0);
	});

	test('a message to a node without a link is dropped, whether it is a member or not', async () => {
		const [n1, n2] = await linkedPair();
		expect(n1.mesh.send('n9', forward('x'))).toBe(-1);
		await n2.stop();
		await n1.until(() => n1.mesh.linked().length === 0);
		expect(n1.mesh.send('n2', forward('x'))).toBe(-1);
	});
});

describe('members that change', () => {
	test('a member that comes in is linked, whichever of the two dials', async () => {
		const [n1, n2, n3] = await bench.nodes('n1', 'n2', 'n3');
		n2.start([n2]);
		n1.start([n1, n2]);
		n3.start([n2, n3]);
		n2.become([n1, n2, n3]);
		await n2.untilLinked('n1', 'n3');
		await Promise.all([n1.untilLinked('n2'), n3.untilLinked('n2')]);
	});

	test('a member that has left stays linked, and is not dialed again once its link has ended', async () => {
		const [n1, n2] = await linkedPair();
		n2.become([n2]);
		expect(n2.mesh.linked()).toEqual(['n1']);
		n2.mesh.send('n1', forward('a last word'));
		n2.mesh.flush();
		await n1.until(() => n1.messages().length === 1);
		n2.mesh.cut('n1', 'a test');
		await n2.until(() => n2.links('n1').length === 2);
		expect(n2.mesh.linked()).toEqual([]);
	});

	test('a node that takes itself for a member dials late where nobody dials it, and is a guest there', async () => {
		const [n1, n2] = await bench.nodes('n1', 'n2');
		n2.start([n2]);
		n1.start([n1, n2], { timings: { lateMs: 10 } });
		await Promise.all([n1.untilLinked('n2'), n2.untilLinked('n1')]);
		expect(n2.refusals()).toEqual([]);
	});

	test('a guest that becomes a member keeps its link', async () => {
		const [n1, n2] = await bench.nodes('n1', 'n2');
		n2.start([n2]);
		n1.start([n1, n2], { timings: { lateMs: 10 } });
		await n2.untilLinked('n1');
		n2.become([n1, n2]);
		n2.mesh.send('n1', forward('welcome'));
		n2.mesh.flush();
		await n1.until(() => n1.messages().length === 1);
		expect(n2.links('n1')).toEqual(['up']);
	});

	test('a guest that became a member is dialed again as soon as its link has ended', async () => {
		const [n1, n2] = await bench.nodes('n1', 'n2');
		n2.start([n2], { timings: { lateMs: 600_000 } });
		n1.start([n1, n2], { timings: { lateMs: 10 } });
		await n2.untilLinked('n1');
		// From here on n2 dials. Its own late check is far away.
		n2.become([n1, n2]);
		n2.mesh.cut('n1', 'a test');
		await n1.untilKnocked(1);
		await Promise.all([n1.untilLinked('n2'), n2.untilLinked('n1')]);
	});

	test('messages to two nodes that came one after the other have numbers of their own', async () => {
		const [n1, n2, n3] = await bench.nodes('n1', 'n2', 'n3');
		n1.start([n1, n2]);
		n2.start([n1, n2]);
		n3.start([n1, n3]);
		await n1.untilLinked('n2');
		const first = n1.mesh.send('n2', forward('x'));
		n1.become([n1, n3]);
		await n1.untilLinked('n3');
		expect(n1.mesh.send('n3', forward('x'))).not.toBe(first);
	});
});

async function linkedPair(): Promise<[TestNode, TestNode]> {
	const [n1, n2] = await bench.nodes('n1', 'n2');
	n1.start([n1, n2]);
	n2.start([n1, n2]);
	await Promise.all([n1.untilLinked('n2'), n2.untilLinked('n1')]);
	return [n1, n2];
}

/** n2 dials n1 through a cable. */
async function linkedByCable(): Promise<[TestNode, TestNode, Cable]> {
	const [n1, n2] = await bench.nodes('n1', 'n2');
	const cable = bench.add(await Cable.to(n1.port));
	n1.start([n1, n2]);
	n2.start([n1, n2], { ports: { n1: cable.port } });
	await Promise.all([n1.untilLinked('n2'), n2.untilLinked('n1')]);
	return [n1, n2, cable];
}

function idsOf(node: TestNode): string[] {
	return node.heard.flatMap((heard) => (heard.kind === 'message' ? [heard.id] : []));
}
