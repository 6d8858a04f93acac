/**
 * The bytes of values, copied out of the batches that brought them: a small value must not keep a whole slot's value
 * in memory. Small values share slabs, because an array for each would cost ten times as much as the copy, and a new
 * value of the same length overwrites the old one in place. So a reader gets a copy of a small value, and an entry that
 * a view shows hands its place over before it is written.
 */

import { copyBytes } from '../bytes/bytes.ts';

/** The place of a value in memory, from `start` to before `end`. */
export interface Place {
	bytes: Uint8Array;
	start: number;
	end: number;
}

/** The size of a slab: the last value that is left in one keeps so many bytes in memory. */
const SLAB_BYTES = 8192;
/**
 * Larger values have an array of their own, or stay in the array that they came in where they are at least half of it.
 * They are never overwritten.
 */
export const SHARED_BYTES_MAX = SLAB_BYTES / 8;

export class KeptValues {
	#slab = new Uint8Array(0);
	#used = 0;

	/** Copies the bytes from `start` to before `end` over the value of `place`, or gives `place` new memory for them. */
	keep(place: Place, bytes: Uint8Array, start: number, end: number): void {
		const length = end - start;
		if (length > SHARED_BYTES_MAX) return keepApart(place, bytes, start, end);
		if (place.end - place.start !== length) this.#makeRoom(place, length);
		copyBytes(place.bytes, place.start, bytes, start, end);
	}

	/**
	 * Gives the memory of `from` to `to`, and gives `from` a copy. A large value is shared, since it is never
	 * overwritten.
	 */
	handOver(from: Place, to: Place): void {
		const { bytes, start, end } = from;
		to.bytes = bytes;
		to.start = start;
		to.end = end;
		if (end - start > SHARED_BYTES_MAX) return;
		this.#makeRoom(from, end - start);
		this.keep(from, bytes, start, end);
	}

	#makeRoom(place: Place, length: number): void {
		if (this.#used + length > this.#slab.length) {
			this.#slab = new Uint8Array(SLAB_BYTES);
			this.#used = 0;
		}
		place.bytes = this.#slab;
		place.start = this.#used;
		this.#used += length;
		place.end = this.#used;
	}
}

/** The bytes of the value, which no later write changes. */
export function valueAt({ bytes, start, end }: Place): Uint8Array {
	return end - start > SHARED_BYTES_MAX ? bytes.subarray(start, end) : bytes.slice(start, end);
}

function keepApart(place: Place, bytes: Uint8Array, start: number, end: number): void {
	const isMost = 2 * (end - start) >= bytes.buffer.byteLength;
	place.bytes = isMost ? bytes : new Uint8Array(bytes.subarray(start, end));
	place.start = isMost ? start : 0;
	place.end = place.start + end - start;
}
