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
 * The file of a segment may have been that of a trimmed one before. Behind the end of its frames are then sectors that
 * are of no use, and say so themselves: they name their place in the trimmed segment. They count as never written.
 *
 * Two things would look like a torn frame: a disk that lost a write that it had said to be durable, and a file that
 * was replaced by an older copy of itself. Both are noticed where they reach back behind what the manifest says.
 */
import { MalformedError, Reader } from '../bytes/bytes.ts';
import type { Slot } from '../paxos/message.ts';
import { type DurableRecord, readRecord } from '../paxos/record.ts';
import { Carried } from './carried.ts';
import { CorruptLogError } from './corrupt-log-error.ts';
import type { Disk } from './disk.ts';
import {
	type Address,
	type FrameHeader,
	frameBytes,
	isOfEarlierUse,
	isWhole,
	isZero,
	readBody,
	readHeader,
	SECTOR_BYTES,
	type SectorState,
	stateOf,
	usedFrom,
} from './frame.ts';
import { addressOf, isSegmentName, MANIFEST_NAME, type Manifest, readManifest, segmentName } from './manifest.ts';
import { isSnapshotName, snapshotName } from './snapshot-file.ts';

/** A place in the log: segments are numbered from 1, the offset is in bytes. */
export interface Place {
	readonly segment: number;
	readonly offset: number;
}

/** Bytes that a torn frame left behind: after the last frame of its segment, which need not be the last segment. */
export interface Remains extends Place {
	readonly bytes: number;
}

/** A segment that holds frames. */
export interface KeptSegment {
	readonly segment: number;
	/** The number of its first frame. */
	readonly sequence: number;
	/** The checksum that its first frame names as that of the frame before: see `FrameHeader`. */
	readonly previous: number;
	/** The highest slot of which it holds a value; 0 for none. */
	readonly slotMax: Slot;
}

export interface Recovered {
	/** It also tells of the snapshot that stands for the slots of trimmed segments. `readSnapshot` reads it. */
	readonly manifest: Manifest;
	/** The last segment that is there: as the manifest says, or one more. */
	readonly lastMade: number;
	/**
	 * Those of the segments that are kept, in the order they were written. Where earlier segments were trimmed, the highest
	 * promise and the last slot known to be chosen of those come first.
	 */
	readonly records: readonly DurableRecord[];
	/** What the next segment begins with. */
	readonly carried: Carried;
	/** In order. */
	readonly kept: readonly KeptSegment[];
	/** The names of files that are of no use any more: of trimmed segments, and snapshots that are not noted. */
	readonly leftovers: readonly string[];
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
	const { lastMade, leftovers } = yield* checkFiles(disk, manifest);
	const walk = new Walk(manifest);
	const bytesOfAll = (lastMade - manifest.first + 1) * manifest.segmentBytes;
	for (let segment = manifest.first; segment <= lastMade; segment++) {
		const before = (segment - manifest.first) * manifest.segmentBytes;
		yield { next: segmentName(segment), bytes: before, bytesOfAll, records: walk.records.length };
		for (const offset of walk.read(segment, disk.read(segmentName(segment)))) {
			yield { next: null, bytes: before + offset, bytesOfAll, records: walk.records.length };
		}
	}
	walk.checkReach();
	const { records, carried, kept, last, end, remains } = walk;
	return { manifest, lastMade, records, carried, kept, leftovers, last, end, remains };
}

/** A crash may have left one more segment than the manifest tells of, which nothing was written to yet. */
function* checkFiles(
	disk: Disk,
	manifest: Manifest,
): Generator<ReadStep, { readonly lastMade: number; readonly leftovers: readonly string[] }> {
	const { first, last, segmentBytes, snapshot } = manifest;
	const names = disk.list();
	const noted = snapshot ? snapshotName(snapshot.through) : null;
	if (noted !== null && !names.includes(noted)) {
		throw new CorruptLogError('the file is missing, the snapshot of this log', { file: noted, offset: 0 });
	}
	const leftovers = names.filter((name) => isSnapshotName(name) && name !== noted);
	const there = new Set(names.filter(isSegmentName));
	for (const name of there) {
		if (name >= segmentName(first)) continue;
		there.delete(name);
		leftovers.push(name);
	}
	for (let segment = first; segment <= last; segment++) {
		if (there.delete(segmentName(segment))) continue;
		const reason = `the file is missing, one of the ${last - first + 1} that the log consists of`;
		throw new CorruptLogError(reason, { file: segmentName(segment), offset: 0 });
	}
	const next = segmentName(last + 1);
	const hasNext = there.delete(next);
	const [stranger] = there;
	if (hasNext) yield { next, bytes: 0, bytesOfAll: (last - first + 1) * segmentBytes, records: 0 };
	if (stranger !== undefined || (hasNext && !isUnused(disk.read(next), last + 1, manifest))) {
		const reason = `it tells of segments up to ${last}, but ${stranger ?? next} is in use too`;
		throw new CorruptLogError(reason, { file: MANIFEST_NAME, offset: 0 });
	}
	return { lastMade: hasNext ? last + 1 : last, leftovers };
}

