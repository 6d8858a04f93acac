/**
 * Runs long work in slices, between which the event loop does everything else that waits. The work is a generator that
 * yields its progress after each small step.
 */
import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';

/** The length of a slice, which one step of the work may exceed. */
const SLICE_MS = 5;

export interface SliceOptions<Step> {
	/** Called after each slice with its last step. The next slice waits for what it returns. */
	between(step: Step): Promise<void> | void;
	/** Whether a slice must end with this step, however short it is. */
	endsSlice?(step: Step): boolean;
}

/** Resolves with the result of `work`. Rejects with the error that it throws. */
export async function inSlices<Step, Result>(
	work: Generator<Step, Result>,
	{ between, endsSlice = () => false }: SliceOptions<Step>,
): Promise<Result> {
	for (;;) {
		const endMs = performance.now() + SLICE_MS;
		let step: Step;
		do {
			const next = work.next();
			if (next.done) return next.value;
			step = next.value;
		} while (!endsSlice(step) && performance.now() < endMs);
		await between(step);
		await setImmediate();
	}
}
