/**
 * The log of what an agent promised and accepted: records in, one flush for all that waits, and word of what
 * is durable. It runs over a real disk, a disk in memory and the simulator's faulty one alike.
 *
 * One flush is one frame and one write, and there is never more than one on its way: a crash tears only the
 * last frame (`recover.ts`). After the first error nothing is written any more, and nothing is tried again: a
 * flush that failed may have dropped the pages it could not write. Nothing written is kept in memory.
 *
 * A disk without room for the next segment is no error. It is noticed while half of the present segment is free, and
 * told to the owner, who then lets no new values in. That half is for what the protocol has to remember meanwhile.
 */
import { Writer } from '../bytes/bytes.ts';
import { type DurableRecord, writeRecord } from '../paxos/record.ts';
import type { Disk, NoRoomError } from './disk.ts';
import { type Address, bodyBytesWithin, frameBytes, SECTOR_BYTES, writeFrame } from './frame.ts';
import { segmentName } from './manifest.ts';
import { type Place, type Recovered, readLog } from './recover.ts';
import { Segments } from './segments.ts';

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

/** What waits is split into frames of about this size, so that word of what is durable comes steadily. */
const FRAME_BYTES_GOAL = 4 * 1024 * 1024;
/** A record takes at most so many bytes beside its value. */
const RECORD_OVERHEAD_BYTES_MAX = 128;
/** The share of a segment that is used when the next one is made, so that it is there when it is needed. */
const USED_BEFORE_NEXT_IS_MADE = 0.5;
/** The share of the last segment that is kept for records without a value while there is no room for another. */
const RESERVED = 1 / 8;
/** A busy swarm writes so much in some seconds. Where more waits, the disk does not keep up. */
export const WAITING_BYTES_MAX = 32 * 1024 * 1024;

interface Batch {
	readonly records: number;
	readonly body: Uint8Array;
}

export class Log {
	readonly #disk: Disk;
	readonly #handlers: LogHandlers;
	readonly #bodyBytesMax: number;
	readonly #bodyBytesGoal: number;
	#state: 'open' | 'failed' | 'closed' = 'open';

