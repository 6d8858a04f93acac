/**
 * One frame: what one flush puts on disk. Bytes to a frame and back; which frames follow each other is
 * `recover.ts`'s business.
 *
 *     sector 0   tag 0xF1 | sequence, low | body bytes | sequence, high | previous | sectors' sum | body ... | place | sum
 *     sector n   tag 0xC0 | sequence, low | body ...   | zeros where the body has ended                     | place | sum
 *
 * Every sector carries its place in the log, and a checksum of its own, of all bytes before it and of which log it is.
 * So each sector alone can be told to be what was written there, or never written, or written at another place of this
 * log, or damaged. A frame that a crash has torn is told from one that was whole once. What another log wrote counts as
 * damage.
 *
 * A frame begins at a sector, so writing one never touches a sector that an earlier one made durable. The first byte
 * of every sector says whether a frame begins or goes on there, so nothing inside a body, a client's value least of
 * all, can be taken for a frame: not in a torn frame, not in what is left of one.
 *
 * Integers are little-endian and of four bytes, the sums are CRC-32.
 */
import { crc32 } from './crc32.ts';

/** What a disk writes whole or not at all. */
export const SECTOR_BYTES = 512;
const SUM_BYTES = 4;
const SUM_AT = SECTOR_BYTES - SUM_BYTES;
const PLACE_AT = SUM_AT - 4;
/** The tag, and the low half of the sequence. */
const HEAD_BYTES = 5;
const FRAME_HEAD_BYTES = 21;
const FIRST_BODY_BYTES_MAX = PLACE_AT - FRAME_HEAD_BYTES;
const BODY_BYTES_MAX = PLACE_AT - HEAD_BYTES;

const BEGINS = 0xf1;
const GOES_ON = 0xc0;

const SEQUENCE_LOW = 2 ** 32;
/** Numbers of frames stay below this: more than a log ever writes, and exact in JavaScript. */
export const SEQUENCE_MAX = 2 ** 53 - 1;

/** The place of a sector: see `addressOf`. */
export interface Address {
	/** Tells this log from others. Each checksum of the log begins with it. An unsigned integer of 32 bits. */
	readonly log: number;
	/** The number of the sector, counted through the whole log. Each sector carries its low 32 bits. */
	readonly sector: number;
}

export interface FrameHeader {
	readonly bodyBytes: number;
	/** From 1, one more for each frame, through all segments. */
	readonly sequence: number;
	/** The checksum of the first sector of the frame before; 0 for the first frame. It binds all frames before this one. */
	readonly previous: number;
	/** The sum over the checksums of all sectors but the first. It proves that they were written together. */
	readonly sectorsSum: number;
	/** The checksum of the first sector, and so of all the fields above. */
	readonly checksum: number;
}

/** What a sector is at a place where the frame `sequence` may have been written. */
export type SectorState =
	/** The sector holds zeros, or was written there with an earlier frame. */
	| 'old'
	/** The sector is as it was written with that very frame. */
	| 'new'
	/** The sector was written with a later frame. */
	| 'later'
	/** The sector is as this log wrote it, but at another place. */
	| 'elsewhere'
	/** The sector holds anything else. */
	| 'damaged';

/** How many bytes a frame takes, whole sectors, for a body of so many. */
export function frameBytes(bodyBytes: number): number {
	const behind = Math.max(0, bodyBytes - FIRST_BODY_BYTES_MAX);
	return (1 + Math.ceil(behind / BODY_BYTES_MAX)) * SECTOR_BYTES;
}

/** The largest body of a frame of so many bytes, a multiple of `SECTOR_BYTES`. */
export function bodyBytesWithin(bytes: number): number {
	return FIRST_BODY_BYTES_MAX + (bytes / SECTOR_BYTES - 1) * BODY_BYTES_MAX;
}

/**
 * Writes a frame over the first `frameBytes(body.length)` bytes of `into`.
 *
 * @param address of its first sector
 * @returns the checksum of its first sector, which the next frame takes as `previous`
 */
