/**
 * Messages in flight, drawn into one SVG group with a pool of shapes that is never rebuilt. A person who prefers
 * reduced motion sees each message as a still mark halfway on its link for as long as it would have flown.
 */
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Point } from '../model/mesh-places.ts';
import type { Flight } from '../model/playback.ts';
import { type GlyphKind, glyphOf, SHAPES } from './glyph.tsx';

const SVG = 'http://www.w3.org/2000/svg';
const FLIGHTS_DRAWN_MAX = 64;
/** Messages keep right, so that a request and its reply do not hide each other. */
const KEEP_RIGHT = 6;
/** A lost message gets this far, and fades. */
const LOST_AT = 0.55;

export class FlightLayer {
	readonly #group: SVGGElement;
	readonly #place: (node: NodeId) => Point | undefined;
	readonly #nodeRadius: number;
	readonly #pool: { readonly path: SVGPathElement; glyph: GlyphKind | null; shown: boolean }[] = [];
	readonly #still = matchMedia('(prefers-reduced-motion: reduce)');

	constructor(group: SVGGElement, place: (node: NodeId) => Point | undefined, nodeRadius: number) {
		this.#group = group;
		this.#place = place;
		this.#nodeRadius = nodeRadius;
	}

	/** Shows the messages that are on their way at `atMs`, and nothing else. */
	draw(flights: readonly Flight[], atMs: number): void {
		let used = 0;
		for (const flight of flights) {
			if (atMs < flight.departMs || atMs >= flight.arriveMs || used >= FLIGHTS_DRAWN_MAX) continue;
			if (this.#drawOne(flight, (atMs - flight.departMs) / (flight.arriveMs - flight.departMs), used)) used++;
		}
		for (const shape of this.#pool.slice(used)) {
			if (shape.shown) shape.path.setAttribute('visibility', 'hidden');
			shape.shown = false;
		}
	}

	#drawOne(flight: Flight, progress: number, index: number): boolean {
		const [from, to] = [this.#place(flight.from), this.#place(flight.to)];
		if (!from || !to) return false;
		const { x, y, angle } = flightPoint(
			{ from, to, progress, lost: flight.lost, isStill: this.#still.matches },
			this.#nodeRadius,
		);
		const glyph = glyphOf(flight.kind);
		const turn = glyph === 'prepare' || glyph === 'promise' ? angle : 0;
		const shape = this.#shape(index);
		if (shape.glyph !== glyph) {
			shape.path.setAttribute('d', SHAPES[glyph]);
			shape.path.setAttribute('class', `shape g-${glyph}`);
			shape.glyph = glyph;
		}
		if (!shape.shown) shape.path.setAttribute('visibility', 'visible');
		shape.shown = true;
		shape.path.setAttribute('transform', `translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${turn.toFixed(0)})`);
		shape.path.setAttribute('opacity', flight.lost ? (1 - progress).toFixed(2) : '1');
		return true;
	}

	#shape(index: number) {
		const known = this.#pool[index];
		if (known) return known;
		const path = document.createElementNS(SVG, 'path');
		this.#group.append(path);
		const shape = { path, glyph: null, shown: false };
		this.#pool.push(shape);
		return shape;
	}
}

interface Way {
	readonly from: Point;
	readonly to: Point;
	/** From 0 to 1. */
	readonly progress: number;
	readonly lost: boolean;
	/** It does not move. */
	readonly isStill: boolean;
}

/** Where a message is drawn: on the right of its link, from beside one node to beside the other. The angle is in degrees. */
export function flightPoint({ from, to, progress, lost, isStill }: Way, nodeRadius: number): Point & { angle: number } {
	const [dx, dy] = [to.x - from.x, to.y - from.y];
	const length = Math.hypot(dx, dy) || 1;
	const margin = Math.min(nodeRadius / length, 0.4);
	const end = lost ? LOST_AT : 1 - margin;
	const along = isStill ? 0.5 : margin + (end - margin) * eased(progress);
	return {
		x: from.x + dx * along - (dy / length) * KEEP_RIGHT,
		y: from.y + dy * along + (dx / length) * KEEP_RIGHT,
		angle: (Math.atan2(dy, dx) * 180) / Math.PI,
	};
}

/** The movement is slow at both ends, because people look there. */
function eased(t: number): number {
	return t * t * (3 - 2 * t);
}
