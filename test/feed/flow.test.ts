/** The facts and snapshots that each watcher gets. The test controls the time and the watchers' readiness. */
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { FactFlow } from '../../server/feed/flow.ts';
import type { FlowLimits } from '../../server/feed/limits.ts';
import type { Outlet, Watcher } from '../../server/feed/outlet.ts';
import { STRETCH_WEIGHT_MIN, STRETCHES_MAX } from '../../server/feed/recent.ts';
import { TOLD_SLOTS } from '../../server/feed/sampling.ts';
import type { FlowClock } from '../../server/feed/ticks.ts';
import { isBeat } from '../../shared/fact.ts';
import type { FactBatch, NodeSnapshot, Recall } from '../../shared/feed.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { classOf } from '../../shared/write-times.ts';
import { ScriptedSource } from './source.ts';

const LIMITS: FlowLimits = {
	factsPerSecondMax: 250,
	tellingMsPerSecondMax: 1_000,
	slotsPerSecondMin: 0,
	factsPerSecondMin: 0,
	queueFactsMax: 600,
	batchesPerSecondMax: 60,
	snapshotsPerSecondMax: 4,
	restAfterMs: 30_000,
};
const WINDOW_FACTS_MAX = LIMITS.factsPerSecondMax;

/** A watcher that checks the rules of `shared/feed.ts`, and throws where one is broken. */
class Page implements Watcher {
	isReady = true;
	readonly wantsRecall: boolean;
	recall: Recall | null = null;
	/** The seq of the last fact that it knows. */
	seq = Number.NaN;
	snapshots = 0;
	batches = 0;
	facts = 0;
	skipped = 0;
	#snapshotFollows = false;

	constructor(wantsRecall = false) {
		this.wantsRecall = wantsRecall;
	}

	ready(): boolean {
		return this.isReady;
	}

	/** Nothing but heartbeats is missing in a recall, up to the snapshot that follows. */
	onRecall(recall: Recall, source: ScriptedSource): void {
		expect(this.wantsRecall).toBe(true);
		expect(this.seq).toBeNaN();
		const { snapshot, facts } = recall;
		const seqs = facts.map(({ seq }) => seq);
		expect(seqs).toEqual(source.seqsButBeats(snapshot.seq));
		this.recall = recall;
	}

