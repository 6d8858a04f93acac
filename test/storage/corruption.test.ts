/** A durable record that has changed is refused and never dropped, because it is distinguished from a torn tail. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Carried } from '../../shared/disk/carried.ts';
import { CorruptLogError } from '../../shared/disk/corrupt-log-error.ts';
import type { Disk } from '../../shared/disk/disk.ts';
import { frameBytes, isWhole, readHeader, SECTOR_BYTES, writeFrame } from '../../shared/disk/frame.ts';
import { Log } from '../../shared/disk/log.ts';
import { addressOf, MANIFEST_NAME, newLogFiles, readManifest } from '../../shared/disk/manifest.ts';
import { CrashDisk } from './crash-disk.ts';
import { accepted, listen, OWNER } from './records.ts';
import {
	appendEach,
	name,
	putSector,
	read,
	SEGMENT_BYTES,
	sectorAt,
	someBatches,
	type Written,
	write,
} from './written-log.ts';

describe('damage to what was whole is refused, wherever it is', () => {
	test('one bit or several, in any frame, the last and its header too', () => {
		fc.assert(
			fc.property(someBatches(), someBits(), fc.nat(), (batches, bits, which) => {
				const { disk, frames } = write(batches);
				const frame = frames[which % frames.length] as Written['frames'][number];
				for (const [place, bit] of bits) disk.flip(frame.file, frame.offset + (place % frame.bytes), bit);
				expect(() => read(disk)).toThrow(CorruptLogError);
			}),
			{ numRuns: 500 },
		);
	});

	test('one bit anywhere in any segment, also where nothing was written yet', () => {
		fc.assert(
			fc.property(someBatches(), fc.nat(), fc.nat(7), (batches, place, bit) => {
				const { disk } = write(batches);
				const segments = disk.list().filter((name) => name !== MANIFEST_NAME);
				const file = segments[place % segments.length] as string;
				disk.flip(file, ((place / segments.length) % SEGMENT_BYTES) | 0, bit);
				expect(() => read(disk)).toThrow(CorruptLogError);
			}),
			{ numRuns: 300 },
		);
	});

	test('one bit anywhere in the manifest, but where it says nothing', () => {
		const { disk } = write([[accepted(1)], [accepted(2)]]);
		for (const page of [0, 4096]) {
			for (let at = page; at < page + SECTOR_BYTES; at++) {
				disk.flip(MANIFEST_NAME, at, at % 8);
				expect(() => read(disk), `byte ${at}`).toThrow(`the log is corrupt in manifest at byte ${page}`);
				disk.flip(MANIFEST_NAME, at, at % 8);
			}
		}
		disk.flip(MANIFEST_NAME, 1000, 0);
		expect(read(disk)).toHaveLength(2);
	});

	test('a sector of zeros, or one of an earlier time, in a frame that another follows', () => {
		fc.assert(
			fc.property(someBatches(), fc.nat(), fc.nat(), (batches, which, place) => {
				const { disk, frames } = write(batches);
				const frame = frames[which % (frames.length - 1)] as Written['frames'][number];
				const sector = frame.offset + (place % (frame.bytes / SECTOR_BYTES)) * SECTOR_BYTES;
				const bytes = disk.read(frame.file);
				disk.put(frame.file, bytes.fill(0, sector, sector + SECTOR_BYTES));
				expect(() => read(disk)).toThrow(/is not whole, but a later one is in|not what this log wrote/);
			}),
		);
	});

	test('sectors that change places', () => {
		fc.assert(
			fc.property(someBatches(), fc.nat(), fc.nat(), (batches, one, other) => {
				const { disk, frames } = write(batches);
				const used = frames.flatMap(({ file, offset, bytes }) =>
					Array.from({ length: bytes / SECTOR_BYTES }, (_, i) => [file, offset + i * SECTOR_BYTES] as const),
				);
				const [a, b] = [used[one % used.length], used[other % used.length]] as [(typeof used)[0], (typeof used)[0]];
				fc.pre(a !== b);
				const [before, after] = [sectorAt(disk, a), sectorAt(disk, b)];
				putSector(disk, a, after);
				putSector(disk, b, before);
				expect(() => read(disk)).toThrow(CorruptLogError);
			}),
			{ numRuns: 200 },
		);
	});

	test('(canary) the same properties catch a reader that takes the first bad frame for the end', () => {
		const { disk, frames } = write([[accepted(1)], [accepted(2, 900)], [accepted(3)]]);
		disk.flip(frames[1]?.file ?? '', (frames[1]?.offset ?? 0) + SECTOR_BYTES + 7, 3);
		expect(readUpToFirstBadFrame(disk)).toBe(1);
		expect(() => read(disk)).toThrow(CorruptLogError);
	});
});

describe('a log whose files are not those that were there is refused', () => {
	/** Three segments. The last of them was made and is not used yet. */
	const three = () => {
		const written = write(Array.from({ length: 13 }, (_, i) => [accepted(i + 1)]));
		expect(written.disk.list()).toEqual([name(1), name(2), name(3), MANIFEST_NAME]);
		return written;
	};

	test.each([1, 2, 3])('segment %i of three is missing', (segment) => {
		const { disk } = three();
		disk.put(name(segment), null);
		expect(() => read(disk)).toThrow(`in ${name(segment)} at byte 0: the file is missing, one of the 3`);
	});

	test.each([
		[1, 0],
		[1, SEGMENT_BYTES / 2],
		[2, 0],
		[2, SECTOR_BYTES],
		[2, SEGMENT_BYTES - 1],
		[3, 0],
		[3, SEGMENT_BYTES / 2],
		[3, SEGMENT_BYTES + SECTOR_BYTES],
	])('segment %i has %i bytes', (segment, bytes) => {
		const { disk } = three();
		const resized = new Uint8Array(bytes);
		resized.set(disk.read(name(segment)).subarray(0, bytes));
		disk.put(name(segment), resized);
		expect(() => read(disk)).toThrow(
			`in ${name(segment)} at byte ${Math.min(bytes, SEGMENT_BYTES)}: the file has ${bytes} bytes, and was made with 4096`,
		);
	});

	test.each([
		['two segments are in each other’s place', [2, 1, 3]],
		['a segment is there twice', [1, 1, 3]],
		['a segment is there twice, the later one', [2, 2, 3]],
		['a used segment is in the place of an unused one', [1, 2, 2]],
	])('%s', (_, order) => {
		const { disk } = three();
		const files = order.map((segment) => disk.read(name(segment)));
		for (const [i, bytes] of files.entries()) disk.put(name(i + 1), bytes);
		expect(() => read(disk)).toThrow('at byte 0: what stands there is not what this log wrote there');
	});

	test.each([1, 2])('segment %i is of zeros', (segment) => {
		const { disk, log } = three();
		log.close();
		disk.finishAll();
		disk.put(name(segment), new Uint8Array(SEGMENT_BYTES));
		expect(() => read(disk)).toThrow(/belongs there and is not whole, but (a later one|frame 13 had been durable)/);
	});

	test('the segment written last is an older copy of itself: noticed as far back as the last note', () => {
		const { disk, log } = write([[accepted(1)], [accepted(2)]]);
		const older = disk.read(name(1));
		log.append([accepted(3)]);
		log.flush();
		disk.finishAll();
		const now = disk.read(name(1));
		disk.put(name(1), older);
		expect(read(disk)).toEqual([accepted(1), accepted(2)]);

		disk.put(name(1), now);
		log.tend();
		disk.finishAll();
		disk.put(name(1), older);
		expect(() => read(disk)).toThrow(
			`in ${name(1)} at byte 1024: frame 3 belongs there and is not whole, but frame 3 had been durable`,
		);
	});

	test.each([
		['missing', null, 'the file is missing'],
		['empty', new Uint8Array(0), 'the file has 0 bytes'],
		['cut short', new Uint8Array(4096), 'the file has 4096 bytes, and was made with 8192'],
		['of zeros', new Uint8Array(8192), 'what stands there is not what was written there'],
	])('the manifest is %s', (_, bytes, reason) => {
		const { disk } = three();
		disk.put(MANIFEST_NAME, bytes);
		expect(() => read(disk)).toThrow(`the log is corrupt in manifest at byte 0: ${reason}`);
	});

	test('the manifest is an older copy of itself, which does not know of a segment', () => {
		const { disk, log } = write(Array.from({ length: 4 }, (_, i) => [accepted(i + 1)]));
		const older = disk.read(MANIFEST_NAME);
		for (let i = 0; i < 6; i++) {
			log.append([accepted(5 + i)]);
			log.flush();
			disk.finishAll();
		}
		disk.put(MANIFEST_NAME, older);
		expect(() => read(disk)).toThrow('it tells of segments up to 1, but 000000000002.log is in use too');
	});

	test('one half of the manifest is older than the one before', () => {
		const { disk, log } = write([[accepted(1)]]);
		const older = disk.read(MANIFEST_NAME);
		for (let i = 0; i < 2; i++) {
			log.append([accepted(2 + i)]);
			log.flush();
			disk.finishAll();
			log.tend();
			disk.finishAll();
		}
		const mixed = disk.read(MANIFEST_NAME);
		mixed.set(older.subarray(4096), 4096);
		disk.put(MANIFEST_NAME, mixed);
		expect(() => read(disk)).toThrow(/versions \d and \d of it stand side by side/);
	});

	test('a segment, or all of it, is another node’s', () => {
		const { disk } = write([[accepted(1)]]);
		const other = CrashDisk.formatted(SEGMENT_BYTES, false, 'swarm/n2/incarnation');
		appendEach(Log.open(other, { owner: 'swarm/n2/incarnation' }, listen()).log, other, [[accepted(1)]]);
		const own = disk.read(name(1));
		disk.put(name(1), other.read(name(1)));
		expect(() => read(disk)).toThrow('what stands there is not what this log wrote there');
		disk.put(name(1), own);
		disk.put(MANIFEST_NAME, other.read(MANIFEST_NAME));
		expect(() => read(disk)).toThrow('this is the log of swarm/n2/incarnation, not of swarm/n1/incarnation');
	});

	test('a frame is of another history, though it has the right number', () => {
		const { disk } = write([[accepted(1)], [accepted(2)], [accepted(3)]]);
		const { disk: other } = write([[accepted(7)], [accepted(2)], [accepted(3)]]);
		putSector(disk, [name(1), SECTOR_BYTES], sectorAt(other, [name(1), SECTOR_BYTES]));
		expect(() => read(disk)).toThrow(
			`in ${name(1)} at byte 512: frame 2 does not follow the frame 1 that is before it`,
		);
	});

	test('a frame says that it is longer than its segment', () => {
		const disk = CrashDisk.formatted(SEGMENT_BYTES);
		const frame = new Uint8Array(SEGMENT_BYTES + SECTOR_BYTES);
		const address = addressOf(readManifest(disk), 1);
		writeFrame(frame, new Uint8Array(SEGMENT_BYTES), { sequence: 1, previous: 0, address });
		disk.put(name(1), frame.subarray(0, SEGMENT_BYTES));
		expect(() => read(disk)).toThrow('the frame would go on behind the end of the file');
	});

	test('a record is of a kind that this version does not know', () => {
		const disk = CrashDisk.formatted(SEGMENT_BYTES);
		const bytes = disk.read(name(1));
		const address = addressOf(readManifest(disk), 1);
		writeFrame(bytes, Uint8Array.from([...new Carried().bytes(), 99]), { sequence: 1, previous: 0, address });
		disk.put(name(1), bytes);
		expect(() => read(disk)).toThrow('a record of the frame cannot be read: unknown kind');
	});
});

