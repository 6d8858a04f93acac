/** The records that wait to be written: encoded, in order, in batches of which each becomes one frame. */
import { Writer } from '../bytes/bytes.ts';
import type { Slot } from '../paxos/message.ts';
import { type DurableRecord, writeRecord } from '../paxos/record.ts';
import type { Carried } from './carried.ts';

/** What waits is split into frames of about this size, so that word of what is durable comes steadily. */
const FRAME_BYTES_GOAL = 4 * 1024 * 1024;
/** A record takes at most so many bytes beside its value. */
const RECORD_OVERHEAD_BYTES_MAX = 128;

export interface Batch {
	readonly records: number;
	readonly body: Uint8Array;
	/** The highest slot of which it holds a value; 0 for none. */
	readonly slotMax: Slot;
	/** What a segment behind it begins with. */
	readonly carried: Carried;
}

export class Waiting {
	readonly #bodyBytesMax: number;
	readonly #bodyBytesGoal: number;
	/** Of all records that were ever added. */
	readonly #carried: Carried;
	/** Whole batches, then those records that are still collected. */
	readonly #batches: Batch[] = [];
	/** The bytes of all batches. */
	#batchesBytes = 0;
	readonly #collecting = new Writer(64 * 1024);
	#collected = 0;
	#slotMax: Slot = 0;

	/**
	 * @param bodyBytesMax the largest body of a frame
	 * @param carried of all records that were written before
	 */
	constructor(bodyBytesMax: number, carried: Carried) {
		this.#bodyBytesMax = bodyBytesMax;
		this.#bodyBytesGoal = Math.min(bodyBytesMax, FRAME_BYTES_GOAL);
		this.#carried = carried.copy();
	}

	get bytes(): number {
		return this.#batchesBytes + this.#collecting.length;
	}

	/** The size of the next batch's body; 0 where nothing waits. */
	get nextBytes(): number {
		return this.#batches[0]?.body.length ?? this.#collecting.length;
	}

	/** @throws RangeError it does not fit into a segment */
	add(record: DurableRecord): void {
		const bytesMax = RECORD_OVERHEAD_BYTES_MAX + ('value' in record ? record.value.length : 0);
		if (bytesMax > this.#bodyBytesMax) {
			throw new RangeError(
				`a record of up to ${bytesMax} bytes does not fit into a segment, but ${this.#bodyBytesMax} do`,
			);
		}
		if (this.#collected > 0 && this.#collecting.length + bytesMax > this.#bodyBytesGoal) this.#seal();
		writeRecord(this.#collecting, record);
		this.#carried.add(record);
		if ('value' in record) this.#slotMax = Math.max(this.#slotMax, record.slot);
		this.#collected++;
	}

	/** Takes the next batch out. Its body is good until `reuse` is called. Something waits. */
	take(): Batch {
		if (this.#batches.length === 0) this.#seal();
		const batch = this.#batches.shift() as Batch;
		this.#batchesBytes -= batch.body.length;
		return batch;
	}

	/** The bodies of all batches that were taken are in use no more, and records that come are written over them. */
	reuse(): void {
		if (this.#batches.length === 0) this.#collecting.reuse();
	}

	clear(): void {
		this.#batches.length = 0;
		this.#batchesBytes = 0;
		this.#collecting.take();
		this.#collected = 0;
	}

	/** What is collected becomes a batch of its own. */
	#seal(): void {
		const body = this.#collecting.take();
		this.#batches.push({ records: this.#collected, body, slotMax: this.#slotMax, carried: this.#carried.copy() });
		this.#batchesBytes += body.length;
		this.#collected = 0;
		this.#slotMax = 0;
	}
}
