/**
 * A set of states, as 64-bit fingerprints in typed arrays with open addressing: a JavaScript `Set` ends at 2^24
 * and takes ten times the room.
 */

const LOAD_MAX = 0.6;

export class Fingerprints {
	#high: Uint32Array;
	#low: Uint32Array;
	#size = 0;

	constructor(capacity = 1 << 16) {
		this.#high = new Uint32Array(capacity);
		this.#low = new Uint32Array(capacity);
	}

	get size(): number {
		return this.#size;
	}

	/** @returns whether it is new */
	add(numbers: readonly number[]): boolean {
		let high = 0x9e3779b9;
		let low = 0x85ebca6b;
		for (const number of numbers) {
			high = Math.imul(high ^ number, 0xcc9e2d51);
			high = (high << 15) | (high >>> 17);
			low = Math.imul(low ^ (number + 0x7f4a7c15), 0x1b873593);
			low = ((low << 13) | (low >>> 19)) ^ high;
		}
		// An empty place is (0, 0).
		if (!this.#insert(finished(high), finished(low) || 1)) return false;
		if (++this.#size > this.#low.length * LOAD_MAX) this.#grow();
		return true;
	}

	#insert(high: number, low: number): boolean {
		const mask = this.#low.length - 1;
		let at = low & mask;
		for (; this.#low[at] !== 0; at = (at + 1) & mask) {
			if (this.#low[at] === low && this.#high[at] === high) return false;
		}
		this.#high[at] = high;
		this.#low[at] = low;
		return true;
	}

	#grow(): void {
		const highs = this.#high;
		const lows = this.#low;
		this.#high = new Uint32Array(highs.length * 2);
		this.#low = new Uint32Array(lows.length * 2);
		for (let at = 0; at < lows.length; at++) {
			if (lows[at] !== 0) this.#insert(highs[at] as number, lows[at] as number);
		}
	}
}

/** The last step of MurmurHash3: every bit of the input changes half of the output's. */
function finished(hash: number): number {
	let mix = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
	mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35);
	return (mix ^ (mix >>> 16)) >>> 0;
}
