/** Where the handles of the mesh's links lie: a finger must reach each of them. */
import { expect, test } from 'vitest';
import {
	distance,
	handlesApart,
	hasLinkHandles,
	linkPlace,
	NODE_RADIUS,
	pairsOf,
	ring,
} from '../../dashboard/model/mesh-places.ts';
import { MEMBERS_MAX } from '../../shared/paxos/quorum.ts';

/** WCAG 2.2, 2.5.8: a target of 24 CSS pixels. A phone of 390 pixels draws a unit of the mesh as one pixel at least. */
const TARGET = 24;
const COUNTS = Array.from({ length: MEMBERS_MAX - 1 }, (_, i) => i + 2);

test.each(COUNTS)('with %i nodes no handle of a link lies over another one, or over a node', (count) => {
	const places = ring(Array.from({ length: count }, (_, i) => `n${i + 1}`));
	expect(hasLinkHandles(places)).toBe(true);
	expect(handlesApart(places)).toBeGreaterThanOrEqual(TARGET);
	for (const [a, b] of pairsOf([...places.keys()])) {
		const at = linkPlace(a, b, places);
		if (!at) throw new Error('both nodes are there');
		expect(linkPlace(b, a, places)).toEqual(at);
		expect(distance(at.from, at) + distance(at, at.to)).toBeCloseTo(distance(at.from, at.to));
		for (const node of places.values()) expect(distance(node, at)).toBeGreaterThanOrEqual(NODE_RADIUS + TARGET / 2);
	}
});

test('links have no handles where these would lie over one another', () => {
	const places = ring(Array.from({ length: MEMBERS_MAX + 1 }, (_, i) => `n${i + 1}`));
	expect(handlesApart(places)).toBeLessThan(TARGET);
	expect(hasLinkHandles(places)).toBe(false);
});

test('a link to a node that is not drawn has no handle', () => {
	expect(linkPlace('n1', 'n9', ring(['n1', 'n2', 'n3']))).toBeUndefined();
});
