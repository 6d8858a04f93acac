/**
 * The log of what an agent promised and accepted: records in, one flush for all that waits, and word of what
 * is durable. It runs over a real disk, a disk in memory and the simulator's faulty one alike.
 *
 * One flush is one frame and one write, and there is never more than one on its way: a crash tears only the
 * last frame (`recover.ts`). After the first error nothing is written any more, and nothing is tried again: a
 * flush that failed may have dropped the pages it could not write. Nothing written is kept in memory.
 */
import { Writer } from '../bytes/bytes.ts';
import { type DurableRecord, writeRecord } from '../paxos/record.ts';
import type { Disk } from './disk.ts';
import { bodyBytesWithin, frameBytes, SECTOR_BYTES, writeFrame } from './frame.ts';
import { type Place, type Recovered, readLog, segmentName } from './recover.ts';

export interface LogHandlers {
	/** Every record up to this position is durable; 0: all that was read at the start is. Grows. */
	durable(through: number): void;
	/** The log has ended. Called once, and nothing else after it. */
	failed(error: Error): void;
	/** One flush is done: so many records, so many bytes on disk. */
	flushed(records: number, bytes: number): void;
}

export interface LogOptions {
	/** Of a log that is new; one that exists keeps its own. A multiple of 512. */
	readonly segmentBytes: number;
}

export interface OpenedLog {
	readonly log: Log;
	readonly records: readonly DurableRecord[];
	/** Whether the last frame was torn, and is cut off. */
	readonly torn: boolean;
}

/** 16 MiB: made in some ten milliseconds, and room for several values of 1 MiB in one frame. */
export const SEGMENT_BYTES_DEFAULT = 16 * 1024 * 1024;

/** What waits is split into frames of about this size, so that word of what is durable comes steadily. */
const FRAME_BYTES_GOAL = 4 * 1024 * 1024;
/** At most what a record takes apart from its value. */
const RECORD_OVERHEAD_BYTES_MAX = 128;
/** The next segment is made when so much of one is used, and so is there when it is needed. */
const USED_BEFORE_NEXT_IS_MADE = 0.5;

interface Batch {
	readonly records: number;
	readonly body: Uint8Array;
}

export class Log {
	readonly #disk: Disk;
	readonly #handlers: LogHandlers;
	readonly #segmentBytes: number;
	readonly #bodyBytesMax: number;
	readonly #bodyBytesGoal: number;
	#state: 'open' | 'failed' | 'closed' = 'open';

	/** Where the next frame goes, unless it is too big for what is left of the segment. */
	#end: Place;
	#segmentsMade: number;
	#making = false;
	#sequence: number;
	/** The checksum of the last frame's header. */
	#previous: number;

