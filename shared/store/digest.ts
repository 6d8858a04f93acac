/**
 * A digest of all that a store has applied and of what became of it, in 32 bits. Stores that have applied the same slots
 * have the same digest. Those that differ have the same one by a rare accident only, and not for long, because each slot
 * changes it. It is against accidents, and not against somebody who computes it.
 *
 * It takes in the bytes of each slot, the result of each command, and the revision of the entry that a command finds. So
 * a log that differs is found at once, and an entry that has become another one when a command touches it.
 */

/** Takes one more number into the digest. @param value an integer from 0 to 2^53 - 1 */
export function digestOf(digest: number, value: number): number {
	let mix = Math.imul(digest ^ (value | 0), 0x85ebca6b);
	mix ^= mix >>> 13;
	mix = Math.imul(mix ^ ((value / 0x1_0000_0000) | 0), 0xc2b2ae35);
	return mix ^ (mix >>> 16);
}

/** Takes bytes into the digest, four at a time. */
export function digestOfBytes(digest: number, bytes: Uint8Array): number {
	const { length } = bytes;
	const whole = length - (length % 4);
	const words = new DataView(bytes.buffer, bytes.byteOffset, length);
	let mix = digest;
	for (let at = 0; at < whole; at += 4) {
		mix = Math.imul(mix ^ words.getUint32(at, true), 0x9e3779b1);
		mix ^= mix >>> 15;
	}
	for (let at = whole; at < length; at++) mix = Math.imul(mix ^ (bytes[at] as number), 0x01000193);
	return digestOf(mix, length);
}
