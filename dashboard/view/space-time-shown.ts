/**
 * What the space-time view shows: the stretch of the tape that the rail shows, folded no more often than is of use, what of
 * it is in view, and where the moment of the page stands in it.
 */
import { signal } from '@preact/signals';
import { itemAtPlace, placeThrough, type SpaceTime, spaceTimeBetween } from '../model/space-time.ts';
import { around, entriesIn, type Stretch, within } from '../model/space-time-window.ts';
import type { Entry } from '../model/tape.ts';
import { railWindow } from './rail-window.ts';
import { gathered } from './shown-decision.ts';
import { calm, directedCalmMs, flightsNow, isDirected, moment, run, shownSlot, story } from './state.ts';
import { seekMomentOfSlot, toLive } from './steering.ts';

/** The stretch that the person chose; `all` that the rail shows; null: the decision that is shown. */
export const chosenStretch = signal<Stretch | 'all' | null>(null);
/** The width of the drawing. */
export const width = signal(600);

/** To fold what was told takes at most this part of the time. */
const FOLD_PART = 0.05;

/** While more is told, what has long been in view is folded again so seldom. */
const SETTLED_EVERY_MS = 1000;
/** What is older has been told completely. */
const SETTLED_AFTER_MS = 1000;
/** So much is folded at once. Of more only three parts are, the middle one of which has the moment of the page. */
const ITEMS_MAX = 20_000;
const ITEMS_APART = 2_000;

interface Fold {
	readonly key: string;
	readonly run: number;
	readonly value: SpaceTime;
	/** Whether the rail shows later moments, which are no part of it. */
	readonly hasLater: boolean;
	readonly endedMs: number;
	/** It is not folded again before. */
	readonly readyMs: number;
}

let lastFold: Fold | null = null;
/** What is in view of it. */
let lastView: { readonly key: string; readonly stretch: Stretch } | null = null;

/** What the rail shows of the tape. It is folded again only when more was told, and not all the time. */
function foldShown(): Fold {
	const isNow = moment.value === null;
	const part = partOfTape();
	const key = isNow ? `${calm.value} ${isDirected() ? directedCalmMs.value : ''}` : part.key;
	const beganMs = performance.now();
	if (lastFold?.run === run.value) {
		if (lastFold.key === key || (isNow && beganMs < lastFold.readyMs)) return lastFold;
		if (isNow && isSettled(lastFold) && beganMs < lastFold.endedMs + SETTLED_EVERY_MS) return lastFold;
	}
	const { hasLater } = part;
	const flying = flightsNow();
	const value = spaceTimeBetween(story, part.after, part.through, {
		// What is on its way is known where time itself is staged, and things are told as they happen.
		isExact: flying !== null,
		isFlying: flying
			? (from, to, ms) => flying.some((one) => one.from === from && one.to === to && one.departMs === ms)
			: undefined,
	});
	const endedMs = performance.now();
	lastFold = { key, run: run.value, value, hasLater, endedMs, readyMs: endedMs + (endedMs - beganMs) / FOLD_PART };
	return lastFold;
}

/** A part of the tape by the places around it. */
interface Part extends Pick<Fold, 'key' | 'hasLater'> {
	readonly after: number;
	readonly through: number;
}

/** What the rail shows; of a long tape only what is around the moment of the page. */
function partOfTape(): Part {
	const { startMs, endMs } = railWindow();
	const [first, last] = [story.tape.itemAt(startMs), story.tape.itemAt(endMs)];
	if (!first || !last) return { after: 0, through: -1, key: '', hasLater: false };
	const all = { after: first.at - 1, through: last.at, key: `${startMs} ${endMs}`, hasLater: false };
	if (story.tape.count(all.after, all.through) <= ITEMS_MAX) return all;
	const place = Math.floor((moment.value?.at ?? last.at) / ITEMS_APART);
	const through = (place + 2) * ITEMS_APART;
	return { after: (place - 1) * ITEMS_APART, through, key: `${all.key} ${place}`, hasLater: through < last.at };
}

/** Whether the same is in view as before, and was told completely when it was folded. */
function isSettled({ value: { places } }: Fold): boolean {
	return lastView?.key === viewKey() && lastView.stretch.toMs < (places.at(-1)?.ms ?? 0) - SETTLED_AFTER_MS;
}

function viewKey(): string {
	const chosen = chosenStretch.value;
	return `${shownSlot.value} ${chosen === null || chosen === 'all' ? chosen : `${chosen.fromMs} ${chosen.toMs}`}`;
}

/** All that may be in view. */
function extentOf({ places }: SpaceTime): Stretch {
	const { startMs, endMs } = railWindow();
	if (flightsNow() !== null) return { fromMs: startMs, toMs: endMs };
	return { fromMs: places[0]?.ms ?? 0, toMs: places.at(-1)?.ms ?? 0 };
}

export interface Shown {
	readonly spaceTime: SpaceTime;
	readonly extent: Stretch;
	readonly stretch: Stretch;
	readonly playheadMs: number;
	readonly isOfDecision: (entry: Entry) => boolean;
	/** From where the time is counted. */
	readonly originMs: number;
	/** Whether a fact of the decision is in the diagram. */
	readonly hasDecision: boolean;
	/** Whether the rail shows later moments than `extent` has. */
	readonly hasLater: boolean;
}

export function shown(): Shown {
	const { value: spaceTime, hasLater } = foldShown();
	const extent = extentOf(spaceTime);
	const entries = entriesIn(spaceTime, gathered.value.entries);
	const ofDecision = new Set(entries);
	const at = moment.value;
	const chosen = chosenStretch.value;
	const [first] = entries;
	const playheadMs = at ? (placeThrough(spaceTime, at.at) ?? extent.toMs) : extent.toMs;
	const stretch = chosen
		? within(chosen === 'all' ? extent : chosen, extent)
		: around(spaceTime, entries, playheadMs, extent);
	lastView = { key: viewKey(), stretch };
	return {
		spaceTime,
		extent,
		stretch,
		playheadMs,
		isOfDecision: (entry) => ofDecision.has(entry),
		originMs: (first && placeThrough(spaceTime, first.at)) ?? extent.toMs,
		hasDecision: first !== undefined,
		hasLater,
	};
}

/** The page goes to what had happened there; to now behind all that has. */
export function goTo(ms: number, { spaceTime, extent, hasLater }: Shown): void {
	if (ms >= extent.toMs && !hasLater) return moment.peek() === null ? undefined : toLive();
	const item = itemAtPlace(spaceTime, ms) ?? spaceTime.places[0]?.item;
	if (item && item !== moment.peek()) seekMomentOfSlot(item);
}