function isUnused(bytes: Uint8Array, segment: number, manifest: Manifest): boolean {
	if (bytes.length !== manifest.segmentBytes) return false;
	const address = addressOf(manifest, segment);
	for (let at = 0; at < bytes.length; at += SECTOR_BYTES) {
		if (isZero(bytes, at)) continue;
		if (stateOf(bytes, at, address, manifest.firstSequence) !== 'elsewhere') return false;
		if (!isLeft(bytes, at, { segment, address, manifest })) return false;
	}
	return true;
}

/** Whether a sector that is `elsewhere` was left there by the trimmed segment whose file is used again. */
function isLeft(
	bytes: Uint8Array,
	at: number,
	{ segment, address, manifest }: { readonly segment: number; readonly address: Address; readonly manifest: Manifest },
): boolean {
	const { first, firstSequence, segmentBytes } = manifest;
	const segmentSectors = segmentBytes / SECTOR_BYTES;
	return isOfEarlierUse(bytes, at, address, { ahead: segment - first, segmentSectors, firstSequence });
}

/** Goes from frame to frame, through one segment after the other. */
class Walk {
	readonly records: DurableRecord[] = [];
	readonly kept: KeptSegment[] = [];
	readonly remains: Remains[] = [];
	carried = new Carried();
	last: Recovered['last'] = null;
	end: Place;
	readonly #manifest: Manifest;

	constructor(manifest: Manifest) {
		this.#manifest = manifest;
		this.end = { segment: manifest.first, offset: 0 };
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
		const sequence = this.#sequenceNext - 1;
		if (sequence < reached) throw this.#lost(`frame ${reached} had been durable`);
	}

	get #sequenceNext(): number {
		return this.last ? this.last.header.sequence + 1 : this.#manifest.firstSequence;
	}

	/** Takes one frame into `records`. False where the frame is not whole. */
	#take(segment: number, bytes: Uint8Array, offset: number, header: FrameHeader, address: Address): boolean {
		const file = segmentName(segment);
		if (header.previous !== (this.last?.header.checksum ?? this.#manifest.firstPrevious)) {
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
		this.#readRecords({ segment, offset }, header, readBody(bytes, offset, header));
		this.last = { header, bytes: bytes.subarray(offset, next) };
		this.end = { segment, offset: next };
		return true;
	}

	/** What is behind the last frame of a segment: nothing, or what is left of a torn one. */
	*#readRemains(segment: number, bytes: Uint8Array, from: number, address: Address): Generator<number, void> {
		let first = -1;
		let end = -1;
		for (let step = from; step < bytes.length; ) {
			const stepEnd = Math.min(bytes.length, step - (step % STEP_BYTES) + STEP_BYTES);
			for (let at = usedFrom(bytes, step, stepEnd); at < stepEnd; at = usedFrom(bytes, at + SECTOR_BYTES, stepEnd)) {
				const state: SectorState = stateOf(bytes, at, address, this.#sequenceNext);
				if (state === 'elsewhere' && isLeft(bytes, at, { segment, address, manifest: this.#manifest })) continue;
				if (state === 'damaged' || state === 'elsewhere') {
					const reason =
						'what stands there is not what this log wrote there, nor was it left by a write that a crash cut off';
					throw new CorruptLogError(reason, { file: segmentName(segment), offset: at });
				}
				if (state === 'later') throw this.#lost(`a later one is in ${segmentName(segment)} at byte ${at}`);
				if (first < 0) first = at;
				end = at + SECTOR_BYTES;
			}
			step = stepEnd;
			yield step;
		}
		if (first >= 0) this.remains.push({ segment, offset: first, bytes: end - first });
	}

	/** The first frame of a segment begins with what was carried there. */
	#readRecords({ segment, offset }: Place, { sequence, previous }: FrameHeader, body: Uint8Array): void {
		const from = new Reader(body);
		try {
			if (offset === 0) {
				const carried = Carried.read(from);
				this.kept.push({ segment, sequence, previous, slotMax: 0 });
				if (segment === this.#manifest.first) {
					this.carried = carried;
					this.records.push(...carried.records());
				}
			}
			let { slotMax } = this.kept.at(-1) as KeptSegment;
			while (!from.done) {
				const record = readRecord(from);
				this.records.push(record);
				this.carried.add(record);
				if ('value' in record) slotMax = Math.max(slotMax, record.slot);
			}
			this.kept.push({ ...(this.kept.pop() as KeptSegment), slotMax });
		} catch (cause) {
			if (!(cause instanceof MalformedError)) throw cause;
			const reason = `a record of the frame cannot be read: ${cause.message}`;
			throw new CorruptLogError(reason, { file: segmentName(segment), offset, cause });
		}
	}

	/** The next frame is not there, or not whole, though it had been durable. */
	#lost(witness: string): CorruptLogError {
		return new CorruptLogError(`frame ${this.#sequenceNext} belongs there and is not whole, but ${witness}`, {
			file: segmentName(this.end.segment),
			offset: this.end.offset,
		});
	}
}
