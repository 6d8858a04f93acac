/** The shapes of a space-time diagram as SVG paths, each for many things at once, so that thousands cost few elements. */
import type { Arrow, Bar } from '../model/space-time-drawing.ts';
import { type GlyphKind, glyphOf } from './glyph.tsx';

/** Where the lines lie, and how high a band and a write are drawn. */
export interface Lanes {
	yOf(line: number): number;
}

export const BAND_PX = 11;
/** The writes of the disk lie below the line. */
export const WRITE_AT_PX = 8;
/** A glyph stands so far before the line at which its message arrives. */
const BEFORE_PX = 10;

/** All of these arrows as one path. */
export function arrowsPath(arrows: readonly Arrow[], { yOf }: Lanes): string {
	return arrows
		.map(({ x1, x2, line1, line2 }) => `M${round(x1)} ${round(yOf(line1))}L${round(x2)} ${round(yOf(line2))}`)
		.join('');
}

/** The tone in which an arrow is drawn. */
export function toneOf({ kind, isOfDecision }: Arrow): GlyphKind | 'other' {
	const glyph = glyphOf(kind);
	if (glyph === 'beat' || glyph === 'beatReply') return 'other';
	return isOfDecision ? glyph : 'other';
}

export interface Head {
	readonly glyph: GlyphKind;
	readonly x: number;
	readonly y: number;
	/** Degrees. */
	readonly turn: number;
}

/** The mark of an arrow: before the line of the receiver, at the tip of one on its way, or where it was lost. */
export function headOf({ kind, end, x1, x2, line1, line2 }: Arrow, { yOf }: Lanes): Head {
	const [y1, y2] = [yOf(line1), yOf(line2)];
	const [dx, dy] = [x2 - x1, y2 - y1];
	const length = Math.hypot(dx, dy) || 1;
	const back = end === 'arrived' ? Math.min(BEFORE_PX, length / 2) : 0;
	const glyph = end === 'lost' ? 'nack' : glyphOf(kind);
	const isTurned = glyph === 'prepare' || glyph === 'promise';
	return {
		glyph,
		x: round(x2 - (dx / length) * back),
		y: round(y2 - (dy / length) * back),
		turn: isTurned ? Math.round((Math.atan2(dy, dx) * 180) / Math.PI) : 0,
	};
}

/** Bars of this height around their lines, moved down by `downPx`. Each is at least a pixel long. */
export function barsPath(bars: readonly Bar[], { yOf }: Lanes, heightPx: number, downPx = 0): string {
	return bars
		.map(({ line, x1, x2 }) => {
			const y = yOf(line) + downPx - heightPx / 2;
			return `M${round(x1)} ${round(y)}h${round(Math.max(1, x2 - x1))}v${heightPx}h${round(-Math.max(1, x2 - x1))}z`;
		})
		.join('');
}

function round(value: number): number {
	return Math.round(value * 10) / 10;
}
