/**
 * CRC-32, the checksum of all that is on disk, as of zlib, PNG and Ethernet. Nothing here knows what the bytes mean.
 *
 * A runtime that has a routine of its own for it hands that over: on large pieces it is several times faster. The one
 * here is for all others. Slicing by eight: eight bytes a round, one table each, so that the loads do not wait for each
 * other.
 *
 * @source ISO 3309 for the parameters; RFC 1952 section 8; Kounavis and Berry 2005
 */

/** As `crc32`. */
export type Crc32 = (bytes: Uint8Array, start: number, end: number, seed: number) => number;

/** 0x04C11DB7, its bits reversed. */
const POLYNOMIAL = 0xedb88320;

/** "123456789" and its checksum. */
const CHECK = { bytes: Uint8Array.from('123456789', (char) => char.charCodeAt(0)), sum: 0xcbf43926 };

const [T0, T1, T2, T3, T4, T5, T6, T7] = makeTables();

let routine: Crc32 = portableCrc32;

/**
 * From now on the runtime's routine is used, by all logs of this program.
 *
 * @throws RangeError it gives other checksums: what it writes could not be read elsewhere
 */
export function useNativeCrc32(native: Crc32): void {
	const { bytes, sum } = CHECK;
	if (native(bytes, 0, 9, 0) !== sum || native(bytes, 4, 9, native(bytes, 0, 4, 0)) !== sum) {
		throw new RangeError('the routine of the runtime is no CRC-32');
	}
	routine = native;
}

/**
 * The checksum of `bytes` from `start` to before `end`, as an unsigned 32-bit integer. To go on from an
 * earlier piece, give its checksum as `seed`.
 */
export function crc32(bytes: Uint8Array, start = 0, end = bytes.length, seed = 0): number {
	return routine(bytes, start, end, seed);
}

/** As `crc32`, without help of the runtime. */
export function portableCrc32(bytes: Uint8Array, start: number, end: number, seed: number): number {
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
