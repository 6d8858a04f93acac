/**
 * What the components share: the model, folded once per animation frame, and what the person chose to look at.
 * Components read `frame` or, where ten times a second is enough, `calm`, and then the model itself.
 */
import { batch, computed, signal } from '@preact/signals';
import type { BallotText } from '../../shared/fact.ts';
import type { ProposeAnswer, ProposeRequest } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import type { Decision } from '../model/decision.ts';
import type { Gathered } from '../model/decision-index.ts';
import { MomentRecorder } from '../model/moment.ts';
import { type Playback, playbackOf, stepAt } from '../model/playback.ts';
import type { Source } from '../model/source.ts';
import { SwarmModel } from '../model/swarm-model.ts';
import { followNews } from './news.ts';

export const swarm = new SwarmModel();
export const moments = new MomentRecorder();

/** Grows with every frame in which something was folded. */
export const frame = signal(0);
/** The same number, updated at most ten times a second, for lists and tables. */
export const calm = signal(0);
/** Facts folded in the last whole second. */
export const factsPerSecond = signal(0);

/** The slot that the person chose; null: the newest. */
export const chosenSlot = signal<Slot | null>(null);
/** Ballots that an answer listed as tried for `chosenSlot`. */
export const attempts = signal<readonly BallotText[]>([]);
const newestShown = signal<Slot>(0);
export const shownSlot = computed(() => chosenSlot.value ?? newestShown.value);

/** The playback, or null for the live view. */
export const position = signal<number | null>(null);
export const playing = signal(false);
export const speed = signal(1);

export const SPEEDS: readonly number[] = [0.25, 0.5, 1, 2, 4];
/** While the person has chosen no slot, the shown slot changes at most this often. */
const NEWEST_SHOWN_MS = 1500;
const CALM_MS = 100;
/** The other nodes learn with the leader's next message, so a playback waits this long for it. */
const SETTLE_MS = 450;
/** A hidden tab gets no animation frames. Facts are then folded at once, so that they do not pile up. */
const QUEUE_MAX = 256;

let source: Source | null = null;
/** Only the newest run of a playback may move it on. */
let run = 0;

export function start(from: Source): void {
	source = from;
	const queue: (() => void)[] = [];
	let frameAsked = false;
	let facts = 0;
	let newestShownMs = Number.NEGATIVE_INFINITY;

	const fold = () => {
		frameAsked = false;
		for (const task of queue.splice(0)) task();
		followNews(swarm);
		const now = performance.now();
		batch(() => {
			frame.value++;
			if (newestShown.value !== swarm.newestSlot && now - newestShownMs > NEWEST_SHOWN_MS) {
				newestShown.value = swarm.newestSlot;
				newestShownMs = now;
			}
		});
	};
	const askFrame = () => {
		if (frameAsked) return;
		frameAsked = true;
		requestAnimationFrame(fold);
	};
	const enqueue = (task: () => void) => {
		queue.push(task);
		if (queue.length > QUEUE_MAX) fold();
		else askFrame();
	};
	setInterval(() => {
		if (calm.value !== frame.value) calm.value = frame.value;
		if (newestShown.value !== swarm.newestSlot && performance.now() - newestShownMs > NEWEST_SHOWN_MS) askFrame();
	}, CALM_MS);
	setInterval(() => {
		factsPerSecond.value = facts;
		facts = 0;
	}, 1000);

	from.start({
		entry: (node) =>
			enqueue(() => {
				swarm.entry = node;
			}),
		snapshot: (node, snapshot) => enqueue(() => swarm.snapshot(node, snapshot)),
		lost: (node, sinceMs) => enqueue(() => swarm.lost(node, sinceMs)),
		refused: (node, why) => enqueue(() => swarm.refused(node, why)),
		newer: (node) => enqueue(() => swarm.newer(node)),
		batch: (node, told) =>
			enqueue(() => {
				const entries = swarm.batch(node, told);
				if (entries === 'gap') return from.resync(node);
				// Facts do not tell where new members are reached, nor what a snapshot brought.
				if (entries.some(({ fact }) => fact.kind === 'members' || fact.kind === 'installed')) from.resync(node);
				facts += entries.length;
				const nowMs = performance.now();
				for (const entry of entries) moments.add(entry, nowMs);
			}),
	});
}

export function resync(node: NodeId): void {
	source?.resync(node);
}

export async function propose(node: NodeId, request: ProposeRequest): Promise<ProposeAnswer> {
	if (!source) return { outcome: 'refused', why: 'not connected yet', attempts: [] };
	return source.propose(node, request);
}

/** What is known of the shown slot, gathered again only when it changed. */
export const gathered = computed((): Gathered => {
	frame.value;
	return gatherOnce(shownSlot.value, attempts.value);
});

let lastGathered: { readonly key: string; readonly value: Gathered } | null = null;

function gatherOnce(slot: Slot, tried: readonly BallotText[]): Gathered {
	const key = `${slot} ${tried.join()} ${swarm.index.version(slot, tried)} ${swarm.snapshotsCount}`;
	if (lastGathered?.key !== key) lastGathered = { key, value: swarm.gather(slot, tried) };
	return lastGathered.value;
}

export const playback = computed((): Playback => playbackOf(gathered.value.entries));

/** The step that has happened last; null in the live view, where all have. */
export const step = computed((): number | null =>
	position.value === null ? null : stepAt(playback.value.steps, position.value),
);

export const decision = computed((): Decision => {
	const at = step.value;
	if (at === null) {
		frame.value;
		return swarm.decision(gathered.value);
	}
	return swarm.decision(gathered.value, playback.value.steps[at]?.through ?? 0);
});

export function showSlot(slot: Slot | null, tried: readonly BallotText[] = []): void {
	batch(() => {
		chosenSlot.value = slot;
		attempts.value = tried;
		toLive();
	});
}

/** Shows `slot` from its first fact on, once its facts are in. */
export function playSlot(slot: Slot, tried: readonly BallotText[]): void {
	showSlot(slot, tried);
	setTimeout(() => {
		if (chosenSlot.value === slot && position.value === null) play();
	}, SETTLE_MS);
}

export function play(): void {
	if (playback.value.steps.length === 0) return;
	batch(() => {
		if (chosenSlot.value === null) chosenSlot.value = shownSlot.value;
		position.value ??= 0;
		playing.value = true;
	});
	const own = ++run;
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

export function seek(ms: number): void {
	batch(() => {
		if (chosenSlot.value === null) chosenSlot.value = shownSlot.value;
		playing.value = false;
		position.value = ms;
	});
}

export function toLive(): void {
	batch(() => {
		playing.value = false;
		position.value = null;
	});
}

export function changeSpeed(by: 1 | -1): void {
	const at = SPEEDS.indexOf(speed.value);
	speed.value = SPEEDS[Math.min(Math.max(at + by, 0), SPEEDS.length - 1)] ?? 1;
}

function advance(own: number, beforeMs: number, nowMs: number): void {
	if (own !== run || !playing.value || position.value === null) return;
	const next = position.value + (nowMs - beforeMs) * speed.value;
	// At its end the playback has shown everything, which is the present.
	if (next >= playback.value.durationMs) return toLive();
	position.value = next;
	requestAnimationFrame((later) => advance(own, nowMs, later));
}
