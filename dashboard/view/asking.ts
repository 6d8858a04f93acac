/** What a person has asked why it happened, in whichever panel. */
import { computed, signal } from '@preact/signals';
import { isAnswered, type Question } from '../model/reasons/reason.ts';
import type { Item } from '../model/tape.ts';
import { moment, run, story } from './state.ts';

interface Asked {
	readonly question: Question;
	/** As `run` of `state.ts`. */
	readonly run: number;
	/** What has the focus again once the answer is closed. */
	readonly from: Element | null;
}

const asked = signal<Asked | null>(null);

/** The question whose answer is shown. Null while nobody asks, and once the page shows another run. */
export const answered = computed(() => (asked.value?.run === run.value ? asked.value.question : null));

export function ask(question: Question): void {
	const from = answered.peek() === null ? document.activeElement : (asked.peek()?.from ?? null);
	asked.value = { question, run: run.peek(), from };
}

/** Asks of the last event that the rail shows up to its moment. */
export function askLast(): void {
	const item = lastEvent(moment.peek());
	if (item) ask({ kind: 'item', item });
}

function lastEvent(at: Item | null): Item | undefined {
	if (at && isAnswered(at)) return at;
	const through = at?.at ?? Number.POSITIVE_INFINITY;
	return story.landmarks.findLast(({ item }) => item.at <= through && isAnswered(item))?.item;
}

export function closeAnswer(): void {
	const from = asked.peek()?.from;
	asked.value = null;
	if (from instanceof HTMLElement && from.isConnected) from.focus();
}
