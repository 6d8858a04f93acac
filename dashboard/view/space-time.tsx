/**
 * The space-time view: a line for each node, time to the right, and each message a slanted arrow from when it was sent to
 * when it arrived. It shows the moment of the page like every panel, and its playhead moves that.
 */
import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { nameBallots } from '../model/ballot-names.ts';
import { ballotOf } from '../model/decision-index.ts';
import { factText } from '../model/fact-text.ts';
import { itemAtPlace, placeThrough, type SpaceTime, spaceTimeOf } from '../model/space-time.ts';
import { type Drawing, drawn, pick, quorumMarks } from '../model/space-time-drawing.ts';
import { around, entriesIn, panned, type Stretch, within, zoomed } from '../model/space-time-window.ts';
import { isNoMember } from '../model/standing.ts';
import type { Entry, Item } from '../model/tape.ts';
import { countText } from '../model/why.ts';
import { inspectEntry, inspected } from './inspecting.ts';
import { railWindow } from './rail-window.ts';
import { AXIS_PX, heightOf, lanesOf, Plot, SpaceTimeLegend } from './space-time-plot.tsx';
import { SpaceTimeTable } from './space-time-table.tsx';
import {
	calm,
	directedCalmMs,
	flightsNow,
	gathered,
	isDirected,
	moment,
	run,
	seekMomentOfSlot,
	shownSlot,
	story,
	swarmShown,
	toLive,
} from './state.ts';

/** The stretch that the person chose; `all` that the rail shows; null: the decision that is shown. */
const chosenStretch = signal<Stretch | 'all' | null>(null);
/** The width of the drawing. */
const width = signal(600);
/** Nobody sees it where it is scrolled away. */
const isSeen = signal(false);

const ZOOM_BY = 1.5;
const PAN_BY = 0.2;
/** A pointer that moves less has picked something. */
const DRAG_PX = 4;
const REACH_PX = 9;
/** A pointer this close to the playhead moves it. */
const PLAYHEAD_REACH_PX = 7;
/** To fold what was told takes at most this part of the time. */
const FOLD_PART = 0.05;

/** While more is told, what has long been in view is folded again so seldom. */
const SETTLED_EVERY_MS = 1000;
/** What is older has been told completely. */
const SETTLED_AFTER_MS = 1000;

interface Fold {
	readonly key: string;
	readonly run: number;
	readonly value: SpaceTime;
	readonly endedMs: number;
	/** It is not folded again before. */
	readonly readyMs: number;
}

let lastFold: Fold | null = null;
/** What is in view of it. */
let lastView: { readonly key: string; readonly stretch: Stretch } | null = null;

/** What the rail shows of the tape. It is folded again only when more was told, and not all the time. */
function spaceTimeShown(): SpaceTime {
	const { startMs, endMs } = railWindow();
	const isNow = moment.value === null;
	const key = isNow ? `${calm.value} ${isDirected() ? directedCalmMs.value : ''}` : `${startMs} ${endMs}`;
	const beganMs = performance.now();
	if (lastFold?.run === run.value) {
		if (lastFold.key === key || (isNow && beganMs < lastFold.readyMs)) return lastFold.value;
		if (isNow && isSettled(lastFold) && beganMs < lastFold.endedMs + SETTLED_EVERY_MS) return lastFold.value;
	}
	const first = story.tape.itemAt(startMs);
	const items = first ? [...story.tape.between(first.at - 1, story.tape.itemAt(endMs)?.at ?? first.at)] : [];
	const flying = flightsNow();
	const value = spaceTimeOf(items, story.live, {
		// What is on its way is known where time itself is staged, and things are told as they happen.
		isExact: flying !== null,
		isFlying: flying
			? (from, to, ms) => flying.some((one) => one.from === from && one.to === to && one.departMs === ms)
			: undefined,
	});
	const endedMs = performance.now();
	lastFold = { key, run: run.value, value, endedMs, readyMs: endedMs + (endedMs - beganMs) / FOLD_PART };
	return value;
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

interface Shown {
	readonly spaceTime: SpaceTime;
	readonly extent: Stretch;
	readonly stretch: Stretch;
	readonly playheadMs: number;
	readonly isOfDecision: (entry: Entry) => boolean;
	/** From where the time is counted. */
	readonly originMs: number;
	/** Whether a fact of the decision is in the diagram. */
	readonly hasDecision: boolean;
}

function shown(): Shown {
	const spaceTime = spaceTimeShown();
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
	};
}

