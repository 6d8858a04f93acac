/**
 * What the components share: the story, folded once per animation frame, and what the person chose to look at. The whole
 * page shows one moment, which is now or in the past. Components read `frame` or, where ten times a second is enough,
 * `calm`, and then the swarm of that moment by `swarmShown`. What a person does happens now, so forms use `story.live`.
 */
import { computed, effect, signal, untracked } from '@preact/signals';
import type { BallotText } from '../../shared/fact.ts';
import type { EntriesBelow, ProposeAnswer, ProposeRequest } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { FlurryRecorder } from '../model/flurry.ts';
import type { Flight } from '../model/playback.ts';
import type { Beginning, Source } from '../model/source.ts';
import { Story } from '../model/story.ts';
import type { SwarmModel } from '../model/swarm-model.ts';
import type { Item } from '../model/tape.ts';

/** When what is being folded was told, by the clock of the source. */
let toldMs = 0;
export let story = new Story(() => toldMs);
export let flurries = new FlurryRecorder();

/** Grows with every frame in which something was folded, and whenever the page shows another moment. */
export const frame = signal(0);
/** The same number, updated at most ten times a second and not all the time, for lists and tables. */
export const calm = signal(0);
/** Grows with every run that begins: what was said of another one is not true of it. */
export const run = signal(0);
/** The clock of a directed source, milliseconds. */
export const directedMs = signal(0);
/** The same, updated at most ten times a second. */
export const directedCalmMs = signal(0);
/** Facts folded in the last whole second. */
export const factsPerSecond = signal(0);

/** The slot that the person chose; null: the newest. */
export const chosenSlot = signal<Slot | null>(null);
/** Ballots that an answer listed as tried for `chosenSlot`. */
export const attempts = signal<readonly BallotText[]>([]);
/** The newest slot, as it is shown while the person has chosen none. */
export const newestShown = signal<Slot>(0);

/** The page shows the moment just after this item; null: now. */
export const moment = signal<Item | null>(null);
/**
 * How far the shown decision is played at `moment`, milliseconds of its playback; below 0 before its first step; null where
 * the moment is now. Between two steps it tells how far the messages have flown.
 */
export const position = signal<number | null>(null);
export const playing = signal(false);
export const speed = signal(1);

/** The other nodes learn with the leader's next message, so a playback waits this long for it. */
export const SETTLE_MS = 450;

/**
 * The swarm at the moment that the page shows. Panels read `frame` or `calm` to be drawn again. This reads no signal,
 * because a component that reads one is drawn again only when its properties or its signals change, and the swarm is
 * neither.
 */
export function swarmShown(): SwarmModel {
	const at = moment.peek();
	return at === null ? story.live : story.at(at);
}

export const shownSlot = computed(
	() => chosenSlot.value ?? (moment.value === null ? newestShown.value : swarmShown().newestSlot),
);

effect(() => {
	moment.value;
	untracked(() => {
		frame.value++;
		calm.value = frame.value;
	});
});

let source: Source | null = null;

/** Whether the person directs what happens. */
export function isDirected(): boolean {
	return source?.isDirected ?? false;
}

/** The clock by which the page is told. */
export function nowMs(): number {
	return source?.nowMs() ?? 0;
}

/** The right time of day, milliseconds since 1970. */
export function wallMs(): number {
	return source?.wallMs() ?? 0;
}

/** The rail shows so much of the past, milliseconds. */
export function spanMs(): number {
	return source?.spanMs() ?? 0;
}

/** When everything that belongs to what is known now has been told. */
export function settledMs(): number {
	return nowMs() + (isDirected() ? 0 : SETTLE_MS);
}

/** What is on its way at the moment that is shown; null where only facts tell. */
export function flightsShown(): readonly Flight[] | null {
	return source?.flightsAt(shownMs()) ?? null;
}

/** What is on its way now; null where only facts tell. */
export function flightsNow(): readonly Flight[] | null {
	return source?.flightsAt(nowMs())?.filter(({ lost }) => !lost) ?? null;
}

/** The time of the moment that is shown, by the clock of the source. */
export function shownMs(): number {
	return moment.peek()?.whenMs ?? nowMs();
}

export function resync(node: NodeId): void {
	source?.resync(node);
}

export async function list(node: NodeId, prefix: string): Promise<EntriesBelow | null> {
	return source?.list(node, prefix) ?? null;
}

export async function propose(node: NodeId, request: ProposeRequest): Promise<ProposeAnswer> {
	if (!source) return { outcome: 'refused', why: 'not connected yet', attempts: [] };
	return source.propose(node, request, moment.peek()?.whenMs ?? null);
}

export function listenTo(from: Source): void {
	source = from;
}

/** What is folded next was told then. */
export function toldAt(ms: number): void {
	toldMs = ms;
}

/** Another run begins. */
export function beginStory({ items, quorumSize, identityOf }: Beginning): void {
	story = new Story(() => toldMs, items, quorumSize, identityOf);
	flurries = new FlurryRecorder();
	toldMs = 0;
	run.value++;
	newestShown.value = 0;
}
