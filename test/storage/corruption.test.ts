/** What was durable and has changed is refused, never dropped: it is told apart from a torn tail. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Reader } from '../../shared/bytes/bytes.ts';
import type { Disk } from '../../shared/disk/disk.ts';
import {
	type FrameHeader,
	frameBytes,
	readBody,
	readHeader,
	SECTOR_BYTES,
	writeFrame,
} from '../../shared/disk/frame.ts';
import { Log } from '../../shared/disk/log.ts';
import { CorruptLogError, readLog } from '../../shared/disk/recover.ts';
import { type DurableRecord, readRecord } from '../../shared/paxos/record.ts';
import { batchValue } from '../../shared/paxos/value.ts';
import { CrashDisk } from './crash-disk.ts';
import { accepted, anyRecord, listen } from './records.ts';

const SEGMENT_BYTES = 8 * SECTOR_BYTES;

interface Written {
	readonly disk: CrashDisk;
	readonly batches: readonly (readonly DurableRecord[])[];
	/** Where the frame of each batch is. */
	readonly frames: readonly { readonly file: string; readonly offset: number; readonly bytes: number }[];
}

describe('a bit that flips', () => {
	test('in a frame that another follows is refused', () => {
		fc.assert(flipProperty(read));
	});

	test('anywhere before the last frame is refused, or harms no record', () => {
		const seen = { refused: 0, harmless: 0 };
		fc.assert(
			fc.property(someBatches(), fc.nat(), fc.nat(7), (batches, place, bit) => {
				const written = write(batches);
				const last = written.frames.at(-1) as Written['frames'][number];
				const files = written.disk.list().filter((name) => name < last.file);
				const at = place % (files.length * SEGMENT_BYTES + last.offset);
				const file = files[Math.floor(at / SEGMENT_BYTES)] ?? last.file;
				written.disk.flip(file, at % SEGMENT_BYTES, bit);
				try {
					expect(read(written.disk)).toEqual(batches.flat());
					seen.harmless++;
				} catch (error) {
					if (!(error instanceof CorruptLogError)) throw error;
					seen.refused++;
				}
			}),
			{ numRuns: 300 },
		);
		expect(seen.refused).toBeGreaterThan(20);
		expect(seen.harmless).toBeGreaterThan(0);
	});

	test('in the last frame costs at most that frame', () => {
		fc.assert(
			fc.property(someBatches(), fc.nat(), fc.nat(7), (batches, place, bit) => {
				const { disk, frames } = write(batches);
				const last = frames.at(-1) as Written['frames'][number];
				disk.flip(last.file, last.offset + (place % last.bytes), bit);
				expect(read(disk)).toEqual(batches.slice(0, -1).flat());
			}),
		);
	});

	test('(canary) the same property catches a reader that takes the first bad frame for the end', () => {
		const { failed, errorInstance } = fc.check(flipProperty(readUpToFirstBadFrame));
		expect(failed).toBe(true);
		expect(String(errorInstance)).toContain('to throw');
	});

	test('(canary) a reader that looks for later frames in the same segment only is caught too', () => {
		expect(fc.check(flipProperty(readEachSegmentAlone), { numRuns: 1000 }).failed).toBe(true);
	});
});

