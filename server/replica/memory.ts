/**
 * Reads a node's log back and makes its agent from it, while the event loop goes on. Nothing is written here. Until it
 * is done, requests may be answered only with the progress.
 */
import { MalformedError } from '../../shared/bytes/bytes.ts';
import { CorruptLogError } from '../../shared/disk/corrupt-log-error.ts';
import type { Disk } from '../../shared/disk/disk.ts';
import { type Recovered, readInSteps } from '../../shared/disk/recover.ts';
import { replaying } from '../../shared/disk/replay.ts';
import { readSnapshot, type SnapshotNote, type SnapshotStep, snapshotName } from '../../shared/disk/snapshot-file.ts';
import { PaxosAgent } from '../../shared/paxos/agent.ts';
import type { AgentConfig } from '../../shared/paxos/config.ts';
import { LogReplay } from '../../shared/paxos/log-replay.ts';
import { Restore, type Restored } from '../../shared/replica/restore.ts';
import type { Machine, MachineKind, MachineRestore } from '../../shared/store/machine.ts';
import { inSlices } from './slices.ts';

export interface ReadableDisk extends Disk {
	/** Reads a file ahead, so that the next `read` of it does not wait for the disk. */
	fetch?(name: string): Promise<void>;
	/** See `FileDisk.look`. */
	look?(): Promise<Error | null>;
}

/**
 * The progress of a node that starts: it reads the records of its log, restores its snapshot, and applies the slots
 * behind it.
 */
export interface StartProgress {
	readonly doing: 'restoring' | 'reading' | 'applying';
	/** The number of items restored, records read or slots applied. */
	readonly count: number;
	/** Percent of the whole work. An integer, below 100 before the end. */
	readonly percent: number;
}

export interface Memory<State extends Machine> {
	readonly recovered: Recovered;
	readonly agent: PaxosAgent;
	/** The state after the last slot of the snapshot. */
	readonly machine: State;
}

export interface MemoryOptions<State extends Machine> {
	readonly kind: MachineKind<State>;
	readonly disk: ReadableDisk;
	/** The owner of the log on the disk: see `LogOptions`. */
	readonly logOwner: string;
	/** The swarm that its snapshot has to be of. */
	readonly swarmId: string;
	readonly config: AgentConfig;
	progress(progress: StartProgress): void;
}

/** The part of each kind of work, percent. To restore a key or apply a slot takes longer than to read it. */
const READING_PERCENT = 20;
const RESTORING_PERCENT = 30;

/** @throws CorruptLogError where the disk holds what this node cannot have written */
export async function remember<State extends Machine>({
	kind,
	disk,
	logOwner,
	swarmId,
	config,
	progress,
}: MemoryOptions<State>): Promise<Memory<State>> {
	const recovered = await inSlices(readInSteps(disk, logOwner), {
		between: ({ next, bytes, bytesOfAll, records }) => {
			const percent = Math.floor((READING_PERCENT * bytes) / bytesOfAll);
			progress({ doing: 'reading', count: records, percent });
			return next === null ? undefined : disk.fetch?.(next);
		},
		endsSlice: ({ next }) => next !== null,
	});
	const { snapshot } = recovered.manifest;
	const restored = snapshot && (await restore(kind.restore(), disk, snapshot, swarmId, progress));
	const replay = new LogReplay(config, snapshot?.through, restored?.members);
	await inSlices(replaying(recovered.records, replay), { between: () => undefined });
	const agent = new PaxosAgent(config, replay, snapshot?.through);
	return { recovered, agent, machine: restored?.machine ?? kind.empty() };
}

/** @param done the number of slots that are applied, of `count` */
export function applying(done: number, count: number): StartProgress {
	const before = READING_PERCENT + RESTORING_PERCENT;
	return { doing: 'applying', count: done, percent: before + Math.floor(((99 - before) * done) / count) };
}

/** A text such as `42 % done, 8000 records of its log are read`. */
export function describeStart({ doing, count, percent }: StartProgress): string {
	const part = {
		restoring: `${count} items of its snapshot are restored`,
		reading: `${count} records of its log are read`,
		applying: `${count} slots of its log are applied`,
	}[doing];
	return `${percent} % done, ${part}`;
}

/** Reads the snapshot that the log's manifest notes. */
async function restore<State extends Machine>(
	machine: MachineRestore<State>,
	disk: ReadableDisk,
	note: SnapshotNote,
	swarmId: string,
	progress: (progress: StartProgress) => void,
): Promise<Restored<State>> {
	const restored = new Restore(machine);
	const file = snapshotName(note.through);
	try {
		await inSlices(restoring(readSnapshot(disk, note, swarmId), restored), {
			between: ({ bytes, bytesOfAll }) => {
				const percent = READING_PERCENT + Math.floor((RESTORING_PERCENT * bytes) / bytesOfAll);
				progress({ doing: 'restoring', count: restored.itemsCount, percent });
			},
		});
		return restored.finish();
	} catch (error) {
		// The checksums are right: the file was written so.
		if (!(error instanceof MalformedError)) throw error;
		throw new CorruptLogError(`its content is no state of the machine: ${error.message}`, {
			file,
			offset: 0,
			cause: error,
		});
	}
}

function* restoring(steps: Iterable<SnapshotStep>, restored: Restore<Machine>): Generator<SnapshotStep, void> {
	for (const step of steps) {
		for (const payload of step.payloads) restored.add(payload);
		yield step;
	}
}
