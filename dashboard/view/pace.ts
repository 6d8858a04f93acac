/**
 * How soon a panel shows another moment. One that a person sees is drawn at once. One that is out of view waits until the
 * page has come to rest, so that a hand on the rail does not wait for what nobody sees.
 */
import { computed, effect, type ReadonlySignal, type Signal, signal, untracked, useSignal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';
import { calm, moment, shownSlot, story } from './state.ts';

/** The page is at rest when nothing has changed for so long. */
const REST_MS = 100;
/** While it does not come to rest, what is out of view is drawn so seldom. */
const BUSY_MS = 600;
/** Whatever is so near is drawn at once, because it may be scrolled into view. */
const NEAR = '200px';

/** Names what is to be shown: a moment of the past, before which nothing is put any more, stays as it is. */
export const wanted = computed(() => {
	const at = moment.value;
	const now = calm.value;
	const isOver = at !== null && at.at <= (story.tape.settledLast?.at ?? -1);
	return `${isOver ? `at ${at.at}` : now} ${shownSlot.value}`;
});
/** As `wanted`, once the page is at rest. */
const settled = signal('');
/** Whether the panels out of view show the moment of the page too. */
export const isSettled = computed(() => settled.value === wanted.value);

let timer: ReturnType<typeof setTimeout> | undefined;
let busySinceMs = 0;

effect(() => {
	if (isSettled.value) return;
	wanted.value;
	untracked(wait);
});

function wait(): void {
	const nowMs = performance.now();
	if (timer === undefined) busySinceMs = nowMs;
	clearTimeout(timer);
	timer = setTimeout(settle, Math.max(0, Math.min(REST_MS, busySinceMs + BUSY_MS - nowMs)));
}

function settle(): void {
	timer = undefined;
	settled.value = wanted.value;
}

/**
 * Draws the component again for every moment, at the pace of its panel.
 *
 * @returns changes whenever the component is to show what is shown now: a property for parts that read no signal
 */
export function usePace(panel: RefObject<HTMLElement | null>): string {
	const isNear = useSignal(true);
	useSeen(panel, isNear, NEAR);
	const of: ReadonlySignal<string> = isNear.value ? wanted : settled;
	return of.value;
}

/** Follows whether the panel is in view, or nearly. Of several changes at once the last one counts. */
export function useSeen(panel: RefObject<HTMLElement | null>, isSeen: Signal<boolean>, rootMargin?: string): void {
	useEffect(() => {
		const { current } = panel;
		if (!current) return;
		const observer = new IntersectionObserver(
			(entries) => {
				isSeen.value = entries.at(-1)?.isIntersecting ?? isSeen.value;
			},
			{ rootMargin },
		);
		observer.observe(current);
		return () => observer.disconnect();
	}, []);
}
