/**
 * CRC-32C, the checksum of every frame on disk. Nothing here knows what the bytes mean.
 *
 * Slicing by eight: eight bytes a round, one table each, so that the loads do not wait for each other.
 *
 * @source Castagnoli et al. 1993; RFC 3720 B.4 for the parameters and test vectors; Kounavis and Berry 2005
 */

/** 0x1EDC6F41, its bits reversed. */
const POLYNOMIAL = 0x82f63b78;

const [T0, T1, T2, T3, T4, T5, T6, T7] = makeTables();

/**
 * The checksum of `bytes` from `start` to before `end`, as an unsigned 32-bit integer. To go on from an
 * earlier piece, give its checksum as `seed`.
 */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, seed = 0): number {
	return ~run(bytes, start, end, ~seed) >>> 0;
}

/** The sum itself stays a signed 32-bit integer, which is what compiled code counts on. */
function run(bytes: Uint8Array, start: number, end: number, before: number): number {
	let crc = before;
	let at = start;
	for (const last = end - 8; at <= last; at += 8) {
		const low =
			crc ^ (byte(bytes, at) | (byte(bytes, at + 1) << 8) | (byte(bytes, at + 2) << 16) | (byte(bytes, at + 3) << 24));
		crc =
			entry(T7, low & 0xff) ^
			entry(T6, (low >>> 8) & 0xff) ^
			entry(T5, (low >>> 16) & 0xff) ^
			entry(T4, low >>> 24) ^
			entry(T3, byte(bytes, at + 4)) ^
			entry(T2, byte(bytes, at + 5)) ^
			entry(T1, byte(bytes, at + 6)) ^
			entry(T0, byte(bytes, at + 7));
	}
	for (; at < end; at++) crc = entry(T0, (crc ^ byte(bytes, at)) & 0xff) ^ (crc >>> 8);
	return crc;
}

/** `start` and `end` are within the array, so there is a byte. */
function byte(bytes: Uint8Array, at: number): number {
	return bytes[at] as number;
}

function entry(table: Int32Array, index: number): number {
	return table[index] as number;
}

type Tables = readonly [Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array];

function makeTables(): Tables {
	const first = new Int32Array(256);
	for (let i = 0; i < 256; i++) {
		let crc = i;
		for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
		first[i] = crc;
	}
	/** What a byte does to the checksum when one more byte of zeros follows it. */
	const shifted = (table: Int32Array) => table.map((crc) => entry(first, crc & 0xff) ^ (crc >>> 8));
	const t1 = shifted(first);
	const t2 = shifted(t1);
	const t3 = shifted(t2);
	const t4 = shifted(t3);
	const t5 = shifted(t4);
	const t6 = shifted(t5);
	return [first, t1, t2, t3, t4, t5, t6, shifted(t6)];
}
