/**
 * Sends each watcher of this node the facts in order without gaps or, where it fell behind, the number of facts it
 * missed of each kind and a new snapshot. Facts are held in one list for all watchers, and a watcher has a place in it.
 * It asks the replica for facts only while someone watches, and for a while after, so that a page which is loaded again
 * misses nothing. It must never hold more facts for watchers than `FlowLimits` allows, however slow a watcher is.
 */
import { type Fact, type FactKind, plain, type RawFact } from '../../shared/fact.ts';
import type { FactBatch, NodeSnapshot, Recall } from '../../shared/feed.ts';
import { classOf, WriteTimes } from '../../shared/write-times.ts';
import { Recent } from './recent.ts';

export interface FlowLimits {
	/** Above this, facts are only counted and a snapshot follows. `weightOf` says how much a fact counts. */
	readonly factsPerSecondMax: number;
	/**
	 * The bound on the facts held for all slow watchers together. A watcher further behind gets counts and a snapshot. It
	 * must be more than one window may add.
	 */
	readonly queueFactsMax: number;
	readonly batchesPerSecondMax: number;
	/** For each watcher. The first snapshot is sent as soon as it has joined. */
	readonly snapshotsPerSecondMax: number;
	/** After the last watcher has left, what happens is remembered for so long, milliseconds. */
	readonly restAfterMs: number;
}

export const FLOW_LIMITS: FlowLimits = {
	factsPerSecondMax: 4_000,
	queueFactsMax: 2_048,
	batchesPerSecondMax: 60,
	snapshotsPerSecondMax: 4,
	restAfterMs: 30_000,
};

export interface Watcher {
	/** Whether it wants to be told what was before it came. */
	readonly wantsRecall: boolean;
	/** Whether everything that was sent to it has left this process. */
	ready(): boolean;
}

/** The source of facts, a part of `ReplicaService`. */
export interface FactSource {
	snapshot(): NodeSnapshot;
	watch(onFact: (fact: RawFact) => void): () => void;
}

/** Sends to watchers, with one call for all that get the same, so that it is encoded once. */
export interface Outlet<W extends Watcher> {
	batch(to: readonly W[], batch: FactBatch): void;
	snapshot(to: readonly W[], snapshot: NodeSnapshot): void;
	recall(to: W, recall: Recall): void;
}

export interface FlowClock {
	/** Monotonic, milliseconds. */
	nowMs(): number;
	/** Calls `run` once, no earlier than `delayMs` from now. The function returned cancels it. */
	after(delayMs: number, run: () => void): () => void;
}

type Counts = Partial<Record<FactKind, number>>;

/** What is counted of facts. */
interface Totals {
	readonly facts: Counts;
	/** How long writes took that were applied, by class. */
	readonly took: Record<number, number>;
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
	readonly #batchEveryMs: number;
	readonly #snapshotEveryMs: number;
	readonly #windowWeightMax: number;
	readonly #places = new Map<W, Place>();
	readonly #recent = new Recent();

	#stopWatching: (() => void) | null = null;
	#cancelRest: (() => void) | null = null;
	#cancelTick: (() => void) | null = null;
	#tickDueMs = Number.NEGATIVE_INFINITY;
	#tickedAtMs = Number.NEGATIVE_INFINITY;

	/** The facts that are held, without gaps. Some of them may have been sent to all watchers. */
	#held: Fact[] = [];
	#heldWeight = 0;
	#epoch = '';
	#lastSeq = 0;
	/** Of all facts since watching began. */
	#told = nothing();
	readonly #times = new WriteTimes((durationMs) => add(this.#told.took, classOf(durationMs)));
	/** The limit on facts holds in windows that are as long as the time between two snapshots. */
	#windowEndsAtMs = Number.NEGATIVE_INFINITY;
	#windowWeight = 0;
	/** Of the facts before the first one that this window had no room for; null while it has room. */
	#toldBeforeOverflow: Totals | null = null;

	constructor(source: FactSource, outlet: Outlet<W>, clock: FlowClock, limits: FlowLimits = FLOW_LIMITS) {
		this.#source = source;
		this.#outlet = outlet;
		this.#clock = clock;
		this.#limits = limits;
		this.#batchEveryMs = Math.ceil(1_000 / limits.batchesPerSecondMax);
		this.#snapshotEveryMs = Math.ceil(1_000 / limits.snapshotsPerSecondMax);
		this.#windowWeightMax = limits.factsPerSecondMax / limits.snapshotsPerSecondMax;
	}