/** The page goes to what had happened there; to now behind all that has. */
function goTo(ms: number, { spaceTime, extent }: Shown): void {
	if (ms >= extent.toMs) return moment.peek() === null ? undefined : toLive();
	const item = itemAtPlace(spaceTime, ms) ?? spaceTime.places[0]?.item;
	if (item && item !== moment.peek()) seekMomentOfSlot(item);
}

export function SpaceTimePanel() {
	const panel = useRef<HTMLElement>(null);
	useEffect(() => {
		const { current } = panel;
		if (!current) return;
		const observer = new IntersectionObserver(([entry]) => {
			isSeen.value = entry?.isIntersecting ?? false;
		});
		observer.observe(current);
		return () => observer.disconnect();
	}, []);
	return (
		<section class="panel space-time-panel" id="space-time" aria-labelledby="space-time-title" ref={panel}>
			<div class="panel-head">
				<h2 id="space-time-title">Space-time</h2>
				<p class="space-time-why">
					Each line is a node, and time runs to the right. A slanted arrow is a message, from when it was sent to when
					it arrived.
				</p>
			</div>
			<Content />
		</section>
	);
}

interface View {
	readonly run: number;
	readonly nodes: readonly NodeId[];
	readonly shown: Shown;
	readonly drawing: Drawing;
}

function viewNow(): View {
	calm.value;
	directedCalmMs.value;
	const swarm = swarmShown();
	const nodes = swarm.nodes.map(({ id }) => id).filter((id) => !isNoMember(swarm.standing(id)));
	const now = shown();
	const { spaceTime, stretch, playheadMs, isOfDecision } = now;
	const drawing = drawn(spaceTime, {
		...stretch,
		px: width.value,
		nodes,
		playheadMs,
		through: moment.value?.at ?? Number.POSITIVE_INFINITY,
		isOfDecision,
	});
	return { run: run.value, nodes, shown: now, drawing };
}

function Content() {
	// It stays as it was while it is out of view. Whatever takes the focus in it comes into view.
	const last = useRef<View | null>(null);
	if (isSeen.value || last.current?.run !== run.value) last.current = viewNow();
	const { nodes, shown: now, drawing } = last.current;
	const { spaceTime, stretch, originMs, extent, hasDecision } = now;
	const zoomBy = (factor: number) => {
		chosenStretch.value = zoomed(stretch, factor, (stretch.fromMs + stretch.toMs) / 2, extent);
	};
	const slot = shownSlot.value;
	const isFit = chosenStretch.value === null;
	return (
		<>
			<div class="space-time-bar">
				<SpaceTimeLegend />
				<div class="buttons">
					<button
						type="button"
						class="quiet small"
						aria-label="Zoom out"
						data-testid="space-time-out"
						onClick={() => zoomBy(ZOOM_BY)}
					>
						−
					</button>
					<button
						type="button"
						class="quiet small"
						aria-label="Zoom in"
						data-testid="space-time-in"
						onClick={() => zoomBy(1 / ZOOM_BY)}
					>
						+
					</button>
					<button
						type="button"
						class="quiet small"
						data-testid="space-time-all"
						onClick={() => {
							chosenStretch.value = 'all';
						}}
						aria-pressed={chosenStretch.value === 'all'}
					>
						All
					</button>
					<button
						type="button"
						class="quiet small"
						data-testid="space-time-fit"
						aria-pressed={isFit}
						onClick={() => {
							chosenStretch.value = null;
						}}
					>
						{hasDecision ? `Slot ${countText(slot)}` : 'Newest'}
					</button>
				</div>
			</div>
			{slot > 0 && !hasDecision && (
				<p class="space-time-none">The rail does not reach back to what was told of slot {countText(slot)}.</p>
			)}
			<Stage nodes={nodes} drawing={drawing} shown={now} />
			<SpaceTimeTable drawing={drawing} originMs={originMs} spaceTime={spaceTime} />
		</>
	);
}

