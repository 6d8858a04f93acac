/**
 * The manifest: a small file beside the segments that says whose log it is, of which segments and which snapshot it
 * consists, and how far it surely reached. So a segment or a snapshot that is missing or cut short, and frames that are
 * gone from the log's end, are noticed, and so is another node's log in this one's place. What it says is never more than
 * what is durable.
 *
 * It is written in two places in turn, each one sector in a page of its own, so the one before is always there as a
 * whole. Both are written when the log is formatted, so each must be readable for ever after, and the two must follow
 * each other: anything else is damage.
 */
import { MalformedError, Reader, Writer } from '../bytes/bytes.ts';
import { readSlot } from '../paxos/bounds.ts';
import { CorruptLogError } from './corrupt-log-error.ts';
import { crc32 } from './crc32.ts';
import type { Disk } from './disk.ts';
import { type Address, SECTOR_BYTES, SEQUENCE_MAX } from './frame.ts';
import type { SnapshotNote } from './snapshot-file.ts';

export const MANIFEST_NAME = 'manifest';
/** Disks write pages of this size as a whole, or at least do not mix two of them. */
const PAGE_BYTES = 4096;
const MANIFEST_BYTES = 2 * PAGE_BYTES;

/** "pxl", and the format of the manifest and of the frames. */
const MAGIC = [0x70, 0x78, 0x6c, 0x03] as const;
const SUM_AT = SECTOR_BYTES - 4;
/** An owner of so many bytes fits into the sector with everything else. */
const OWNER_BYTES_MAX = 256;

/** The smallest segment has room for a record with a value of some size; the largest can be read at once. */
export const SEGMENT_BYTES_MIN = 4 * SECTOR_BYTES;
export const SEGMENT_BYTES_MAX = 1024 * 1024 * 1024;
/** The number of segments that are kept at a time, and the number of the last one, are at most these. */
export const SEGMENTS_MAX = 1_000_000;
export const SEGMENT_NUMBER_MAX = 999_999_999_999;

export interface Manifest {
	/** It grows by one each time that the manifest is written. */
	readonly version: number;
	/** Names one life of one node's disk: no other log is ever of the same owner. */
	readonly owner: string;
	readonly segmentBytes: number;
	/** The first segment that is kept. Those before it may still be there: they are used again or removed. */
	readonly first: number;
	/** The number of the first frame of that segment, and the checksum that this frame names as the one before: 0 for none. */
	readonly firstSequence: number;
	readonly firstPrevious: number;
	/** The segments up to this are there. One more may be there, unused: it is made before the manifest tells of it. */
	readonly last: number;
	/** Every frame up to this one was durable when the manifest was written. */
	readonly reached: number;
	/** What stands for the segments before the first. Null where there is no snapshot yet. */
	readonly snapshot: SnapshotNote | null;
}

/**
 * The files of a new log. They must all be durable before it is opened.
 *
 * @param snapshot what the log goes on behind, whose file must be durable too; null for none
 */
export function newLogFiles(
	owner: string,
	segmentBytes: number,
	snapshot: SnapshotNote | null = null,
): readonly { readonly name: string; readonly bytes: Uint8Array }[] {
	if (segmentBytes % SECTOR_BYTES !== 0 || segmentBytes < SEGMENT_BYTES_MIN || segmentBytes > SEGMENT_BYTES_MAX) {
		throw new RangeError(`segmentBytes: ${segmentBytes} is not a multiple of ${SECTOR_BYTES} within the bounds`);
	}
	const bytes = new Uint8Array(MANIFEST_BYTES);
	for (const version of [1, 2]) {
		const manifest: Manifest = {
			version,
			owner,
			segmentBytes,
			first: 1,
			firstSequence: 1,
			firstPrevious: 0,
			last: 1,
			reached: 0,
			snapshot,
		};
		bytes.set(writeManifest(manifest), manifestOffset(version));
	}
	return [
		{ name: MANIFEST_NAME, bytes },
		{ name: segmentName(1), bytes: new Uint8Array(segmentBytes) },
	];
}

