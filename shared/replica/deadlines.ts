/**
 * The deadlines of proposals and reads that wait. These stand in one list in the order of their deadlines, and one
 * timer serves them all, so a time limit costs neither a timer nor an object of its own. Almost all have the same
 * time limit, so a new item nearly always goes to the end of the list.
 */

/** An item with a deadline. It is in the list of one `Deadlines` at most. */
export abstract class Limited {
	/** On the runtime's monotonic clock, milliseconds. */
	deadlineMs = 0;
	before: Limited | null = null;
	after: Limited | null = null;
	isListed = false;

	/** The deadline has passed, and the item was taken out of the list. */
	abstract overdue(): void;
}

export interface DeadlineClock {
	/** Monotonic, milliseconds. */
	nowMs(): number;
	/** Calls `Deadlines.fire` after so many milliseconds. A new request replaces the earlier one. */
	setTimer(afterMs: number): void;
}

/**
 * The shortest wait that is asked for. A timer may fire a little early by the clock, and must not be set for 0 then.
 */
const TIMER_MS_MIN = 1;
/** The longest wait that is asked for. Node.js and browsers take a longer one for 1 ms. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export class Deadlines {
	readonly #clock: DeadlineClock;
	#first: Limited | null = null;
	#last: Limited | null = null;
	#count = 0;
	/** The monotonic time at which the timer fires; Infinity while it is not set. */
	#timerMs = Number.POSITIVE_INFINITY;

	constructor(clock: DeadlineClock) {
		this.#clock = clock;
	}

	get count(): number {
		return this.#count;
	}

	add(item: Limited, afterMs: number): void {
		item.deadlineMs = this.#clock.nowMs() + afterMs;
		let before = this.#last;
		while (before !== null && before.deadlineMs > item.deadlineMs) before = before.before;
		const after = before === null ? this.#first : before.after;
		item.before = before;
		item.after = after;
		if (before === null) this.#first = item;
		else before.after = item;
		if (after === null) this.#last = item;
		else after.before = item;
		item.isListed = true;
		this.#count++;
		if (item.deadlineMs < this.#timerMs) this.#setTimer(afterMs);
	}

	/** Takes an item out that ended before its deadline. Nothing happens where it is not in the list. */
	remove(item: Limited): void {
		if (!item.isListed) return;
		const { before, after } = item;
		if (before === null) this.#first = after;
		else before.after = after;
		if (after === null) this.#last = before;
		else after.before = before;
		item.before = null;
		item.after = null;
		item.isListed = false;
		this.#count--;
	}

	/** The timer has fired. Items that are due are told so, and the timer is set for the next one. */
	fire(): void {
		this.#timerMs = Number.POSITIVE_INFINITY;
		const nowMs = this.#clock.nowMs();
		while (this.#first !== null && this.#first.deadlineMs <= nowMs) {
			const item = this.#first;
			this.remove(item);
			item.overdue();
		}
		if (this.#first !== null && this.#first.deadlineMs < this.#timerMs) this.#setTimer(this.#first.deadlineMs - nowMs);
	}

	#setTimer(afterMs: number): void {
		const waitMs = Math.min(TIMER_MS_MAX, Math.max(TIMER_MS_MIN, afterMs));
		this.#timerMs = this.#clock.nowMs() + waitMs;
		this.#clock.setTimer(waitMs);
	}
}
