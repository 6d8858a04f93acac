/** The place of a menu in the mesh: the node or link that was picked stays in sight, and so does the menu. */
import { describe, expect, test } from 'vitest';
import { boxOf, menuPlace } from '../../dashboard/model/menu-place.ts';
import {
	linkPlace,
	MESH_WIDTH,
	meshHeight,
	NODE_RADIUS,
	type Point,
	pairsOf,
	ring,
} from '../../dashboard/model/mesh-places.ts';

const COUNTS = [3, 5, 7];
/** A menu and its surroundings on a wide screen and on a phone, in units of the mesh. */
const WIDE = { width: 200 / 1.7, height: 330 / 1.7, view: { left: -150, top: -200, right: 500, bottom: 2_000 } };
const PHONE = { width: 205, height: 300, view: { left: -15, top: -300, right: MESH_WIDTH + 15, bottom: 3_000 } };

function meshOf(count: number) {
	const places = ring(Array.from({ length: count }, (_, i) => `n${i + 1}`));
	return { width: MESH_WIDTH, height: meshHeight(count), nodeRadius: NODE_RADIUS, places };
}

function hides(place: ReturnType<typeof menuPlace>, space: typeof WIDE, { x, y }: Point): boolean {
	const { left, top, right, bottom } = boxOf(place, space);
	return x >= left && x <= right && y >= top && y <= bottom;
}

describe.each(COUNTS)('in a mesh of %i nodes', (count) => {
	const mesh = meshOf(count);

	test('the menu of a link hides no end of it where there is room', () => {
		for (const [a, b] of pairsOf([...mesh.places.keys()])) {
			const at = linkPlace(a, b, mesh.places);
			if (!at) throw new Error('both nodes are there');
			const place = menuPlace(at, mesh, WIDE);
			expect({ a, b, hidden: [at.from, at.to].filter((end) => hides(place, WIDE, end)) }).toEqual({ a, b, hidden: [] });
		}
	});

	test('the menu of a node lies beside it', () => {
		for (const at of mesh.places.values()) expect(hides(menuPlace(at, mesh, WIDE), WIDE, at)).toBe(false);
	});

	test('on a phone the menu of a node is whole, and above it or below it', () => {
		for (const at of mesh.places.values()) {
			const place = menuPlace(at, mesh, PHONE);
			const { left, right } = boxOf(place, PHONE);
			expect(left).toBeGreaterThanOrEqual(PHONE.view.left);
			expect(right).toBeLessThanOrEqual(PHONE.view.right);
			expect(hides(place, PHONE, at)).toBe(false);
		}
	});
});

test('as long as its size is not known it opens towards the middle', () => {
	const mesh = meshOf(4);
	const { opensRight, opensDown } = menuPlace({ x: 300, y: 20 }, mesh, null);
	expect({ opensRight, opensDown }).toEqual({ opensRight: false, opensDown: true });
});
