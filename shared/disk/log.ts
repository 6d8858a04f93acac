/**
 * The log of what an agent promised and accepted: records in, one flush for all that waits, and word of what
 * is durable. It runs over a real disk, a disk in memory and the simulator's faulty one alike.
 *
 * One flush is one frame and one write, and there is never more than one on its way: a crash tears only the
 * last frame (`recover.ts`). After the first error nothing is written any more, and nothing is tried again: a
 * flush that failed may have dropped the pages it could not write. Nothing written is kept in memory.
 *
 * A disk without room for the next segment is no error. It is noticed while half of the present segment is free, and
 * told to the owner, who then lets no new values in. That half is for what is on its way, and for what the protocol has
 * to remember meanwhile.
 */
import type { LogRoom } from '../paxos/event.ts';
import type { Slot } from '../paxos/message.ts';
import type { DurableRecord } from '../paxos/record.ts';
import { CARRIED_BYTES_MAX, type Carried } from './carried.ts';
import type { Disk, FilePart, NoRoomError } from './disk.ts';
import { type Address, bodyBytesWithin, frameBytes, SECTOR_BYTES, writeFrame } from './frame.ts';
import { segmentName } from './manifest.ts';
import { type LogState, ManifestNotes } from './notes.ts';
import { type Place, type Recovered, readLog } from './recover.ts';
import { Segments } from './segments.ts';
import { type SnapshotNote, type SnapshotSubject, snapshotName } from './snapshot-file.ts';
import { type HeldSnapshot, Snapshots, type SnapshotWriter } from './snapshots.ts';
import { Waiting } from './waiting.ts';
import { writeAgain } from './write-again.ts';

export interface LogHandlers {
	/** Every record up to this position is durable. Position 0 stands for all that was read at the start. It only grows. */
	durable(through: number): void;
	/** The log has ended. Called once, and nothing else after it. */
	failed(error: Error): void;
	/** One flush is done. It made so many records durable, and took so many bytes on disk. */
	flushed(records: number, bytes: number): void;
	/** The disk has no room for the next segment, for the reason `lack`. Null: it has room again, after it had none. */
	room(lack: NoRoomError | null): void;
}

export interface LogOptions {
	/** The owner that the log was made for: see `Manifest.owner`. */
	readonly owner: string;
}

/** The place of what a torn frame left behind. Zeros are written over it. */
export interface Repair {
	readonly file: string;
	readonly offset: number;
	readonly bytes: number;
}

export interface OpenedLog {
	readonly log: Log;
	readonly records: readonly DurableRecord[];
	readonly repairs: readonly Repair[];
}

/** 16 MiB: made in some ten milliseconds, and room for several values of 1 MiB in one frame. */
export const SEGMENT_BYTES_DEFAULT = 16 * 1024 * 1024;

/** The share of a segment that is used when the next one is made, so that it is there when it is needed. */
const USED_BEFORE_NEXT_IS_MADE = 0.5;
/** While there is no room for another segment, this share of the last one takes no values that clients write. */
const RESERVED = 1 / 4;
/** While there is no room for another segment, this share of the last one takes promises and records of chosen slots alone. */
const RESERVED_FOR_PROMISES = 1 / 16;
/** A busy swarm writes so much in some seconds. Where more waits, the disk does not keep up. */
export const WAITING_BYTES_MAX = 32 * 1024 * 1024;

export class Log {
	readonly #disk: Disk;
	readonly #handlers: LogHandlers;
	#state: 'open' | 'failed' | 'closed' = 'open';

	readonly #notes: ManifestNotes;
	readonly #segments: Segments;
	readonly #snapshots: Snapshots;
	/** Where the next frame goes, unless it is too big for what is left of the segment. */
	#end: Place;
	/** The address of the first sector of the segment that `#end` is in. */
	#address: Address;
	#sequence: number;
	/** The checksum of the first sector of the last frame. */
	#previous: number;

	/** A write is on its way. Its bytes are in `#frame`, which is used again for the next. */
	#writing = false;
	#frame = new Uint8Array(0);
	readonly #waiting: Waiting;
	/** The promise and the chosen slot of all that was written, with which the next segment begins. */
	#carried: Carried;
	#flushWanted = false;

	#appended = 0;
	#durable = -1;

	/**
	 * Reads everything, cuts off a torn tail, and starts to make sure of what was read: it may have come from
	 * the system's memory, not from the disk. Until `durableThrough` is 0, nothing may be answered that rests
	 * on it.
	 *
	 * @throws CorruptLogError what was durable cannot be read
	 */
	static open(disk: Disk, options: LogOptions, handlers: LogHandlers): OpenedLog {
		return Log.continue(disk, readLog(disk, options.owner), handlers);
	}

