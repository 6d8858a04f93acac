/**
 * The file of a snapshot: a stream of chunks, the same on every node, so that it is sent to peers as it is.
 *
 *     chunk     length | checksum | payload      two integers of four bytes, little-endian
 *     header    "pxs" and the format | swarm | through
 *     payloads  as the caller gave them, none empty
 *     trailer   how many payloads there are; the top bit of its length is set
 *
 * Each checksum begins with the one before and the length, so it binds all chunks up to its own, in their order. That of
 * the trailer is the sum of the whole file, which the manifest notes. What the payloads mean is the caller's business.
 */
import { MalformedError, Reader, Writer } from '../bytes/bytes.ts';
import { readThrough } from '../paxos/bounds.ts';
import type { Slot } from '../paxos/message.ts';
import { CorruptLogError } from './corrupt-log-error.ts';
import { crc32 } from './crc32.ts';
import type { Disk } from './disk.ts';

/** "pxs", and the format. */
const MAGIC = [0x70, 0x78, 0x73, 0x01] as const;
const HEAD_BYTES = 8;
const IS_TRAILER = 0x80000000;
const TRAILER_BYTES = 4;
/** The largest payload. A few of the size of the largest value fit into one. */
export const PAYLOAD_BYTES_MAX = 4 * 1024 * 1024;
/** The part of a file that is read at once, bytes. */
const READ_BYTES = 256 * 1024;

/** What the manifest says of the snapshot. */
export interface SnapshotNote {
	/** The last slot that the snapshot stands for. */
	readonly through: Slot;
	/** The size of its file. */
	readonly bytes: number;
	/** The checksum of its last chunk, which is one of the whole file. An unsigned integer of 32 bits. */
	readonly sum: number;
}

/** What a snapshot is of. Its header says so. */
export interface SnapshotSubject {
	/** Names the swarm, the same on all its nodes: ASCII characters. */
	readonly swarm: string;
	readonly through: Slot;
}

const SNAPSHOT_NAME = /^\d{12,}\.snapshot$/;

export function isSnapshotName(name: string): boolean {
	return SNAPSHOT_NAME.test(name);
}

export function snapshotName(through: Slot): string {
	return `${String(through).padStart(12, '0')}.snapshot`;
}

/** Makes the bytes of a file, chunk by chunk. */
export class SnapshotEncoder {
	readonly #through: Slot;
	readonly #header: Uint8Array;
	#count = 0;
	#bytes = 0;
	#sum = 0;

	constructor({ swarm, through }: SnapshotSubject) {
		this.#through = through;
		const out = new Writer(HEAD_BYTES);
		for (const byte of MAGIC) out.u8(byte);
		out.bytes(Uint8Array.from(swarm, (char) => char.charCodeAt(0)));
		out.int(through);
		this.#header = out.take();
	}

	/**
	 * The next bytes of the file, in an array of their own.
	 *
	 * @throws RangeError the payload is empty, or larger than `PAYLOAD_BYTES_MAX`
	 */
	payload(payload: Uint8Array): Uint8Array {
		if (payload.length === 0 || payload.length > PAYLOAD_BYTES_MAX) {
			throw new RangeError(`a payload of ${payload.length} bytes`);
		}
		const bytes = this.#with(payload.length, payload);
		this.#count++;
		return bytes;
	}

