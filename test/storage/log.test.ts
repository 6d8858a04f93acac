/** The log over each kind of disk, and over slow and broken disks. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { FileDisk } from '../../server/storage/files.ts';
import { MemoryDisk } from '../../server/storage/memory.ts';
import { type Disk, NoRoomError } from '../../shared/disk/disk.ts';
import { Log, WAITING_BYTES_MAX } from '../../shared/disk/log.ts';
import { newLogFiles, readManifest } from '../../shared/disk/manifest.ts';
import type { DurableRecord } from '../../shared/paxos/record.ts';
import { CrashDisk } from './crash-disk.ts';
import { accepted, listen, OWNER } from './records.ts';

const SEGMENT_BYTES = 64 * 512;

const cleanUps: (() => void | Promise<void>)[] = [];
afterEach(async () => {
	for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A disk, and a function that opens the same files in another life. */
type Kind = () => { readonly disk: Disk; again(): Promise<Disk> };

const kinds: Readonly<Record<string, Kind>> = {
	memory: () => {
		const disk = new MemoryDisk(newLogFiles(OWNER, SEGMENT_BYTES));
		return { disk, again: async () => disk };
	},
	files: () => {
		const folder = mkdtempSync(join(tmpdir(), 'paxos-log-'));
		cleanUps.push(() => rmSync(folder, { recursive: true }));
		for (const { name, bytes } of newLogFiles(OWNER, SEGMENT_BYTES)) writeFileSync(join(folder, name), bytes);
		let disk = new FileDisk(folder);
		cleanUps.push(() => disk.close());
		return {
			disk,
			again: async () => {
				await disk.close();
				disk = new FileDisk(folder);
				return disk;
			},
		};
	},
};

describe.each(Object.entries(kinds))('a log over %s', (_, make) => {
	test('gives back every record, in order, through several lives and segments', async () => {
		const { disk, again } = make();
		let from = disk;
		const all: DurableRecord[] = [];
		for (let life = 0; life < 4; life++) {
			const { log, heard, records } = open(from);
			expect(records).toEqual(all);
			for (let i = 0; i < 10; i++) {
				const batch = [accepted(all.length + 1, 3000), accepted(all.length + 2), accepted(all.length + 3, i * 100)];
				all.push(...batch);
				const position = log.append(batch);
				log.flush();
				if (i % 3 === 0) await heard.until(position);
			}
			await heard.until(30);
			expect(log.durableThrough).toBe(30);
			log.close();
			from = await again();
		}
		expect(from.list().length).toBeGreaterThan(5);
		expect(open(from).records).toEqual(all);
	});

	test('takes a value as large as a segment allows, and says so of a larger one', async () => {
		const { disk, again } = make();
		const { log, heard } = open(disk);
		const large = accepted(2, SEGMENT_BYTES - 1200);
		log.append([accepted(1), large, accepted(3)]);
		expect(() => log.append([accepted(4, SEGMENT_BYTES)])).toThrow(RangeError);
		log.append([accepted(5)]);
		log.flush();
		await heard.until(4);
		log.close();
		expect(open(await again()).records).toEqual([accepted(1), large, accepted(3), accepted(5)]);
	});
});

