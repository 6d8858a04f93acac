/** Two processes of one node: one of them has a copy of the other's data folder, or has taken its place. */
import { afterEach, describe, expect, test } from 'vitest';
import { Cable } from './cable.ts';
import { Bench, forward, textOf } from './node.ts';

const bench = new Bench();
afterEach(() => bench.close());

describe('a second process of a node', () => {
	test('is told so while the first one answers, which keeps its link', async () => {
		const [n1, n2, copy] = await bench.nodes('n1', 'n2', 'n2');
		n1.start([n1, n2], { remembered: () => 9 });
		n2.start([n1, n2]);
		await Promise.all([n1.untilLinked('n2'), n2.untilLinked('n1')]);
		expect(n2.heard).toContainEqual({ kind: 'up', peer: 'n1', remembered: 9 });
		copy.start([n1, copy], { epoch: 'n2-2' });
		await copy.until(() => copy.heard.some(({ kind }) => kind === 'twice'));
		expect(copy.heard).toContainEqual({ kind: 'twice', peer: 'n1' });
		// It is not for this process what n2 has reached.
		expect(copy.heard).toContainEqual({ kind: 'up', peer: 'n1', remembered: 0 });
		copy.mesh.send('n1', forward('from the copy'));
		copy.mesh.flush();
		n2.mesh.send('n1', forward('from n2'));
		n2.mesh.flush();
		await n1.until(() => n1.messages().length > 0);
		expect(n1.messages().map(textOf)).toEqual(['from n2']);
		expect(n1.links('n2')).toEqual(['up']);
		expect(n1.refusals()).toEqual(['refused: another process of the same node is there']);
	});

	test('is told so by a node that would dial it, too', async () => {
		const [n1, n2, copy] = await bench.nodes('n1', 'n2', 'n1');
		n1.start([n1, n2]);
		n2.start([n1, n2]);
		await n2.untilLinked('n1');
		copy.start([copy, n2], { epoch: 'n1-2', timings: { lateMs: 1 } });
		await copy.until(() => copy.heard.some(({ kind }) => kind === 'twice'));
		expect(n2.links('n1')).toEqual(['up']);
	});

	test('takes the place of one that has ended without a word', async () => {
		const [n1, n2, next] = await bench.nodes('n1', 'n2', 'n2');
		const cable = bench.add(await Cable.to(n1.port));
		n1.start([n1, n2]);
		n2.start([n1, n2], { ports: { n1: cable.port } });
		await n1.untilLinked('n2');
		cable.freeze();
		next.start([n1, next], { epoch: 'n2-2' });
		await next.untilLinked('n1');
		expect(n1.links('n2')).toEqual(['up', 'replaced by a new connection of the same node', 'up']);
		expect([...n1.refusals(), ...next.refusals()]).toEqual([]);
	});
});
