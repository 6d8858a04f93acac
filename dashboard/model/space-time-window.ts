/** Which stretch of a space-time diagram is in view. It never leaves the stretch that the rail shows. */
import type { Slot } from '../../shared/paxos/message.ts';
import { placeThrough, type SpaceTime } from './space-time.ts';
import type { Entry } from './tape.ts';
import { countText } from './why.ts';

export interface Stretch {
	readonly fromMs: number;
	readonly toMs: number;
}

/** The simulator tells microseconds, and so do nodes. */
const LENGTH_MS_MIN = 0.02;
/** So much is left free before a decision and behind it. */
const BEFORE = 0.05;
const AFTER = 0.22;
/** The others learn with a later message. It is in view where that does not make the decision itself too narrow. */
const LEARNING_MAX = 1.8;
/** So much is in view where no decision is. */
const IDLE_MS = 250;

/** @returns the nearest stretch of its length that lies within `extent`, or all of that where it is longer; never an empty one */
export function within({ fromMs, toMs }: Stretch, extent: Stretch): Stretch {
	const lengthMs = Math.max(Math.min(toMs - fromMs, extent.toMs - extent.fromMs), LENGTH_MS_MIN);
	const least = Math.min(Math.max(fromMs, extent.fromMs), extent.toMs - lengthMs);
	return { fromMs: least, toMs: least + lengthMs };
}

/** @param factor above 1 to see more of the time; what lies at `atMs` stays where it is */
export function zoomed({ fromMs, toMs }: Stretch, factor: number, atMs: number, extent: Stretch): Stretch {
	const lengthMs = Math.max(toMs - fromMs, LENGTH_MS_MIN);
	const scale = Math.max(factor, LENGTH_MS_MIN / lengthMs);
	return within({ fromMs: atMs - (atMs - fromMs) * scale, toMs: atMs + (toMs - atMs) * scale }, extent);
}

export function panned({ fromMs, toMs }: Stretch, byMs: number, extent: Stretch): Stretch {
	return within({ fromMs: fromMs + byMs, toMs: toMs + byMs }, extent);
}

/** The decision with these facts; what happened just before `atMs`, where none of them is in the diagram. */
export function around(spaceTime: SpaceTime, entries: readonly Entry[], atMs: number, extent: Stretch): Stretch {
	const shown = entriesIn(spaceTime, entries);
	const [from, to] = [placeOf(spaceTime, shown[0]), placeOf(spaceTime, shown.at(-1))];
	if (from === undefined || to === undefined)
		return within({ fromMs: atMs - IDLE_MS, toMs: atMs + IDLE_MS * AFTER }, extent);
	const chosen = shown.findLast(({ fact }) => fact.kind === 'chosen' && fact.how === 'counted');
	const chosenMs = placeOf(spaceTime, chosen) ?? to;
	const endMs = to - from > (chosenMs - from) * LEARNING_MAX ? chosenMs : to;
	// One that has just begun has the room that a message will take.
	const lengthMs = Math.max(endMs - from, spaceTime.usualMs, LENGTH_MS_MIN);
	return within({ fromMs: from - lengthMs * BEFORE, toMs: from + lengthMs * (1 + AFTER) }, extent);
}

/** The name of that stretch. @param slot 0 where an election is shown, which decides no slot */
export function stretchName(slot: Slot, hasDecision: boolean): string {
	if (!hasDecision) return 'Newest';
	return slot === 0 ? 'Election' : `Slot ${countText(slot)}`;
}

/** Those of the facts that are in the diagram. */
export function entriesIn({ places }: SpaceTime, entries: readonly Entry[]): readonly Entry[] {
	const first = places[0]?.item.at ?? Number.POSITIVE_INFINITY;
	return entries.filter(({ at }) => at >= first);
}

/** The marks of the axis, at most `countMax` or so: milliseconds after `originMs`, round ones. */
export function ticks({ fromMs, toMs }: Stretch, originMs: number, countMax: number): number[] {
	const least = (toMs - fromMs) / Math.max(countMax, 1);
	const power = 10 ** Math.floor(Math.log10(Math.max(least, 1e-6)));
	const step = [1, 2, 5, 10].map((times) => times * power).find((each) => each >= least) ?? power;
	const marks: number[] = [];
	for (let i = Math.ceil((fromMs - originMs) / step); i * step + originMs <= toMs; i++) marks.push(i * step);
	return marks;
}

/** Such as `+2 ms`, `−0.4 ms` or `+1.5 s`. */
export function tickText(ms: number): string {
	if (Math.abs(ms) < 1e-9) return '0';
	const sign = ms < 0 ? '−' : '+';
	const size = Math.abs(ms);
	if (size >= 1000) return `${sign}${rounded(size / 1000)} s`;
	return size >= 0.1 ? `${sign}${rounded(size)} ms` : `${sign}${rounded(size * 1000)} µs`;
}

function rounded(value: number): string {
	return String(Number(value.toPrecision(4)));
}

function placeOf(spaceTime: SpaceTime, entry: Entry | undefined): number | undefined {
	return entry && placeThrough(spaceTime, entry.at);
}
