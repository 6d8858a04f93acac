/**
 * The bytes of values, copied out of the batches that brought them: a small value must not keep a whole slot in
 * memory for as long as it lives. Small ones share slabs, because an array of its own costs ten times the copy.
 */

/** What a value that outlives all others of its slab keeps in memory, at most. */
const SLAB_BYTES = 8192;
/** Larger values have an array of their own, or are most of the one that they came in. */
const SHARED_BYTES_MAX = SLAB_BYTES / 8;

export class KeptValues {
	#slab = new Uint8Array(0);
	#used = 0;

	keep(value: Uint8Array): Uint8Array {
		const { length } = value;
		if (length > SHARED_BYTES_MAX) return 2 * length >= value.buffer.byteLength ? value : new Uint8Array(value);
		if (this.#used + length > this.#slab.length) {
			this.#slab = new Uint8Array(SLAB_BYTES);
			this.#used = 0;
		}
		const from = this.#used;
		this.#used += length;
		this.#slab.set(value, from);
		return this.#slab.subarray(from, this.#used);
	}
}