describe('a log that is refused', () => {
	test('names the file, the place and the reason', () => {
		const { disk, frames } = write([[accepted(1, 600)], [accepted(2, 600)], [accepted(3)]]);
		disk.flip(name(1), (frames[1]?.offset ?? 0) + 40, 3);
		expect(() => read(disk)).toThrow(
			'the log is corrupt in 000000000001.log at byte 1024: what stands there is not what this log wrote there',
		);
	});

	test('names the place where the frame should be, not the one where its successor is', () => {
		const { disk, frames } = write([[accepted(1, 3000)], [accepted(2, 3000)], [accepted(3)]]);
		expect(frames.map(({ file }) => file)).toEqual([name(1), name(2), name(2)]);
		putSector(disk, [name(1), 0], new Uint8Array(SECTOR_BYTES));
		expect(() => read(disk)).toThrow(
			'in 000000000001.log at byte 0: frame 1 belongs there and is not whole, but a later one is in 000000000002.log at byte 0',
		);
	});

	test('is not written to', () => {
		const { disk } = write([[accepted(1)], [accepted(2)]]);
		disk.flip(name(1), 100, 0);
		const writes = disk.writes.length;
		expect(() => Log.open(disk, { owner: OWNER }, listen())).toThrow(CorruptLogError);
		expect(disk.writes.length).toBe(writes);
		expect(disk.waiting).toEqual([]);
	});
});

test('a new log is refused a segment size that it cannot have', () => {
	for (const bytes of [0, 1000, SECTOR_BYTES, 2 ** 40]) {
		expect(() => newLogFiles(OWNER, bytes)).toThrow(`segmentBytes: ${bytes} is not a multiple of 512`);
	}
});

/**
 * The number of frames that a log with the bug "a corrupt record in the middle is taken for a torn tail" would read.
 */
function readUpToFirstBadFrame(disk: Disk): number {
	const bytes = disk.read(name(1));
	const address = addressOf(readManifest(disk), 1);
	let frames = 0;
	let offset = 0;
	for (let header = readHeader(bytes, 0, address); header; header = readHeader(bytes, offset, address)) {
		if (!isWhole(bytes, offset, header, address)) break;
		frames++;
		offset += frameBytes(header.bodyBytes);
	}
	return frames;
}

/** Different bits, so that none is flipped back. */
function someBits(): fc.Arbitrary<[place: number, bit: number][]> {
	return fc.uniqueArray(fc.tuple(fc.nat(), fc.nat(7)), {
		minLength: 1,
		maxLength: 4,
		selector: ([place]) => place % 512,
	});
}
