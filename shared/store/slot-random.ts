/**
 * Random numbers that are the same at every node: the sequence begins anew with each slot, and only its number seeds it.
 *
 * @source Steele, Lea, Flood, Fast Splittable Pseudorandom Number Generators (2014): the mixing of SplitMix, in 32 bits
 */
const UINT32_RANGE = 0x1_0000_0000;
const GOLDEN = 0x9e3779b9;

export class SlotRandom {
	#state = 0;

	begin(slot: number): void {
		this.#state = mixed((slot | 0) ^ mixed(Math.floor(slot / UINT32_RANGE)));
	}

	/** The next number, from 0 up to, not including, 1. */
	next(): number {
		this.#state = (this.#state + GOLDEN) | 0;
		return (mixed(this.#state) >>> 0) / UINT32_RANGE;
	}
}

function mixed(value: number): number {
	let mix = value | 0;
	mix = Math.imul(mix ^ (mix >>> 16), 0x21f0aaad);
	mix = Math.imul(mix ^ (mix >>> 15), 0x735a2d97);
	return mix ^ (mix >>> 15);
}
