/**
 * What the components share: the story, folded once per animation frame, and what the person chose to look at. The whole
 * page shows one moment, which is now or in the past. Components read `frame` or, where ten times a second is enough,
 * `calm`, and then the swarm of that moment by `swarmShown`. What a person does happens now, so forms use `story.live`.
 */
import { batch, computed, effect, signal, untracked } from '@preact/signals';
import type { BallotText } from '../../shared/fact.ts';
import type { EntriesBelow, ProposeAnswer, ProposeRequest } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { type Decision, type Round, roundToShow } from '../model/decision.ts';
import { ballotOf, type Gathered } from '../model/decision-index.ts';
import { FlurryRecorder } from '../model/flurry.ts';
import { type Flight, type Playback, playbackOf, stepAt } from '../model/playback.ts';
import type { Beginning, Source } from '../model/source.ts';
import { Story } from '../model/story.ts';
import type { SwarmModel } from '../model/swarm-model.ts';
import type { Item } from '../model/tape.ts';
import { drawn } from './drawn.ts';
import { followNews, forgetNews } from './news.ts';

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
const newestShown = signal<Slot>(0);

/** The page shows the moment just after this item; null: now. */
export const moment = signal<Item | null>(null);
/**
 * How far the shown decision is played at `moment`, milliseconds of its playback; below 0 before its first step; null where
 * the moment is now. Between two steps it tells how far the messages have flown.
 */
export const position = signal<number | null>(null);
export const playing = signal(false);
export const speed = signal(1);

export const SPEEDS: readonly number[] = [0.25, 0.5, 1, 2, 4];
/** While the person has chosen no slot, the shown slot changes at most this often. */
const NEWEST_SHOWN_MS = 1500;
const CALM_MS = 100;
/** To draw what is drawn so takes at most this part of the time, so that the frames between are free for what is new. */
const CALM_PART = 0.2;
/** The other nodes learn with the leader's next message, so a playback waits this long for it. */
const SETTLE_MS = 450;
/** A hidden tab gets no animation frames. Facts are then folded at once, so that they do not pile up. */
const QUEUE_MAX = 256;

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
/** Only the newest start of a playback may move it on. */
let starts = 0;

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

export function start(from: Source): void {
	source = from;
	const queue: (() => void)[] = [];
	let frameAsked = false;
	/** Nothing was folded of this run yet. */
	let hasBegun = false;
	let facts = 0;
	let newestShownMs = Number.NEGATIVE_INFINITY;

	const follow = (nowMs: number) => {
		newestShown.value = story.live.newestSlot;
		newestShownMs = nowMs;
	};
	const isBehind = () =>
		newestShown.value !== story.live.newestSlot && performance.now() - newestShownMs > NEWEST_SHOWN_MS;
	const fold = () => {
		frameAsked = false;
		for (const task of queue.splice(0)) task();
		followNews(story);
		batch(() => {
			frame.value++;
			// No panel shows another run than the next one does.
			if (hasBegun) calm.value = frame.value;
			hasBegun = false;
			if (isBehind()) follow(performance.now());
		});
	};
	const askFrame = () => {
		if (frameAsked) return;
		frameAsked = true;
		requestAnimationFrame(fold);
	};
	const enqueue = (task: () => void) => {
		const ms = from.nowMs();
		queue.push(() => {
			toldMs = ms;
			task();
		});
		if (queue.length > QUEUE_MAX) fold();
		else askFrame();
	};
	let calmReadyMs = 0;
	setInterval(() => {
		if (calm.value !== frame.value && performance.now() >= calmReadyMs) {
			const change = () => {
				calm.value = frame.value;
			};
			drawn(change, (tookMs) => {
				calmReadyMs = performance.now() + tookMs * (1 / CALM_PART - 1);
			});
		}
		directedCalmMs.value = directedMs.value;
		if (isBehind()) askFrame();
		forgetOldMoment();
	}, CALM_MS);
	setInterval(() => {
		factsPerSecond.value = facts;
		facts = 0;
	}, 1000);

	from.start({
		begin: (run) => {
			queue.length = 0;
			hasBegun = true;
			batch(() => forgetAll(run));
		},
		moved: () => {
			directedMs.value = from.nowMs();
			story.prepare();
		},
		entry: (node) => enqueue(() => story.entry(node)),
		recalled: (past) => {
			queue.push(() => {
				for (const each of past) {
					toldMs = each.whenMs;
					story.recalled(each);
				}
			});
			askFrame();
		},
		snapshot: (node, snapshot) => enqueue(() => story.snapshot(node, snapshot)),
		lost: (node, sinceMs) => enqueue(() => story.lost(node, sinceMs)),
		refused: (node, why) => enqueue(() => story.refused(node, why)),
		newer: (node) => enqueue(() => story.newer(node)),
		replayed: (next) => enqueue(() => story.replayed(next)),
		shows: (count) =>
			enqueue(() => {
				const item = story.tape.nth(count - 1);
				if (item) seekMoment(item);
			}),
		batch: (node, told) =>
			enqueue(() => {
				const entries = story.batch(node, told);
				if (entries === 'gap') return from.resync(node);
				// Facts do not tell where new members are reached, nor what a snapshot brought.
				if (entries.some(({ fact }) => fact.kind === 'members' || fact.kind === 'installed')) from.resync(node);
				facts += entries.length;
				const nowMs = performance.now();
				for (const entry of entries) flurries.add(entry, nowMs);
			}),
	});
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
	const known = nodes.flatMap(({ isUp, phase1, slots }) => [isUp, phase1, slots.get(of.slot)]);
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

export function showSlot(slot: Slot | null, tried: readonly BallotText[] = []): void {
	batch(() => {
		chosenSlot.value = slot;
		attempts.value = tried;
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

function forgetAll({ items, quorumSize }: Beginning = {}): void {
	story = new Story(() => toldMs, items, quorumSize);
	flurries = new FlurryRecorder();
	forgetNews();
	lastGathered = null;
	lastDecided = null;
	toldMs = 0;
	run.value++;
	newestShown.value = 0;
	pickedBallot.value = null;
	showSlot(null);
	frame.value++;
}

/** The tape forgets old moments, and a page that shows one of them would show another one without a word. */
function forgetOldMoment(): void {
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