	readonly #segments: Segments;
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
	/** Records that wait, in order: whole batches, then those that are still collected. */
	readonly #batches: Batch[] = [];
	/** The bytes of all batches. */
	#batchesBytes = 0;
	readonly #collecting = new Writer(64 * 1024);
	#collected = 0;
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
		this.#segments = new Segments(disk, recovered.manifest, recovered.segments, {
			succeeded: (error) => this.#succeeded(error),
			reached: () => this.#durableFrame,
			grown: () => this.#writeNext(),
			room: (lack) => {
				if (this.#state === 'open') handlers.room(lack);
			},
		});
		this.#bodyBytesMax = bodyBytesWithin(this.#segments.bytes);
		this.#bodyBytesGoal = Math.min(this.#bodyBytesMax, FRAME_BYTES_GOAL);
		this.#end = recovered.end;
		this.#address = this.#segments.addressOf(this.#end.segment);
		this.#sequence = recovered.last?.header.sequence ?? 0;
		this.#previous = recovered.last?.header.checksum ?? 0;
		this.#repair(recovered);
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
	 * Whether values should be appended now. False while the disk does not keep up, or has no room and what is left of
	 * the log is for records without a value. What is appended all the same waits in memory for as long as it takes.
	 */
	get takesValues(): boolean {
		const waitingBytes = this.#batchesBytes + this.#collecting.length;
		if (waitingBytes > WAITING_BYTES_MAX) return false;
		if (this.#segments.hasRoom) return true;
		const { count, bytes } = this.#segments;
		const freeBytes = (count - this.#end.segment + 1) * bytes - this.#end.offset;
		return freeBytes - waitingBytes > bytes * RESERVED;
	}

	/**
	 * Takes records, to be written by the next flush. What waits is bounded by the caller alone: see `takesValues`.
	 *
	 * @returns the position reached: how many records were ever appended in this life. Once the log has failed
	 * or was closed it still counts, so that no position is taken for durable that is not.
	 * @throws RangeError a record does not fit into a segment
	 */
	append(records: readonly DurableRecord[]): number {
		for (const record of records) {
			if (this.#state === 'open') this.#collect(record);
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
	 * Does what can wait: it asks again for room where there was none, and notes how far the log has reached. The owner
	 * calls this about once a second: what is lost of the log's end is noticed only as far back as the last note.
	 */
	tend(): void {
		if (this.#state !== 'open' || this.#durable < 0) return;
		if (!this.#segments.hasRoom) this.#segments.makeNext();
		this.#segments.note();
	}

	/** Notes how far the log has reached. Nothing else is written or called back any more. */
	close(): void {
		if (this.#state !== 'open') return;
		this.#stop('closed');
		if (this.#durable >= 0) this.#segments.note();
	}

	get #durableFrame(): number {
		return this.#writing ? this.#sequence - 1 : this.#sequence;
	}

	#collect(record: DurableRecord): void {
		const bytesMax = RECORD_OVERHEAD_BYTES_MAX + ('value' in record ? record.value.length : 0);
		if (bytesMax > this.#bodyBytesMax) {
			const { bytes } = this.#segments;
			throw new RangeError(`a record of up to ${bytesMax} bytes does not fit into a segment of ${bytes}`);
		}
		if (this.#collected > 0 && this.#collecting.length + bytesMax > this.#bodyBytesGoal) this.#seal();
		writeRecord(this.#collecting, record);
		this.#collected++;
	}

	/** What is collected becomes a batch of its own. */
	#seal(): void {
		const body = this.#collecting.take();
		this.#batches.push({ records: this.#collected, body });
		this.#batchesBytes += body.length;
		this.#collected = 0;
	}

	#writeNext(): void {
		if (this.#state !== 'open' || this.#writing || this.#durable < 0 || !this.#flushWanted) return;
		const bodyBytes = this.#batches[0]?.body.length ?? this.#collecting.length;
		if (bodyBytes === 0) {
			this.#flushWanted = false;
			return;
		}
		const bytes = frameBytes(bodyBytes);
		if (!this.#moveToRoomFor(bytes)) return;

		if (this.#batches.length === 0) {
			this.#seal();
			this.#flushWanted = false;
		}
		const batch = this.#batches.shift() as Batch;
		this.#batchesBytes -= batch.body.length;
		if (this.#frame.length < bytes) this.#frame = new Uint8Array(bytes);
		const { segment, offset } = this.#end;
		this.#sequence++;
		this.#previous = writeFrame(this.#frame, batch.body, {
			sequence: this.#sequence,
			previous: this.#previous,
			address: { ...this.#address, sector: this.#address.sector + offset / SECTOR_BYTES },
		});
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
	#moveToRoomFor(bytes: number): boolean {
		const { segment, offset } = this.#end;
		if (offset + bytes <= this.#segments.bytes) return true;
		if (segment < this.#segments.count) {
			this.#end = { segment: segment + 1, offset: 0 };
			this.#address = this.#segments.addressOf(segment + 1);
			return true;
		}
		if (this.#segments.hasRoom) this.#segments.makeNext();
		return false;
	}

	/**
	 * Writes the last frame once more, because it may have been read from the system's memory though its flush failed
	 * or was never done. It overwrites what is left of a torn one with zeros, so that the next frame finds none of it.
	 * The manifest is written once more too. A later version of it comes only after that: both must always be there.
	 */
	#repair({ last, end, remains }: Recovered): void {
		const writes: (Place & { readonly bytes: Uint8Array })[] = remains.map(({ segment, offset, bytes }) => ({
			segment,
			offset,
			bytes: new Uint8Array(bytes),
		}));
		if (last) writes.unshift({ ...end, offset: end.offset - last.bytes.length, bytes: last.bytes });
		const writeNext = (): void => {
			const write = writes.shift();
			if (!write) {
				return this.#segments.renew(() => {
					this.#written(0);
					this.#segments.note();
					this.#handlers.durable(0);
				});
			}
			this.#disk.write(segmentName(write.segment), write.offset, write.bytes, (error) => {
				if (this.#succeeded(error)) writeNext();
			});
		};
		writeNext();
	}

	/** The next write goes first, so that the disk works while the handlers do. */
	#written(durableThrough: number): void {
		this.#writing = false;
		this.#durable = durableThrough;
		const { count, bytes, hasRoom } = this.#segments;
		const isHalfUsed = this.#end.segment === count && this.#end.offset > bytes * USED_BEFORE_NEXT_IS_MADE;
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
		this.#batches.length = 0;
		this.#batchesBytes = 0;
		this.#collecting.take();
		this.#collected = 0;
	}
}
