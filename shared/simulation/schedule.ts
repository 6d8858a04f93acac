/**
 * The events of a world in the order of virtual time and, at equal times, in the order in which they were added. It is a
 * binary heap. Time is whole microseconds since the world began; no clock is read here.
 */

/** Whole microseconds since the world began. */
export type Instant = number;

export const US_PER_MS = 1000;

export class Schedule<Item> {
	now: Instant = 0;
	#size = 0;
	#orderNext = 0;
	readonly #times: Instant[] = [];
	readonly #orders: number[] = [];
	readonly #items: Item[] = [];

	get size(): number {
		return this.#size;
	}

	/** @param time not before `now` */
	at(time: Instant, item: Item): void {
		if (time < this.now) throw new RangeError('nothing can be planned for the past');
		const order = this.#orderNext++;
		let hole = this.#size++;
		while (hole > 0) {
			const parent = (hole - 1) >> 1;
			if ((this.#times[parent] as number) <= time) break;
			this.#move(parent, hole);
			hole = parent;
		}
		this.#put(hole, time, order, item);
	}

	/** The time of the next event; Infinity for none. */
	get nextTime(): Instant {
		return this.#size === 0 ? Number.POSITIVE_INFINITY : (this.#times[0] as number);
	}

	/** Takes the next event, and sets `now` to its time. */
	take(): Item {
		if (this.#size === 0) throw new RangeError('nothing is planned');
		const item = this.#items[0] as Item;
		this.now = this.#times[0] as number;
		const last = --this.#size;
		this.#sink(this.#times[last] as number, this.#orders[last] as number, this.#items[last] as Item);
		this.#items.pop();
		return item;
	}

	#sink(time: Instant, order: number, item: Item): void {
		if (this.#size === 0) return;
		let hole = 0;
		for (;;) {
			let child = 2 * hole + 1;
			if (child >= this.#size) break;
			if (child + 1 < this.#size && this.#before(child + 1, child)) child++;
			const childTime = this.#times[child] as number;
			if (time < childTime || (time === childTime && order < (this.#orders[child] as number))) break;
			this.#move(child, hole);
			hole = child;
		}
		this.#put(hole, time, order, item);
	}

	#before(a: number, b: number): boolean {
		const timeA = this.#times[a] as number;
		const timeB = this.#times[b] as number;
		return timeA < timeB || (timeA === timeB && (this.#orders[a] as number) < (this.#orders[b] as number));
	}

	#move(from: number, to: number): void {
		this.#put(to, this.#times[from] as number, this.#orders[from] as number, this.#items[from] as Item);
	}

	#put(index: number, time: Instant, order: number, item: Item): void {
		this.#times[index] = time;
		this.#orders[index] = order;
		this.#items[index] = item;
	}
}