	/** As `open`, of a log that `readInSteps` has read. */
	static continue(disk: Disk, recovered: Recovered, handlers: LogHandlers): OpenedLog {
		const log = new Log(disk, handlers, recovered);
		const repairs = recovered.remains.map(({ segment, offset, bytes }) => ({
			file: segmentName(segment),
			offset,
			bytes,
		}));
		return { log, records: recovered.records, repairs };
	}

	private constructor(disk: Disk, handlers: LogHandlers, recovered: Recovered) {
		this.#disk = disk;
		this.#handlers = handlers;
		const state: LogState = {
			succeeded: (error) => this.#succeeded(error),
			reached: () => this.#durableFrame,
		};
		this.#notes = new ManifestNotes(disk, recovered.manifest, state);
		this.#segments = new Segments(disk, this.#notes, recovered, {
			...state,
			grown: () => this.#writeNext(),
			room: (lack) => {
				if (this.#state === 'open') handlers.room(lack);
			},
		});
		// What waits to be used again by the log is room that the next snapshot may need.
		this.#snapshots = new Snapshots(disk, this.#notes, state, () => this.#segments.dropSpares());
		this.#waiting = new Waiting(bodyBytesWithin(this.#segments.bytes) - CARRIED_BYTES_MAX, recovered.carried);
		this.#end = recovered.end;
		this.#address = this.#segments.addressOf(this.#end.segment);
		this.#carried = recovered.carried;
		this.#sequence = recovered.last?.header.sequence ?? recovered.manifest.firstSequence - 1;
		this.#previous = recovered.last?.header.checksum ?? recovered.manifest.firstPrevious;
		writeAgain(disk, recovered, state, () => this.#begin(recovered.leftovers));
	}

	/** Every record up to this position is durable. -1: it is not yet sure that even those read at the start are. */
	get durableThrough(): number {
		return this.#durable;
	}

	/** The last frame that is surely durable; 0 for none, and until what was read at the start is. */
	get reached(): number {
		return this.#durable < 0 ? 0 : this.#durableFrame;
	}

	/** The last frame that was read or written, durable or not; 0 for none. */
	get newest(): number {
		return this.#sequence;
	}