	/** Sends what is remembered and a snapshot at once, then batches until `leave`. */
	join(watcher: W): void {
		this.#cancelRest?.();
		this.#cancelRest = null;
		this.#stopWatching ??= this.#source.watch((fact) => this.#tell(fact));
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
	}

	/** Sends the watcher a new snapshot, as soon as its pace of snapshots allows, and one for several requests. */
	resync(watcher: W): void {
		const place = this.#places.get(watcher);
		if (place === undefined) return;
		place.wantsSnapshot = true;
		this.#scheduleTick(0);
	}

	/** The watcher became ready again. */
	wake(watcher: W): void {
		const place = this.#places.get(watcher);
		if (place !== undefined && this.#owes(place)) this.#scheduleTick(0);
	}

	leave(watcher: W): void {
		this.#places.delete(watcher);
		if (this.#places.size > 0 || this.#stopWatching === null) return;
		this.#cancelTick?.();
		this.#cancelTick = null;
		this.#letGo();
		this.#cancelRest = this.#clock.after(this.#limits.restAfterMs, () => this.rest());
	}

	/** Forgets everything, and asks for no more facts. It is for when nobody watches. */
	rest(): void {
		this.#cancelRest?.();
		this.#cancelRest = null;
		this.#stopWatching?.();
		this.#stopWatching = null;
		this.#recent.forget();
		this.#letGo();
		this.#told = nothing();
		this.#lastSeq = 0;
		this.#toldBeforeOverflow = null;
	}

	/** The weight of the facts that are held. */
	get heldWeight(): number {
		return this.#heldWeight;
	}

	#tell(fact: RawFact): void {
		this.#lastSeq = fact.seq;
		if (this.#toldBeforeOverflow === null) this.#hold(fact);
		add(this.#told.facts, fact.kind);
		this.#times.note(fact);
		this.#scheduleTick(0);
	}

	#hold(fact: RawFact): void {
		const nowMs = this.#clock.nowMs();
		if (nowMs >= this.#windowEndsAtMs) this.#openWindow(nowMs);
		const weight = weightOf(fact);
		this.#windowWeight += weight;
		if (this.#windowWeight > this.#windowWeightMax) {
			this.#toldBeforeOverflow = copyOf(this.#told);
			this.#recent.forget();
			return;
		}
		const told = plain(fact) as Fact;
		this.#recent.add(told, weight);
		if (this.#places.size === 0) return;
		this.#held.push(told);
		this.#heldWeight += weight;
	}

	#openWindow(nowMs: number): void {
		this.#windowEndsAtMs = nowMs + this.#snapshotEveryMs;
		this.#windowWeight = 0;
	}

	/**
	 * Asks for a tick after `delayMs`, but no sooner than the pace of batches allows. Of two requests the earlier one
	 * counts.
	 */
	#scheduleTick(delayMs: number): void {
		if (this.#places.size === 0) return;
		const nowMs = this.#clock.nowMs();
		const dueMs = Math.max(nowMs + delayMs, this.#tickedAtMs + this.#batchEveryMs);
		if (this.#cancelTick !== null) {
			if (this.#tickDueMs <= dueMs) return;
			this.#cancelTick();
		}
		this.#tickDueMs = dueMs;
		this.#cancelTick = this.#clock.after(dueMs - nowMs, () => {
			this.#cancelTick = null;
			this.#tick();
		});
	}

	#tick(): void {
		const nowMs = this.#clock.nowMs();
		// A timer may fire a little early.
		if (nowMs - this.#tickedAtMs < this.#batchEveryMs) return this.#scheduleTick(0);
		this.#tickedAtMs = nowMs;
		const told = copyOf(this.#told);
		const batches = new Map<string, { readonly to: W[]; readonly batch: FactBatch }>();
		const forSnapshot: W[] = [];
		let snapshot: NodeSnapshot | null = null;

		for (const [watcher, place] of this.#places) {
			if (!watcher.ready()) continue;
			const from = place.next;
			const facts = this.#take(place, told);
			let skipped = nothing();
			if (this.#owes(place) && nowMs >= this.#snapshotDueMs(place)) {
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
		if (snapshot !== null) this.#outlet.snapshot(forSnapshot, snapshot);
		this.#settle(nowMs);
		if (this.#mayRemember) this.#recent.begin(snapshot ?? this.#source.snapshot());
	}

	/** The held facts from the watcher's place on; none where it fell behind the first of them. */
	#take(place: Place, told: Totals): readonly Fact[] {
		const first = this.#held[0];
		if (first === undefined || place.next < first.seq) return [];
		const facts = this.#held.slice(place.next - first.seq);
		if (facts.length > 0) {
			place.next += facts.length;
			place.told = this.#toldBeforeOverflow ?? told;
		}
		return facts;
	}

	/** Whether a stretch of memory is to begin. While facts are only counted, none of them would be in it. */
	get #mayRemember(): boolean {
		return this.#recent.wantsSnapshot && this.#toldBeforeOverflow === null;
	}

	/** Whether a watcher needs a snapshot or facts. After `#take` it is one that needs a snapshot. */
	#owes(place: Place): boolean {
		return place.wantsSnapshot || place.next <= this.#lastSeq;
	}

	/**
	 * The time of the watcher's next snapshot. It is not before the end of a window that overflows: facts would be
	 * missing again.
	 */
	#snapshotDueMs(place: Place): number {
		const shareMs = place.snapshotAtMs + this.#snapshotEveryMs;
		return this.#toldBeforeOverflow === null ? shareMs : Math.max(shareMs, this.#windowEndsAtMs);
	}

	/**
	 * Drops facts that need not be held, opens the next window after an overflow, and asks for a tick for watchers
	 * behind.
	 */
	#settle(nowMs: number): void {
		const behind = [...this.#places.entries()].filter(([, place]) => this.#owes(place));
		// This leaves room for the facts that one window may add before the next tick.
		const full = this.#heldWeight > this.#limits.queueFactsMax - this.#windowWeightMax;
		if (behind.length === 0 || full) this.#letGo();
		if (this.#toldBeforeOverflow !== null && nowMs >= this.#windowEndsAtMs) {
			this.#toldBeforeOverflow = null;
			this.#letGo();
			this.#openWindow(nowMs);
		}
		for (const [watcher, place] of behind) {
			if (watcher.ready()) this.#scheduleTick(this.#snapshotDueMs(place) - nowMs);
		}
	}

	#letGo(): void {
		this.#held = [];
		this.#heldWeight = 0;
	}
}

/** The cost to hold and send a fact: 1, and 1 more for each acceptance or decision in it, or for all its changes of keys. */
function weightOf(fact: RawFact): number {
	switch (fact.kind) {
		case 'promiseCounted':
			return 1 + fact.reported.length;
		case 'applied':
			return fact.changes ? 2 : 1;
		case 'sent':
		case 'received':
			switch (fact.message.kind) {
				case 'promise':
					return 1 + fact.message.accepted.length;
				case 'decisions':
					return 1 + fact.message.decisions.length;
				default:
					return 1;
			}
		default:
			return 1;
	}
}

function nothing(): Totals {
	return { facts: {}, took: {} };
}

function copyOf({ facts, took }: Totals): Totals {
	return { facts: { ...facts }, took: { ...took } };
}

function add<Name extends string | number>(counts: Partial<Record<Name, number>>, name: Name): void {
	counts[name] = (counts[name] ?? 0) + 1;
}

function difference(now: Totals, before: Totals): Totals {
	return { facts: more(now.facts, before.facts), took: more(now.took, before.took) };
}

/** What is counted in `now` and not yet in `before`. */
function more<Counted extends Record<string, number>>(now: Counted, before: Counted): Counted {
	const counts: Record<string, number> = {};
	for (const name in now) {
		const count = (now[name] ?? 0) - (before[name] ?? 0);
		if (count > 0) counts[name] = count;
	}
	return counts as Counted;
}

function skippedOf({ facts, took }: Totals): Pick<FactBatch, 'skipped' | 'took'> {
	return Object.keys(took).length > 0 ? { skipped: facts, took } : { skipped: facts };
}
