/** Where the menu of a node, a link or a message opens in the mesh. Lengths are units of the drawing. */
import { distance, type LinkPlace, type Point } from './mesh-places.ts';

export interface Box {
	readonly left: number;
	readonly top: number;
	readonly right: number;
	readonly bottom: number;
}

export interface MenuPlace {
	/** The corner that is nearest to what was picked. */
	readonly corner: Point;
	readonly opensRight: boolean;
	readonly opensDown: boolean;
}

export interface MenuSpace {
	readonly width: number;
	readonly height: number;
	/** The part of the page that a person can see, or can scroll to. */
	readonly view: Box;
}

export interface MeshDrawn {
	readonly width: number;
	readonly height: number;
	readonly nodeRadius: number;
	readonly places: ReadonlyMap<string, Point>;
}

/** The corner is so far from a handle. */
const GAP = 6;
/** It lies on the edge of a node, on its diagonal. */
const DIAGONAL = 0.8;
/** To be out of view is worse than to hide both ends of a link. */
const CUT_COST = 4;

/**
 * It opens towards the middle of the mesh, unless it would hide the picked node, or an end of the picked link, or would not
 * be in view, and another way is better. Where it has no room at its side, it lies above or below what was picked.
 *
 * @param space null where it is not known how large the menu is
 */
export function menuPlace(at: Point | LinkPlace, mesh: MeshDrawn, space: MenuSpace | null): MenuPlace {
	const isNode = [...mesh.places.values()].includes(at);
	const gap = isNode ? mesh.nodeRadius * DIAGONAL : GAP;
	const ends = 'from' in at ? [at.from, at.to] : isNode ? [at] : [];
	const [inwardRight, inwardDown] = [at.x <= mesh.width / 2, at.y <= mesh.height / 2];
	const ways = [
		[inwardRight, inwardDown],
		[!inwardRight, inwardDown],
		[inwardRight, !inwardDown],
		[!inwardRight, !inwardDown],
	] as const;
	let best: MenuPlace | undefined;
	let least = Number.POSITIVE_INFINITY;
	for (const [opensRight, opensDown] of ways) {
		const corner = { x: at.x + (opensRight ? gap : -gap), y: at.y + (opensDown ? gap : -gap) };
		const place = space ? shifted({ corner, opensRight, opensDown }, space) : { corner, opensRight, opensDown };
		const cost = space ? costOf(boxOf(place, space), ends, mesh.nodeRadius, space.view) : 0;
		if (cost < least) [best, least] = [place, cost];
	}
	return best as MenuPlace;
}

export function boxOf({ corner: { x, y }, opensRight, opensDown }: MenuPlace, { width, height }: MenuSpace): Box {
	const [left, top] = [opensRight ? x : x - width, opensDown ? y : y - height];
	return { left, top, right: left + width, bottom: top + height };
}

/** To where its whole width is in view. */
function shifted(place: MenuPlace, space: MenuSpace): MenuPlace {
	const { left, right } = boxOf(place, space);
	const { x, y } = place.corner;
	const by = Math.max(space.view.left - left, Math.min(0, space.view.right - right));
	return { ...place, corner: { x: x + by, y } };
}

function costOf(box: Box, ends: readonly Point[], radius: number, view: Box): number {
	const hidden = ends.filter((end) => distance(end, nearestIn(box, end)) < radius).length;
	const isCut = box.top < view.top || box.bottom > view.bottom;
	return hidden + (isCut ? CUT_COST : 0);
}

function nearestIn({ left, top, right, bottom }: Box, { x, y }: Point): Point {
	return { x: Math.min(Math.max(x, left), right), y: Math.min(Math.max(y, top), bottom) };
}
