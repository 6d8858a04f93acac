/**
 * One frame: what one flush puts on disk. Bytes to a frame and back; which frames follow each other is
 * `recover.ts`'s business.
 *
 *     sector 0   tag 0xF1 | "px1" | body bytes | sequence | segment | previous | body sum | header sum | body ...
 *     sector n   tag 0xC0 | body ... | zeros up to the sector's end
 *
 * A frame begins at a sector, so writing one never touches a sector that an earlier one made durable. The
 * first byte of every sector says whether a frame begins or goes on there, so nothing inside a body, a
 * client's value least of all, can be taken for a frame: not in a torn frame, not in what is left of one.
 *
 * Integers are little-endian. The sums are CRC-32C: the header's of its first 28 bytes, the body's of all
 * that follows the header up to the end of the last sector, tags and padding too.
 */
import { crc32c } from './crc32c.ts';

/** What a disk writes whole or not at all. */
export const SECTOR_BYTES = 512;
const HEADER_BYTES = 32;
const TAG_BYTES = 1;

const NEVER_WRITTEN = 0x00;
const BEGINS = 0xf1;
const GOES_ON = 0xc0;
/** With the version of this layout. */
const MAGIC = [0x70, 0x78, 0x31] as const;

const SEQUENCE_LOW = 2 ** 32;

export interface FrameHeader {
	readonly bodyBytes: number;
	/** From 1, one more for each frame, through all segments. */
	readonly sequence: number;
	/** The number of the segment that it was written to. */
	readonly segment: number;
	/** The checksum of the header of the frame before; 0 for the first. It binds all frames before this one. */
	readonly previous: number;
	readonly bodyChecksum: number;
	/** Of this header. */
	readonly checksum: number;
}

/** How many bytes a frame takes, whole sectors, for a body of so many. */
export function frameBytes(bodyBytes: number): number {
	return Math.ceil((HEADER_BYTES - TAG_BYTES + bodyBytes) / (SECTOR_BYTES - TAG_BYTES)) * SECTOR_BYTES;
}

/** The largest body of a frame of so many bytes, a multiple of `SECTOR_BYTES`. */
export function bodyBytesWithin(bytes: number): number {
	return (bytes / SECTOR_BYTES) * (SECTOR_BYTES - TAG_BYTES) - (HEADER_BYTES - TAG_BYTES);
}

/**
 * Writes a frame over the first `frameBytes(body.length)` bytes of `into`.
 *
 * @returns the checksum of its header, which the next frame takes as `previous`
 */
export function writeFrame(
	into: Uint8Array,
	body: Uint8Array,
	ties: Pick<FrameHeader, 'sequence' | 'segment' | 'previous'>,
): number {
	const end = frameBytes(body.length);
	let read = SECTOR_BYTES - HEADER_BYTES;
	into.set(body.subarray(0, read), HEADER_BYTES);
	for (let sector = SECTOR_BYTES; sector < end; sector += SECTOR_BYTES) {
		into[sector] = GOES_ON;
		into.set(body.subarray(read, read + SECTOR_BYTES - TAG_BYTES), sector + TAG_BYTES);
		read += SECTOR_BYTES - TAG_BYTES;
	}
	const padding = Math.min(read, read - body.length);
	into.fill(0, end - padding, end);

	into[0] = BEGINS;
	into.set(MAGIC, TAG_BYTES);
	put32(into, 4, body.length);
	put32(into, 8, ties.sequence % SEQUENCE_LOW);
	put32(into, 12, Math.floor(ties.sequence / SEQUENCE_LOW));
	put32(into, 16, ties.segment);
	put32(into, 20, ties.previous);
	put32(into, 24, crc32c(into, HEADER_BYTES, end));
	const checksum = crc32c(into, 0, 28);
	put32(into, 28, checksum);
	return checksum;
}

/** The header of the frame that begins at the sector at `offset`; undefined where none does, or not a whole one. */
export function readHeader(bytes: Uint8Array, offset: number): FrameHeader | undefined {
	if (bytes[offset] !== BEGINS || offset + SECTOR_BYTES > bytes.length) return undefined;
	if (MAGIC.some((byte, i) => bytes[offset + TAG_BYTES + i] !== byte)) return undefined;
	const checksum = get32(bytes, offset + 28);
	if (crc32c(bytes, offset, offset + 28) !== checksum) return undefined;
	return {
		bodyBytes: get32(bytes, offset + 4),
		sequence: get32(bytes, offset + 8) + get32(bytes, offset + 12) * SEQUENCE_LOW,
		segment: get32(bytes, offset + 16),
		previous: get32(bytes, offset + 20),
		bodyChecksum: get32(bytes, offset + 24),
		checksum,
	};
}

/** The body of the frame at `offset`, in an array of its own; undefined where any of its bytes has changed. */
export function readBody(bytes: Uint8Array, offset: number, header: FrameHeader): Uint8Array | undefined {
	const end = offset + frameBytes(header.bodyBytes);
	if (end > bytes.length || crc32c(bytes, offset + HEADER_BYTES, end) !== header.bodyChecksum) return undefined;
	let from = offset + HEADER_BYTES;
	// Not `slice`, which for Node's buffers is a view, and would keep the whole segment in memory.
	if (end === offset + SECTOR_BYTES) return new Uint8Array(bytes.subarray(from, from + header.bodyBytes));
	const body = new Uint8Array(header.bodyBytes);
	for (let written = 0; written < body.length; ) {
		const sectorEnd = from - (from % SECTOR_BYTES) + SECTOR_BYTES;
		const piece = bytes.subarray(from, Math.min(sectorEnd, from + body.length - written));
		body.set(piece, written);
		written += piece.length;
		from = sectorEnd + TAG_BYTES;
	}
	return body;
}

/** Where the next sector at or after `offset` is in which a frame begins; undefined for none. One look a sector. */
export function findHeader(bytes: Uint8Array, offset: number): number | undefined {
	for (let at = offset; at < bytes.length; at += SECTOR_BYTES) if (readHeader(bytes, at)) return at;
	return undefined;
}

export function isNeverWritten(bytes: Uint8Array, offset: number): boolean {
	return bytes.subarray(offset, offset + SECTOR_BYTES).every((byte) => byte === NEVER_WRITTEN);
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
