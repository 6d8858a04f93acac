/**
 * Reads a node's log back and makes its agent from it, while the event loop goes on. Nothing is written here. Until it
 * is done, requests may be answered only with the progress.
 */
import type { Disk } from '../../shared/disk/disk.ts';
import { type Recovered, readInSteps } from '../../shared/disk/recover.ts';
import { PaxosAgent } from '../../shared/paxos/agent.ts';
import type { AgentConfig } from '../../shared/paxos/config.ts';
import { LogReplay } from '../../shared/paxos/log.ts';
import type { DurableRecord } from '../../shared/paxos/record.ts';
import { inSlices } from './slices.ts';

export interface ReadableDisk extends Disk {
	/** Reads a file ahead, so that the next `read` of it does not wait for the disk. */
	fetch?(name: string): Promise<void>;
}

/** The progress of a node that starts: it reads the records of its log, and then applies the slots that were chosen. */
export interface StartProgress {
	readonly doing: 'reading' | 'applying';
	/** The number of records read or of slots applied. */
	readonly count: number;
	/** Percent of the whole work. An integer, below 100 before the end. */
	readonly percent: number;
}

export interface Memory {
	readonly recovered: Recovered;
	readonly agent: PaxosAgent;
}

/** The part of the reading, percent. Applying a log takes about four times as long as reading it. */
const READING_PERCENT = 20;
/** The number of records in one step of the work, after which the clock is looked at. */
const RECORDS_OF_STEP = 256;

/** @throws CorruptLogError where the disk holds what this node cannot have written */
export async function remember(
	disk: ReadableDisk,
	logOwner: string,
	config: AgentConfig,
	onProgress: (progress: StartProgress) => void,
): Promise<Memory> {
	const recovered = await inSlices(readInSteps(disk, logOwner), {
		between: ({ next, bytes, bytesOfAll, records }) => {
			const percent = Math.floor((READING_PERCENT * bytes) / bytesOfAll);
			onProgress({ doing: 'reading', count: records, percent });
			return next === null ? undefined : disk.fetch?.(next);
		},
		endsSlice: ({ next }) => next !== null,
	});
	const replay = new LogReplay(config.slotsAheadMax);
	await inSlices(replayRecords(recovered.records, replay), { between: () => undefined });
	return { recovered, agent: new PaxosAgent(config, replay) };
}

/** @param of the number of slots to apply */
export function applying(slot: number, of: number): StartProgress {
	const percent = READING_PERCENT + Math.floor(((99 - READING_PERCENT) * slot) / of);
	return { doing: 'applying', count: slot, percent };
}

/** A text such as `42 % done, 8000 records of its log are read`. */
export function describeStart({ doing, count, percent }: StartProgress): string {
	const part = doing === 'reading' ? `${count} records of its log are read` : `${count} slots of its log are applied`;
	return `${percent} % done, ${part}`;
}

function* replayRecords(records: readonly DurableRecord[], replay: LogReplay): Generator<number, void> {
	for (const [index, record] of records.entries()) {
		replay.add(record);
		if (index % RECORDS_OF_STEP === 0) yield index;
	}
}