/** What takes the pointer and the keys. */
function Stage({ nodes, drawing, shown: now }: { nodes: readonly NodeId[]; drawing: Drawing; shown: Shown }) {
	const stage = useRef<HTMLDivElement>(null);
	const latest = useRef(now);
	latest.current = now;
	const { spaceTime, stretch, isOfDecision, originMs, playheadMs } = now;
	const lanes = lanesOf(nodes.length);
	useEffect(() => {
		const { current } = stage;
		if (!current) return;
		const observer = new ResizeObserver(() => {
			width.value = Math.max(100, current.clientWidth);
		});
		observer.observe(current);
		const onWheel = (event: WheelEvent) => wheel(event, current, latest.current);
		current.addEventListener('wheel', onWheel, { passive: false });
		return () => {
			observer.disconnect();
			current.removeEventListener('wheel', onWheel);
		};
	}, []);
	const pointers = usePointers(latest, (x, y) => {
		const found = pick(drawing, { x, y }, lanes.yOf, REACH_PX);
		inspected.value = found && { kind: 'fact', entry: 'message' in found ? found.message.sent.entry : found.entry };
	});
	const things = stepsOf(drawing);
	const selected = inspected.value?.kind === 'fact' ? inspected.value.entry : null;
	const through = moment.value?.at ?? Number.POSITIVE_INFINITY;
	const quorums = quorumMarks(spaceTime.happenings, isOfDecision).filter(
		({ entry, ms }) => entry.at <= through && ms >= stretch.fromMs && ms <= stretch.toMs,
	);
	return (
		<div class="space-time">
			<div class="space-time-names" aria-hidden="true" style={{ height: `${heightOf(nodes.length)}px` }}>
				{nodes.map((node, line) => (
					<span key={node} class="clip" title={node} style={{ top: `${lanes.yOf(line)}px` }}>
						{node}
					</span>
				))}
			</div>
			<div
				ref={stage}
				class="space-time-stage"
				role="application"
				aria-label="Space-time diagram. The left and right arrow keys go from event to event, plus and minus zoom, Shift with an arrow key moves the view, Enter goes to the moment of the event."
				aria-describedby="space-time-said"
				// biome-ignore lint/a11y/noNoninteractiveTabindex: it takes keys
				tabIndex={0}
				data-testid="space-time"
				data-from={stretch.fromMs}
				data-to={stretch.toMs}
				data-arrows={drawing.arrows.length}
				data-count={drawing.count}
				style={{ height: `${heightOf(nodes.length)}px` }}
				onKeyDown={(event) => onKey(event, things, latest.current)}
				{...pointers}
			>
				<Plot
					drawing={drawing}
					nodes={nodes}
					width={width.value}
					stretch={stretch}
					originMs={originMs}
					quorums={quorums}
					selected={selected}
				/>
				{drawing.playhead !== null && (
					<div
						class="space-time-playhead"
						role="slider"
						tabIndex={0}
						aria-label="Moment of the page"
						aria-valuemin={0}
						aria-valuemax={100}
						aria-valuenow={Math.round((drawing.playhead / width.value) * 100)}
						aria-valuetext={momentText(moment.value)}
						data-testid="space-time-playhead"
						style={{
							transform: `translateX(${Math.min(drawing.playhead, width.value - 1).toFixed(1)}px)`,
							height: `${heightOf(nodes.length)}px`,
						}}
						onKeyDown={(event) => {
							const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
							if (by === undefined) return;
							event.preventDefault();
							event.stopPropagation();
							const entries = things.map(({ entry }) => entry);
							const at = moment.peek()?.at ?? Number.POSITIVE_INFINITY;
							const target = by < 0 ? entries.findLast((each) => each.at < at) : nextAfter(spaceTime, at, isOfDecision);
							if (target) seekMomentOfSlot(target);
							else if (by > 0) goTo(latest.current.extent.toMs, latest.current);
						}}
					/>
				)}
				{playheadMs > stretch.toMs && <span class="space-time-beyond">now →</span>}
			</div>
			<p class="space-time-said" id="space-time-said" role="status" data-testid="space-time-said">
				{selected && `${selected.node} ${factText(selected.fact, nameBallots([ballotOf(selected.fact)]))}`}
			</p>
		</div>
	);
}