/** The sector that this version of the manifest is written as. */
export function writeManifest(manifest: Manifest): Uint8Array {
	const out = new Writer(SECTOR_BYTES);
	const owner = bytesOf(manifest.owner);
	if (owner.length > OWNER_BYTES_MAX) throw new RangeError(`owner: more than ${OWNER_BYTES_MAX} characters`);
	for (const byte of MAGIC) out.u8(byte);
	out.int(manifest.version);
	out.int(manifest.segmentBytes);
	out.int(manifest.first);
	out.int(manifest.firstSequence);
	out.int(manifest.firstPrevious);
	out.int(manifest.last);
	out.int(manifest.reached);
	out.maybe(manifest.snapshot, ({ through, bytes, sum }) => {
		out.int(through);
		out.int(bytes);
		out.int(sum);
	});
	out.bytes(owner);
	const sector = new Uint8Array(SECTOR_BYTES);
	sector.set(out.take());
	new DataView(sector.buffer).setUint32(SUM_AT, crc32(sector, 0, SUM_AT), true);
	return sector;
}

/** Where this version of the manifest is written. */
export function manifestOffset(version: number): number {
	return (version % 2) * PAGE_BYTES;
}

/**
 * The later of the two versions that are there, of whichever owner it is.
 *
 * @throws CorruptLogError
 */
export function readManifest(disk: Pick<Disk, 'list' | 'read'>): Manifest {
	const corrupt = (reason: string, offset = 0) => new CorruptLogError(reason, { file: MANIFEST_NAME, offset });
	if (!disk.list().includes(MANIFEST_NAME)) throw corrupt('the file is missing');
	const bytes = disk.read(MANIFEST_NAME);
	if (bytes.length !== MANIFEST_BYTES) {
		throw corrupt(`the file has ${bytes.length} bytes, and was made with ${MANIFEST_BYTES}`);
	}
	const [a, b] = [0, 1].map((page) => {
		const manifest = readPage(bytes.subarray(page * PAGE_BYTES, page * PAGE_BYTES + SECTOR_BYTES));
		if (manifest === undefined) throw corrupt('what stands there is not what was written there', page * PAGE_BYTES);
		return manifest;
	}) as [Manifest, Manifest];
	if (Math.abs(a.version - b.version) !== 1) {
		throw corrupt(`versions ${a.version} and ${b.version} of it stand side by side, which do not follow each other`);
	}
	return a.version > b.version ? a : b;
}

/** Undefined where the sector is not whole, or holds a number out of its bounds. */
function readPage(sector: Uint8Array): Manifest | undefined {
	const sum = new DataView(sector.buffer, sector.byteOffset).getUint32(SUM_AT, true);
	if (crc32(sector, 0, SUM_AT) !== sum) return undefined;
	try {
		const from = new Reader(sector, 0, SUM_AT);
		if (MAGIC.some((byte) => from.u8() !== byte)) return undefined;
		const manifest: Manifest = {
			version: from.int(),
			segmentBytes: from.int(),
			first: from.int(),
			firstSequence: from.int(),
			firstPrevious: from.int(),
			last: from.int(),
			reached: from.int(),
			snapshot: from.maybe(() => ({ through: readSlot(from), bytes: from.int(), sum: from.int() })),
			owner: String.fromCharCode(...from.bytes()),
		};
		return isPossible(manifest) ? manifest : undefined;
	} catch (error) {
		if (error instanceof MalformedError) return undefined;
		throw error;
	}
}

function isPossible({ segmentBytes, first, firstSequence, last, reached, snapshot }: Manifest): boolean {
	if (segmentBytes < SEGMENT_BYTES_MIN || segmentBytes > SEGMENT_BYTES_MAX || segmentBytes % SECTOR_BYTES !== 0) {
		return false;
	}
	if (first < 1 || last < first || last - first >= SEGMENTS_MAX || last > SEGMENT_NUMBER_MAX) return false;
	return firstSequence >= 1 && reached <= SEQUENCE_MAX && (first === 1 || snapshot !== null);
}

const SEGMENT_NAME = /^\d{12}\.log$/;

export function isSegmentName(name: string): boolean {
	return SEGMENT_NAME.test(name);
}

export function segmentName(segment: number): string {
	return `${String(segment).padStart(12, '0')}.log`;
}

/** The address of the first sector of a segment. */
export function addressOf({ owner, segmentBytes }: Manifest, segment: number): Address {
	return { log: crc32(bytesOf(owner)), sector: (segment - 1) * (segmentBytes / SECTOR_BYTES) };
}

function bytesOf(owner: string): Uint8Array {
	return Uint8Array.from(owner, (char) => char.charCodeAt(0));
}
