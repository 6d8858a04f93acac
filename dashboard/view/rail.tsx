/**
 * The clock of the page, at its bottom: the last minute, or a directed run, with what happened in it, the moment that everything else shows,
 * and the one way back to now.
 */
import { useSignal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { nameBallots } from '../model/ballot-names.ts';
import { ballotOf } from '../model/decision-index.ts';
import { factText } from '../model/fact-text.ts';
import type { Landmark } from '../model/landmarks.ts';
import { isAnswered } from '../model/reasons/reason.ts';
import type { Item } from '../model/tape.ts';
import { countText } from '../model/why.ts';
import { Answer } from './answer.tsx';
import { ask, askLast } from './asking.ts';
import { Time } from './ballot.tsx';
import { Glyph } from './glyph.tsx';
import { Icon } from './icon.tsx';
import { railWindow } from './rail-window.ts';
import { calm, chosenSlot, directedCalmMs, isDirected, moment, nowMs, run, story } from './state.ts';
import { follow, seekMoment } from './steering.ts';

/** A pointer this close to an event means the event: about five pixels, as a part of the span. */
const SNAP = 0.006;
/** A pointer that moves less has picked an event. */
const DRAG_PX = 4;
/** The places of the range. */
const PLACES = 600;
/** Marks are so far from one another that none lies over the next. */
const MARK_PX = 14;

/** @param Dial stands before it, where the person directs what happens */
export function Rail({ Dial }: { Dial: ComponentType | undefined }) {
	calm.value;
	directedCalmMs.value;
	run.value;
	const rail = useRef<HTMLElement>(null);
	const track = useRef<HTMLDivElement>(null);
	const trackPx = useSignal(600);
	useEffect(() => {
		const observer = new ResizeObserver(() => {
			trackPx.value = track.current?.clientWidth || trackPx.peek();
			// The page scrolls what gets the focus clear of it.
			document.documentElement.style.setProperty('--rail', `${rail.current?.offsetHeight ?? 0}px`);
		});
		for (const { current } of [rail, track]) if (current) observer.observe(current);
		return () => observer.disconnect();
	}, []);
	const at = moment.value;
	const now = nowMs();
	const { startMs, endMs } = railWindow();
	const span = endMs - startMs;
	const landmarks = story.landmarks;
	const inSpan = landmarks.filter(({ item }) => item.whenMs >= startMs && item.whenMs <= endMs);
	const go = (ms: number, isDragged: boolean) => {
		if (ms >= endMs && at === null) return;
		const near = isDragged ? nearest(inSpan, ms, SNAP * span) : undefined;
		const item = near ?? story.tape.itemAt(ms);
		if (item) seekMoment(item);
	};
	// While the span stands still, so do its marks.
	const marks = useMemo(
		() =>
			marked(inSpan, (MARK_PX / trackPx.value) * span).map(({ item, glyph }) => (
				<span key={item.index} class="rail-mark" style={{ left: `${((item.whenMs - startMs) / span) * 100}%` }}>
					<Glyph kind={glyph} size={12} />
				</span>
			)),
		[run.value, startMs, endMs, inSpan.length, inSpan.at(-1), trackPx.value],
	);
	const pressedX = useRef(0);
	const isPinned = at !== null || chosenSlot.value !== null;
	return (
		<section
			class={Dial ? 'rail directed' : 'rail'}
			aria-label="The moment that the page shows"
			ref={rail}
			data-testid="rail"
			data-now={at === null}
		>
			<Answer />
			{Dial && <Dial />}
			<p class="rail-text" data-testid="rail-text">
				{at === null ? (
					<strong>
						{isDirected() ? (
							<>
								{timeText(now)}
								<span class="rail-more"> into the run</span>
							</>
						) : (
							'Now'
						)}
					</strong>
				) : (
					<PastText item={at} nowMs={now} />
				)}
				{at === null && chosenSlot.value !== null && <span class="muted">, at slot {countText(chosenSlot.value)}</span>}
			</p>
			<div class="rail-track" ref={track}>
				<div class="rail-marks" aria-hidden="true">
					{marks}
				</div>
				<input
					type="range"
					data-testid="rail-range"
					aria-label={isDirected() ? 'Moment of the run' : 'Moment, in the last minute'}
					aria-valuetext={at === null ? 'now' : `${timeText(now - at.whenMs)} ago`}
					min={0}
					max={PLACES}
					step={1}
					value={at === null ? PLACES : ((at.whenMs - startMs) / span) * PLACES}
					onInput={({ currentTarget }) =>
						go(startMs + (currentTarget.valueAsNumber / PLACES) * span, currentTarget.matches(':active'))
					}
					onPointerDown={({ clientX }) => {
						pressedX.current = clientX;
					}}
					onClick={({ clientX }) => {
						if (Math.abs(clientX - pressedX.current) < DRAG_PX) askOf(landmarks, moment.peek());
					}}
				/>
			</div>
			<div class="buttons">
				<button type="button" class="quiet ask-last" data-testid="ask-last" aria-keyshortcuts="W" onClick={askLast}>
					Why?<span class="sr"> The last event up to this moment</span>
				</button>
				<Jump label="Event before" by={-1} landmarks={landmarks} d="M10 3 5 8l5 5" />
				<Jump label="Event after" by={1} landmarks={landmarks} d="M6 3l5 5-5 5" />
				<button
					type="button"
					class="live"
					data-testid="follow"
					aria-pressed={!isPinned}
					aria-keyshortcuts="L"
					onClick={follow}
				>
					<i class="dot" /> {isDirected() ? 'Newest' : 'Live'}
				</button>
			</div>
		</section>
	);
}

/**
 * The landmarks that have room for a mark, `apartMs` from one another. Of two that are nearer a choice is left out first,
 * because there are most of these.
 */
function marked(landmarks: readonly Landmark[], apartMs: number): Landmark[] {
	const kept: Landmark[] = [];
	for (const landmark of landmarks) {
		const last = kept.at(-1);
		if (last && landmark.item.whenMs - last.item.whenMs < apartMs) {
			if (last.glyph !== 'learn' || landmark.glyph === 'learn') continue;
			kept.pop();
		}
		kept.push(landmark);
	}
	return kept;
}

/** A click on an event asks why it happened. */
function askOf(landmarks: readonly Landmark[], at: Item | null): void {
	if (at && isAnswered(at) && landmarks.some(({ item }) => item === at)) ask({ kind: 'item', item: at });
}

/** The event that a pointer at `ms` means; undefined where none is near. */
function nearest(landmarks: readonly Landmark[], ms: number, withinMs: number): Item | undefined {
	const distances = landmarks.map(({ item }) => Math.abs(item.whenMs - ms));
	const least = Math.min(...distances);
	return least <= withinMs ? landmarks[distances.indexOf(least)]?.item : undefined;
}

/** The time is that of the node whose fact it is. What a node did not tell itself has no such time. */
function PastText({ item: { told, node, whenMs }, nowMs }: { item: Item; nowMs: number }) {
	const behind = (
		<>
			{timeText(nowMs - whenMs)} behind<span class="rail-more"> {isDirected() ? 'the newest' : 'live'}</span>
		</>
	);
	if (told.kind !== 'fact') {
		return (
			<strong>
				<span class="rail-more">You are </span>
				{behind}
			</strong>
		);
	}
	return (
		<>
			<strong>
				<span class="rail-more">You are at </span>
				<span class={isDirected() ? 'rail-more' : ''}>
					<Time ms={told.fact.time} />,{' '}
				</span>
				{behind}
			</strong>
			<span class="muted rail-fact">
				{node} {factText(told.fact, nameBallots([ballotOf(told.fact)]))}
			</span>
		</>
	);
}

/** Messages take less than a millisecond. */
function timeText(ms: number): string {
	return isDirected() ? `${ms.toFixed(3)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** Goes from event to event, for those who use no pointer. */
function Jump(props: { label: string; by: 1 | -1; landmarks: readonly Landmark[]; d: string }) {
	const { label, by, landmarks, d } = props;
	const at = moment.value?.at ?? Number.POSITIVE_INFINITY;
	const target = by < 0 ? landmarks.findLast(({ item }) => item.at < at) : landmarks.find(({ item }) => item.at > at);
	return (
		<button
			type="button"
			class="icon"
			aria-label={target ? `${label}: ${target.text}` : label}
			title={target?.text}
			data-testid={by < 0 ? 'event-before' : 'event-after'}
			disabled={!target}
			onClick={() => target && seekMoment(target.item)}
		>
			<Icon d={d} />
		</button>
	);
}
