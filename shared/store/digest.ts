/**
 * A digest of all that a store has applied and of what became of it, in 32 bits. Stores that have applied the same slots
 * have the same digest. Those that differ have the same one by a rare accident only, and not for long, because each slot
 * changes it. It is against accidents, and not against somebody who computes it.
 *
 * It takes in the bytes of each slot, the result of each command, and the revision of the entry that a command finds. So
 * a log that differs is found at once, and an entry that has become another one when a command touches it.
 */

/** From so many bytes on a value is long. */
const LONG_BYTES = 256;

/** Takes one more number into the digest. @param value an integer from 0 to 2^53 - 1 */
export function digestOf(digest: number, value: number): number {
	let mix = Math.imul(digest ^ (value | 0), 0x85ebca6b);
	mix ^= mix >>> 13;
	mix = Math.imul(mix ^ ((value / 0x1_0000_0000) | 0), 0xc2b2ae35);
	return mix ^ (mix >>> 16);
}

/**
 * Takes bytes into the digest, four at a time. Of a long value it takes four times four at a time, into four digests that
 * do not wait for each other.
 */
export function digestOfBytes(digest: number, bytes: Uint8Array): number {
	const { length } = bytes;
	const words = new DataView(bytes.buffer, bytes.byteOffset, length);
	let mix = digest;
	let at = 0;
	if (length >= LONG_BYTES) {
		// They begin apart, so that equal words in all four places do not cancel each other out.
		let second = (digest + 1) | 0;
		let third = (digest + 2) | 0;
		let fourth = (digest + 3) | 0;
		for (const last = length - 16; at <= last; at += 16) {
			mix = mixed(mix, words.getUint32(at, true));
			second = mixed(second, words.getUint32(at + 4, true));
			third = mixed(third, words.getUint32(at + 8, true));
			fourth = mixed(fourth, words.getUint32(at + 12, true));
		}
		mix = joined(joined(joined(mix, second), third), fourth);
	}
	for (const last = length - 4; at <= last; at += 4) mix = mixed(mix, words.getUint32(at, true));
	for (; at < length; at++) mix = Math.imul(mix ^ (bytes[at] as number), 0x01000193);
	return digestOf(mix, length);
}

function mixed(mix: number, word: number): number {
	const product = Math.imul(mix ^ word, 0x9e3779b1);
	return product ^ (product >>> 15);
}

/** Which one comes first makes a difference. */
function joined(first: number, second: number): number {
	return mixed(Math.imul(first, 0xc2b2ae35), second);
}
