/**
 * The clock of the page, at its bottom: the last minute with what happened in it, the moment that everything else shows,
 * and the one way back to now.
 */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { nameBallots } from '../model/ballot-names.ts';
import { ballotOf } from '../model/decision-index.ts';
import { factText } from '../model/fact-text.ts';
import type { Landmark } from '../model/landmarks.ts';
import type { Item } from '../model/tape.ts';
import { countText } from '../model/why.ts';
import { Time } from './ballot.tsx';
import { Glyph } from './glyph.tsx';
import { calm, chosenSlot, follow, moment, seekMoment, story } from './state.ts';

const SPAN_MS = 60_000;
/** Where the moment is older than the span, the span ends so long after it. */
const AFTER_MS = 15_000;
/** A pointer this close to an event means the event. It is about five pixels. */
const SNAP_MS = 350;

export function Rail() {
	calm.value;
	const at = moment.value;
	const nowMs = performance.now();
	// The span stands still while the moment is in the past, so that nothing moves under the pointer.
	const held = useSignal(nowMs);
	useEffect(() => {
		if (at !== null) held.value = Math.max(performance.now(), held.peek());
	}, [at === null]);
	const endMs = at === null ? nowMs : at.whenMs < held.value - SPAN_MS ? at.whenMs + AFTER_MS : held.value;
	const startMs = endMs - SPAN_MS;
	const landmarks = story.landmarks;
	const inSpan = landmarks.filter(({ item }) => item.whenMs >= startMs && item.whenMs <= endMs);
	const go = (ms: number, isDragged: boolean) => {
		if (ms >= endMs && at === null) return;
		const near = isDragged ? nearest(inSpan, ms) : undefined;
		const item = near ?? story.tape.itemAt(ms);
		if (item) seekMoment(item);
	};
	const isPinned = at !== null || chosenSlot.value !== null;
	return (
		<section class="rail" aria-label="The moment that the page shows" data-testid="rail" data-now={at === null}>
			<p class="rail-text" data-testid="rail-text">
				{at === null ? <strong>Now</strong> : <PastText item={at} nowMs={nowMs} />}
				{at === null && chosenSlot.value !== null && <span class="muted">, at slot {countText(chosenSlot.value)}</span>}
			</p>
			<div class="rail-track">
				<div class="rail-marks" aria-hidden="true">
					{inSpan.map(({ item, glyph }) => (
						<span key={item.index} class="rail-mark" style={{ left: `${((item.whenMs - startMs) / SPAN_MS) * 100}%` }}>
							<Glyph kind={glyph} size={12} />
						</span>
					))}
				</div>
				<input
					type="range"
					data-testid="rail-range"
					aria-label="Moment, in the last minute"
					aria-valuetext={at === null ? 'now' : `${((nowMs - at.whenMs) / 1000).toFixed(1)} seconds ago`}
					min={0}
					max={SPAN_MS}
					step={100}
					value={at === null ? SPAN_MS : at.whenMs - startMs}
					onInput={({ currentTarget }) => go(startMs + currentTarget.valueAsNumber, currentTarget.matches(':active'))}
				/>
			</div>
			<div class="buttons">
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
					<i class="dot" /> Live
				</button>
			</div>
		</section>
	);
}

/** The event that a pointer at `ms` means; undefined where none is near. */
function nearest(landmarks: readonly Landmark[], ms: number): Item | undefined {
	const distances = landmarks.map(({ item }) => Math.abs(item.whenMs - ms));
	const least = Math.min(...distances);
	return least <= SNAP_MS ? landmarks[distances.indexOf(least)]?.item : undefined;
}

/** The time is that of the node whose fact it is. What a node did not tell itself has no such time. */
function PastText({ item: { told, node, whenMs }, nowMs }: { item: Item; nowMs: number }) {
	const behind = `${((nowMs - whenMs) / 1000).toFixed(1)} s behind live`;
	if (told.kind !== 'fact') return <strong>You are {behind}</strong>;
	return (
		<>
			<strong>
				You are at <Time ms={told.fact.time} />, {behind}
			</strong>
			<span class="muted rail-fact">
				{node} {factText(told.fact, nameBallots([ballotOf(told.fact)]))}
			</span>
		</>
	);
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
			<svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
				<path d={d} />
			</svg>
		</button>
	);
}
