/** A frame that a crash has torn is cut off, and never hides the frames that follow. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
	type FrameHeader,
	frameBytes,
	isWhole,
	readBody,
	readHeader,
	SECTOR_BYTES,
	stateOf,
	writeFrame,
} from '../../shared/disk/frame.ts';
import { Log } from '../../shared/disk/log.ts';
import { addressOf, readManifest } from '../../shared/disk/manifest.ts';
import { readLog } from '../../shared/disk/recover.ts';
import { batchValue } from '../../shared/paxos/value.ts';
import { CrashDisk } from './crash-disk.ts';
import { accepted, listen, OWNER } from './records.ts';
import { appendEach, name, read, SEGMENT_BYTES, someBatches, write } from './written-log.ts';

describe('a torn frame', () => {
	test('of which any sectors reached the disk is cut off, and said to be', () => {
		const survives = fc.array(fc.boolean(), { minLength: 6, maxLength: 6 });
		fc.assert(
			fc.property(someBatches(), fc.integer({ min: 600, max: 2500 }), survives, (batches, bytes, sectors) => {
				const { disk, log } = write(batches);
				log.append([accepted(1, bytes)]);
				log.flush();
				// The next segment, where it needs one.
				while (disk.waiting[0] !== 'write') disk.finish();
				let sector = 0;
				const after = disk.losePower(() => sectors[sector++] === true);
				const count = (disk.writes.at(-1) ?? 0) / SECTOR_BYTES;
				fc.pre(sectors.slice(0, count).some((kept) => !kept));
				const { records, repairs } = Log.open(after, { owner: OWNER }, listen());
				expect(records).toEqual(batches.flat());
				expect(repairs).toHaveLength(sectors.slice(0, count).some((kept) => kept) ? 1 : 0);
				after.finishAll();
				expect(
					readLog(
						after.losePower(() => false),
						OWNER,
					).remains,
				).toEqual([]);
			}),
			{ numRuns: 300 },
		);
	});

	test('that the next one passes by, into the next segment, is not in the way later', () => {
		const { disk } = write([[accepted(1)]]);
		const { log } = Log.open(disk, { owner: OWNER }, listen());
		disk.finishAll();
		log.append([accepted(2, 1000)]);
		log.flush();
		// The first sector survives, with a whole header.
		let sector = 0;
		const after = disk.losePower(() => sector++ === 0);
		const { log: next, repairs } = Log.open(after, { owner: OWNER }, listen());
		expect(repairs).toEqual([{ file: name(1), offset: SECTOR_BYTES, bytes: SECTOR_BYTES }]);
		appendEach(next, after, [[accepted(3, SEGMENT_BYTES - 400)], [accepted(4)]]);
		expect(readHeader(after.read(name(2)), 0, addressOf(readManifest(after), 2))?.sequence).toBe(2);
		const { records, remains } = readLog(
			after.losePower(() => false),
			OWNER,
		);
		expect(records).toEqual([accepted(1), accepted(3, SEGMENT_BYTES - 400), accepted(4)]);
		expect(remains).toEqual([]);
	});

	describe.each([
		['the process was killed', false],
		['their flush failed', true],
	])('whose zeros are in the system’s memory only, because %s', (_, isFailure) => {
		/** A frame 2 of three sectors is torn. The next process reads zeros in its place, but the disk has the sectors. */
		const uncut = () => {
			const { disk, log } = write([[accepted(1)]]);
			log.append([accepted(2, 1200)]);
			log.flush();
			let sector = 0;
			const torn = disk.losePower(() => sector++ > 0);
			const { repairs } = Log.open(torn, { owner: OWNER }, listen());
			expect(repairs).toHaveLength(1);
			// The last frame is durable again, and the zeros are not.
			torn.finish();
			if (isFailure) torn.fail(() => false);
			const after = torn.kill(() => false);
			const { log: next, repairs: seen } = Log.open(after, { owner: OWNER }, listen());
			expect(seen).toEqual([]);
			return { disk: after, log: next };
		};

		test.each([
			['is in the next segment', [[accepted(3, SEGMENT_BYTES - 400)], [accepted(4)]], 1],
			['is over its first sector, and another in the next segment', [[accepted(3)], [accepted(4, 3500)]], 1],
			['is over its first sector, and others over the rest', [[accepted(3)], [accepted(4)], [accepted(5)]], 0],
		])('is not in the way when the disk has it again, and the next frame %s', (_where, batches, repaired) => {
			const { disk, log } = uncut();
			appendEach(log, disk, batches);
			const after = disk.losePower(() => false);
			const { log: next, records, repairs } = Log.open(after, { owner: OWNER }, listen());
			expect(records).toEqual([accepted(1), ...batches.flat()]);
			expect(repairs.map(({ file }) => file)).toEqual([name(1)].slice(0, repaired));
			appendEach(next, after, [[accepted(7)]]);
			const last = readLog(
				after.losePower(() => false),
				OWNER,
			);
			expect(last.records).toEqual([...records, accepted(7)]);
			expect(last.remains).toEqual([]);
		});
	});

	test('is never made whole by what is left of an earlier attempt at the same frame', () => {
		const PLACE = { log: 7, sector: 0 };
		const bytes = (fill: number) => Uint8Array.from({ length: 1200 }, () => fill);
		const frame = (fill: number) => {
			const into = new Uint8Array(SEGMENT_BYTES);
			writeFrame(into, bytes(fill), { sequence: 1, previous: 0, address: PLACE });
			return into;
		};
		const mixed = frame(1);
		mixed.set(frame(2).subarray(2 * SECTOR_BYTES, 3 * SECTOR_BYTES), 2 * SECTOR_BYTES);
		const header = readHeader(mixed, 0, PLACE) as FrameHeader;
		for (const sector of [0, 1, 2]) expect(stateOf(mixed, sector * SECTOR_BYTES, PLACE, 1)).toBe('new');
		expect(isWhole(mixed, 0, header, PLACE)).toBe(false);
		expect(isWhole(frame(1), 0, header, PLACE)).toBe(true);
	});

	test('with damage in one of its sectors is refused: it may have been whole', () => {
		const { disk, log } = write([[accepted(1)]]);
		log.append([accepted(2, 1000)]);
		log.flush();
		let sector = 0;
		const after = disk.losePower(() => sector++ !== 1);
		expect(readLog(after, OWNER).remains).toHaveLength(1);
		after.flip(name(1), SECTOR_BYTES + 30, 5);
		expect(() => read(after)).toThrow(`in ${name(1)} at byte 512: what stands there is not what this log wrote there`);
	});
});

