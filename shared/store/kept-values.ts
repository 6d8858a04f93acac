/**
 * The bytes of values, copied out of the batches that brought them: a small value must not keep a whole slot in
 * memory for as long as it lives. Small ones share slabs, because an array of its own costs ten times the copy, and
 * are written over where they are; so whoever asks for one is given a copy.
 */

/** Where a value is. */
export interface Place {
	bytes: Uint8Array;
	start: number;
	end: number;
}

/** What a value that outlives all others of its slab keeps in memory, at most. */
const SLAB_BYTES = 8192;
/** Larger values have an array of their own, or are most of the one that they came in. They are never written over. */
const SHARED_BYTES_MAX = SLAB_BYTES / 8;

export class KeptValues {
	#slab = new Uint8Array(0);
	#used = 0;

	/** Puts the bytes from `start` to before `end` in the place of what `place` has. */
	keep(place: Place, bytes: Uint8Array, start: number, end: number): void {
		const length = end - start;
		if (length > SHARED_BYTES_MAX) return keepApart(place, bytes, start, end);
		if (place.end - place.start !== length) this.#makeRoom(place, length);
		const to = place.bytes;
		const at = place.start;
		for (let i = 0; i < length; i++) to[at + i] = bytes[start + i] as number;
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

/** What is there now, and will be whatever comes there later. */
export function valueAt({ bytes, start, end }: Place): Uint8Array {
	return end - start > SHARED_BYTES_MAX ? bytes.subarray(start, end) : bytes.slice(start, end);
}

function keepApart(place: Place, bytes: Uint8Array, start: number, end: number): void {
	const isMost = 2 * (end - start) >= bytes.buffer.byteLength;
	place.bytes = isMost ? bytes : new Uint8Array(bytes.subarray(start, end));
	place.start = isMost ? start : 0;
	place.end = place.start + end - start;
}