describe('a log that is refused', () => {
	test('names the file, the place and the reason', () => {
		const { disk, frames } = write([[accepted(1, 600)], [accepted(2)], [accepted(3)]]);
		disk.flip('000000000001.log', (frames[1]?.offset ?? 0) + 40, 3);
		expect(() => read(disk)).toThrow(
			'the log is corrupt in 000000000001.log at byte 1024: frame 2 is not whole, ' +
				'but a later one is in 000000000001.log at byte 1536',
		);
	});

	test('names the place where the frame should be, not the one where its successor is', () => {
		const { disk, frames } = write([[accepted(1, 3000)], [accepted(2, 3000)], [accepted(3)]]);
		expect(frames.map(({ file }) => file)).toEqual([name(1), name(2), name(2)]);
		disk.flip(name(1), 40, 3);
		expect(() => read(disk)).toThrow(
			'in 000000000001.log at byte 0: frame 1 is not whole, but frame 2 is in 000000000002.log at byte 0',
		);
	});

	test('is not written to', () => {
		const { disk } = write([[accepted(1)], [accepted(2)]]);
		disk.flip('000000000001.log', 100, 0);
		const writes = disk.writes.length;
		expect(() => Log.open(disk, { segmentBytes: SEGMENT_BYTES }, listen())).toThrow(CorruptLogError);
		expect(disk.writes.length).toBe(writes);
		expect(disk.waiting).toEqual([]);
	});

	test.each([
		['a segment that is missing', [1, 3], 'in 000000000002.log at byte 0: the file is missing'],
		['two segments in each other’s place', [1, 3, 2], 'of segment 3 stands where frame'],
		['a segment that is there twice', [1, 1, 2, 3], 'of segment 1 stands where frame'],
	])('for %s', (_, order, reason) => {
		const { disk } = write(Array.from({ length: 20 }, (_, i) => [accepted(i + 1)]));
		expect(disk.list()).toHaveLength(3);
		const numbers = order.length === 2 ? order : order.map((_, i) => i + 1);
		const moved = new Shelf(numbers.map((number, i) => [name(number), disk.read(name(order[i] as number))]));
		expect(() => readLog(moved)).toThrow(reason);
	});

	test('for a segment that was cut short', () => {
		const { disk } = write([[accepted(1)]]);
		const cut = new Shelf([
			[name(1), disk.read(name(1))],
			[name(2), new Uint8Array(SECTOR_BYTES)],
		]);
		expect(() => readLog(cut)).toThrow('in 000000000002.log at byte 512: the file should be of 4096 bytes');
	});

	test('for a frame of another history, though it has the right number', () => {
		const { disk } = write([[accepted(1)], [accepted(2)], [accepted(3)]]);
		const { disk: other } = write([[accepted(7)], [accepted(2)], [accepted(3)]]);
		const mixed = disk.read(name(1));
		mixed.set(other.read(name(1)).subarray(SECTOR_BYTES, 2 * SECTOR_BYTES), SECTOR_BYTES);
		expect(() => readLog(new Shelf([[name(1), mixed]]))).toThrow('frame 2 does not follow the frame 1 before it');
	});

	test('for a record that this version does not know', () => {
		const bytes = new Uint8Array(SEGMENT_BYTES);
		writeFrame(bytes, Uint8Array.of(99), { sequence: 1, segment: 1, previous: 0 });
		expect(() => readLog(new Shelf([[name(1), bytes]]))).toThrow('a record of the frame cannot be read: unknown kind');
	});
});

test('a torn frame that the next one passes by, into the next segment, is not in the way later', () => {
	const { disk } = write([[accepted(1)]]);
	const { log } = Log.open(disk, { segmentBytes: SEGMENT_BYTES }, listen());
	disk.finishAll();
	log.append([accepted(2, 1000)]);
	log.flush();
	// Its first sector survives, with a header that is whole.
	let sector = 0;
	const after = disk.losePower(() => sector++ === 0);
	const { log: next, torn } = Log.open(after, { segmentBytes: SEGMENT_BYTES }, listen());
	expect(torn).toBe(true);
	for (const [slot, bytes] of [
		[3, SEGMENT_BYTES - 200],
		[4, 0],
	] as const) {
		next.append([accepted(slot, bytes)]);
		next.flush();
		after.finishAll();
	}
	expect(readHeader(after.read(name(2)), 0)?.sequence).toBe(2);
	const { records, torn: tornStill } = readLog(after.losePower(() => false));
	expect(records).toEqual([accepted(1), accepted(3, SEGMENT_BYTES - 200), accepted(4)]);
	expect(tornStill).toBe(false);
});

test('the same frame is the same bytes, whatever was in the buffer before', () => {
	fc.assert(
		fc.property(
			fc.uint8Array({ minLength: 1, maxLength: 1500 }),
			fc.integer({ min: 1, max: 2 ** 50 }),
			(body, sequence) => {
				const ties = { sequence, segment: 3, previous: 0xfedcba98 };
				const clean = new Uint8Array(frameBytes(body.length));
				const used = new Uint8Array(frameBytes(body.length)).fill(0xee);
				expect(writeFrame(used, body, ties)).toBe(writeFrame(clean, body, ties));
				expect(used).toEqual(clean);
				expect(readHeader(used, 0)).toMatchObject({ ...ties, bodyBytes: body.length });
				expect(readBody(used, 0, readHeader(used, 0) as FrameHeader)).toEqual(body);
				// Files are read as Node's buffers: nothing may keep them.
				const read = readBody(Buffer.from(used), 0, readHeader(used, 0) as FrameHeader);
				expect(read?.buffer.byteLength).toBe(body.length);
			},
		),
	);
});