	/**
	 * What should be appended now. It is less than everything while the disk does not keep up, or has no room and what is
	 * left of the log is reserved. What is appended all the same waits in memory for as long as it takes.
	 */
	get room(): LogRoom {
		const waitingBytes = this.#waiting.bytes;
		if (waitingBytes > WAITING_BYTES_MAX) return 'promises';
		if (this.#segments.hasRoom) return 'everything';
		const { last, bytes } = this.#segments;
		const freeBytes = (last - this.#end.segment + 1) * bytes - this.#end.offset - waitingBytes;
		if (freeBytes > bytes * RESERVED) return 'everything';
		return freeBytes > bytes * RESERVED_FOR_PROMISES ? 'recovery' : 'promises';
	}

	/** The bytes of the segments that are kept, up to the end of the log. */
	get bytes(): number {
		const { first, bytes } = this.#segments;
		return (this.#end.segment - first) * bytes + this.#end.offset;
	}

	/** The snapshot that is durable: null for none. */
	get snapshot(): SnapshotNote | null {
		return this.#snapshots.note;
	}

	/**
	 * Takes records, to be written by the next flush. What waits is bounded by the caller alone: see `room`.
	 *
	 * @returns the position reached: how many records were ever appended in this life. Once the log has failed
	 * or was closed it still counts, so that no position is taken for durable that is not.
	 * @throws RangeError a record does not fit into a segment
	 */
	append(records: readonly DurableRecord[]): number {
		for (const record of records) {
			if (this.#state === 'open') this.#waiting.add(record);
			this.#appended++;
		}
		return this.#appended;
	}

	/** Makes all that waits durable, as one write; behind the one that is on its way, if there is one. */
	flush(): void {
		this.#flushWanted = true;
		this.#writeNext();
	}

	/**
	 * Begins a snapshot, which this node has cut or which a peer sends. It is written beside the log, and becomes the
	 * log's own when it is finished. Only called once `durableThrough` is 0 or more, and while the log is open.
	 *
	 * @throws RangeError another one is being written, or the log has one through this slot or a later one
	 */
	beginSnapshot(subject: SnapshotSubject): SnapshotWriter {
		return this.#snapshots.begin(subject);
	}

	/**
	 * Keeps the file of the snapshot, though a newer one takes its place, until it is released; null where there is none.
	 * A crash, or a stop, ends that too.
	 */
	holdSnapshot(): HeldSnapshot | null {
		return this.#snapshots.hold();
	}

	/**
	 * Reads up to so many bytes of the file of the snapshot through this slot, fewer at its end. It fails where that
	 * snapshot is not there any more.
	 */
	readSnapshot(through: Slot, part: FilePart, done: (error: Error | null, bytes: Uint8Array | null) => void): void {
		this.#disk.readPart(snapshotName(through), part, done);
	}

	/**
	 * Drops the segments at the beginning that hold values of slots up to this one only, as far as the snapshot stands for
	 * them. What was promised in them is kept.
	 */
	trim(through: Slot): void {
		const { snapshot } = this;
		if (this.#state !== 'open' || this.#durable < 0 || snapshot === null) return;
		this.#segments.trim(Math.min(through, snapshot.through));
	}

	/**
	 * Does what can wait: it asks again for room where there was none, and notes how far the log has reached. The owner
	 * calls this about once a second: what is lost of the log's end is noticed only as far back as the last note.
	 */
	tend(): void {
		if (this.#state !== 'open' || this.#durable < 0) return;
		if (!this.#segments.hasRoom) this.#segments.makeNext();
		this.#notes.noteReached();
	}

	/** Notes how far the log has reached. Nothing else is written or called back any more. */
	close(): void {
		if (this.#state !== 'open') return;
		this.#stop('closed');
		if (this.#durable >= 0) this.#notes.close();
	}

	get #durableFrame(): number {
		return this.#writing ? this.#sequence - 1 : this.#sequence;
	}

	#writeNext(): void {
		if (this.#state !== 'open' || this.#writing || this.#durable < 0 || !this.#flushWanted) return;
		const { nextBytes } = this.#waiting;
		if (nextBytes === 0) {
			this.#flushWanted = false;
			return;
		}
		if (!this.#moveToRoomFor(nextBytes)) return;

		const batch = this.#waiting.take();
		if (this.#waiting.bytes === 0) this.#flushWanted = false;
		const { segment, offset } = this.#end;
		const body = offset === 0 ? joined(this.#carried.bytes(), batch.body) : batch.body;
		const bytes = frameBytes(body.length);
		if (this.#frame.length < bytes) this.#frame = new Uint8Array(bytes);
		this.#sequence++;
		const previous = this.#previous;
		this.#previous = writeFrame(this.#frame, body, {
			sequence: this.#sequence,
			previous,
			address: { ...this.#address, sector: this.#address.sector + offset / SECTOR_BYTES },
		});
		this.#waiting.reuse();
		this.#segments.holds({ segment, sequence: this.#sequence, previous, slotMax: batch.slotMax });
		this.#carried = batch.carried;
		this.#end = { segment, offset: offset + bytes };
		this.#writing = true;
		this.#disk.write(segmentName(segment), offset, this.#frame.subarray(0, bytes), (error) => {
			if (!this.#succeeded(error)) return;
			this.#written(this.#durable + batch.records);
			this.#handlers.flushed(batch.records, bytes);
			if (this.#state === 'open') this.#handlers.durable(this.#durable);
		});
	}

	/** Goes on to the next segment if need be. False while that one is still being made. */
	#moveToRoomFor(bodyBytes: number): boolean {
		const { segment, offset } = this.#end;
		if (offset === 0 || offset + frameBytes(bodyBytes) <= this.#segments.bytes) return true;
		if (segment < this.#segments.last) {
			this.#end = { segment: segment + 1, offset: 0 };
			this.#address = this.#segments.addressOf(segment + 1);
			return true;
		}
		if (this.#segments.hasRoom) this.#segments.makeNext();
		return false;
	}

	/**
	 * All that was read is durable now. The manifest is written once more too, before a later version of it: both must
	 * always be there. What it does not tell of may be removed only then.
	 */
	#begin(leftovers: readonly string[]): void {
		this.#notes.renew(() => {
			for (const name of leftovers) this.#disk.remove(name, (error) => this.#succeeded(error));
			this.#written(0);
			this.#segments.useMade();
			this.#notes.noteReached();
			this.#handlers.durable(0);
		});
	}

	/** The next write goes first, so that the disk works while the handlers do. */
	#written(durableThrough: number): void {
		this.#writing = false;
		this.#durable = durableThrough;
		const { last, bytes, hasRoom } = this.#segments;
		const isHalfUsed = this.#end.segment === last && this.#end.offset > bytes * USED_BEFORE_NEXT_IS_MADE;
		if (isHalfUsed && hasRoom) this.#segments.makeNext();
		this.#writeNext();
	}

	/** Whether the log goes on after a call to the disk. */
	#succeeded(error: Error | null): boolean {
		if (this.#state !== 'open') return false;
		if (!error) return true;
		this.#stop('failed');
		this.#handlers.failed(error);
		return false;
	}

	#stop(state: 'failed' | 'closed'): void {
		this.#state = state;
		this.#snapshots.abandon();
		this.#waiting.clear();
	}
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
	const bytes = new Uint8Array(a.length + b.length);
	bytes.set(a);
	bytes.set(b, a.length);
	return bytes;
}
