/** The stretch of time that the rail shows, by the clock of the source, milliseconds. */
import { computed, effect, signal, untracked } from '@preact/signals';
import { moment, nowMs, run, spanMs } from './state.ts';

/** Where the moment is older than the span, so much of the span is after it. */
const AFTER = 0.25;

const isNow = computed(() => moment.value === null);
/** The span stands still while the moment is in the past, so that nothing moves under the pointer. */
const held = signal({ endMs: 0, spanMs: 0 });

effect(() => {
	isNow.value;
	run.value;
	untracked(() => {
		held.value = { endMs: nowMs(), spanMs: spanMs() };
	});
});

interface Window {
	readonly startMs: number;
	readonly endMs: number;
}

export function railWindow(): Window {
	return windowOf(moment.value === null ? spanMs() : held.value.spanMs);
}

/** A stretch that ends and stands still as that of the rail does, and is so long. */
export function windowOf(lengthMs: number): Window {
	const at = moment.value;
	if (at === null) return { startMs: nowMs() - lengthMs, endMs: nowMs() };
	const { endMs: heldMs } = held.value;
	const isBefore = at.whenMs < heldMs - lengthMs;
	const endMs = isBefore ? at.whenMs + AFTER * lengthMs : Math.max(heldMs, at.whenMs);
	return { startMs: endMs - lengthMs, endMs };
}