/** The next thing of the decision that the page does not show yet. */
function nextAfter({ happenings }: SpaceTime, at: number, isOfDecision: (entry: Entry) => boolean): Entry | undefined {
	return happenings.find(({ entry }) => entry.at > at && isOfDecision(entry))?.entry;
}

function momentText(at: Item | null): string {
	if (at === null) return 'now';
	if (at.told.kind !== 'fact') return `what the page has noticed of ${at.node}`;
	return `${at.node} ${factText(at.told.fact, nameBallots([ballotOf(at.told.fact)]))}`;
}

/** What the keys go through: the decision, or everything where nothing of a decision is in view. */
function stepsOf({ arrows, marks }: Drawing): readonly { readonly entry: Entry }[] {
	const all = [
		...arrows.map(({ message, isOfDecision }) => ({ entry: message.sent.entry, isOfDecision })),
		...marks.map(({ entry, isOfDecision }) => ({ entry, isOfDecision })),
	].sort((a, b) => a.entry.at - b.entry.at);
	const ofDecision = all.filter(({ isOfDecision }) => isOfDecision);
	return ofDecision.length > 0 ? ofDecision : all;
}

function onKey(event: KeyboardEvent, things: readonly { readonly entry: Entry }[], now: Shown): void {
	const { stretch, extent, spaceTime } = now;
	if (event.ctrlKey || event.metaKey || event.altKey) return;
	const middle = (stretch.fromMs + stretch.toMs) / 2;
	const lengthMs = stretch.toMs - stretch.fromMs;
	const current = inspected.peek();
	const entry = current?.kind === 'fact' ? current.entry : null;
	const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
	if (by !== undefined && event.shiftKey) chosenStretch.value = panned(stretch, by * PAN_BY * lengthMs, extent);
	else if (by !== undefined || event.key === 'Home' || event.key === 'End') {
		const at = entry?.at ?? (by === -1 ? Number.POSITIVE_INFINITY : -1);
		const next =
			by === 1
				? things.find((thing) => thing.entry.at > at)
				: by === -1
					? things.findLast((thing) => thing.entry.at < at)
					: event.key === 'Home'
						? things[0]
						: things.at(-1);
		if (next) inspectEntry(next.entry);
	} else if (event.key === '+' || event.key === '=') chosenStretch.value = zoomed(stretch, 1 / ZOOM_BY, middle, extent);
	else if (event.key === '-') chosenStretch.value = zoomed(stretch, ZOOM_BY, middle, extent);
	else if (event.key === '0') chosenStretch.value = null;
	else if (event.key === 'Enter' && entry) goTo(placeThrough(spaceTime, entry.at) ?? extent.toMs, now);
	else return;
	event.preventDefault();
}

