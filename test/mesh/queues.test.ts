import { afterEach, describe, expect, test } from 'vitest';
import type { Message } from '../../shared/paxos/message.ts';
import { Cable } from './cable.ts';
import { Bench, forward, forwardOf, type NodeChange, sizedValue, type TestNode, textOf } from './node.ts';

const bench = new Bench();
afterEach(() => bench.close());

describe('the queues of a link', () => {
	test('consensus goes before bulk that was sent earlier', async () => {
		const [n1, n2] = await linkedPair({});
		n1.mesh.send('n2', bulk(1000));
		n1.mesh.send('n2', forward('beat'));
		n1.mesh.flush();
		await n2.until(() => n2.messages().length === 2);
		expect(n2.messages().map(textOf)).toEqual(['beat', 'decisions']);
	});

	test('of a lot of bulk only one frame stands in front of later consensus', async () => {
		const [n1, n2] = await linkedPair({});
		for (let i = 0; i < 6; i++) n1.mesh.send('n2', bulk(1_000_000));
		n1.mesh.flush();
		for (const beat of ['beat 1', 'beat 2']) {
			n1.mesh.send('n2', forward(beat));
			n1.mesh.flush();
		}
		await n2.until(() => n2.messages().length === 8);
		expect(n2.messages().map(textOf)).toEqual(['decisions', 'beat 1', 'beat 2', ...Array(5).fill('decisions')]);
	});

	test('bulk that waits for its turn leaves without another flush', async () => {
		const [n1, n2] = await linkedPair({});
		for (let i = 0; i < 5; i++) n1.mesh.send('n2', bulk(400_000));
		n1.mesh.flush();
		await n2.until(() => n2.messages().length === 5);
	});

	test('consensus above its bound cuts the link, and both ends are told', async () => {
		const [n1, n2] = await linkedPair({ limits: { consensusBytesMax: 100_000 } });
		let taken = 0;
		while (n1.mesh.send('n2', forwardOf(sizedValue(1000))) !== -1) taken++;
		expect(taken).toBe(100);
		expect(n1.mesh.linked()).toEqual([]);
		expect(n1.links('n2')).toEqual(['up']);
		n1.mesh.flush();
		await n1.until(() => n1.links('n2').length === 3);
		await n2.until(() => n2.links('n1').length === 3);
		expect(n1.links('n2')[1]).toMatch(/^does not keep up: \d+ bytes wait to be sent$/);
		expect(n2.messages()).toEqual([]);
	});

	test('bytes that wait in the socket count too: a peer that stops reading is cut', async () => {
		const [n1, n2] = await bench.nodes('n1', 'n2');
		const cable = bench.add(await Cable.to(n1.port));
		n1.start([n1, n2]);
		n2.start([n1, n2], { limits: { consensusBytesMax: 2_000_000 }, ports: { n1: cable.port } });
		await Promise.all([n1.untilLinked('n2'), n2.untilLinked('n1')]);
		cable.freeze();
		// The buffers of two kernels for a socket are far below this.
		for (let sent = 0; n2.mesh.linked().length > 0; sent += 500_000) {
			expect(sent).toBeLessThan(100_000_000);
			n2.mesh.send('n1', forwardOf(sizedValue(500_000)));
			n2.mesh.flush();
			await new Promise((resolve) => setImmediate(resolve));
		}
		await n2.until(() => n2.links('n1').length > 1);
		expect(n2.links('n1')[1]).toMatch(/^does not keep up/);
		await n2.untilLinked('n1');
	});

	test('bulk above its bound is dropped and says so, and the link stands', async () => {
		const [n1, n2] = await linkedPair({ limits: { bulkBytesMax: 100_000 } });
		const sent: number[] = [];
		for (let i = 0; i < 5; i++) sent.push(n1.mesh.send('n2', bulk(60_000)));
		expect(sent.map((id) => id > 0)).toEqual([true, true, false, false, false]);
		n1.mesh.send('n2', forward('beat'));
		n1.mesh.flush();
		await n2.until(() => n2.messages().length === 3);
		expect(n1.mesh.send('n2', bulk(60_000))).toBe((sent[1] ?? 0) + 1);
		expect(n1.links('n2')).toEqual(['up']);
	});

	test('a message above the largest is a mistake of the caller', async () => {
		const [n1] = await linkedPair({});
		expect(() => n1.mesh.send('n2', forwardOf(sizedValue(1_400_000)))).toThrow(RangeError);
	});
});

async function linkedPair(change: NodeChange): Promise<[TestNode, TestNode]> {
	const [n1, n2] = await bench.nodes('n1', 'n2');
	n1.start([n1, n2], change);
	n2.start([n1, n2], change);
	await Promise.all([n1.untilLinked('n2'), n2.untilLinked('n1')]);
	return [n1, n2];
}

function bulk(bytes: number): Message {
	const ballot = { ms: 1, ns: 0, node: 'n1' };
	return { kind: 'decisions', from: 1, chosenThrough: 1, decisions: [{ ballot, value: sizedValue(bytes) }] };
}
