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
	// An empty stretch has a scale too, by which its one moment lies at its beginning.
	const scale = px / Math.max(toMs - fromMs, Number.EPSILON);
	const x = (ms: number) => (ms - fromMs) * scale;
	const lines = new Map(nodes.map((node, line) => [node, line]));
	const bar = (node: NodeId, from: number, to: number): Bar | null => {
		const line = lines.get(node);
		const until = Math.min(to, playheadMs, toMs);
		if (line === undefined || until <= Math.max(from, fromMs)) return null;
		return { line, x1: Math.max(x(from), 0), x2: x(until) };
	};
	const inView = messagesIn(spaceTime, window);
	const grain = inView.length > FINE_MAX ? COARSE_PX : 1;
	const arrows = new Map<number, Arrow>();
	for (const message of inView) {
		const [line1, to] = [lines.get(message.from), lines.get(message.to)];
		if (line1 === undefined || to === undefined) continue;
		const { end, ms, part } = endOf(message, window, spaceTime.usualMs);
		if (ms < fromMs) continue;
		const isOfDecision = window.isOfDecision(message.sent.entry);
		const [x1, x2, line2] = [x(message.sent.ms), x(ms), line1 + (to - line1) * part];
		const key = keyOf([x1 / grain, x2 / grain], [line1, line2], message.kind, end, isOfDecision);
		const there = arrows.get(key);
		if (there) there.count++;
		else arrows.set(key, { message, kind: message.kind, isOfDecision, end, x1, x2, line1, line2, count: 1 });
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
		gaps: spaceTime.gaps.flatMap(({ node, kind, noticedAt, isRestart, fromMs: from, toMs: to }) => {
			const at = noticedAt <= through ? bar(node, from, to) : null;
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

/** What is said of a quorum, and the stretch above the diagram that it takes, pixels. */
export interface QuorumName {
	readonly text: string;
	readonly from: number;
	readonly to: number;
	/** It ends where the quorum was counted, because it has no room behind that. */
	readonly isBefore: boolean;
}

/** The names of the quorums. Where two of one row would lie over each other, the later one alone is said. */
export function quorumNames(
	quorums: readonly QuorumMark[],
	xOf: (ms: number) => number,
	width: number,
): ReadonlyMap<QuorumMark, QuorumName> {
	const names = new Map<QuorumMark, QuorumName>();
	for (const quorum of [...quorums].reverse()) {
		const name = quorumName(quorum, xOf(quorum.ms), width);
		const isFree = [...names].every(
			([{ kind }, { from, to }]) => kind !== quorum.kind || to < name.from || from > name.to,
		);
		if (isFree) names.set(quorum, name);
	}
	return names;
}

const LETTER_PX = 6.2;
const NAME_GAP_PX = 5;

function quorumName({ kind, count }: QuorumMark, x: number, width: number): QuorumName {
	const text = kind === 'votes' ? `${count} accepted: chosen` : `${count} promised: a quorum`;
	const length = text.length * LETTER_PX;
	const isBefore = x + length + 8 >= width;
	const from = isBefore ? x - NAME_GAP_PX - length : x + NAME_GAP_PX;
	return { text, from, to: from + length, isBefore };
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

/** Those that were sent before the window ends, and had not arrived when it begins. */
function messagesIn({ messages, longestMs }: SpaceTime, { fromMs, toMs, playheadMs, through }: Window): Message[] {
	const found: Message[] = [];
	const untilMs = Math.min(playheadMs, toMs);
	const first = countUntil(messages, fromMs - longestMs, ({ sent }) => sent.ms);
	// What has not arrived may have been sent long ago, and there is little of it.
	for (let i = 0; i < first; i++) {
		const message = messages[i] as Message;
		if (message.received === null && !message.isLost) found.push(message);
	}
	for (let i = first; i < messages.length; i++) {
		const message = messages[i] as Message;
		if (message.sent.ms > untilMs) break;
		if (message.sent.entry.at <= through && (message.received?.ms ?? untilMs) >= fromMs) found.push(message);
	}
	return found;
}

/** The same for all that would be drawn at the same place in the same way. */
function keyOf(
	[x1, x2]: readonly [number, number],
	[line1, line2]: readonly [number, number],
	kind: MessageKind,
	end: End,
	isOfDecision: boolean,
): number {
	const place = (wholeOf(x1) * X_MAX + wholeOf(x2)) * LINES_MAX + line1;
	const way = place * LINES_MAX * LINE_PARTS + Math.round(line2 * LINE_PARTS);
	return ((way * KINDS_MAX + numberOf(kind)) * ENDS.length + ENDS.indexOf(end)) * 2 + Number(isOfDecision);
}

const X_MAX = 8192;
const LINES_MAX = 32;
const LINE_PARTS = 16;
const KINDS_MAX = 32;
const ENDS: readonly End[] = ['arrived', 'flying', 'lost'];
const numbers = new Map<MessageKind, number>();

function numberOf(kind: MessageKind): number {
	const known = numbers.get(kind);
	if (known !== undefined) return known;
	numbers.set(kind, numbers.size);
	return numbers.size - 1;
}

/** What begins or ends outside of the window does so at one place. */
function wholeOf(x: number): number {
	return Math.round(Math.min(Math.max(x, -X_MAX / 4), (X_MAX / 4) * 3 - 1)) + X_MAX / 4;
}

function visible(happenings: readonly Happening[], fromMs: number, toMs: number): readonly Happening[] {
	const first = countUntil(happenings, fromMs, ({ ms }) => ms);
	let behind = first;
	while (behind < happenings.length && (happenings[behind]?.ms ?? 0) <= toMs) behind++;
	return happenings.slice(first, behind);
}

/** How many of them, which are in the order of time, are before `ms`. */
function countUntil<Thing>(things: readonly Thing[], ms: number, timeOf: (thing: Thing) => number): number {
	let [low, high] = [0, things.length];
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (timeOf(things[middle] as Thing) < ms) low = middle + 1;
		else high = middle;
	}
	return low;
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
