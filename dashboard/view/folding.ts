/** Folds what a source tells into the story, once per animation frame, and tells the panels when to be drawn again. */
import { batch } from '@preact/signals';
import type { Beginning, Source } from '../model/source.ts';
import { drawn } from './drawn.ts';
import { followNews, forgetNews } from './news.ts';
import { openOnce } from './opened.ts';
import { forgetDecision } from './shown-decision.ts';
import {
	beginStory,
	calm,
	directedCalmMs,
	directedMs,
	factsPerSecond,
	flurries,
	frame,
	listenTo,
	newestShown,
	story,
	toldAt,
} from './state.ts';
import { forgetOldMoment, seekMoment, showSlot } from './steering.ts';

/** While the person has chosen no slot, the shown slot changes at most this often, so that it can be read. */
const NEWEST_SHOWN_MS = 1500;
/** The same in a sandbox, where a person decides how fast slots follow each other. */
const NEWEST_DIRECTED_MS = 100;
const CALM_MS = 100;
/** To draw what is drawn so takes at most this part of the time, so that the frames between are free for what is new. */
const CALM_PART = 0.2;
/** A hidden tab gets no animation frames. Facts are then folded at once, so that they do not pile up. */
const QUEUE_MAX = 256;

export function start(from: Source): void {
	listenTo(from);
	openOnce();
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
	const everyMs = from.isDirected ? NEWEST_DIRECTED_MS : NEWEST_SHOWN_MS;
	const isBehind = () => newestShown.value !== story.live.newestSlot && performance.now() - newestShownMs > everyMs;
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
			toldAt(ms);
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
		// Time passes where nothing is told too, but not where a person directs it.
		if (facts === 0 && !from.isDirected) askFrame();
		facts = 0;
	}, 1000);

	from.start({
		begin: (run) => {
			queue.length = 0;
			hasBegun = true;
			batch(() => begin(run));
		},
		moved: () => {
			directedMs.value = from.nowMs();
			story.prepare();
		},
		entry: (node) => enqueue(() => story.entry(node)),
		recalled: (past) => {
			queue.push(() => {
				for (const each of past) {
					toldAt(each.whenMs);
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

function begin(of: Beginning = {}): void {
	beginStory(of);
	forgetNews();
	forgetDecision();
	showSlot(null);
	frame.value++;
}