describe('a flush', () => {
	test('is one write for all that waits, and the next follows by itself', () => {
		const { disk, log, heard } = settled();
		log.append([accepted(1), accepted(2)]);
		log.append([accepted(3)]);
		log.flush();
		log.append([accepted(4)]);
		log.flush();
		log.append([accepted(5)]);
		log.flush();
		expect(disk.waiting).toEqual(['write']);
		disk.finish();
		expect(heard.durables).toEqual([3]);
		expect(disk.waiting).toEqual(['write']);
		disk.finish();
		expect(heard.durables).toEqual([3, 5]);
		expect(heard.flushes).toEqual([
			{ records: 3, bytes: 512 },
			{ records: 2, bytes: 512 },
		]);
		expect(disk.waiting).toEqual([]);
	});

	test('with nothing to write writes nothing', () => {
		const { disk, log } = settled();
		log.flush();
		log.append([accepted(1)]);
		expect(disk.waiting).toEqual([]);
	});

	test('leaves what was appended, and not asked to be flushed, for the next', () => {
		const { disk, log, heard } = settled();
		log.append([accepted(1)]);
		log.flush();
		log.append([accepted(2)]);
		disk.finishAll();
		expect(heard.durables).toEqual([1]);
		log.flush();
		disk.finishAll();
		expect(heard.durables).toEqual([1, 2]);
	});

	test('of more than a segment holds is split between records, and all of it is written', () => {
		const { disk, log, heard } = settled();
		const many = Array.from({ length: 40 }, (_, i) => accepted(i + 1, 2000));
		log.append(many);
		log.flush();
		disk.finishAll();
		expect(heard.durables.length).toBeGreaterThan(2);
		expect(heard.durables.at(-1)).toBe(40);
		expect(open(disk).records).toEqual(many);
	});

	test('finds the next segment made already', () => {
		const { disk, log } = settled();
		for (let i = 0; i < 33; i++) {
			log.append([accepted(i)]);
			log.flush();
			expect(disk.finish()).toBe(true);
		}
		expect(disk.waiting).toEqual(['create']);
	});

	test('waits for a segment that is not made yet', () => {
		const { disk, log, heard } = settled();
		log.append([accepted(1, SEGMENT_BYTES - 1200)]);
		log.flush();
		disk.finish();
		log.append([accepted(2, 2000)]);
		log.flush();
		expect(disk.waiting).toEqual(['create']);
		disk.finish();
		// The reserve is used only when there is no other room.
		expect(disk.waiting).toEqual(['note']);
		disk.finish();
		expect(disk.waiting).toEqual(['write']);
		expect(heard.durables).toEqual([1]);
		disk.finish();
		expect(heard.durables).toEqual([1, 2]);
	});
});

describe('what was read at the start', () => {
	test('is not durable before it was written once more: a killed process may have left it in memory only', () => {
		const first = settled();
		first.log.append([accepted(1)]);
		first.log.flush();
		const killed = first.disk.kill(() => false);
		const { log, heard, records } = open(killed);
		expect(records).toEqual([accepted(1)]);
		expect(log.durableThrough).toBe(-1);
		expect(open(killed.losePower(() => false)).records).toEqual([]);

		const next = open(first.disk.kill(() => false));
		next.disk.finishAll();
		expect(next.log.durableThrough).toBe(0);
		expect(next.heard.durables).toEqual([0]);
		expect(open(next.disk.losePower(() => false)).records).toEqual([accepted(1)]);
		expect(heard.durables).toEqual([]);
	});

	test('comes before anything that is appended', () => {
		const first = settled();
		first.log.append([accepted(1)]);
		first.log.flush();
		const { disk, log, heard } = open(first.disk.kill(() => false));
		log.append([accepted(2)]);
		log.flush();
		expect(disk.waiting).toEqual(['write']);
		disk.finishAll();
		expect(heard.durables).toEqual([0, 1]);
	});
});

describe('after an error', () => {
	test('of a flush nothing is written any more, and nothing is said to be durable', () => {
		const { disk, log, heard } = settled();
		log.append([accepted(1)]);
		log.flush();
		log.append([accepted(2)]);
		log.flush();
		const writes = disk.writes.length;
		disk.fail(() => true);
		log.append([accepted(3)]);
		log.flush();
		disk.finishAll();
		expect(disk.writes.length).toBe(writes);
		expect(heard.failures.map(String)).toEqual(['Error: input/output error']);
		expect(heard.durables).toEqual([]);
		expect(heard.flushes).toEqual([]);
	});

	test('of making a segment, no position is taken for durable that is not', () => {
		const { disk, log, heard } = settled();
		log.append([accepted(1, SEGMENT_BYTES / 2)]);
		log.flush();
		disk.finish();
		expect(disk.waiting).toEqual(['create']);
		disk.fail(() => false);
		expect(heard.failures).toHaveLength(1);
		expect(log.durableThrough).toBe(1);
		expect(log.append([accepted(2)])).toBe(2);
		log.flush();
		expect(disk.waiting).toEqual([]);
		expect(log.durableThrough).toBe(1);
	});

	test('of the note of how far it reached the log has failed too', () => {
		const { disk, log, heard } = settled();
		log.append([accepted(1)]);
		log.flush();
		disk.finish();
		log.tend();
		expect(disk.waiting).toEqual(['note']);
		disk.fail(() => false);
		expect(heard.failures).toHaveLength(1);
		log.append([accepted(2)]);
		log.flush();
		expect(disk.waiting).toEqual([]);
	});

	test('of the very first write the log has failed too', () => {
		const { disk, log, heard } = open(settled().disk);
		disk.fail(() => false);
		expect(heard.failures).toHaveLength(1);
		expect(log.durableThrough).toBe(-1);
	});
});

