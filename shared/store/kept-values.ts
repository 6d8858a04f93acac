/**
 * The bytes of values, copied out of the batches that brought them: a small value must not keep a whole slot in
 * memory for as long as it lives. Small values share slabs, because an array of its own costs ten times the copy, and
 * they are written over in place. So a reader is given a copy, and an entry that a view shows leaves its place.
 */

/** Where a value is. */
export interface Place {
	bytes: Uint8Array;
	start: number;
	end: number;
}

/** A value that outlives all others of its slab keeps so many bytes in memory, at most. */
const SLAB_BYTES = 8192;
/**
 * Larger values have an array of their own, or are most of the array that they came in. They are never written over.
 */
export const SHARED_BYTES_MAX = SLAB_BYTES / 8;

export class KeptValues {
	#slab = new Uint8Array(0);
	#used = 0;

	/** Puts the bytes from `start` to before `end` where the value of `place` is, or into a new place. */
	keep(place: Place, bytes: Uint8Array, start: number, end: number): void {
		const length = end - start;
		if (length > SHARED_BYTES_MAX) return keepApart(place, bytes, start, end);
		if (place.end - place.start !== length) this.#makeRoom(place, length);
		const to = place.bytes;
		const at = place.start;
		for (let i = 0; i < length; i++) to[at + i] = bytes[start + i] as number;
	}

	/** Gives the place of `from` to `to`. What `from` holds is copied here, unless it is never written over. */
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

/** The bytes that are there now. They stay what they are, whatever is written there later. */
export function valueAt({ bytes, start, end }: Place): Uint8Array {
	return end - start > SHARED_BYTES_MAX ? bytes.subarray(start, end) : bytes.slice(start, end);
}

function keepApart(place: Place, bytes: Uint8Array, start: number, end: number): void {
	const isMost = 2 * (end - start) >= bytes.buffer.byteLength;
	place.bytes = isMost ? bytes : new Uint8Array(bytes.subarray(start, end));
	place.start = isMost ? start : 0;
	place.end = place.start + end - start;
}
