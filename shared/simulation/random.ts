/**
 * The seeded generator (sfc32) that makes every choice of a simulated world, so that a seed gives one run. It is fast
 * enough for several numbers a message. No other source of randomness may be used.
 *
 * @source Chris Doty-Humphrey, PractRand: sfc
 */

const UINT32_RANGE = 0x1_0000_0000;

export class Random {
	#a: number;
	#b: number;
	#c: number;
	#counter = 1;

	/** @param streams further numbers that tell this stream from others of the same seed */
	constructor(seed: number, ...streams: readonly number[]) {
		this.#a = seed | 0;
		this.#b = Math.floor(seed / UINT32_RANGE) | 0;
		this.#c = 0x9e3779b9 | 0;
		for (let i = 0; i < 12; i++) this.bits();
		for (const stream of streams) {
			this.#a ^= stream;
			for (let i = 0; i < 12; i++) this.bits();
		}
	}

	/** 32 random bits, as an unsigned integer. */
	bits(): number {
		const sum = (this.#a + this.#b + this.#counter) | 0;
		this.#counter = (this.#counter + 1) | 0;
		this.#a = this.#b ^ (this.#b >>> 9);
		this.#b = (this.#c + (this.#c << 3)) | 0;
		this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
		return sum >>> 0;
	}

	/** A number from 0 up to, not including, 1. */
	fraction(): number {
		return this.bits() / UINT32_RANGE;
	}

	/** An integer from `min` to `max`, both included; the range is below 2^32. */
	integer(min: number, max: number): number {
		return min + Math.floor(this.fraction() * (max - min + 1));
	}

	between(min: number, max: number): number {
		return min + this.fraction() * (max - min);
	}

	/** Drawn evenly on a logarithmic scale: as likely between 1 and 10 as between 10 and 100. */
	magnitude(min: number, max: number): number {
		return min * (max / min) ** this.fraction();
	}

	chance(probability: number): boolean {
		return this.bits() < probability * UINT32_RANGE;
	}

	pick<T>(items: readonly T[]): T {
		if (items.length === 0) throw new RangeError('nothing to pick from');
		return items[this.integer(0, items.length - 1)] as T;
	}

	/** A copy of the items in random order. */
	shuffle<T>(items: readonly T[]): T[] {
		const shuffled = items.slice();
		for (let i = shuffled.length - 1; i > 0; i--) {
			const j = this.integer(0, i);
			[shuffled[i], shuffled[j]] = [shuffled[j] as T, shuffled[i] as T];
		}
		return shuffled;
	}
}
