/** A log that was written frame by frame, with access to its sectors. */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Disk } from '../../shared/disk/disk.ts';
import { SECTOR_BYTES } from '../../shared/disk/frame.ts';
import { Log } from '../../shared/disk/log.ts';
import { segmentName } from '../../shared/disk/manifest.ts';
import { readLog } from '../../shared/disk/recover.ts';
import type { DurableRecord } from '../../shared/paxos/record.ts';
import { CrashDisk } from './crash-disk.ts';
import { anyRecord, listen, OWNER } from './records.ts';

export const SEGMENT_BYTES = 8 * SECTOR_BYTES;

export interface Written {
	readonly disk: CrashDisk;
	readonly log: Log;
	readonly batches: readonly (readonly DurableRecord[])[];
	/** The place of the frame of each batch. */
	readonly frames: readonly { readonly file: string; readonly offset: number; readonly bytes: number }[];
}

export function read(disk: Disk): readonly DurableRecord[] {
	return readLog(disk, OWNER).records;
}

/** A log with one frame for each batch. */
export function write(batches: readonly (readonly DurableRecord[])[]): Written {
	const disk = CrashDisk.formatted(SEGMENT_BYTES);
	const heard = listen();
	const { log } = Log.open(disk, { owner: OWNER }, heard);
	appendEach(log, disk, batches);
	const frames: Written['frames'][number][] = [];
	let segment = 1;
	let offset = 0;
	for (const { bytes } of heard.flushes) {
		if (offset + bytes > SEGMENT_BYTES) {
			segment++;
			offset = 0;
		}
		frames.push({ file: name(segment), offset, bytes });
		offset += bytes;
	}
	expect(heard.flushes).toHaveLength(batches.length);
	return { disk, log, batches, frames };
}

export function appendEach(log: Log, disk: CrashDisk, batches: readonly (readonly DurableRecord[])[]): void {
	disk.finishAll();
	for (const batch of batches) {
		log.append(batch);
		log.flush();
		disk.finishAll();
	}
}

export function sectorAt(disk: Disk, [file, offset]: readonly [string, number]): Uint8Array {
	return disk.read(file).subarray(offset, offset + SECTOR_BYTES);
}

export function putSector(disk: CrashDisk, [file, offset]: readonly [string, number], sector: Uint8Array): void {
	const bytes = disk.read(file);
	bytes.set(sector, offset);
	disk.put(file, bytes);
}

export function name(segment: number): string {
	return segmentName(segment);
}

export function someBatches(): fc.Arbitrary<DurableRecord[][]> {
	const batch = fc.array(anyRecord(900), { minLength: 1, maxLength: 3 });
	return fc.array(batch, { minLength: 2, maxLength: 8 });
}
