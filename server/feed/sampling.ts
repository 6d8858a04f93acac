/**
 * Which decisions are told where there are more facts than a watcher can take: whole ones, and at every node the same,
 * because each node goes by the numbers of slots. A few slots in a row are told, and then none until the next multiple
 * of a power of two, which grows with the pace and with what it costs to tell them. Nodes that measure another pace
 * tell a part of the same slots.
 */
import type { RawFact } from '../../shared/fact.ts';
import type { Slot } from '../../shared/paxos/message.ts';

/** A leader may have proposed so many slots beyond those that are chosen. */
const OPEN_SLOTS = 8;
/** Of so many slots in a row everything is told, and of the open ones before and behind them a part. */
export const TOLD_SLOTS = 8;
const EVERY_SLOTS_MIN = 4 * OPEN_SLOTS;
/** From one told stretch to the next, as far as the pace stays the same, milliseconds. */
const EVERY_MS_MIN = 1_000;
/** The same where a stretch costs much. */
const EVERY_MS_MAX = 2_000;
/** A pause ends after so many times that time at the latest, where the next stretch does not come. */
const PAUSE_MAX = 1.25;

/** How far this node knew all slots to be chosen at a time. */
export interface Mark {
	readonly ms: number;
	readonly slot: Slot;
}

export class Sampling {
	/** When facts began to be told last. */
	#began: Mark = { ms: 0, slot: 0 };
	#paused: Mark = { ms: 0, slot: 0 };
	/** The last slot of the stretch that is told; Infinity while all are. */
	#through = Number.POSITIVE_INFINITY;
	/** The first slot of the next stretch, during a pause. */
	#next: Slot = 0;
	#every = EVERY_SLOTS_MIN;
	#everyMs = EVERY_MS_MIN;
	#slotsPerMs = 0;
	/** To tell everything of a slot, as a part of what may be told in a second. */
	#costOfSlot = 0;

	/** All facts are told from now on. */
	begin(mark: Mark): void {
		this.#began = mark;
		this.#through = Number.POSITIVE_INFINITY;
	}

	/** Facts are told again after a pause: all of them, or those of the next stretch. */
	resume(mark: Mark): void {
		const isBearable = this.#isBearable(this.#began, mark);
		this.#slotsPerMs = paceOf(this.#began, mark);
		this.begin(mark);
		if (isBearable || mark.slot >= this.#next) return;
		this.#through = this.#next + TOLD_SLOTS + OPEN_SLOTS;
	}

	/** Whether a stretch is told, and not all. */
	get isStretch(): boolean {
		return this.#through !== Number.POSITIVE_INFINITY;
	}

	/** Whether the stretch is told with this fact. */
	endsWith(fact: RawFact): boolean {
		return fact.kind === 'applied' && fact.through >= this.#through;
	}

	/**
	 * No fact is told from now on.
	 *
	 * @param cost of what was told since the beginning, as a part of what may be told in a second
	 * @returns the first slot of the next stretch, or an open one before it
	 */
	pause(mark: Mark, cost: number): Slot {
		if (!this.isStretch) this.#slotsPerMs = paceOf(this.#began, mark);
		this.#everyMs = Math.min(Math.max(EVERY_MS_MIN, 1_000 * cost), EVERY_MS_MAX);
		this.#every = powerBelow(this.#slotsPerMs * this.#everyMs);
		this.#costOfSlot = cost / Math.max(1, mark.slot - this.#began.slot);
		this.#paused = mark;
		this.#next = 0;
		return this.later(mark.slot);
	}

	/** The stretch would come too early: as `pause`, of a later one. */
	later(slot: Slot): Slot {
		this.#next = (Math.floor(Math.max(slot + 2 * OPEN_SLOTS, this.#next) / this.#every) + 1) * this.#every;
		return this.#next - OPEN_SLOTS;
	}

	/** Whether the pause ends, although the next stretch has not come. */
	isOver(before: Mark, mark: Mark): boolean {
		return mark.ms - this.#paused.ms >= PAUSE_MAX * this.#everyMs || this.#isBearable(before, mark);
	}

	#isBearable(from: Mark, to: Mark): boolean {
		return 1_000 * paceOf(from, to) * this.#costOfSlot <= 1;
	}
}

/** Slots a millisecond. */
function paceOf(from: Mark, to: Mark): number {
	return (to.slot - from.slot) / Math.max(1, to.ms - from.ms);
}

function powerBelow(slots: number): number {
	return Math.max(EVERY_SLOTS_MIN, 2 ** Math.floor(Math.log2(Math.max(1, slots))));
}