	/** A write is on its way. Its bytes are in `#frame`, which is used again for the next. */
	#writing = false;
	#frame = new Uint8Array(0);
	/** Records that wait, in order: whole batches, then those that are still collected. */
	readonly #batches: Batch[] = [];
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
		const recovered = readLog(disk);
		const log = new Log(disk, options, handlers, recovered);
		return { log, records: recovered.records, torn: recovered.torn };
	}

	private constructor(disk: Disk, options: LogOptions, handlers: LogHandlers, recovered: Recovered) {
		this.#disk = disk;
		this.#handlers = handlers;
		this.#segmentBytes = recovered.segmentBytes || options.segmentBytes;
		if (this.#segmentBytes <= 0 || this.#segmentBytes % SECTOR_BYTES !== 0) {
			throw new RangeError(`segmentBytes: ${this.#segmentBytes} is not a multiple of ${SECTOR_BYTES}`);
		}
		this.#bodyBytesMax = bodyBytesWithin(this.#segmentBytes);
		this.#bodyBytesGoal = Math.min(this.#bodyBytesMax, FRAME_BYTES_GOAL);
		this.#end = recovered.end;
		this.#segmentsMade = recovered.segments;
		this.#sequence = recovered.last?.header.sequence ?? 0;
		this.#previous = recovered.last?.header.checksum ?? 0;
		if (recovered.segments === 0) {
			this.#durable = 0;
			this.#makeSegment();
		} else {
			this.#repair(recovered);
		}
	}

	/** Every record up to this position is durable. -1: not even what was read at the start is, yet. */
	get durableThrough(): number {
		return this.#durable;
	}

	/**
	 * Takes records, to be written by the next flush. What waits is bounded by the caller alone: it must stop
	 * taking work in when its log does not keep up.
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

	/** Nothing is written or called back any more, apart from a write that is on its way. */
	close(): void {
		if (this.#state === 'open') this.#stop('closed');
	}

	#collect(record: DurableRecord): void {
		const bytesMax = RECORD_OVERHEAD_BYTES_MAX + ('value' in record ? record.value.length : 0);
		if (bytesMax > this.#bodyBytesMax) {
			throw new RangeError(`a record of up to ${bytesMax} bytes does not fit into a segment of ${this.#segmentBytes}`);
		}
		if (this.#collected > 0 && this.#collecting.length + bytesMax > this.#bodyBytesGoal) this.#seal();
		writeRecord(this.#collecting, record);
		this.#collected++;
	}

	/** What is collected becomes a batch of its own. */
	#seal(): void {
		this.#batches.push({ records: this.#collected, body: this.#collecting.take() });
		this.#collected = 0;
	}

	#writeNext(): void {
		if (this.#state !== 'open' || this.#writing || !this.#flushWanted) return;
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
		if (this.#frame.length < bytes) this.#frame = new Uint8Array(bytes);
		const { segment, offset } = this.#end;
		this.#sequence++;
		this.#previous = writeFrame(this.#frame, batch.body, {
			sequence: this.#sequence,
			segment,
			previous: this.#previous,
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
		if (segment <= this.#segmentsMade && offset + bytes <= this.#segmentBytes) return true;
		if (segment < this.#segmentsMade) {
			this.#end = { segment: segment + 1, offset: 0 };
			return true;
		}
		this.#makeSegment();
		return false;
	}

	#makeSegment(): void {
		if (this.#making) return;
		this.#making = true;
		this.#disk.create(segmentName(this.#segmentsMade + 1), this.#segmentBytes, (error) => {
			if (!this.#succeeded(error)) return;
			this.#making = false;
			this.#segmentsMade++;
			this.#writeNext();
		});
	}

	/**
	 * Writes the last frame once more, because it may have been read from the system's memory though its flush
	 * failed or was never done; and clears the places where the next frame may have been begun, the only ones
	 * where a header of a torn frame can be. What else is left of such a frame can never be taken for one.
	 */
	#repair({ last, end, segments }: Recovered): void {
		const again = last?.bytes ?? new Uint8Array(0);
		const cleared = end.offset < this.#segmentBytes ? SECTOR_BYTES : 0;
		const bytes = new Uint8Array(again.length + cleared);
		bytes.set(again);
		const done = (error: Error | null) => {
			if (!this.#succeeded(error)) return;
			this.#written(0);
			this.#handlers.durable(0);
		};
		this.#writing = true;
		this.#disk.write(segmentName(end.segment), end.offset - again.length, bytes, (error) => {
			if (error || segments === end.segment) return done(error);
			if (this.#state !== 'open') return;
			this.#disk.write(segmentName(end.segment + 1), 0, new Uint8Array(SECTOR_BYTES), done);
		});
	}

	/** The next write goes first, so that the disk works while the handlers do. */
	#written(durableThrough: number): void {
		this.#writing = false;
		this.#durable = durableThrough;
		const { segment, offset } = this.#end;
		if (segment === this.#segmentsMade && offset > this.#segmentBytes * USED_BEFORE_NEXT_IS_MADE) this.#makeSegment();
		this.#writeNext();
	}

	/** Whether to go on after a call to the disk. */
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
		this.#collecting.take();
		this.#collected = 0;
	}
}
