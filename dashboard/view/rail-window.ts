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

export function railWindow(): { readonly startMs: number; readonly endMs: number } {
	const at = moment.value;
	if (at === null) {
		const endMs = nowMs();
		return { startMs: endMs - spanMs(), endMs };
	}
	const { endMs: heldMs, spanMs: span } = held.value;
	const endMs = at.whenMs < heldMs - span ? at.whenMs + AFTER * span : Math.max(heldMs, at.whenMs);
	return { startMs: endMs - span, endMs };
}
