/**
 * What of a space-time diagram is drawn in a window of it, at one moment: nothing that happens later, nothing outside, and
 * once what would lie on the same pixels. Places are pixels along the axis of time, and lines by their number.
 */
import type { BallotText, Fact } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { MessageKind } from '../../shared/paxos/message.ts';
import type { Gap, Happening, Message, SpaceTime } from './space-time.ts';
import type { Entry } from './tape.ts';

/** What a person looks at. */
export interface Window {
	readonly fromMs: number;
	readonly toMs: number;
	/** Its length on the page. */
	readonly px: number;
	/** The lines, from first to last. */
	readonly nodes: readonly NodeId[];
	/** Where the moment of the page lies. */
	readonly playheadMs: number;
	/** The place of that moment on the tape; infinite for now. */
	readonly through: number;
	/** Whether a fact belongs to the decision that is shown. */
	readonly isOfDecision: (entry: Entry) => boolean;
}

/** The message has arrived, is on its way at this moment, or arrives no more. */
export type End = 'arrived' | 'flying' | 'lost';

export interface Arrow {
	readonly message: Message;
	readonly kind: MessageKind;
	readonly isOfDecision: boolean;
	readonly end: End;
	readonly x1: number;
	readonly x2: number;
	readonly line1: number;
	/** Between two lines for a message that has not arrived. */
	readonly line2: number;
	/** How many messages lie here. */
	count: number;
}

export interface Mark {
	readonly entry: Entry;
	readonly isOfDecision: boolean;
	readonly x: number;
	readonly line: number;
	/** How many things happened here. */
	count: number;
}

/** A part of a line. */
export interface Bar {
	readonly line: number;
	readonly x1: number;
	readonly x2: number;
}

export interface Drawing {
	readonly arrows: readonly Arrow[];
	readonly marks: readonly Mark[];
	readonly bands: readonly (Bar & { readonly ballot: BallotText })[];
	readonly gaps: readonly (Bar & Pick<Gap, 'kind' | 'isRestart'> & { readonly isOver: boolean })[];
	readonly writes: readonly (Bar & { readonly entry: Entry })[];
	/** Where the moment of the page lies; null outside of the window. */
	readonly playhead: number | null;
	/** How many messages and other things it stands for. */
	readonly count: number;
}

/** A lost message gets this far, as in the mesh. */
const LOST_AT = 0.55;
/** A message whose arrival is not known gets no further. */
const UNKNOWN_AT = 0.85;
/** With more messages than this in view, what lies within a few pixels is drawn once. */
const FINE_MAX = 600;
const COARSE_PX = 3;

export function drawn(spaceTime: SpaceTime, window: Window): Drawing {
	const { fromMs, toMs, px, nodes, playheadMs, through } = window;
	const scale = px / Math.max(toMs - fromMs, Number.MIN_VALUE);
	const x = (ms: number) => (ms - fromMs) * scale;
	const lines = new Map(nodes.map((node, line) => [node, line]));
	const bar = (node: NodeId, from: number, to: number): Bar | null => {
		const line = lines.get(node);
		const until = Math.min(to, playheadMs, toMs);
		if (line === undefined || until <= Math.max(from, fromMs)) return null;
		return { line, x1: Math.max(x(from), 0), x2: x(until) };
	};
	const inView = spaceTime.messages.filter(
		({ sent, received }) =>
			sent.entry.at <= through && sent.ms <= toMs && (received?.ms ?? Math.min(playheadMs, toMs)) >= fromMs,
	);
	const grain = inView.length > FINE_MAX ? COARSE_PX : 1;
	const arrows = new Map<string, Arrow>();
	for (const message of inView) {
		const [line1, to] = [lines.get(message.from), lines.get(message.to)];
		if (line1 === undefined || to === undefined) continue;
		const { end, ms, part } = endOf(message, window, spaceTime.usualMs);
		if (ms < fromMs) continue;
		const isOfDecision = window.isOfDecision(message.sent.entry);
		const arrow = {
			message,
			kind: message.kind,
			isOfDecision,
			end,
			x1: x(message.sent.ms),
			x2: x(ms),
			line1,
			line2: line1 + (to - line1) * part,
			count: 1,
		};
		const line2 = arrow.line2.toFixed(2);
		const place = `${Math.round(arrow.x1 / grain)} ${Math.round(arrow.x2 / grain)} ${line1} ${line2}`;
		merge(arrows, `${place} ${message.kind} ${end} ${isOfDecision}`, arrow);
	}
	const marks = new Map<string, Mark>();
	let happened = 0;
	for (const { entry, ms } of visible(spaceTime.happenings, fromMs, toMs)) {
		const line = lines.get(entry.node);
		if (line === undefined || entry.at > through) continue;
		happened++;
		const isOfDecision = window.isOfDecision(entry);
		const mark = { entry, isOfDecision, x: x(ms), line, count: 1 };
		merge(marks, `${Math.round(mark.x / grain)} ${line} ${entry.fact.kind} ${isOfDecision}`, mark);
	}
	const writes = new Map<string, Bar & { readonly entry: Entry; count: number }>();
	for (const { node, entry, fromMs: from, toMs: to } of spaceTime.writes) {
		const at = entry.at <= through ? bar(node, from, to) : null;
		if (at) merge(writes, `${Math.round(at.x1)} ${Math.round(at.x2)} ${at.line}`, { ...at, entry, count: 1 });
	}
	return {
		arrows: [...arrows.values()],
		marks: [...marks.values()],
		bands: spaceTime.bands.flatMap(({ node, ballot, fromMs: from, toMs: to }) => {
			const at = bar(node, from, to);
			return at ? [{ ...at, ballot }] : [];
		}),
		gaps: spaceTime.gaps.flatMap(({ node, kind, isRestart, fromMs: from, toMs: to }) => {
			const at = bar(node, from, to);
			return at ? [{ ...at, kind, isRestart, isOver: to <= Math.min(playheadMs, toMs) }] : [];
		}),
		writes: [...writes.values()],
		playhead: playheadMs >= fromMs && playheadMs <= toMs ? x(playheadMs) : null,
		count: inView.length + happened,
	};
}

