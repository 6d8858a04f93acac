/**
 * Sends each watcher of this node the facts in order without gaps or, where it fell behind, the number of facts it
 * missed of each kind and a new snapshot. Facts are held in one list for all watchers, and a watcher has a place in it.
 * It asks the replica for facts only while someone watches, and for a while after, so that a page which is loaded again
 * misses nothing. Where there are too many facts it asks for none until the next stretch of `sampling.ts`, or until a
 * link ends, because a fact that is only counted costs the node nearly as much as one that is made. It must never hold
 * more facts for watchers than `FlowLimits` allows, however slow a watcher is.
 */
import { type Fact, plain, type RawFact } from '../../shared/fact.ts';
import type { FactBatch, NodeSnapshot } from '../../shared/feed.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { classOf, WriteTimes } from '../../shared/write-times.ts';
import type { FactListener, FactWatch } from '../replica/service.ts';
import { Held } from './held.ts';
import { FLOW_LIMITS, type FlowLimits, weightOf } from './limits.ts';
import type { Outlet, Watcher } from './outlet.ts';
import { Recent } from './recent.ts';
import { type Mark, Sampling } from './sampling.ts';
import { type FlowClock, Ticks } from './ticks.ts';
import { add, copyOf, difference, nothing, skippedOf, type Totals } from './totals.ts';
import { Window } from './window.ts';

/**
 * Under load facts are sent when a stretch of `sampling.ts` is told, or after this time at the latest, because it takes
 * longer to write a batch to a watcher than to make it.
 */
const STRETCH_BATCH_MS = 100;

/** The source of facts, a part of `ReplicaService`. */
export interface FactSource {
	snapshot(): NodeSnapshot;
	view(): { readonly chosenThrough: Slot };
	watch(listener: FactListener): FactWatch;
}

interface Place {
	/** The seq of the next fact that this watcher is to get. */
	next: number;
	/** Of the facts before `next`. */
	told: Totals;
	snapshotAtMs: number;
	wantsSnapshot: boolean;
}

export class FactFlow<W extends Watcher> {
	readonly #source: FactSource;
	readonly #outlet: Outlet<W>;
	readonly #clock: FlowClock;
	readonly #limits: FlowLimits;
	readonly #snapshotEveryMs: number;
	readonly #places = new Map<W, Place>();
	readonly #recent = new Recent();
	readonly #held = new Held();
	readonly #ticks: Ticks;

	#watch: FactWatch | null = null;
	#cancelRest: (() => void) | null = null;
	#epoch = '';
	#lastSeq = 0;
	/** Of all facts since watching began. */
	#told = nothing();
	readonly #times = new WriteTimes((durationMs) => add(this.#told.took, classOf(durationMs)));
	readonly #window: Window;
	readonly #sampling = new Sampling();
	/** Of the facts before the pause; null while there is none. */
	#toldBeforePause: Totals | null = null;
	#pausedAtMs = 0;
	#cancelLook: (() => void) | null = null;

	constructor(source: FactSource, outlet: Outlet<W>, clock: FlowClock, limits: FlowLimits = FLOW_LIMITS) {
		this.#source = source;
		this.#outlet = outlet;
		this.#clock = clock;
		this.#limits = limits;
		this.#window = new Window(limits, () => source.view().chosenThrough);
		const batchEveryMs = Math.ceil(1_000 / limits.batchesPerSecondMax);
		this.#ticks = new Ticks(clock, batchEveryMs, (nowMs) => this.#send(nowMs, false));
		this.#snapshotEveryMs = Math.ceil(1_000 / limits.snapshotsPerSecondMax);
	}

