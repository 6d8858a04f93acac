/** Where the nodes of the mesh stand, and where the handle of each link lies on it. Lengths are units of the drawing. */
import type { NodeId } from '../../shared/paxos/ballot.ts';

export interface Point {
	readonly x: number;
	readonly y: number;
}

export const MESH_WIDTH = 320;
export const NODE_RADIUS = 21;
/** So many nodes have room in the usual height. */
const NODES_OF_LOW_MESH = 7;

/**
 * The place of a handle as a part of its link, by the number of nodes, for links to the next node around the ring, to the
 * one after it, and so on. They are counted from the node that comes first on the shorter way around. The handles lie
 * away from the places where links cross, and as far from one another and from the nodes as a search has found. With other
 * numbers of nodes it is the middle.
 */
const HANDLES_AT: Readonly<Record<number, readonly number[]>> = {
	4: [0.5, 0.33],
	5: [0.55, 0.61],
	6: [0.58, 0.23, 0.67],
	7: [0.48, 0.42, 0.64],
	8: [0.54, 0.61, 0.8, 0.67],
	9: [0.43, 0.36, 0.62, 0.36],
};

/** With more discs the handles would lie over one another, and a link is reached from the menu or the inspector of a node. */
const DISCS_WITH_HANDLES_MAX = 9;

/** Whether each link of these nodes has a handle of its own. */
export function hasLinkHandles(places: ReadonlyMap<NodeId, Point>): boolean {
	return places.size <= DISCS_WITH_HANDLES_MAX;
}

/** A handle, and the link on which it lies. */
export interface LinkPlace extends Point {
	readonly from: Point;
	readonly to: Point;
}

export function meshHeight(count: number): number {
	return count > NODES_OF_LOW_MESH ? 300 : 264;
}

/** The nodes in a ring, from its top on. */
export function ring(ids: readonly NodeId[]): Map<NodeId, Point> {
	const height = meshHeight(ids.length);
	return new Map(
		ids.map((id, index) => {
			const angle = (index / ids.length) * 2 * Math.PI - Math.PI / 2;
			// The lowest of an odd number of nodes is not opposite the highest one, so there is room below it.
			const isOdd = ids.length % 2 === 1;
			const radius = { x: MESH_WIDTH / 2 - 44, y: height / 2 - (isOdd ? 32 : 36) };
			const middle = height / 2 + (isOdd ? 4 : 0);
			return [id, { x: MESH_WIDTH / 2 + radius.x * Math.cos(angle), y: middle + radius.y * Math.sin(angle) }];
		}),
	);
}

/** @param places all nodes of the ring, in its order @returns undefined where one of the two is not among them */
export function linkPlace(a: NodeId, b: NodeId, places: ReadonlyMap<NodeId, Point>): LinkPlace | undefined {
	const ids = [...places.keys()];
	const steps = (ids.indexOf(b) - ids.indexOf(a) + ids.length) % ids.length;
	// Of two nodes that are opposite each other the first one counts.
	const isTurned = steps * 2 > ids.length || (steps * 2 === ids.length && ids.indexOf(a) > ids.indexOf(b));
	const [from, to] = isTurned ? [places.get(b), places.get(a)] : [places.get(a), places.get(b)];
	const part = HANDLES_AT[ids.length]?.[Math.min(steps, ids.length - steps) - 1] ?? 0.5;
	return from && to && { ...between(from, to, part), from, to };
}

/** All pairs of these nodes, in order. */
export function pairsOf(ids: readonly NodeId[]): readonly (readonly [NodeId, NodeId])[] {
	return ids.flatMap((a, i) => ids.slice(i + 1).map((b) => [a, b] as const));
}

/** The least distance of two handles; the width of the mesh where there are fewer. */
export function handlesApart(places: ReadonlyMap<NodeId, Point>): number {
	const handles = pairsOf([...places.keys()]).flatMap(([a, b]) => linkPlace(a, b, places) ?? []);
	return handles.reduce(
		(least, p, i) => handles.slice(i + 1).reduce((least, q) => Math.min(least, distance(p, q)), least),
		MESH_WIDTH,
	);
}

export function between(p: Point, q: Point, part: number): Point {
	return { x: p.x + (q.x - p.x) * part, y: p.y + (q.y - p.y) * part };
}

export function distance(p: Point, q: Point): number {
	return Math.hypot(q.x - p.x, q.y - p.y);
}