/** Which thing a pointer means: the nearest one within reach, one of the shown decision before others. */
export function pick(
	{ arrows, marks, writes }: Drawing,
	at: { readonly x: number; readonly y: number },
	yOf: (line: number) => number,
	reachPx: number,
): Arrow | Mark | { readonly entry: Entry } | null {
	let nearest: Arrow | Mark | { readonly entry: Entry } | null = null;
	let least = reachPx;
	const consider = (thing: Arrow | Mark | { readonly entry: Entry }, distance: number) => {
		if (distance >= least) return;
		[nearest, least] = [thing, distance];
	};
	for (const mark of marks) {
		// A mark is a point, which a line that ends there must not hide.
		const distance = Math.hypot(at.x - mark.x, at.y - yOf(mark.line)) - 3;
		consider(mark, mark.isOfDecision ? distance - 2 : distance);
	}
	for (const arrow of arrows) {
		const [y1, y2] = [yOf(arrow.line1), yOf(arrow.line2)];
		const distance = distanceTo(at, { x: arrow.x1, y: y1 }, { x: arrow.x2, y: y2 });
		consider(arrow, arrow.isOfDecision ? distance - 2 : distance);
	}
	for (const write of writes) {
		const [y, x] = [yOf(write.line), Math.min(Math.max(at.x, write.x1), write.x2)];
		consider(write, Math.hypot(at.x - x, at.y - y) + 1);
	}
	return nearest;
}

/** A quorum that the proposer has counted. */
export interface QuorumMark extends Happening {
	readonly kind: 'promises' | 'votes';
	readonly count: number;
}

/** The fact at which each phase of the decision had its quorum, in order. */
export function quorumMarks(happenings: readonly Happening[], isOfDecision: (entry: Entry) => boolean): QuorumMark[] {
	const reached = new Set<string>();
	return happenings.flatMap(({ entry, ms }) => {
		const kind = kindOf(entry.fact);
		if (!kind || !isOfDecision(entry)) return [];
		const { ballot, voters, needed } = entry.fact as Fact & { readonly kind: 'promiseCounted' | 'voteCounted' };
		if (voters.length < needed || reached.has(`${kind} ${ballot}`)) return [];
		reached.add(`${kind} ${ballot}`);
		return [{ entry, ms, kind, count: voters.length }];
	});
}

function kindOf({ kind }: Fact): QuorumMark['kind'] | null {
	if (kind === 'promiseCounted') return 'promises';
	return kind === 'voteCounted' ? 'votes' : null;
}

function endOf(
	{ sent, received, isLost }: Message,
	{ playheadMs, through }: Window,
	usualMs: number,
): { readonly end: End; readonly ms: number; readonly part: number } {
	if (received && received.entry.at <= through) return { end: 'arrived', ms: received.ms, part: 1 };
	const goneMs = Math.max(0, playheadMs - sent.ms);
	if (received) {
		const part = Math.min(1, goneMs / Math.max(received.ms - sent.ms, Number.MIN_VALUE));
		return { end: 'flying', ms: sent.ms + goneMs, part };
	}
	const part = usualMs > 0 ? goneMs / usualMs : UNKNOWN_AT;
	if (isLost && part >= LOST_AT)
		return { end: 'lost', ms: sent.ms + Math.min(goneMs, LOST_AT * usualMs), part: LOST_AT };
	return { end: 'flying', ms: sent.ms + goneMs, part: Math.min(part, UNKNOWN_AT) };
}

function merge<Thing extends { count: number }>(things: Map<string, Thing>, key: string, thing: Thing): void {
	const there = things.get(key);
	if (there) there.count++;
	else things.set(key, thing);
}

function visible(happenings: readonly Happening[], fromMs: number, toMs: number): readonly Happening[] {
	const behind = (limit: number, isWithin: (ms: number) => boolean) => {
		let [low, high] = [0, limit];
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (isWithin(happenings[middle]?.ms ?? 0)) low = middle + 1;
			else high = middle;
		}
		return low;
	};
	const first = behind(happenings.length, (ms) => ms < fromMs);
	return happenings.slice(
		first,
		behind(happenings.length, (ms) => ms <= toMs),
	);
}

interface Point {
	readonly x: number;
	readonly y: number;
}

/** From a point to the nearest one between two others. */
function distanceTo(at: Point, p: Point, q: Point): number {
	const [dx, dy] = [q.x - p.x, q.y - p.y];
	const length2 = dx * dx + dy * dy;
	const along = length2 === 0 ? 0 : Math.min(1, Math.max(0, ((at.x - p.x) * dx + (at.y - p.y) * dy) / length2));
	return Math.hypot(at.x - p.x - dx * along, at.y - p.y - dy * along);
}
