/**
 * Takes snapshots of the state machine, and trims the log behind them. When the log has grown by more than the last
 * snapshot, and by more than a minimum, the machine is cut in one moment. The cut is written out in parts, beside all
 * other work, and once the snapshot is durable the log keeps no slot that the snapshot holds, but for those that a
 * linked node still lacks.
 *
 * What it must never do: trim what no durable snapshot holds; write for so long at a time that others wait.
 *
 * @source Raft thesis (Ongaro 2014) 5.1 (memory-based state machines)
 */
import { Writer } from '../bytes/bytes.ts';
import type { Log } from '../disk/log.ts';
import type { SnapshotNote, SnapshotSubject } from '../disk/snapshot-file.ts';
import type { SnapshotWriter as DiskSnapshotWriter } from '../disk/snapshots.ts';
import { SNAPSHOT_PART_BYTES_MAX } from '../paxos/bounds.ts';
import { type MembersState, writeMembersState } from '../paxos/members.ts';
import type { Slot } from '../paxos/message.ts';
import type { Machine, MachineCut } from '../store/machine.ts';
import { GrowingPause, type PauseBounds } from './growing-pause.ts';

/** The file of a snapshot while it is written. */
export type SnapshotWriter = Pick<DiskSnapshotWriter, 'append' | 'finish' | 'abandon'>;

/** The part of `Log` that snapshots use. */
export interface SnapshotLog extends Pick<Log, 'durableThrough' | 'bytes' | 'snapshot' | 'trim' | 'readSnapshot'> {
	beginSnapshot(subject: SnapshotSubject): SnapshotWriter;
}

export interface SnapshotsRuntime {
	/** Monotonic, milliseconds. */
	nowMs(): number;
	/** Calls `Snapshots.fire` after so many milliseconds. */
	setTimer(afterMs: number): void;
	/** Calls `Snapshots.writeNext` after so many milliseconds. */
	setPartTimer(afterMs: number): void;
	appliedThrough(): Slot;
	/** The members that govern the slots behind the last applied one. */
	members(): MembersState;
	/** The lowest slot that a linked node is known to have reached: it still lacks those above. */
	neededAbove(): Slot;
	/** Whether a snapshot is on its way here. No new one is cut meanwhile. */
	isReceiving(): boolean;
	/** Whether that of this node is on its way to another one. No new one is cut meanwhile, unless the log is too large. */
	isSending(): boolean;
	/** The agent keeps no slot any more up to `through`. */
	trimmed(through: Slot): void;
	/** @param detail the rest of a sentence that begins with the node */
	report(what: 'cut' | 'written' | 'abandoned' | 'trimmed', through: Slot, detail: string): void;
}

export interface SnapshotLimits {
	/** A log of fewer bytes is not trimmed. */
	readonly logBytesMin: number;
	/**
	 * Above so many times what makes a snapshot due, the log is trimmed although a linked node lacks what it holds, and a
	 * snapshot is cut although the last one is on its way to another node.
	 */
	readonly keptFactor: number;
	/** The size of a part of a snapshot, unless a single entry is larger. */
	readonly partBytes: number;
	/** The bytes of one message that carries a piece of a snapshot; SNAPSHOT_PART_BYTES_MAX at most. */
	readonly sentBytes: number;
}

export const SNAPSHOT_LIMITS: SnapshotLimits = {
	logBytesMin: 32 * 1024 * 1024,
	keptFactor: 4,
	partBytes: 256 * 1024,
	sentBytes: SNAPSHOT_PART_BYTES_MAX,
};

/** Called once: with null when the snapshot is there, else with why there is none. */
export type OnSnapshot = (lack: string | null) => void;

/** How often it is looked whether a snapshot is due, milliseconds. */
const SNAPSHOT_LOOK_MS = 1000;
/** On a full disk each snapshot that is begun is work for nothing, so it is begun again after such a pause. */
export const SNAPSHOT_PAUSE: PauseBounds = { firstMs: SNAPSHOT_LOOK_MS, maxMs: 64_000 };
/** After a part was written, so many times as long goes to other work, unless the log grows faster than the snapshot. */
const PAUSE_FACTOR = 2;

