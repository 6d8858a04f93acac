/** Goes to another slot or another moment, and plays the shown decision. */
import { batch } from '@preact/signals';
import type { BallotText } from '../../shared/fact.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { stepAt } from '../model/playback.ts';
import type { Item } from '../model/tape.ts';
import { pickedBallot, playback, step } from './shown-decision.ts';
import {
	attempts,
	chosenSlot,
	isDirected,
	moment,
	playing,
	position,
	SETTLE_MS,
	shownSlot,
	speed,
	story,
} from './state.ts';

export const SPEEDS: readonly number[] = [0.25, 0.5, 1, 2, 4];
/** Only the newest start of a playback may move it on. */
let starts = 0;

export function showSlot(slot: Slot | null, tried: readonly BallotText[] = []): void {
	batch(() => {
		chosenSlot.value = slot;
		attempts.value = tried;
		pickedBallot.value = null;
		toLive();
	});
}

/** Shows `slot` from its first fact on, once its facts are in. Who directs what happens has seen it happen. */
export function playSlot(slot: Slot, tried: readonly BallotText[]): void {
	showSlot(slot, tried);
	if (isDirected()) return;
	setTimeout(() => {
		if (chosenSlot.value === slot && moment.value === null) play();
	}, SETTLE_MS);
}

export function play(): void {
	if (playback.value.steps.length === 0) return;
	batch(() => {
		pin();
		// Where the playback has ended it begins anew.
		if (position.value === null || position.value >= playback.value.durationMs) moveTo(0);
		playing.value = true;
	});
	const own = ++starts;
	requestAnimationFrame((now) => advance(own, now, now));
}

export function pause(): void {
	playing.value = false;
}

export function stepBy(by: 1 | -1): void {
	const { steps } = playback.value;
	if (steps.length === 0) return;
	const now = step.value ?? steps.length - 1;
	const target = Math.min(Math.max(now + by, 0), steps.length - 1);
	seek(steps[target]?.atMs ?? 0);
}

/** Goes to a place in the playback of the shown decision. */
export function seek(ms: number): void {
	batch(() => {
		pin();
		playing.value = false;
		moveTo(ms);
	});
}

/** Goes to a moment of the whole swarm. Where no slot was chosen, the newest one of that moment is shown. */
export function seekMoment(item: Item): void {
	batch(() => {
		playing.value = false;
		moment.value = item;
		const { steps } = playback.value;
		const through = steps.filter(({ moment }) => moment.at <= item.at).length;
		const isPast = through === steps.length && item.at > (steps.at(-1)?.moment.at ?? 0);
		position.value = isPast ? playback.value.durationMs : (steps[through - 1]?.atMs ?? -1);
	});
}

/** The same, and the slot that is shown stays. */
export function seekMomentOfSlot(item: Item): void {
	batch(() => {
		pin();
		seekMoment(item);
	});
}

/** Back to now, with the slot that is shown. */
export function toLive(): void {
	batch(() => {
		playing.value = false;
		moment.value = null;
		position.value = null;
	});
}

/** Back to now, and to the newest slot. */
export function follow(): void {
	showSlot(null);
}

export function changeSpeed(by: 1 | -1): void {
	const at = SPEEDS.indexOf(speed.value);
	speed.value = SPEEDS[Math.min(Math.max(at + by, 0), SPEEDS.length - 1)] ?? 1;
}

/** The slot that is shown stays the same while time moves on. */
function pin(): void {
	if (chosenSlot.value === null && shownSlot.value > 0) chosenSlot.value = shownSlot.value;
}

/** Moves both hands of the clock to a place in the playback. */
function moveTo(ms: number): void {
	const { steps } = playback.value;
	moment.value = steps[Math.max(0, stepAt(steps, ms))]?.moment ?? null;
	position.value = moment.value && ms;
}

/** The tape forgets old moments, and a page that shows one of them would show another one without a word. */
export function forgetOldMoment(): void {
	const { first } = story.tape;
	if (moment.value !== null && first && moment.value.at < first.at) seekMoment(first);
}

function advance(own: number, beforeMs: number, nowMs: number): void {
	if (own !== starts || !playing.value || position.value === null) return;
	const next = position.value + (nowMs - beforeMs) * speed.value;
	// At its end the playback has shown everything, which is the present of this slot.
	if (next >= playback.value.durationMs) return toLive();
	moveTo(next);
	requestAnimationFrame((later) => advance(own, nowMs, later));
}
