/**
 * Clients that put at such a pace that all nodes together number so many facts in a second. How many facts a put makes
 * depends on how many puts share a slot, so the pace is corrected each second by what the page shows of the numbers.
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
/** A first guess of the facts of a put. */
const FACTS_OF_PUT = 50;
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
	#seen: { readonly seq: number; readonly atMs: number } | null = null;
	readonly #rates: number[] = [];
	#isOver = false;

	constructor(nodes: readonly string[], page: Page, factsPerSecond: number) {
		this.#clients = connected(nodes, CONNECTIONS);
		this.#page = page;
		this.#factsPerSecond = factsPerSecond;
		this.#putsPerSecond = factsPerSecond / FACTS_OF_PUT;
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
		const seq = await shownSeq(this.#page).catch(() => null);
		if (seq === null || this.#isOver) return;
		const atMs = performance.now();
		const before = this.#seen;
		this.#seen = { seq, atMs };
		if (before === null) return;
		const rate = ((seq - before.seq) / (atMs - before.atMs)) * 1000;
		this.#rates.push(Math.round(rate));
		const by = Math.min(CORRECTION_MAX, Math.max(1 / CORRECTION_MAX, this.#factsPerSecond / Math.max(rate, 1)));
		this.#putsPerSecond *= Math.sqrt(by);
	}
}

/** The sum of the numbers of the newest facts that the page shows of all nodes. */
function shownSeq(page: Page): Promise<number> {
	return page
		.locator('[data-testid^="node-"]')
		.evaluateAll((cards) => cards.reduce((sum, card) => sum + Number(card.getAttribute('data-seq') ?? 0), 0));
}