interface Writing {
	readonly through: Slot;
	readonly cut: MachineCut;
	readonly writer: SnapshotWriter;
	/** How large the log was when the machine was cut. */
	readonly logBytes: number;
	/** The disk has a part of it, and has not answered. */
	isStoring: boolean;
	/** All of it is written, and it becomes that of the log. */
	isFinishing: boolean;
}

export class Snapshots {
	readonly #machine: Machine;
	readonly #log: SnapshotLog;
	readonly #swarm: string;
	readonly #limits: SnapshotLimits;
	readonly #runtime: SnapshotsRuntime;
	/** The snapshot that is being written. */
	#writing: Writing | null = null;
	readonly #part: Writer;
	readonly #pause: GrowingPause;
	/** Those who wait for a snapshot that holds every slot up to `through`. */
	#wanted: { readonly through: Slot; readonly done: OnSnapshot }[] = [];
	/** The agent keeps no slot up to here. */
	#trimmedThrough: Slot = 0;

	/** @param swarm as of `SnapshotSubject` */
	constructor(machine: Machine, log: SnapshotLog, swarm: string, limits: SnapshotLimits, runtime: SnapshotsRuntime) {
		this.#machine = machine;
		this.#swarm = swarm;
		this.#log = log;
		this.#limits = limits;
		this.#runtime = runtime;
		this.#pause = new GrowingPause(() => runtime.nowMs(), SNAPSHOT_PAUSE);
		this.#part = new Writer(limits.partBytes);
	}

	start(): void {
		this.#runtime.setTimer(SNAPSHOT_LOOK_MS);
	}

	/** Whether a snapshot is being written. */
	get isWriting(): boolean {
		return this.#writing !== null;
	}

	/** Whether the one that is being written cannot be abandoned any more. */
	get isFinishing(): boolean {
		return this.#writing?.isFinishing ?? false;
	}