describe('a disk without room for the next segment', () => {
	const full = new NoRoomError('the disk is full');
	/** A log with more than half of its only segment used, on a disk without room for the next. */
	const lacking = () => {
		const settledLog = settled();
		settledLog.log.append([accepted(1, SEGMENT_BYTES / 2)]);
		settledLog.log.flush();
		settledLog.disk.finish();
		expect(settledLog.disk.waiting).toEqual(['create']);
		expect(settledLog.log.room).toBe('everything');
		settledLog.disk.fail(() => false, full);
		return settledLog;
	};

	test('is told once, and what fits into the present one is written as ever', () => {
		const { disk, log, heard } = lacking();
		expect(heard.lacks).toEqual(['the disk is full']);
		log.append([accepted(2)]);
		log.flush();
		expect(disk.waiting).toEqual(['write']);
		disk.finish();
		expect(heard.durables).toEqual([1, 2]);
		log.tend();
		disk.fail(() => false, full);
		disk.finishAll();
		expect(heard.lacks).toEqual(['the disk is full']);
		expect(heard.failures).toEqual([]);
	});

	test('keeps what waits, in order, and writes it once there is room', () => {
		const { disk, log, heard } = lacking();
		log.append([accepted(2, SEGMENT_BYTES / 2), accepted(3)]);
		log.flush();
		log.append([accepted(4)]);
		log.flush();
		expect(disk.waiting).toEqual([]);
		log.tend();
		expect(disk.waiting).toEqual(['create', 'note']);
		disk.fail(() => false, full);
		disk.finishAll();
		expect(heard.durables).toEqual([1]);
		log.tend();
		disk.finishAll();
		expect(heard.lacks).toEqual(['the disk is full', null]);
		expect(heard.durables).toEqual([1, 4]);
		expect(open(disk.losePower(() => false)).records).toEqual([
			accepted(1, SEGMENT_BYTES / 2),
			accepted(2, SEGMENT_BYTES / 2),
			accepted(3),
			accepted(4),
		]);
	});

	test('asks for no segment but when it is tended', () => {
		const { disk, log } = lacking();
		for (let i = 0; i < 5; i++) {
			log.append([accepted(2)]);
			log.flush();
			disk.finish();
		}
		expect(disk.waiting).toEqual([]);
	});

	test('keeps a quarter of the segment for what has to be recovered, and of that a quarter for promises', () => {
		const { disk, log, heard } = lacking();
		let written = 0;
		while (log.room === 'everything') {
			log.append([accepted(2, 400)]);
			log.flush();
			expect(disk.finish()).toBe(true);
			written++;
		}
		// Half of the 64 sectors were used, and sixteen are reserved.
		expect(written).toBe(15);
		while (log.room === 'recovery') {
			log.append([accepted(2, 400)]);
			log.flush();
			expect(disk.finish()).toBe(true);
			written++;
		}
		expect(written).toBe(27);
		for (let i = 0; i < 4; i++) {
			log.append([{ kind: 'chosen', through: i }]);
			log.flush();
			expect(disk.finish()).toBe(true);
		}
		expect(heard.durables.at(-1)).toBe(1 + written + 4);
		log.append([{ kind: 'chosen', through: 9 }]);
		log.flush();
		expect(disk.waiting).toEqual([]);
		log.tend();
		disk.finishAll();
		expect(log.room).toBe('everything');
		expect(heard.durables.at(-1)).toBe(1 + written + 5);
	});
});