export function writeFrame(
	into: Uint8Array,
	body: Uint8Array,
	{ sequence, previous, address }: { readonly sequence: number; readonly previous: number; readonly address: Address },
): number {
	const end = frameBytes(body.length);
	const low = sequence % SEQUENCE_LOW;
	const padding = bodyBytesWithin(end) - body.length;
	let sectorsSum = 0;
	let read = FIRST_BODY_BYTES_MAX;
	for (let sector = SECTOR_BYTES; sector < end; sector += SECTOR_BYTES) {
		into[sector] = GOES_ON;
		put32(into, sector + 1, low);
		into.set(body.subarray(read, read + BODY_BYTES_MAX), sector + HEAD_BYTES);
		if (sector + SECTOR_BYTES === end) into.fill(0, sector + PLACE_AT - padding, sector + PLACE_AT);
		read += BODY_BYTES_MAX;
		put32(into, sector + PLACE_AT, address.sector + sector / SECTOR_BYTES);
		const sum = sumOf(into, sector, address);
		put32(into, sector + SUM_AT, sum);
		sectorsSum = folded(sectorsSum, sum);
	}
	into[0] = BEGINS;
	put32(into, 1, low);
	put32(into, 5, body.length);
	put32(into, 9, Math.floor(sequence / SEQUENCE_LOW));
	put32(into, 13, previous);
	put32(into, 17, sectorsSum);
	into.set(body.subarray(0, FIRST_BODY_BYTES_MAX), FRAME_HEAD_BYTES);
	if (end === SECTOR_BYTES) into.fill(0, PLACE_AT - padding, PLACE_AT);
	put32(into, PLACE_AT, address.sector);
	const checksum = sumOf(into, 0, address);
	put32(into, SUM_AT, checksum);
	return checksum;
}

/**
 * The header of the frame that begins at the sector at `offset`; undefined where none does, or its first sector is
 * not as it was written.
 *
 * @param address of the first sector of `bytes`
 */
export function readHeader(bytes: Uint8Array, offset: number, address: Address): FrameHeader | undefined {
	if (bytes[offset] !== BEGINS || offset + SECTOR_BYTES > bytes.length) return undefined;
	const checksum = get32(bytes, offset + SUM_AT);
	if (sumOf(bytes, offset, address) !== checksum || awayBy(bytes, offset, address) !== 0) return undefined;
	return {
		bodyBytes: get32(bytes, offset + 5),
		sequence: get32(bytes, offset + 1) + get32(bytes, offset + 9) * SEQUENCE_LOW,
		previous: get32(bytes, offset + 13),
		sectorsSum: get32(bytes, offset + 17),
		checksum,
	};
}

/**
 * Whether all sectors behind the first are of one frame, written together with its header at `offset`. They must be
 * within `bytes`.
 */
export function isWhole(bytes: Uint8Array, offset: number, header: FrameHeader, address: Address): boolean {
	const end = offset + frameBytes(header.bodyBytes);
	let sectorsSum = 0;
	for (let sector = offset + SECTOR_BYTES; sector < end; sector += SECTOR_BYTES) {
		if (stateOf(bytes, sector, address, header.sequence) !== 'new') return false;
		sectorsSum = folded(sectorsSum, get32(bytes, sector + SUM_AT));
	}
	return sectorsSum === header.sectorsSum;
}

/** The body of a frame that is whole, in an array of its own. */
export function readBody(bytes: Uint8Array, offset: number, header: FrameHeader): Uint8Array {
	const body = new Uint8Array(header.bodyBytes);
	let from = offset + FRAME_HEAD_BYTES;
	for (let written = 0; written < body.length; ) {
		const sector = from - (from % SECTOR_BYTES);
		const piece = bytes.subarray(from, Math.min(sector + PLACE_AT, from + body.length - written));
		body.set(piece, written);
		written += piece.length;
		from = sector + SECTOR_BYTES + HEAD_BYTES;
	}
	return body;
}