/** A wheel that turns sideways pans. One that turns up or down zooms where it is meant so: with Ctrl, or once the diagram has the focus. */
function wheel(event: WheelEvent, stage: HTMLElement, { stretch, extent }: Shown): void {
	const { left, width: wide } = stage.getBoundingClientRect();
	const lengthMs = stretch.toMs - stretch.fromMs;
	const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
	if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
		chosenStretch.value = panned(stretch, (sideways / wide) * lengthMs, extent);
	} else if (event.ctrlKey || stage.contains(document.activeElement)) {
		const atMs = stretch.fromMs + ((event.clientX - left) / wide) * lengthMs;
		chosenStretch.value = zoomed(stretch, 1.0015 ** event.deltaY, atMs, extent);
	} else return;
	event.preventDefault();
}

interface Drag {
	readonly kind: 'pan' | 'moment' | 'pinch';
	readonly x: number;
	readonly stretch: Stretch;
	/** Between two fingers. */
	readonly apart: number;
	hasMoved: boolean;
}

/** One pointer pans, or moves the playhead where it took that; two zoom. One that does not move picks. */
function usePointers(latest: { readonly current: Shown }, onPick: (x: number, y: number) => void) {
	const held = useRef(new Map<number, number>());
	const drag = useRef<Drag | null>(null);
	const msAt = (x: number, { stretch }: { readonly stretch: Stretch }) =>
		stretch.fromMs + (x / width.peek()) * (stretch.toMs - stretch.fromMs);
	const placeOf = (event: PointerEvent & { readonly currentTarget: HTMLElement }) => {
		const { left, top } = event.currentTarget.getBoundingClientRect();
		return { x: event.clientX - left, y: event.clientY - top };
	};
	return {
		onPointerDown(event: PointerEvent & { readonly currentTarget: HTMLElement }) {
			if (event.button !== 0) return;
			const { x, y } = placeOf(event);
			event.currentTarget.setPointerCapture(event.pointerId);
			held.current.set(event.pointerId, x);
			const { stretch, playheadMs } = latest.current;
			const playheadX = ((playheadMs - stretch.fromMs) / (stretch.toMs - stretch.fromMs)) * width.peek();
			const xs = [...held.current.values()];
			const takesPlayhead = y < AXIS_PX || Math.abs(x - playheadX) <= PLAYHEAD_REACH_PX;
			drag.current = {
				kind: xs.length > 1 ? 'pinch' : takesPlayhead ? 'moment' : 'pan',
				x: xs.length > 1 ? ((xs[0] ?? 0) + (xs[1] ?? 0)) / 2 : x,
				stretch,
				apart: Math.max(1, Math.abs((xs[1] ?? 0) - (xs[0] ?? 0))),
				hasMoved: xs.length > 1,
			};
			if (y < AXIS_PX) goTo(msAt(x, latest.current), latest.current);
		},
		onPointerMove(event: PointerEvent & { readonly currentTarget: HTMLElement }) {
			const at = drag.current;
			if (!at || !held.current.has(event.pointerId)) return;
			const { x } = placeOf(event);
			held.current.set(event.pointerId, x);
			at.hasMoved ||= Math.abs(x - at.x) > DRAG_PX;
			if (!at.hasMoved) return;
			const { extent } = latest.current;
			const lengthMs = at.stretch.toMs - at.stretch.fromMs;
			if (at.kind === 'moment') goTo(msAt(x, latest.current), latest.current);
			else if (at.kind === 'pan')
				chosenStretch.value = panned(at.stretch, ((at.x - x) / width.peek()) * lengthMs, extent);
			else {
				const [one = 0, other = 0] = held.current.values();
				const factor = at.apart / Math.max(1, Math.abs(one - other));
				chosenStretch.value = zoomed(at.stretch, factor, msAt(at.x, at), extent);
			}
		},
		onPointerUp(event: PointerEvent & { readonly currentTarget: HTMLElement }) {
			held.current.delete(event.pointerId);
			const at = drag.current;
			drag.current = null;
			if (!at || at.hasMoved) return;
			const { x, y } = placeOf(event);
			if (y >= AXIS_PX) onPick(x, y);
		},
		onPointerCancel(event: PointerEvent) {
			held.current.delete(event.pointerId);
			drag.current = null;
		},
	};
}
