/**
 * Reads a log back, and tells a torn tail from corruption. It writes nothing: `Log` repairs. It reads in steps, so that
 * a node can do other things in between.
 *
 * A frame is written only after the one before it is durable, and nothing is written behind it, so a crash can tear
 * only the last one. A torn frame was never said to be durable, and is cut off. It is known by its sectors, each of
 * which is either as it was written or as it was before. Whatever else is found was whole once, and somebody may have
 * been told so: then the log is refused, and nothing of it is dropped.
 *
 * Sectors of a torn frame may also lie behind the last frame of a segment before the end. The zeros that cut such a
 * frame off may have reached the system's memory alone: the next process reads them there, and the log goes on in
 * another segment. When the machine then loses power, the sectors are back. They prove nothing about a frame that is
 * whole, and are cut off again.
 *
 * Two things would look like a torn frame: a disk that lost a write that it had said to be durable, and a file that
 * was replaced by an older copy of itself. Both are noticed where they reach back behind what the manifest says.
 */
import { MalformedError, Reader } from '../bytes/bytes.ts';
import { type DurableRecord, readRecord } from '../paxos/record.ts';
import { CorruptLogError } from './corrupt-log-error.ts';
import type { Disk } from './disk.ts';
import {
	type Address,
	type FrameHeader,
	frameBytes,
	isWhole,
	isZero,
	readBody,
	readHeader,
	SECTOR_BYTES,
	type SectorState,
	stateOf,
} from './frame.ts';
import { addressOf, isSegmentName, MANIFEST_NAME, type Manifest, readManifest, segmentName } from './manifest.ts';

/** A place in the log: segments are numbered from 1, the offset is in bytes. */
export interface Place {
	readonly segment: number;
	readonly offset: number;
}

/** Bytes that a torn frame left behind: after the last frame of its segment, which need not be the last segment. */
export interface Remains extends Place {
	readonly bytes: number;
}

export interface Recovered {
	readonly manifest: Manifest;
	/** How many segments there are: as the manifest says, or one more. */
	readonly segments: number;
	readonly records: readonly DurableRecord[];
	/** The last frame, as it is on disk, right before `end`; null where there is none. */
	readonly last: { readonly header: FrameHeader; readonly bytes: Uint8Array } | null;
	/** Where the next frame belongs, if there is room for it. */
	readonly end: Place;
	readonly remains: readonly Remains[];
}

/** How far the reading is. There is a step before each file, and after every few frames of it. */
export interface ReadStep {
	/** The file that is read next; null where a file is not finished. */
	readonly next: string | null;
	/** So many bytes of all files were read. */
	readonly bytes: number;
	readonly bytesOfAll: number;
	readonly records: number;
}

/** How much of a file is looked at in one step. */
const STEP_BYTES = 256 * 1024;

/** Does all that `readInSteps` does, at once. */
export function readLog(disk: Disk, owner: string): Recovered {
	const steps = readInSteps(disk, owner);
	for (;;) {
		const step = steps.next();
		if (step.done) return step.value;
	}
}

/**
 * @param owner the one that the log was made for
 * @throws CorruptLogError
 */
export function* readInSteps(disk: Disk, owner: string): Generator<ReadStep, Recovered> {
	const manifest = readManifest(disk);
	if (manifest.owner !== owner) {
		const reason = `this is the log of ${manifest.owner}, not of ${owner}`;
		throw new CorruptLogError(reason, { file: MANIFEST_NAME, offset: 0 });
	}
	const segments = yield* countSegments(disk, manifest);
	const walk = new Walk(manifest);
	const bytesOfAll = segments * manifest.segmentBytes;
	for (let segment = 1; segment <= segments; segment++) {
		const before = (segment - 1) * manifest.segmentBytes;
		yield { next: segmentName(segment), bytes: before, bytesOfAll, records: walk.records.length };
		for (const offset of walk.read(segment, disk.read(segmentName(segment)))) {
			yield { next: null, bytes: before + offset, bytesOfAll, records: walk.records.length };
		}
	}
	walk.checkReach();
	const { records, last, end, remains } = walk;
	return { manifest, segments, records, last, end, remains };
}

/** A crash may have left one more segment than the manifest tells of, which nothing was written to yet. */
function* countSegments(disk: Disk, { segments, segmentBytes }: Manifest): Generator<ReadStep, number> {
	const there = new Set(disk.list().filter(isSegmentName));
	for (let segment = 1; segment <= segments; segment++) {
		if (there.delete(segmentName(segment))) continue;
		const reason = `the file is missing, one of the ${segments} that the log consists of`;
		throw new CorruptLogError(reason, { file: segmentName(segment), offset: 0 });
	}
	const hasNext = there.delete(segmentName(segments + 1));
	const [stranger] = there;
	if (hasNext) yield { next: segmentName(segments + 1), bytes: 0, bytesOfAll: segments * segmentBytes, records: 0 };
	if (stranger !== undefined || (hasNext && !isUnused(disk.read(segmentName(segments + 1)), segmentBytes))) {
		const reason = `it tells of ${segments} segments, but ${stranger ?? segmentName(segments + 1)} is in use too`;
		throw new CorruptLogError(reason, { file: MANIFEST_NAME, offset: 0 });
	}
	return hasNext ? segments + 1 : segments;
}