test('a client’s value that holds whole frames is never taken for one, wherever the frame around it is torn', () => {
	// Of every frame that could come next, at every place where a sector of the value could begin.
	const forged = new Uint8Array(2500);
	for (let at = 0; at + SECTOR_BYTES <= forged.length; at += 100) {
		writeFrame(forged.subarray(at), new Uint8Array(9), { sequence: 2 + (at % 3), segment: 1, previous: 0 });
	}
	fc.assert(
		fc.property(fc.nat(400), fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }), (shift, survives) => {
			const commands = new Uint8Array(shift + forged.length);
			commands.set(forged, shift);
			const value = batchValue(commands);
			const disk = write([[accepted(1)]]).disk;
			const { log } = Log.open(disk, { segmentBytes: SEGMENT_BYTES }, listen());
			disk.finishAll();
			log.append([{ kind: 'accepted', slot: 2, ballot: { ms: 1, ns: 0, node: 'n1' }, value }]);
			log.flush();
			let sector = 0;
			const after = disk.losePower(() => survives[sector++] as boolean);
			// A short frame over the torn one: what is left of that one follows it at once.
			const { log: next, records } = Log.open(after, { segmentBytes: SEGMENT_BYTES }, listen());
			expect(records.length).toBeGreaterThanOrEqual(1);
			next.append([accepted(3)]);
			next.flush();
			after.finishAll();
			expect(read(after)).toEqual([...records, accepted(3)]);
		}),
		{ numRuns: 300 },
	);
});

type Read = (disk: Disk) => readonly DurableRecord[];

function read(disk: Disk): readonly DurableRecord[] {
	return readLog(disk).records;
}

function flipProperty(reader: Read) {
	return fc.property(someBatches(), fc.nat(), fc.nat(), fc.nat(7), (batches, which, place, bit) => {
		const { disk, frames } = write(batches);
		const frame = frames[which % (frames.length - 1)] as Written['frames'][number];
		disk.flip(frame.file, frame.offset + (place % frame.bytes), bit);
		expect(() => reader(disk)).toThrow(CorruptLogError);
	});
}

/** Bug 33: a corrupt record in the middle treated like a torn tail. */
function readUpToFirstBadFrame(disk: Disk): readonly DurableRecord[] {
	const records: DurableRecord[] = [];
	for (const file of disk.list()) {
		const bytes = disk.read(file);
		let offset = 0;
		for (let header = readHeader(bytes, 0); header; header = readHeader(bytes, offset)) {
			const body = readBody(bytes, offset, header);
			if (!body) return records;
			for (const reader = new Reader(body); !reader.done; ) records.push(readRecord(reader));
			offset += frameBytes(header.bodyBytes);
		}
	}
	return records;
}

/** The rule of `readLog`, but blind for what is in the segments behind. */
function readEachSegmentAlone(disk: Disk): readonly DurableRecord[] {
	const names = disk.list();
	for (let count = 1; count <= names.length; count++) {
		const front = readLog(new Shelf(names.slice(0, count).map((file) => [file, disk.read(file)])));
		if (front.torn || count === names.length) return front.records;
	}
	return [];
}

/** A log with one frame for each batch. */
function write(batches: readonly (readonly DurableRecord[])[]): Written {
	const disk = new CrashDisk();
	const heard = listen();
	const { log } = Log.open(disk, { segmentBytes: SEGMENT_BYTES }, heard);
	const frames: Written['frames'][number][] = [];
	let segment = 1;
	let offset = 0;
	for (const batch of batches) {
		log.append(batch);
		log.flush();
		disk.finishAll();
		const bytes = heard.flushes.at(-1)?.bytes ?? 0;
		if (offset + bytes > SEGMENT_BYTES) {
			segment++;
			offset = 0;
		}
		frames.push({ file: name(segment), offset, bytes });
		offset += bytes;
	}
	expect(heard.flushes).toHaveLength(batches.length);
	return { disk, batches, frames };
}

/** Files to read, nothing else. */
class Shelf implements Disk {
	readonly #files: ReadonlyMap<string, Uint8Array>;

	constructor(files: readonly (readonly [string, Uint8Array])[]) {
		this.#files = new Map(files);
	}

	list(): readonly string[] {
		return [...this.#files.keys()].sort();
	}

	read(file: string): Uint8Array {
		return this.#files.get(file) ?? new Uint8Array(0);
	}

	create(): void {
		throw new Error('read only');
	}

	write(): void {
		throw new Error('read only');
	}
}

function name(segment: number): string {
	return `${String(segment).padStart(12, '0')}.log`;
}

function someBatches(): fc.Arbitrary<DurableRecord[][]> {
	const batch = fc.array(anyRecord(900), { minLength: 1, maxLength: 3 });
	return fc.array(batch, { minLength: 2, maxLength: 8 });
}