test('a disk that does not answer is given no more values than are good to have in memory', () => {
	const { disk, log } = settled();
	for (let bytes = 0; bytes < WAITING_BYTES_MAX; bytes += 30_000) {
		expect(log.room).toBe('everything');
		log.append([accepted(1, 30_000)]);
		log.flush();
	}
	log.append([accepted(1, 30_000)]);
	log.append([accepted(1, 30_000)]);
	log.append([accepted(1, 30_000)]);
	expect(log.room).toBe('promises');
	disk.finishAll();
	expect(log.room).toBe('everything');
});

describe('how far the log has reached', () => {
	test('is noted when it is tended and there is more to note, never by a flush', () => {
		const { disk, log } = settled();
		log.tend();
		expect(disk.waiting).toEqual([]);
		log.append([accepted(1)]);
		log.flush();
		disk.finishAll();
		expect(readManifest(disk).reached).toBe(0);
		log.tend();
		log.tend();
		expect(disk.waiting).toEqual(['note']);
		disk.finishAll();
		expect(readManifest(disk).reached).toBe(1);
	});

	test('never counts a frame whose flush is still on its way', () => {
		const { disk, log } = settled();
		log.append([accepted(1)]);
		log.flush();
		log.tend();
		expect(disk.waiting).toEqual(['write']);
		disk.finish();
		log.append([accepted(2)]);
		log.flush();
		log.tend();
		expect(disk.waiting).toEqual(['write', 'note']);
		disk.finishAll();
		expect(readManifest(disk).reached).toBe(1);
	});

	/** One record is durable, and another one is being written. */
	function writing() {
		const { disk, log } = settled();
		log.append([accepted(1)]);
		log.flush();
		disk.finish();
		log.append([accepted(2)]);
		log.flush();
		return { disk, log };
	}

	test('is noted when the log is closed, and when it is opened', () => {
		const { disk, log } = writing();
		log.close();
		disk.finishAll();
		expect(readManifest(disk).reached).toBe(1);
		open(disk).disk.finishAll();
		expect(readManifest(disk).reached).toBe(2);
	});

	test('is noted when the log is closed while an earlier note is being written', () => {
		const { disk, log } = writing();
		log.tend();
		expect(disk.waiting).toEqual(['write', 'note']);
		disk.finish();
		log.close();
		disk.finishAll();
		expect(readManifest(disk).reached).toBe(2);
	});

	test('is not noted, nor anything else, by a log that is tended before it is sure of what it read', () => {
		const { disk, log } = open(settled().disk);
		const { waiting } = disk;
		log.tend();
		log.close();
		expect(disk.waiting).toEqual(waiting);
	});
});

test('a closed log writes nothing but how far it reached, and calls nothing back', () => {
	const { disk, log, heard } = settled();
	log.append([accepted(1)]);
	log.flush();
	log.append([accepted(2)]);
	log.flush();
	log.close();
	disk.finishAll();
	log.flush();
	log.tend();
	expect(disk.waiting).toEqual([]);
	expect(heard.durables).toEqual([]);
	expect(heard.failures).toEqual([]);
});

/** Opens a new log. */
function settled() {
	const opened = open(CrashDisk.formatted(SEGMENT_BYTES));
	opened.disk.finishAll();
	opened.heard.durables.length = 0;
	return opened;
}

function open<D extends Disk>(disk: D) {
	const told = listen();
	const waiters: (() => void)[] = [];
	const heard = {
		...told,
		durable(through: number) {
			told.durable(through);
			for (const wake of waiters.splice(0)) wake();
		},
		failed(error: Error) {
			told.failed(error);
			for (const wake of waiters.splice(0)) wake();
		},
		/** Resolves when every record up to `position` is durable. */
		async until(position: number): Promise<void> {
			while ((told.durables.at(-1) ?? -1) < position) {
				const [failure] = told.failures;
				if (failure) throw failure;
				await new Promise<void>((resolve) => waiters.push(resolve));
			}
		},
	};
	const { log, records } = Log.open(disk, { owner: OWNER }, heard);
	return { disk, log, records, heard };
}