function isUnused(bytes: Uint8Array, segmentBytes: number): boolean {
	if (bytes.length !== segmentBytes) return false;
	for (let at = 0; at < bytes.length; at += SECTOR_BYTES) if (!isZero(bytes, at)) return false;
	return true;
}

/** Goes from frame to frame, through one segment after the other. */
class Walk {
	readonly records: DurableRecord[] = [];
	readonly remains: Remains[] = [];
	last: Recovered['last'] = null;
	end: Place = { segment: 1, offset: 0 };
	readonly #manifest: Manifest;

	constructor(manifest: Manifest) {
		this.#manifest = manifest;
	}

	/**
	 * Gives its place in the file after each step.
	 *
	 * @throws CorruptLogError
	 */
	*read(segment: number, bytes: Uint8Array): Generator<number, void> {
		const file = segmentName(segment);
		const { segmentBytes } = this.#manifest;
		if (bytes.length !== segmentBytes) {
			throw new CorruptLogError(`the file has ${bytes.length} bytes, and was made with ${segmentBytes}`, {
				file,
				offset: Math.min(bytes.length, segmentBytes),
			});
		}
		const address = addressOf(this.#manifest, segment);
		let offset = 0;
		let told = 0;
		for (;;) {
			const header = offset < segmentBytes ? readHeader(bytes, offset, address) : undefined;
			if (header?.sequence !== this.#sequenceNext || !this.#take(segment, bytes, offset, header, address)) break;
			offset = this.end.offset;
			if (offset - told < STEP_BYTES) continue;
			told = offset;
			yield offset;
		}
		yield* this.#readRemains(segment, bytes, offset, address);
	}

	/** @throws CorruptLogError the log ends before a frame that was durable */
	checkReach(): void {
		const { reached } = this.#manifest;
		const sequence = this.last?.header.sequence ?? 0;
		if (sequence < reached) throw this.#lost(`frame ${reached} had been durable`);
	}

	get #sequenceNext(): number {
		return (this.last?.header.sequence ?? 0) + 1;
	}

	/** Takes one frame into `records`. False where the frame is not whole. */
	#take(segment: number, bytes: Uint8Array, offset: number, header: FrameHeader, address: Address): boolean {
		const file = segmentName(segment);
		if (header.previous !== (this.last?.header.checksum ?? 0)) {
			const { sequence } = header;
			throw new CorruptLogError(`frame ${sequence} does not follow the frame ${sequence - 1} that is before it`, {
				file,
				offset,
			});
		}
		const next = offset + frameBytes(header.bodyBytes);
		if (next > bytes.length)
			throw new CorruptLogError('the frame would go on behind the end of the file', { file, offset });
		if (!isWhole(bytes, offset, header, address)) return false;
		readRecords(file, offset, readBody(bytes, offset, header), this.records);
		this.last = { header, bytes: bytes.subarray(offset, next) };
		this.end = { segment, offset: next };
		return true;
	}

	/** What is behind the last frame of a segment: nothing, or what is left of a torn one. */
	*#readRemains(segment: number, bytes: Uint8Array, from: number, address: Address): Generator<number, void> {
		let first = -1;
		let end = -1;
		for (let at = from; at < bytes.length; at += SECTOR_BYTES) {
			if (at % STEP_BYTES === 0) yield at;
			if (isZero(bytes, at)) continue;
			const state: SectorState = stateOf(bytes, at, address, this.#sequenceNext);
			if (state === 'damaged' || state === 'elsewhere') {
				const reason =
					'what stands there is not what this log wrote there, nor was it left by a write that a crash cut off';
				throw new CorruptLogError(reason, { file: segmentName(segment), offset: at });
			}
			if (state === 'later') throw this.#lost(`a later one is in ${segmentName(segment)} at byte ${at}`);
			if (first < 0) first = at;
			end = at + SECTOR_BYTES;
		}
		if (first >= 0) this.remains.push({ segment, offset: first, bytes: end - first });
	}

	/** The next frame is not there, or not whole, though it had been durable. */
	#lost(witness: string): CorruptLogError {
		return new CorruptLogError(`frame ${this.#sequenceNext} belongs there and is not whole, but ${witness}`, {
			file: segmentName(this.end.segment),
			offset: this.end.offset,
		});
	}
}

function readRecords(file: string, offset: number, body: Uint8Array, into: DurableRecord[]): void {
	const reader = new Reader(body);
	try {
		while (!reader.done) into.push(readRecord(reader));
	} catch (cause) {
		if (!(cause instanceof MalformedError)) throw cause;
		throw new CorruptLogError(`a record of the frame cannot be read: ${cause.message}`, { file, offset, cause });
	}
}
