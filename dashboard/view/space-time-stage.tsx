/** The space-time diagram as a thing that is used: by the pointer, and by keys that go from event to event. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { nameOf } from '../../shared/member-name.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { nameBallots } from '../model/ballot-names.ts';
import { cutName } from '../model/cut-name.ts';
import { ballotOf } from '../model/decision-index.ts';
import { factText } from '../model/fact-text.ts';
import { placeThrough, type SpaceTime } from '../model/space-time.ts';
import { type Drawing, pick, quorumMarks } from '../model/space-time-drawing.ts';
import { panned, zoomed } from '../model/space-time-window.ts';
import type { Entry, Item } from '../model/tape.ts';
import { inspectEntry, inspected } from './inspecting.ts';
import { usePointers, wheel } from './space-time-gestures.ts';
import { EDGE_PX, lanesOf, Plot } from './space-time-plot.tsx';
import { chosenStretch, goTo, type Shown, width } from './space-time-shown.ts';
import { moment } from './state.ts';
import { seekMomentOfSlot } from './steering.ts';

export const ZOOM_BY = 1.5;
const PAN_BY = 0.2;
const REACH_PX = 9;
/** The layout puts it beside the decision there. */
const BESIDE_DECISION = '(min-width: 1900px)';
/** Before a line there is room for so much of a name. */
const NAME_CHARS = 5;
/** On a phone the names take less room where all of them are so short. */
const SHORT_CHARS = 3;

/** What takes the pointer and the keys. */
export function Stage({ nodes, drawing, shown: now }: { nodes: readonly NodeId[]; drawing: Drawing; shown: Shown }) {
	const stage = useRef<HTMLDivElement>(null);
	const latest = useRef(now);
	latest.current = now;
	const { spaceTime, stretch, isOfDecision, originMs, playheadMs } = now;
	const isHigh = useSignal(false);
	const lanes = lanesOf(nodes.length, isHigh.value);
	useEffect(() => {
		const { current } = stage;
		if (!current) return;
		const observer = new ResizeObserver(() => {
			width.value = Math.max(100, current.clientWidth - EDGE_PX);
			isHigh.value = matchMedia(BESIDE_DECISION).matches;
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
			<div
				class={nodes.every((node) => node.length <= SHORT_CHARS) ? 'space-time-names short' : 'space-time-names'}
				aria-hidden="true"
				style={{ height: `${lanes.height}px` }}
			>
				{nodes.map((node, line) => (
					<span key={node} class="clip" title={node} style={{ top: `${lanes.yOf(line)}px` }}>
						{cutName(nameOf(node), NAME_CHARS)}
						<small>{node.slice(nameOf(node).length)}</small>
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
				style={{ height: `${lanes.height}px` }}
				onKeyDown={(event) => onKey(event, things, latest.current)}
				{...pointers}
			>
				<Plot
					drawing={drawing}
					nodes={nodes}
					lanes={lanes}
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
							transform: `translateX(${drawing.playhead.toFixed(1)}px)`,
							height: `${lanes.height}px`,
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
