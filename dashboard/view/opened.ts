/**
 * How much of the decision is drawn. What is built anew when the first one is shown would take longer in one frame than a
 * person may wait for an answer, so it comes in parts, in one frame after another. From then on all of it is drawn at once.
 */
import { effect, signal } from '@preact/signals';
import { shownSlot } from './state.ts';

/** `none`: the other panels come first. `phase1`: its head and its first two rows. */
export type Opened = 'none' | 'phase1' | 'all';

export const opened = signal<Opened>('none');

/** Waits until there is a decision to show. */
export function openOnce(): void {
	if (opened.peek() !== 'none') return;
	const stop = effect(() => {
		if (shownSlot.value === 0) return;
		requestAnimationFrame(() => {
			opened.value = 'phase1';
			requestAnimationFrame(() => {
				opened.value = 'all';
			});
		});
		queueMicrotask(() => stop());
	});
}
