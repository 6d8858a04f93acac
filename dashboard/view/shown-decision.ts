/** The decision that the page shows, at the moment that it shows, and how that decision is played. */
import { computed, signal } from '@preact/signals';
import type { BallotText } from '../../shared/fact.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { type Decision, type Round, roundToShow } from '../model/decision.ts';
import { ballotOf, type Gathered } from '../model/decision-index.ts';
import type { RowName } from '../model/paper.ts';
import { type Playback, playbackOf, stepAt } from '../model/playback.ts';
import type { Item } from '../model/tape.ts';
import { attempts, frame, moment, position, shownSlot, story } from './state.ts';

/** All that is known of the shown slot, also what happened after the moment that is shown. */
export const gathered = computed((): Gathered => {
	frame.value;
	return gatherOnce(shownSlot.value, attempts.value);
});

let lastGathered: { readonly key: string; readonly value: Gathered } | null = null;

/** It is gathered again only when it changed. */
function gatherOnce(slot: Slot, tried: readonly BallotText[]): Gathered {
	const key = `${slot} ${tried.join()} ${story.index.version(slot, tried)} ${story.live.snapshotsCount}`;
	story.tape.settle();
	if (lastGathered?.key !== key || !isInOrder(lastGathered.value)) {
		lastGathered = { key, value: story.gather(slot, tried) };
	}
	return lastGathered.value;
}

/** The tape may have put facts of it into another order since. */
function isInOrder({ entries }: Gathered): boolean {
	return entries.every(({ at }, i) => at > (entries[i - 1]?.at ?? -1));
}

/**
 * The rows that need more room at some step of the playback than at others, for a refusal or for a value that a promise
 * reports. They have it at every step, so that nothing moves while the decision plays.
 */
export const tallRows = computed((): ReadonlySet<RowName> => {
	const { slot, entries } = gathered.value;
	const rows = new Set<RowName>();
	for (const { fact } of entries) {
		if (fact.kind === 'refused') rows.add(fact.refused === 'prepare' ? '1b' : '2b');
		if (fact.kind === 'promiseCounted' && fact.reported.some((each) => each.slot === slot)) rows.add('1b').add('2a');
	}
	return rows;
});

export const playback = computed((): Playback => playbackOf(gathered.value.entries));

/** The step that has happened last; null where the moment is now, when all have. */
export const step = computed((): number | null =>
	position.value === null ? null : stepAt(playback.value.steps, position.value),
);

export const decision = computed((): Decision => {
	if (moment.value === null) frame.value;
	return decideOnce(gathered.value, moment.value);
});

let lastDecided: { readonly from: readonly unknown[]; readonly value: Decision } | null = null;

/** It is another one only where something has changed that it is made of, because most of the page is drawn by it. */
function decideOnce(of: Gathered, at: Item | null): Decision {
	const { nodes, history } = at ? story.at(at) : story.live;
	const known = nodes.flatMap(({ isUp, phase1, slots, chosenThrough }) => {
		return [isUp, phase1, slots.get(of.slot), of.slot <= chosenThrough];
	});
	const from = [of, at, history.last, history.governing(of.slot), ...known];
	if (lastDecided?.from.length !== from.length || lastDecided.from.some((each, i) => each !== from[i])) {
		lastDecided = { from, value: story.decision(of, at) };
	}
	return lastDecided.value;
}

/** The ballot that the person picked of those that were tried for the shown slot; null for none. */
export const pickedBallot = signal<BallotText | null>(null);

/** What happened under one ballot of the shown decision: the one of the present step, else the picked one. */
export const shownRound = computed((): Round | undefined => {
	const at = step.value;
	const fact = at === null ? undefined : playback.value.steps[at]?.fact;
	return roundToShow(decision.value, fact && ballotOf(fact), pickedBallot.value);
});

/** What was gathered of another run is no part of this one. */
export function forgetDecision(): void {
	lastGathered = null;
	lastDecided = null;
}