	/** Sends what is remembered and a snapshot at once, then batches until `leave`. */
	join(watcher: W): void {
		this.#cancelRest?.();
		this.#cancelRest = null;
		this.#watch ??= this.#source.watch({
			fact: (fact) => this.#tell(fact),
			passed: (slots, seq) => this.#passed(slots, seq),
		});
		const recall = watcher.wantsRecall ? this.#recent.recall() : null;
		if (recall) this.#outlet.recall(watcher, recall);
		const snapshot = this.#source.snapshot();
		if (this.#mayRemember) this.#recent.begin(snapshot);
		this.#epoch = snapshot.epoch;
		this.#lastSeq = Math.max(this.#lastSeq, snapshot.seq);
		this.#places.set(watcher, {
			next: snapshot.seq + 1,
			told: copyOf(this.#told),
			snapshotAtMs: this.#clock.nowMs(),
			wantsSnapshot: false,
		});
		this.#outlet.snapshot([watcher], snapshot);
		if (this.#toldBeforePause !== null && this.#cancelLook === null) this.#lookAfter(this.#mark());
	}

	/** Sends the watcher a new snapshot, as soon as its pace of snapshots allows, and one for several requests. */
	resync(watcher: W): void {
		const place = this.#places.get(watcher);
		if (place === undefined) return;
		place.wantsSnapshot = true;
		this.#ticks.ask(0);
	}

	/** The watcher became ready again. */
	wake(watcher: W): void {
		const place = this.#places.get(watcher);
		if (place !== undefined && this.#owes(place)) this.#ticks.ask(0);
	}

	leave(watcher: W): void {
		this.#places.delete(watcher);
		if (this.#places.size > 0 || this.#watch === null) return;
		this.#ticks.cancel();
		this.#lookNoMore();
		this.#held.letGo();
		this.#cancelRest = this.#clock.after(this.#limits.restAfterMs, () => this.rest());
	}

	/** Forgets everything, and asks for no more facts. It is for when nobody watches. */
	rest(): void {
		this.#cancelRest?.();
		this.#cancelRest = null;
		this.#watch?.end();
		this.#watch = null;
		this.#lookNoMore();
		this.#recent.forget();
		this.#held.letGo();
		this.#told = nothing();
		this.#lastSeq = 0;
		this.#window.close();
		this.#toldBeforePause = null;
	}

	/** The weight of the facts that are held. */
	get heldWeight(): number {
		return this.#held.weight;
	}

	#tell(fact: RawFact): void {
		this.#lastSeq = fact.seq;
		if (this.#toldBeforePause === null) this.#hold(fact);
		add(this.#told.facts, fact.kind);
		this.#times.note(fact);
		if (this.#toldBeforePause === null && this.#sampling.endsWith(fact)) this.#pause();
		// What may come of it, such as an election, is told from its beginning.
		else if (fact.kind === 'linkDown' && this.#mayResume) this.#resume();
		if (this.#places.size > 0)
			this.#ticks.ask(this.#toldBeforePause === null && this.#sampling.isStretch ? STRETCH_BATCH_MS : 0);
	}

	#passed(slots: number, seq: number): void {
		this.#lastSeq = seq;
		if (slots > 0) add(this.#told.facts, 'chosen', slots);
	}

	#hold(fact: RawFact): void {
		const beganMs = this.#clock.nowMs();
		if (this.#window.isOver(beganMs)) {
			const mark = this.#mark();
			this.#sampling.begin(mark);
			this.#window.open({ ...mark, ms: beganMs });
		}
		const weight = weightOf(fact);
		if (this.#window.isFull(weight)) return this.#pause();
		this.#window.add(weight);
		const told = plain(fact) as Fact;
		this.#window.spend(this.#clock.nowMs() - beganMs);
		this.#recent.add(told, weight);
		if (this.#places.size === 0) return;
		this.#held.add(told, weight);
	}

	#mark(): Mark {
		return { ms: this.#clock.nowMs(), slot: this.#source.view().chosenThrough };
	}

	#pause(): void {
		const mark = this.#mark();
		this.#toldBeforePause = copyOf(this.#told);
		this.#pausedAtMs = mark.ms;
		this.#recent.forget();
		this.#watch?.pause(this.#sampling.pause(mark, this.#window.cost), () => this.#reached());
		if (this.#places.size > 0) this.#lookAfter(mark);
	}

	/** The next stretch begins. It is left out where it begins too soon. */
	#reached(): void {
		if (this.#mayResume) return this.#resume();
		this.#watch?.pause(this.#sampling.later(this.#mark().slot), () => this.#reached());
	}

	/** Whether there is a pause for someone who watches, and its end is no sooner than the pace of snapshots allows. */
	get #mayResume(): boolean {
		if (this.#toldBeforePause === null || this.#places.size === 0) return false;
		return this.#clock.nowMs() - this.#pausedAtMs >= this.#snapshotEveryMs;
	}

	/** Looks after a while whether there are fewer facts now, or a watcher that missed some waits for its snapshot. */
	#lookAfter(before: Mark): void {
		this.#cancelLook = this.#clock.after(this.#snapshotEveryMs, () => {
			const mark = this.#mark();
			const isAsked = [...this.#places].some(([watcher, place]) => place.wantsSnapshot && watcher.ready());
			if (isAsked || this.#sampling.isOver(before, mark)) this.#resume();
			else this.#lookAfter(mark);
		});
	}

	#lookNoMore(): void {
		this.#cancelLook?.();
		this.#cancelLook = null;
	}

	/** Nothing happens between the snapshot and the next fact. */
	#resume(): void {
		this.#lookNoMore();
		this.#send(this.#clock.nowMs(), true);
	}

	/** @param ends whether a pause ends with it */
	#send(nowMs: number, ends: boolean): void {
		this.#ticks.sent(nowMs);
		let snapshot = ends ? this.#source.snapshot() : null;
		const told = copyOf(this.#told);
		const batches = new Map<string, { readonly to: W[]; readonly batch: FactBatch }>();
		const forSnapshot: W[] = [];

		for (const [watcher, place] of this.#places) {
			if (!watcher.ready()) continue;
			const from = place.next;
			const facts = this.#take(place, told);
			let skipped = nothing();
			if (ends || (this.#owes(place) && nowMs >= this.#snapshotDueMs(place))) {
				snapshot ??= this.#source.snapshot();
				skipped = difference(told, place.told);
				place.next = snapshot.seq + 1;
				place.told = told;
				place.snapshotAtMs = nowMs;
				place.wantsSnapshot = false;
				forSnapshot.push(watcher);
			}
			const skips = Object.keys(skipped.facts).length > 0;
			if (facts.length === 0 && !skips) continue;
			const key = `${from} ${skips}`;
			const same = batches.get(key);
			if (same) same.to.push(watcher);
			else batches.set(key, { to: [watcher], batch: { epoch: this.#epoch, from, facts, ...skippedOf(skipped) } });
		}

		for (const { to, batch } of batches.values()) this.#outlet.batch(to, batch);
		if (snapshot !== null && forSnapshot.length > 0) this.#outlet.snapshot(forSnapshot, snapshot);
		if (ends) this.#tellAgain();
		this.#window.spend(this.#clock.nowMs() - nowMs);
		this.#settle(nowMs);
		if (this.#mayRemember) this.#recent.begin(snapshot ?? this.#source.snapshot());
	}

	/** The held facts from the watcher's place on; none where it fell behind the first of them. */
	#take(place: Place, told: Totals): readonly Fact[] {
		const facts = this.#held.from(place.next);
		if (facts.length > 0) {
			place.next += facts.length;
			place.told = this.#toldBeforePause ?? told;
		}
		return facts;
	}

	/** Whether a stretch of memory is to begin. During a pause no fact would be in it. */
	get #mayRemember(): boolean {
		return this.#recent.wantsSnapshot && this.#toldBeforePause === null;
	}

	/** Whether a watcher needs a snapshot or facts. After `#take` it is one that needs a snapshot. */
	#owes(place: Place): boolean {
		return place.wantsSnapshot || place.next <= this.#lastSeq;
	}

	/** The time of the watcher's next snapshot; Infinity during a pause, which ends with one. */
	#snapshotDueMs(place: Place): number {
		return this.#toldBeforePause === null ? place.snapshotAtMs + this.#snapshotEveryMs : Number.POSITIVE_INFINITY;
	}

	#tellAgain(): void {
		const mark = this.#mark();
		this.#toldBeforePause = null;
		this.#held.letGo();
		this.#times.forgetAll();
		this.#sampling.resume(mark);
		this.#window.open(mark);
		this.#watch?.resume();
	}

	/** Drops facts that need not be held, and asks for a tick for watchers behind. */
	#settle(nowMs: number): void {
		const behind = [...this.#places.entries()].filter(([, place]) => this.#owes(place));
		// This leaves room for the facts that one window may add before the next tick.
		const full = this.#held.weight > this.#limits.queueFactsMax - this.#limits.factsPerSecondMax;
		if (behind.length === 0 || full) this.#held.letGo();
		if (this.#toldBeforePause !== null) return;
		for (const [watcher, place] of behind) {
			if (watcher.ready()) this.#ticks.ask(this.#snapshotDueMs(place) - nowMs);
		}
	}
}