	onSnapshot(snapshot: NodeSnapshot): void {
		if (this.#snapshotFollows) expect(snapshot.seq).toBe(this.seq);
		this.#snapshotFollows = false;
		this.seq = snapshot.seq;
		this.snapshots++;
	}

	onBatch(batch: FactBatch): void {
		expect(this.isReady).toBe(true);
		expect(this.#snapshotFollows).toBe(false);
		expect(batch.from).toBe(this.seq + 1);
		expect(batch.facts.map(({ seq }) => seq)).toEqual(batch.facts.map((_, index) => batch.from + index));
		const skipped = Object.values(batch.skipped).reduce((sum, count) => sum + count, 0);
		expect(batch.facts.length + skipped).toBeGreaterThan(0);
		this.seq += batch.facts.length + skipped;
		this.facts += batch.facts.length;
		this.skipped += skipped;
		this.batches++;
		this.#snapshotFollows = skipped > 0;
	}
}

class ManualClock implements FlowClock {
	#nowMs = 1_000;
	#timers: { atMs: number; run: () => void }[] = [];

	nowMs(): number {
		return this.#nowMs;
	}

	after(delayMs: number, run: () => void): () => void {
		const timer = { atMs: this.#nowMs + delayMs, run };
		this.#timers.push(timer);
		return () => {
			this.#timers = this.#timers.filter((other) => other !== timer);
		};
	}

	advance(ms: number): void {
		const untilMs = this.#nowMs + ms;
		for (;;) {
			const next = this.#timers.toSorted((a, b) => a.atMs - b.atMs)[0];
			if (next === undefined || next.atMs > untilMs) break;
			this.#timers = this.#timers.filter((other) => other !== next);
			this.#nowMs = Math.max(this.#nowMs, next.atMs);
			next.run();
		}
		this.#nowMs = untilMs;
	}

	get pending(): number {
		return this.#timers.length;
	}
}

describe('the flow of facts', () => {
	let source: ScriptedSource;
	let clock: ManualClock;
	let flow: FactFlow<Page>;
	let encodings: number;

	beforeEach(begin);
	function begin(): void {
		source = new ScriptedSource();
		clock = new ManualClock();
		encodings = 0;
		const outlet: Outlet<Page> = {
			batch(to, batch) {
				encodings++;
				for (const page of to) page.onBatch(batch);
			},
			snapshot(to, snapshot) {
				for (const page of to) page.onSnapshot(snapshot);
			},
			recall: (to, recall) => to.onRecall(recall, source),
		};
		flow = new FactFlow(source, outlet, clock, LIMITS);
	}

	function join(wantsRecall = false): Page {
		const page = new Page(wantsRecall);
		flow.join(page);
		return page;
	}

	test('asks the replica for facts only while someone watches, and for a while after', () => {
		expect(source.watchers).toBe(0);
		const first = join();
		const second = join();
		expect(source.watches).toBe(1);
		flow.leave(first);
		expect(source.watchers).toBe(1);
		source.tell(1);
		flow.leave(second);
		expect(flow.heldWeight).toBe(0);
		clock.advance(LIMITS.restAfterMs - 1);
		expect(source.watchers).toBe(1);
		clock.advance(1);
		expect(source.watchers).toBe(0);
		expect(clock.pending).toBe(0);
		expect(flow.heldWeight).toBe(0);
		join();
		expect(source.watches).toBe(2);
	});

	test('sends a snapshot, then every fact in order, to watchers that came at different times', () => {
		source.tell(7);
		const early = join();
		expect(early.seq).toBe(7);
		source.tell(5);
		const late = join();
		expect(late.seq).toBe(12);
		source.tell(3);
		clock.advance(100);
		expect(early).toMatchObject({ seq: 15, facts: 8, skipped: 0, snapshots: 1 });
		expect(late).toMatchObject({ seq: 15, facts: 3, skipped: 0, snapshots: 1 });
		expect(flow.heldWeight).toBe(0);
	});

	test('encodes a batch once for all watchers that are owed the same', () => {
		const pages = [join(), join(), join()];
		source.tell(4);
		clock.advance(100);
		expect(pages.map(({ facts }) => facts)).toEqual([4, 4, 4]);
		expect(encodings).toBe(1);
	});

	test('sends at most 60 batches in any second, and the first fact after a rest at once', () => {
		const page = join();
		clock.advance(1_000);
		source.tell(1);
		clock.advance(0);
		expect(page.batches).toBe(1);
		for (let ms = 0; ms < 1_000; ms += 5) {
			source.tell(1);
			clock.advance(5);
		}
		expect(page.batches).toBeGreaterThan(50);
		expect(page.batches).toBeLessThanOrEqual(61);
		clock.advance(100);
		expect(page).toMatchObject({ facts: 201, skipped: 0 });
	});

	test('adds facts up by kind above the bound a second, and sends the counts with a new snapshot', () => {
		const counts: FactBatch['skipped'][] = [];
		const page = join();
		const onBatch = page.onBatch.bind(page);
		page.onBatch = (batch) => {
			counts.push(batch.skipped);
			onBatch(batch);
		};
		source.tell(WINDOW_FACTS_MAX);
		source.tell(40, 'linkUp');
		source.tell(2);
		clock.advance(20);
		expect(page).toMatchObject({ facts: WINDOW_FACTS_MAX, skipped: 0, snapshots: 1 });
		clock.advance(250);
		expect(page).toMatchObject({ seq: source.seq, skipped: 42, snapshots: 2 });
		expect(counts).toEqual([{}, { linkUp: 40, chosen: 2 }]);
		source.tell(3);
		clock.advance(100);
		expect(page).toMatchObject({ seq: source.seq, facts: WINDOW_FACTS_MAX + 3, skipped: 42, snapshots: 2 });
	});

	test('tells a watcher how long writes took whose facts it does not get, and those only', () => {
		const took: (FactBatch['took'] | null)[] = [];
		const page = join();
		const onBatch = page.onBatch.bind(page);
		page.onBatch = (batch) => {
			took.push(batch.took);
			onBatch(batch);
		};
		page.isReady = false;
		const writesMs = Array.from({ length: LIMITS.queueFactsMax }, (_, i) => (i < 2 ? 30 : 2));
		for (const ms of writesMs) {
			source.tellWrite(ms);
			clock.advance(10);
		}
		page.isReady = true;
		flow.wake(page);
		clock.advance(100);
		expect(page.skipped).toBe(2 * writesMs.length);
		expect(took).toEqual([{ [classOf(2)]: writesMs.length - 2, [classOf(30)]: 2 }]);
		source.tellWrite(4);
		clock.advance(20);
		expect(took.at(-1)).toBeUndefined();
	});

	test('measures no write over a pause', () => {
		const page = join();
		let took: FactBatch['took'];
		const onBatch = page.onBatch.bind(page);
		page.onBatch = (batch) => {
			took ??= batch.took;
			onBatch(batch);
		};
		source.tellProposal();
		source.tell(WINDOW_FACTS_MAX);
		clock.advance(300);
		page.isReady = false;
		source.tell(1);
		flow.resync(page);
		clock.advance(300);
		page.isReady = true;
		flow.wake(page);
		clock.advance(300);
		expect(page).toMatchObject({ seq: source.seq, snapshots: 3 });
		expect(took).toBeUndefined();
	});

	describe('under a lasting flood', () => {
		/** The numbers of the slots that a page was told of, while each millisecond brings so many. */
		function toldSlots(slotsOfMs: number, ms: number): Slot[] {
			const page = join();
			const slots: Slot[] = [];
			const onBatch = page.onBatch.bind(page);
			page.onBatch = (batch) => {
				for (const fact of batch.facts) if (fact.kind === 'applied') slots.push(fact.through);
				onBatch(batch);
			};
			for (let at = 0; at < ms; at++) {
				source.tell(slotsOfMs);
				clock.advance(1);
			}
			clock.advance(1_000);
			expect(page.seq).toBe(source.seq);
			expect(page.skipped + page.facts).toBe(ms * slotsOfMs);
			expect(page.snapshots).toBeGreaterThan(1 + ms / 1_000);
			expect(page.snapshots).toBeLessThanOrEqual(2 + (ms / 1000) * LIMITS.snapshotsPerSecondMax);
			return slots;
		}

		test('goes on telling whole stretches of slots, and makes no fact of the others', () => {
			const slots = toldSlots(10, 10_000);
			const firsts = slots.filter((slot, i) => slot - 1 !== slots[i - 1]);
			expect(firsts.length).toBeGreaterThan(10);
			expect(slots.length).toBeLessThan(WINDOW_FACTS_MAX + 40 * firsts.length);
		});

		test('tells the same slots at nodes whose facts weigh and come differently', () => {
			const one = new Set(toldSlots(10, 10_000));
			begin();
			const other = new Set(toldSlots(9, 11_000));
			// Both know their pace by then.
			const stretches = Array.from({ length: 90_000 / 8_192 }, (_, i) => (i + 1) * 8_192).filter(
				(slot) => slot > 20_000,
			);
			for (const slot of stretches) {
				for (let i = 0; i < TOLD_SLOTS; i++) expect([one.has(slot + i), other.has(slot + i)]).toEqual([true, true]);
			}
			expect(stretches.length).toBeGreaterThan(6);
		});

		test('tells everything again once there are fewer facts', () => {
			const page = join();
			for (let ms = 0; ms < 2_000; ms++) {
				source.tell(10);
				clock.advance(1);
			}
			clock.advance(600);
			const { facts } = page;
			for (let ms = 0; ms < 2_000; ms += 10) {
				source.tell(1);
				clock.advance(10);
			}
			clock.advance(300);
			expect(page.facts - facts).toBe(200);
			expect(source.isPaused).toBe(false);
		});

		test('tells everything at once where a link ends, so that no election is missed', () => {
			const page = join();
			for (let ms = 0; ms < 500; ms++) {
				source.tell(10);
				clock.advance(1);
			}
			expect(source.isPaused).toBe(true);
			source.tell(1, 'linkDown');
			expect(source.isPaused).toBe(false);
			const { facts } = page;
			source.tell(3);
			clock.advance(100);
			expect(page).toMatchObject({ seq: source.seq, facts: facts + 3 });
		});

		test('sends the facts of a stretch in few batches', () => {
			const page = join();
			for (let ms = 0; ms < 500; ms++) {
				source.tell(10);
				clock.advance(1);
			}
			source.tell(1, 'linkDown');
			const { batches } = page;
			for (let ms = 0; ms < 90; ms++) {
				source.tell(1);
				clock.advance(1);
			}
			expect(page.batches).toBe(batches);
			clock.advance(10);
			expect(page).toMatchObject({ seq: source.seq, batches: batches + 1 });
		});

		test('answers a resync soon', () => {
			const page = join();
			/** While each millisecond brings ten facts, the number of snapshots that come within so long. */
			const snapshotsIn = (forMs: number): number => {
				const { snapshots } = page;
				for (let ms = 0; ms < forMs; ms++) {
					source.tell(10);
					clock.advance(1);
				}
				return page.snapshots - snapshots;
			};
			snapshotsIn(100);
			expect(snapshotsIn(300)).toBe(0);
			flow.resync(page);
			expect(snapshotsIn(260)).toBe(1);
		});

		test('makes no fact for a watcher that is gone', () => {
			const page = join();
			source.tell(WINDOW_FACTS_MAX + 1);
			flow.leave(page);
			for (let ms = 0; ms < 2_000; ms++) {
				source.tell(10);
				clock.advance(1);
			}
			expect(source.isPaused).toBe(true);
			const next = join();
			clock.advance(300);
			source.tell(5);
			clock.advance(100);
			expect(next).toMatchObject({ seq: source.seq, facts: 5 });
		});
	});

	test.each([
		[
			'counts also the time that it takes to send, above the number of facts that are told however long that takes',
			0,
			50,
		],
		['tells all of the slots that people can follow, however long that takes', 60, 61],
	])('%s', (_, slotsPerSecondMin, facts) => {
		const limits = { ...LIMITS, tellingMsPerSecondMax: 30, factsPerSecondMin: 50, slotsPerSecondMin };
		const outlet: Outlet<Page> = {
			batch(to, batch) {
				for (const page of to) page.onBatch(batch);
				clock.advance(10);
			},
			snapshot(to, snapshot) {
				for (const page of to) page.onSnapshot(snapshot);
			},
			recall: () => undefined,
		};
		flow = new FactFlow(source, outlet, clock, limits);
		const page = join();
		for (let i = 0; i < 8; i++) {
			source.tell(10);
			clock.advance(20);
		}
		expect(page).toMatchObject({ facts, skipped: 0 });
		expect(source.isPaused).toBe(true);
		clock.advance(1_000);
		expect(page).toMatchObject({ seq: source.seq, facts, skipped: 80 - facts });
	});

	test('weighs a fact that carries a thousand decisions as a thousand', () => {
		const page = join();
		source.tellDecisions(1_000);
		clock.advance(300);
		expect(page).toMatchObject({ seq: source.seq, facts: 0, skipped: 1, snapshots: 2 });
	});

	test('gives a slow watcher counts and a snapshot, holds a bounded number of facts, and spares the others', () => {
		const slow = join();
		const quick = join();
		slow.isReady = false;
		let heldMax = 0;
		for (let ms = 0; ms < 10_000; ms += 5) {
			source.tell(1);
			heldMax = Math.max(heldMax, flow.heldWeight);
			clock.advance(5);
		}
		clock.advance(100);
		expect(slow.batches).toBe(0);
		expect(quick).toMatchObject({ seq: source.seq, facts: 2_000, skipped: 0, snapshots: 1 });
		expect(heldMax).toBeGreaterThan(0);
		expect(heldMax).toBeLessThanOrEqual(LIMITS.queueFactsMax);
		slow.isReady = true;
		flow.wake(slow);
		clock.advance(100);
		expect(slow).toMatchObject({ seq: source.seq, skipped: 2_000, snapshots: 2 });
	});

	test('gives a watcher that was slow for a moment the facts it missed', () => {
		const page = join();
		page.isReady = false;
		source.tell(50);
		clock.advance(100);
		source.tell(20);
		page.isReady = true;
		flow.wake(page);
		clock.advance(100);
		expect(page).toMatchObject({ seq: 70, facts: 70, skipped: 0, snapshots: 1 });
	});

	test('answers a resync with a new snapshot, and many with few', () => {
		const page = join();
		const other = join();
		for (let ms = 0; ms < 1_000; ms++) {
			flow.resync(page);
			clock.advance(1);
		}
		expect(page.snapshots).toBeGreaterThanOrEqual(4);
		expect(page.snapshots).toBeLessThanOrEqual(5);
		expect(other.snapshots).toBe(1);
	});

	test('does not hold back facts for a watcher that waits for its snapshot', () => {
		const impatient = join();
		const other = join();
		flow.resync(impatient);
		clock.advance(50);
		source.tell(3);
		clock.advance(20);
		expect(other.facts).toBe(3);
		expect(impatient).toMatchObject({ facts: 3, snapshots: 1 });
		clock.advance(250);
		expect(impatient.snapshots).toBe(2);
	});

	test('leaves no timer behind when there is nothing to send', () => {
		const page = join();
		source.tell(WINDOW_FACTS_MAX * 2);
		flow.resync(page);
		clock.advance(2_000);
		expect(page.seq).toBe(source.seq);
		expect(clock.pending).toBe(0);
	});

	test('tells who comes later what the others were told, also where they have left meanwhile', () => {
		const first = join();
		source.tell(30);
		clock.advance(100);
		const second = join(true);
		expect(second.recall?.facts).toHaveLength(30);
		const third = join();
		expect(third.recall).toBeNull();
		for (const page of [first, second, third]) flow.leave(page);
		source.tell(20);
		clock.advance(LIMITS.restAfterMs - 1);
		const later = join(true);
		expect(later.recall?.facts).toHaveLength(50);
		expect(later.seq).toBe(50);
		clock.advance(LIMITS.restAfterMs);
		expect(source.watchers).toBe(1);
	});

	test('has nothing to tell after a rest', () => {
		flow.leave(join());
		source.tell(10);
		clock.advance(LIMITS.restAfterMs);
		source.tell(10);
		expect(join(true).recall).toBeNull();
	});

	test('remembers nothing from before facts that were only counted', () => {
		join();
		source.tell(50);
		clock.advance(20);
		source.tell(WINDOW_FACTS_MAX);
		expect(join(true).recall).toBeNull();
		clock.advance(1_000);
		source.tell(5);
		clock.advance(20);
		expect(join(true).recall?.facts).toHaveLength(5);
	});

	test('remembers nothing from a join on while facts are only counted', () => {
		join();
		source.tell(WINDOW_FACTS_MAX + 1);
		join();
		source.tell(1);
		clock.advance(1_000);
		source.tell(3);
		clock.advance(20);
		expect(join(true).recall?.facts).toHaveLength(3);
	});

	test('remembers a bounded number of facts, and no heartbeat', () => {
		join();
		for (let second = 0; second < 100; second++) {
			source.tell(WINDOW_FACTS_MAX - 20);
			source.tellBeats(10);
			clock.advance(1_000);
		}
		const facts = join(true).recall?.facts ?? [];
		expect(facts.length).toBeGreaterThanOrEqual(STRETCH_WEIGHT_MIN * (STRETCHES_MAX - 1));
		expect(facts.length).toBeLessThanOrEqual((STRETCH_WEIGHT_MIN + WINDOW_FACTS_MAX) * STRETCHES_MAX);
		expect(facts.filter(isBeat)).toEqual([]);
	});

	test('every watcher ends at the last fact, told or counted, whatever happens on the way', () => {
		const act = fc.oneof(
			fc.record({ act: fc.constant('tell' as const), count: fc.integer({ min: 1, max: 150 }) }),
			fc.record({ act: fc.constant('wait' as const), count: fc.integer({ min: 0, max: 400 }) }),
			fc.record({ act: fc.constant('join' as const), count: fc.nat(1) }),
			fc.record({ act: fc.constantFrom('leave' as const, 'toggle' as const, 'resync' as const), count: fc.nat(4) }),
		);
		fc.assert(
			fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
				begin();
				let pages: Page[] = [];
				for (const { act, count } of acts) {
					const page = pages[count % Math.max(1, pages.length)];
					if (act === 'tell') source.tell(count);
					else if (act === 'wait') clock.advance(count);
					else if (act === 'join') pages.push(join(count === 1));
					else if (page === undefined) continue;
					else if (act === 'resync') flow.resync(page);
					else if (act === 'toggle') {
						page.isReady = !page.isReady;
						if (page.isReady) flow.wake(page);
					} else {
						flow.leave(page);
						pages = pages.filter((other) => other !== page);
						// The rest that follows the last one's leave is seen to elsewhere.
						if (pages.length === 0) clock.advance(LIMITS.restAfterMs);
					}
					expect(flow.heldWeight).toBeLessThanOrEqual(LIMITS.queueFactsMax);
				}
				for (const page of pages) {
					page.isReady = true;
					flow.wake(page);
				}
				clock.advance(1_000);
				expect(pages.map(({ seq }) => seq)).toEqual(pages.map(() => source.seq));
				expect(clock.pending).toBe(0);
				for (const page of pages) flow.leave(page);
				clock.advance(LIMITS.restAfterMs);
				expect(source.watchers).toBe(0);
			}),
			{ numRuns: 300 },
		);
	});
});
