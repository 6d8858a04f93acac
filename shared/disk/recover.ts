/**
 * Reads a log back, and tells a torn tail from corruption. It writes nothing: `Log.open` repairs.
 *
 * A frame is written only after the one before it is durable, so a crash can tear only the last one. Hence
 * the rule: where a frame should be and is not whole, the log ends, unless a frame begins anywhere behind.
 * Then what is missing had been durable, and somebody may have been told so: it must never be dropped.
 * (The last frame alone has no such witness: bit rot in it looks like a tear.)
 */
import { MalformedError, Reader } from '../bytes/bytes.ts';
import { type DurableRecord, readRecord } from '../paxos/record.ts';
import type { Disk } from './disk.ts';
import {
	type FrameHeader,
	findHeader,
	frameBytes,
	isNeverWritten,
	readBody,
	readHeader,
	SECTOR_BYTES,
} from './frame.ts';

/** What was durable cannot be read any more. The node must not start as if it had never been there. */
export class CorruptLogError extends Error {
	override readonly name = 'CorruptLogError';
	readonly file: string;
	/** In bytes. */
	readonly offset: number;

	constructor(reason: string, at: { readonly file: string; readonly offset: number; readonly cause?: unknown }) {
		super(`the log is corrupt in ${at.file} at byte ${at.offset}: ${reason}`, { cause: at.cause });
		this.file = at.file;
		this.offset = at.offset;
	}
}

/** A place in the log: segments are numbered from 1, the offset is in bytes. */
export interface Place {
	readonly segment: number;
	readonly offset: number;
}

export interface Recovered {
	readonly records: readonly DurableRecord[];
	/** How many segments there are, and the size of each; both 0 for a log that was never begun. */
	readonly segments: number;
	readonly segmentBytes: number;
	/** The last frame, as it is on disk, right before `end`; null where there is none. */
	readonly last: { readonly header: FrameHeader; readonly bytes: Uint8Array } | null;
	/** Where the next frame belongs, if there is room for it. */
	readonly end: Place;
	/** Whether something of a torn frame is there. */
	readonly torn: boolean;
}

const SEGMENT_NAME = /^\d{12}\.log$/;

export function segmentName(segment: number): string {
	return `${String(segment).padStart(12, '0')}.log`;
}

/** @throws CorruptLogError */
export function readLog(disk: Disk): Recovered {
	const names = disk.list().filter((name) => SEGMENT_NAME.test(name));
	const records: DurableRecord[] = [];
	let segmentBytes = 0;
	let last: Recovered['last'] = null;
	let end: Place = { segment: 1, offset: 0 };
	let torn = false;

	for (const [index, name] of names.entries()) {
		const segment = index + 1;
		if (name !== segmentName(segment)) {
			throw new CorruptLogError(`the file is missing, though there is ${name}`, {
				file: segmentName(segment),
				offset: 0,
			});
		}
		const bytes = disk.read(name);
		if (segment === 1) segmentBytes = bytes.length;
		if (bytes.length !== segmentBytes || bytes.length % SECTOR_BYTES !== 0) {
			throw new CorruptLogError(`the file should be of ${segmentBytes} bytes, in whole sectors`, {
				file: name,
				offset: bytes.length,
			});
		}

		let offset = 0;
		let header: FrameHeader | undefined = readHeader(bytes, offset);
		while (header) {
			checkTies(name, offset, header, segment, last?.header, end);
			const body = readBody(bytes, offset, header);
			if (!body) break;
			readRecords(name, offset, body, records);
			const next = offset + frameBytes(header.bodyBytes);
			last = { header, bytes: bytes.subarray(offset, next) };
			end = { segment, offset: next };
			offset = next;
			header = readHeader(bytes, offset);
		}

		const behind = findHeader(bytes, header ? offset + SECTOR_BYTES : offset);
		if (behind !== undefined) {
			const sequence = (last?.header.sequence ?? 0) + 1;
			throw new CorruptLogError(
				`frame ${sequence} is not whole, but a later one is in ${name} at byte ${behind}, so it had been durable`,
				{ file: segmentName(end.segment), offset: end.offset },
			);
		}
		torn ||= offset < bytes.length && !isNeverWritten(bytes, offset);
	}
	return { records, segments: names.length, segmentBytes, last, end, torn };
}

/**
 * A header that is whole was written by this log, so it must be the very one that belongs here. If it is a later
 * one, then what is wrong is at `end`: the frames from there on are gone.
 */
function checkTies(
	file: string,
	offset: number,
	header: FrameHeader,
	segment: number,
	before: FrameHeader | undefined,
	end: Place,
): void {
	const sequence = (before?.sequence ?? 0) + 1;
	if (header.segment === segment && header.sequence > sequence) {
		throw new CorruptLogError(
			`frame ${sequence} is not whole, but frame ${header.sequence} is in ${file} at byte ${offset}, so it had been durable`,
			{ file: segmentName(end.segment), offset: end.offset },
		);
	}
	if (header.segment !== segment || header.sequence !== sequence) {
		throw new CorruptLogError(
			`frame ${header.sequence} of segment ${header.segment} stands where frame ${sequence} of segment ${segment} belongs`,
			{ file, offset },
		);
	}
	if (header.previous !== (before?.checksum ?? 0)) {
		throw new CorruptLogError(`frame ${sequence} does not follow the frame ${sequence - 1} before it`, {
			file,
			offset,
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