	/** The last bytes of the file, and what is to be noted of it. */
	end(): { readonly bytes: Uint8Array; readonly note: SnapshotNote } {
		const count = new Uint8Array(TRAILER_BYTES);
		new DataView(count.buffer).setUint32(0, this.#count, true);
		const bytes = this.#with(IS_TRAILER + TRAILER_BYTES, count);
		return { bytes, note: { through: this.#through, bytes: this.#bytes, sum: this.#sum } };
	}

	/** A chunk, after the header where it is the first. */
	#with(length: number, payload: Uint8Array): Uint8Array {
		const headerBytes = this.#bytes === 0 ? HEAD_BYTES + this.#header.length : 0;
		const bytes = new Uint8Array(headerBytes + HEAD_BYTES + payload.length);
		if (headerBytes > 0) this.#put(bytes, 0, this.#header.length, this.#header);
		this.#put(bytes, headerBytes, length, payload);
		this.#bytes += bytes.length;
		return bytes;
	}

	#put(into: Uint8Array, at: number, length: number, payload: Uint8Array): void {
		into.set(payload, at + HEAD_BYTES);
		this.#sum = sumOf(into, at + HEAD_BYTES, at + HEAD_BYTES + payload.length, { before: this.#sum, length });
		const view = new DataView(into.buffer);
		view.setUint32(at, length, true);
		view.setUint32(at + 4, this.#sum, true);
	}
}

/** Bytes are not what a `SnapshotEncoder` made for this subject. */
export class SnapshotError extends Error {
	override readonly name = 'SnapshotError';
	/** The place of the chunk in the file, bytes. */
	readonly offset: number;

	constructor(reason: string, offset: number) {
		super(reason);
		this.offset = offset;
	}
}

/** Checks the bytes of a file as they come in, from the disk or from a peer, cut anywhere, and gives out the payloads. */
export class SnapshotChecker {
	readonly #subject: SnapshotSubject;
	/** The bytes that came in and are no whole chunk yet. */
	#rest = new Uint8Array(0);
	/** The place of `#rest` in the file. */
	#offset = 0;
	#sum = 0;
	/** The number of payloads; -1 before the header. */
	#count = -1;
	#note: SnapshotNote | null = null;

	constructor(subject: SnapshotSubject) {
		this.#subject = subject;
	}

	/** The number of bytes that came in. */
	get bytes(): number {
		return this.#offset + this.#rest.length;
	}

	/** The note for the manifest; null until the last byte of the file came in. */
	get note(): SnapshotNote | null {
		return this.#note;
	}

	/**
	 * @param bytes the next ones of the file
	 * @returns the payloads that are now whole, in order: views of `bytes`, or arrays of their own
	 * @throws SnapshotError
	 */
	add(bytes: Uint8Array): Uint8Array[] {
		const all = this.#rest.length === 0 ? bytes : joined(this.#rest, bytes);
		const payloads: Uint8Array[] = [];
		let at = 0;
		while (at < all.length) {
			const chunk = this.#chunk(all, at);
			if (!chunk) break;
			if (chunk.isPayload) payloads.push(all.subarray(at + HEAD_BYTES, chunk.end));
			this.#offset += chunk.end - at;
			at = chunk.end;
			if (!chunk.isTrailer) continue;
			this.#note = { through: this.#subject.through, bytes: this.#offset, sum: this.#sum };
		}
		this.#rest = all.slice(at);
		return payloads;
	}

	/** Checks the chunk at `at`; undefined where it is not there as a whole yet. */
	#chunk(
		bytes: Uint8Array,
		at: number,
	): { readonly end: number; readonly isPayload: boolean; readonly isTrailer: boolean } | undefined {
		if (this.#note) throw this.#wrong('something follows the end of the snapshot');
		if (at + HEAD_BYTES > bytes.length) return undefined;
		const view = new DataView(bytes.buffer, bytes.byteOffset + at);
		const length = view.getUint32(0, true);
		const isTrailer = length >= IS_TRAILER;
		const size = isTrailer ? length - IS_TRAILER : length;
		if (size > PAYLOAD_BYTES_MAX || size === 0) throw this.#wrong('the length of a chunk is out of range');
		const end = at + HEAD_BYTES + size;
		if (end > bytes.length) return undefined;
		const sum = sumOf(bytes, at + HEAD_BYTES, end, { before: this.#sum, length });
		if (sum !== view.getUint32(4, true)) throw this.#wrong('a chunk is not as it was written');
		this.#sum = sum;
		const isPayload = !isTrailer && this.#count >= 0;
		if (isTrailer) this.#checkTrailer(size, view);
		else if (!isPayload) this.#checkHeader(bytes.subarray(at + HEAD_BYTES, end));
		this.#count++;
		return { end, isPayload, isTrailer };
	}

	#checkHeader(header: Uint8Array): void {
		const from = new Reader(header);
		try {
			if (MAGIC.some((byte) => from.u8() !== byte)) throw this.#wrong('it is no snapshot of this format');
			const swarm = String.fromCharCode(...from.bytes());
			const through = readThrough(from);
			from.finish();
			if (swarm !== this.#subject.swarm)
				throw this.#wrong(`it is a snapshot of ${swarm}, not of ${this.#subject.swarm}`);
			if (through === this.#subject.through) return;
			throw this.#wrong(`it is the snapshot through slot ${through}, not through ${this.#subject.through}`);
		} catch (error) {
			throw error instanceof MalformedError ? this.#wrong('its header cannot be read') : error;
		}
	}

	#checkTrailer(size: number, view: DataView): void {
		if (size === TRAILER_BYTES && view.getUint32(HEAD_BYTES, true) === this.#count) return;
		throw this.#wrong('its end does not fit what is before it');
	}

	#wrong(reason: string): SnapshotError {
		return new SnapshotError(reason, this.#offset);
	}
}

/** There is a step after every few payloads. */
export interface SnapshotStep {
	readonly payloads: readonly Uint8Array[];
	/** So many bytes of the file were read, of `bytesOfAll`. */
	readonly bytes: number;
	readonly bytesOfAll: number;
}

/**
 * Reads the snapshot that the manifest notes. Its payloads may be used at once, but the last step alone proves that it is
 * the one that was noted.
 *
 * @param swarm as of its `SnapshotSubject`
 * @throws CorruptLogError
 */
export function* readSnapshot(disk: Disk, note: SnapshotNote, swarm: string): Generator<SnapshotStep, void> {
	const file = snapshotName(note.through);
	const checker = new SnapshotChecker({ swarm, through: note.through });
	const corrupt = (reason: string, offset: number, cause?: unknown) =>
		new CorruptLogError(reason, { file, offset, cause });
	for (;;) {
		const part = disk.read(file, { offset: checker.bytes, bytes: READ_BYTES });
		if (part.length === 0) break;
		let payloads: readonly Uint8Array[];
		try {
			payloads = checker.add(part);
		} catch (error) {
			throw error instanceof SnapshotError ? corrupt(error.message, error.offset, error) : error;
		}
		if (checker.bytes > note.bytes) throw corrupt(`the file was written with ${note.bytes} bytes`, note.bytes);
		yield { payloads, bytes: checker.bytes, bytesOfAll: note.bytes };
	}
	if (!checker.note) throw corrupt(`the file ends, and was written with ${note.bytes} bytes`, checker.bytes);
	if (checker.note.bytes !== note.bytes || checker.note.sum !== note.sum) {
		throw corrupt('it is another snapshot through the same slot than the one that was noted', 0);
	}
}

function sumOf(
	bytes: Uint8Array,
	from: number,
	to: number,
	{ before, length }: { readonly before: number; readonly length: number },
): number {
	return crc32(bytes, from, to, (before ^ length) >>> 0);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
	const bytes = new Uint8Array(a.length + b.length);
	bytes.set(a);
	bytes.set(b, a.length);
	return bytes;
}
