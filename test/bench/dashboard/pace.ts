/**
 * Clients that put at such a pace that so many events happen at all nodes together in a second. How many events a put makes
 * depends on how many puts share a slot, so the pace is corrected each second by what the page shows.
 *
 * Above a bound nodes make facts of some slots only. An event is one all the same, so how many a slot has is learned first,
 * at a pace at which facts are made of all.
 */
import type { Page } from 'playwright-core';
import type { SwarmClient } from '../../../shared/client/client.ts';
import { RefusedError, UnknownOutcomeError } from '../../../shared/client/errors.ts';
import { connected, putter } from '../clients.ts';
import { median } from './spread.ts';

const CONNECTIONS = 4;
const KEYS = 1_000;
const SIZE = 64;
const EVERY_MS = 10;
/** More puts are not begun while so many wait, because the swarm is slower than the pace. */
const OUTSTANDING_MAX = 256;
const CORRECT_EVERY_MS = 1_000;
/** At this pace it is learned how many facts a slot has, for so many seconds. */
const LEARNING_PUTS_PER_SECOND = 30;
const LEARNING_S = 4;
/** With less than this part of the pace, what was measured says nothing of the bar. */
const REACHED_MIN = 0.8;
/** The pace is changed at most so much at once. */
const CORRECTION_MAX = 1.5;

/** The median of the seconds, and whether that is the pace; if not, a sentence for people. */
export interface Reached {
	readonly factsPerSecond: number;
	readonly isReached: boolean;
	readonly note: string;
}

export class Pace {
	readonly #clients: readonly SwarmClient[];
	readonly #put = putter(KEYS, SIZE);
	readonly #page: Page;
	readonly #factsPerSecond: number;
	readonly #timer: NodeJS.Timeout;
	readonly #correcting: NodeJS.Timeout;
	#putsPerSecond: number;
	#due = 0;
	#count = 0;
	#outstanding = 0;
	#beganMs = performance.now();
	#seen: Seen | null = null;
	readonly #learned = { seconds: 0, facts: 0, slots: 0 };
	readonly #rates: number[] = [];
	#isOver = false;

	constructor(nodes: readonly string[], page: Page, factsPerSecond: number) {
		this.#clients = connected(nodes, CONNECTIONS);
		this.#page = page;
		this.#factsPerSecond = factsPerSecond;
		this.#putsPerSecond = LEARNING_PUTS_PER_SECOND;
		this.#timer = setInterval(() => this.#go(), EVERY_MS);
		this.#correcting = setInterval(() => void this.#correct(), CORRECT_EVERY_MS);
	}

	/** How fast it really was since the last call. */
	take(): Reached {
		const factsPerSecond = Math.round(median(this.#rates.splice(0)));
		const isReached = factsPerSecond >= REACHED_MIN * this.#factsPerSecond;
		const note = 'This machine was too busy for the pace, so the bar was not really measured.';
		return { factsPerSecond, isReached, note: isReached ? '' : note };
	}

	stop(): void {
		this.#isOver = true;
		clearInterval(this.#timer);
		clearInterval(this.#correcting);
		for (const client of this.#clients) client.close();
	}

	#go(): void {
		const nowMs = performance.now();
		this.#due += ((nowMs - this.#beganMs) / 1000) * this.#putsPerSecond;
		this.#beganMs = nowMs;
		for (; this.#due >= 1; this.#due--) {
			if (this.#outstanding >= OUTSTANDING_MAX) continue;
			const client = this.#clients[this.#count % this.#clients.length] as SwarmClient;
			this.#outstanding++;
			void this.#put(client, this.#count++)
				.catch((error: unknown) => {
					// On a machine that is too busy for the pace, a put may be refused, or its answer may come too late.
					if (!(error instanceof RefusedError || error instanceof UnknownOutcomeError)) throw error;
				})
				.finally(() => this.#outstanding--);
		}
	}

	async #correct(): Promise<void> {
		const shown = await shownBy(this.#page).catch(() => null);
		if (shown === null || this.#isOver) return;
		const before = this.#seen;
		const now = { ...shown, atMs: performance.now() };
		this.#seen = now;
		if (before !== null) this.#passed(before, now);
	}

	#passed(before: Seen, now: Seen): void {
		const seconds = (now.atMs - before.atMs) / 1000;
		const [facts, slots] = [now.seq - before.seq, now.slot - before.slot];
		const learned = this.#learned;
		if (learned.seconds < LEARNING_S) {
			learned.seconds++;
			learned.facts += facts;
			learned.slots += slots;
			if (learned.seconds === LEARNING_S) this.#putsPerSecond = this.#factsPerSecond / this.#factsOfSlot;
			return;
		}
		const rate = Math.max(facts, slots * this.#factsOfSlot) / seconds;
		this.#rates.push(Math.round(rate));
		const by = Math.min(CORRECTION_MAX, Math.max(1 / CORRECTION_MAX, this.#factsPerSecond / Math.max(rate, 1)));
		this.#putsPerSecond *= Math.sqrt(by);
	}

	get #factsOfSlot(): number {
		return this.#learned.facts / Math.max(1, this.#learned.slots);
	}
}

/** What the page shows of all nodes, and when. */
interface Seen {
	/** The sum of the numbers of their newest facts. */
	readonly seq: number;
	/** All slots up to here are chosen. */
	readonly slot: number;
	readonly atMs: number;
}

function shownBy(page: Page): Promise<Omit<Seen, 'atMs'>> {
	return page.locator('[data-testid^="node-"]').evaluateAll((cards) => {
		const numbers = (name: string) => cards.map((card) => Number(card.getAttribute(name) ?? 0));
		return {
			seq: numbers('data-seq').reduce((sum, seq) => sum + seq, 0),
			slot: Math.max(...numbers('data-chosen-through')),
		};
	});
}