test('a sector that this log wrote at another place is told from damage, and from what another log wrote', () => {
	const frame = new Uint8Array(frameBytes(1200));
	const here = { log: 7, sector: 40 };
	writeFrame(frame, new Uint8Array(1200).fill(3), { sequence: 5, previous: 0, address: here });
	for (let sector = 0; sector < frame.length; sector += SECTOR_BYTES) {
		expect(stateOf(frame, sector, here, 5)).toBe('new');
		expect(stateOf(frame, sector, { log: 7, sector: 41 }, 5)).toBe('elsewhere');
		expect(stateOf(frame, sector, { log: 8, sector: 40 }, 5)).toBe('damaged');
		for (let at = 0; at < SECTOR_BYTES; at++) {
			const damaged = frame.slice();
			damaged[sector + at] = (damaged[sector + at] as number) ^ (1 << (at % 8));
			expect(stateOf(damaged, sector, here, 5), `byte ${at}`).toBe('damaged');
		}
	}
});

test('the same frame is the same bytes, whatever was in the buffer before', () => {
	fc.assert(
		fc.property(
			fc.uint8Array({ minLength: 1, maxLength: 1500 }),
			fc.integer({ min: 1, max: 2 ** 53 - 1 }),
			fc.record({ log: fc.nat(2 ** 32 - 1), sector: fc.nat(2 ** 40) }),
			(body, sequence, address) => {
				const ties = { sequence, previous: 0xfedcba98, address };
				const clean = new Uint8Array(frameBytes(body.length));
				const used = new Uint8Array(frameBytes(body.length)).fill(0xee);
				const checksum = writeFrame(clean, body, ties);
				expect(writeFrame(used, body, ties)).toBe(checksum);
				expect(used).toEqual(clean);
				const header = readHeader(used, 0, address) as FrameHeader;
				expect(header).toMatchObject({ sequence, previous: 0xfedcba98, checksum, bodyBytes: body.length });
				expect(isWhole(used, 0, header, address)).toBe(true);
				expect(readBody(used, 0, header)).toEqual(body);
				// Files are read as Node's buffers, which may not be kept.
				const read = readBody(Buffer.from(used), 0, header);
				expect(read.buffer.byteLength).toBe(body.length);
			},
		),
	);
});

test('a client’s value that holds whole frames is never taken for one, wherever the frame around it is torn', () => {
	// The value contains sectors of every frame that could come next, wherever a sector of it could begin.
	const address = addressOf(readManifest(CrashDisk.formatted(SEGMENT_BYTES)), 1);
	const forged = new Uint8Array(2500);
	for (let at = 0; at + SECTOR_BYTES <= forged.length; at += 100) {
		writeFrame(forged.subarray(at), new Uint8Array(9), {
			sequence: 2 + (at % 3),
			previous: 0,
			address: { ...address, sector: at },
		});
	}
	fc.assert(
		fc.property(fc.nat(400), fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }), (shift, survives) => {
			const commands = new Uint8Array(shift + forged.length);
			commands.set(forged, shift);
			const value = batchValue(commands);
			const { disk, log } = write([[accepted(1)]]);
			log.append([{ kind: 'accepted', slot: 2, ballot: { ms: 1, ns: 0, node: 'n1' }, value }]);
			log.flush();
			let sector = 0;
			const after = disk.losePower(() => survives[sector++] as boolean);
			// A short frame overwrites the beginning of the torn one, the rest of which follows it directly.
			const { log: next, records } = Log.open(after, { owner: OWNER }, listen());
			expect(records.length).toBeGreaterThanOrEqual(1);
			appendEach(next, after, [[accepted(3)]]);
			expect(read(after)).toEqual([...records, accepted(3)]);
		}),
		{ numRuns: 300 },
	);
});