	/** The timer has fired: takes a snapshot where one is due, and trims what nobody needs any more. */
	fire(): void {
		this.start();
		this.#trim();
		const through = this.#runtime.appliedThrough();
		const isNew = through > (this.#log.snapshot?.through ?? 0);
		if (!isNew || this.#log.bytes <= this.#dueBytes || this.#log.durableThrough < 0) return;
		if (this.isWriting || this.#runtime.isReceiving() || !this.#pause.isOver) return;
		// The other node begins again with the new one. It would never catch up with a log that grows so fast.
		if (this.#runtime.isSending() && !this.#isTooLarge) return;
		this.#begin(through);
	}

	/**
	 * Makes sure of a durable snapshot that holds all that is applied now. It is refused where none may be written. `done`
	 * may be called from inside this call.
	 */
	want(done: OnSnapshot): void {
		const through = this.#runtime.appliedThrough();
		if (through === 0) return done('nothing was ever written');
		this.#wanted.push({ through, done });
		this.#serve();
	}

	/** The node stops. */
	stop(): void {
		this.#refuse('the node stops');
	}

	/** Writes the next part. The timer may still be that of a snapshot which was abandoned. */
	writeNext(): void {
		const writing = this.#writing;
		if (writing === null || writing.isStoring || writing.isFinishing) return;
		const startedMs = this.#runtime.nowMs();
		if (!writing.cut.write(this.#part, this.#limits.partBytes)) {
			writing.isFinishing = true;
			return writing.writer.finish((error) => this.#finished(writing.through, error));
		}
		this.#append(startedMs);
	}

	/** @param startedMs when the work on this part began */
	#append(startedMs: number): void {
		const writing = this.#writing as Writing;
		writing.isStoring = true;
		writing.writer.append(this.#part.take(), (error) => {
			if (this.#writing !== writing) return;
			writing.isStoring = false;
			if (error) return this.#lacksRoom(error);
			this.#part.reuse();
			this.#runtime.setPartTimer(PAUSE_FACTOR * this.#leisure * (this.#runtime.nowMs() - startedMs));
		});
	}

	/**
	 * How much of the pauses is taken: 1 while the log is as large as when the machine was cut, and 0 once it has grown by
	 * as much as makes a snapshot due. So a log that grows quickly is trimmed before it, and the memory that holds it, is
	 * many times as large as the state.
	 */
	get #leisure(): number {
		const grown = this.#log.bytes - (this.#writing?.logBytes ?? 0);
		return Math.max(0, Math.min(1, 1 - grown / this.#dueBytes));
	}

	/** The snapshot that is being written is not wanted any more, or cannot be written now. Not called while it is finishing. */
	abandon(why: string): void {
		const writing = this.#writing;
		if (writing === null) return;
		this.#end();
		writing.writer.abandon();
		this.#refuse(why);
		this.#runtime.report('abandoned', writing.through, `does not write a snapshot now: ${why}`);
	}

	#lacksRoom(error: Error): void {
		this.#pause.failed();
		this.abandon(error.message);
	}

	/** A log above this size is to be trimmed. */
	get #dueBytes(): number {
		return Math.max(this.#limits.logBytesMin, this.#log.snapshot?.bytes ?? 0);
	}

	/** The log is larger than it may become for the sake of another node. */
	get #isTooLarge(): boolean {
		return this.#log.bytes > this.#limits.keptFactor * this.#dueBytes;
	}

	#begin(through: Slot): void {
		this.#writing = {
			through,
			cut: this.#machine.cut(),
			writer: this.#log.beginSnapshot({ swarm: this.#swarm, through }),
			logBytes: this.#log.bytes,
			isStoring: false,
			isFinishing: false,
		};
		this.#runtime.report('cut', through, `writes a snapshot of its state after slot ${through}`);
		writeMembersState(this.#part, this.#runtime.members());
		this.#append(this.#runtime.nowMs());
	}

	#finished(through: Slot, error: Error | null): void {
		if (this.#writing?.through !== through) return;
		if (error) return this.#lacksRoom(error);
		this.#end();
		this.#pause.succeeded();
		const { bytes } = this.#log.snapshot as SnapshotNote;
		this.#runtime.report('written', through, `has a snapshot of its state after slot ${through}, of ${bytes} bytes`);
		this.#trim();
		this.#serve();
	}

	/** Answers those who have waited long enough, and begins a snapshot for the others. */
	#serve(): void {
		const through = this.#log.snapshot?.through ?? 0;
		const served = this.#wanted.filter((each) => each.through <= through);
		this.#wanted = this.#wanted.filter((each) => each.through > through);
		for (const { done } of served) done(null);
		if (this.#wanted.length === 0 || this.isWriting) return;
		if (this.#runtime.isReceiving() || this.#runtime.isSending()) {
			return this.#refuse('a snapshot is on its way to or from another node');
		}
		if (this.#log.durableThrough < 0) return this.#refuse('its disk is not ready yet');
		this.#begin(this.#runtime.appliedThrough());
	}

	#refuse(why: string): void {
		const refused = this.#wanted;
		this.#wanted = [];
		for (const { done } of refused) done(why);
	}

	#end(): void {
		this.#writing?.cut.close();
		this.#writing = null;
		this.#part.take();
	}

	#trim(): void {
		const { snapshot } = this.#log;
		if (snapshot === null) return;
		const through = this.#isTooLarge ? snapshot.through : Math.min(snapshot.through, this.#runtime.neededAbove());
		if (through <= this.#trimmedThrough) return;
		this.#trimmedThrough = through;
		this.#log.trim(through);
		this.#runtime.trimmed(through);
		this.#runtime.report('trimmed', through, `keeps no slot up to ${through} in its log any more`);
	}
}