/** @param address of the first sector of `bytes` */
export function stateOf(bytes: Uint8Array, offset: number, address: Address, sequence: number): SectorState {
	const tag = bytes[offset];
	if (tag === BEGINS || tag === GOES_ON) {
		if (sumOf(bytes, offset, address) !== get32(bytes, offset + SUM_AT)) return 'damaged';
		if (awayBy(bytes, offset, address) !== 0) return 'elsewhere';
		// Only the low half is there. A log does not hold 2^31 frames more or less than its neighbours.
		const ahead = (get32(bytes, offset + 1) - (sequence % SEQUENCE_LOW)) | 0;
		return ahead === 0 ? 'new' : ahead < 0 ? 'old' : 'later';
	}
	return isZero(bytes, offset) ? 'old' : 'damaged';
}

/** The limits of what an earlier use of a file can have left in a segment. */
export interface EarlierUse {
	/** The segment is so many segments behind the first one that is kept. */
	readonly ahead: number;
	/** The size of a segment, sectors. */
	readonly segmentSectors: number;
	/** The number of the first frame that is kept. */
	readonly firstSequence: number;
}

/**
 * Whether a sector that is `elsewhere` was left by an earlier use of the file, which was that of a trimmed segment: it
 * stood at the same place of that segment, and belongs to no frame that is kept.
 */
export function isOfEarlierUse(bytes: Uint8Array, offset: number, address: Address, limits: EarlierUse): boolean {
	const { ahead, segmentSectors, firstSequence } = limits;
	const awaySegments = awayBy(bytes, offset, address) / segmentSectors;
	if (!Number.isInteger(awaySegments) || awaySegments <= ahead) return false;
	// A torn frame may have had the number of the first one that is kept.
	return ((get32(bytes, offset + 1) - (firstSequence % SEQUENCE_LOW)) | 0) <= 0;
}

export function isZero(bytes: Uint8Array, offset: number): boolean {
	const end = offset + SECTOR_BYTES;
	for (let at = offset; at < end; at++) if (bytes[at] !== 0) return false;
	return true;
}

/**
 * The first sector from `from` on, and before `to`, that does not hold zeros only; `to` where there is none. All three are
 * at sectors.
 */
export function usedFrom(bytes: Uint8Array, from: number, to: number): number {
	if (from >= to || bytes[from] !== 0) return from;
	// Words take a fraction of the time that bytes take. A part of a larger array may not begin at one.
	const isAligned = bytes.byteOffset % Int32Array.BYTES_PER_ELEMENT === 0;
	const units = isAligned
		? new Int32Array(bytes.buffer, bytes.byteOffset + from, (to - from) / Int32Array.BYTES_PER_ELEMENT)
		: bytes.subarray(from, to);
	let count = 0;
	while (count < units.length && units[count] === 0) count++;
	const at = from + count * units.BYTES_PER_ELEMENT;
	return at - (at % SECTOR_BYTES);
}

/**
 * How far behind its place in this log a whole sector was written, in sectors, modulo 2^32; 0 where it belongs there.
 *
 * @param address of the first sector of `bytes`
 */
function awayBy(bytes: Uint8Array, offset: number, address: Address): number {
	return (address.sector + offset / SECTOR_BYTES - get32(bytes, offset + PLACE_AT)) >>> 0;
}

/** The sum begins with a number of the log, so the same bytes have another sum in any other log. */
function sumOf(bytes: Uint8Array, offset: number, { log }: Address): number {
	return crc32(bytes, offset, offset + SUM_AT, log);
}

/** The sum of sums with one more. It depends on their order too. */
function folded(sums: number, sum: number): number {
	return (((sums << 1) | (sums >>> 31)) ^ sum) >>> 0;
}

function put32(bytes: Uint8Array, at: number, value: number): void {
	bytes[at] = value;
	bytes[at + 1] = value >>> 8;
	bytes[at + 2] = value >>> 16;
	bytes[at + 3] = value >>> 24;
}

function get32(bytes: Uint8Array, at: number): number {
	const byte = (i: number) => bytes[at + i] as number;
	return (byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24)) >>> 0;
}
