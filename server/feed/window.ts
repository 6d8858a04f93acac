/** The limit on facts holds in windows of a second. Here is what was told in the present one. */
import type { Slot } from '../../shared/paxos/message.ts';
import type { FlowLimits } from './limits.ts';
import type { Mark } from './sampling.ts';

const WINDOW_MS = 1_000;

export class Window {
	readonly #limits: FlowLimits;
	readonly #slot: () => Slot;
	#endsAtMs = Number.NEGATIVE_INFINITY;
	#beganAtSlot: Slot = 0;
	#weight = 0;
	#tellingMs = 0;

	/** @param slot how far slots are known to be chosen */
	constructor(limits: FlowLimits, slot: () => Slot) {
		this.#limits = limits;
		this.#slot = slot;
	}

	open({ ms, slot }: Mark): void {
		this.#endsAtMs = ms + WINDOW_MS;
		this.#beganAtSlot = slot;
		this.#weight = 0;
		this.#tellingMs = 0;
	}

	/** Ends it at once. */
	close(): void {
		this.#endsAtMs = Number.NEGATIVE_INFINITY;
	}

	isOver(nowMs: number): boolean {
		return nowMs >= this.#endsAtMs;
	}

	/** A fact is told. @param weight as of `weightOf` */
	add(weight: number): void {
		this.#weight += weight;
	}

	/** So much time was spent on telling, milliseconds. */
	spend(ms: number): void {
		this.#tellingMs += ms;
	}

	/** Whether it has no room for a fact of this weight. */
	isFull(weight: number): boolean {
		const { factsPerSecondMin, factsPerSecondMax, slotsPerSecondMin } = this.#limits;
		const withIt = this.#weight + weight;
		if (withIt <= factsPerSecondMin || this.#costOf(withIt) <= 1) return false;
		return withIt > factsPerSecondMax || this.#slot() - this.#beganAtSlot > slotsPerSecondMin;
	}

	/** What was told in it, as a part of what may be told in a second. */
	get cost(): number {
		return this.#costOf(this.#weight);
	}

	#costOf(weight: number): number {
		const { factsPerSecondMax, tellingMsPerSecondMax } = this.#limits;
		return Math.max(weight / factsPerSecondMax, this.#tellingMs / tellingMsPerSecondMax);
	}
}
