/** The snapshots of a log in memory. A test answers each of its calls when it wants to. */
import type { FilePart, NoRoomError } from '../../shared/disk/disk.ts';
import { SnapshotEncoder, type SnapshotNote, type SnapshotSubject } from '../../shared/disk/snapshot-file.ts';
import type { SnapshotDone } from '../../shared/disk/snapshots.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import type { SnapshotLog, SnapshotWriter } from '../../shared/replica/snapshots.ts';

export const SWARM = 'swarm';

export class FakeSnapshotLog implements SnapshotLog {
	durableThrough = 0;
	bytes = 0;
	snapshot: SnapshotNote | null = null;
	/** The file of the snapshot. */
	file = new Uint8Array(0);
	trimmedThrough: Slot = 0;
	/** The snapshots that were begun, and neither finished nor abandoned. */
	writing: Slot[] = [];
	/** The error that the next call of a writer answers with. */
	error: NoRoomError | null = null;
	readonly #answers: (() => void)[] = [];

	/** Answers what waits for the disk, and what is asked for meanwhile. @param callsMax so many calls */
	answer(callsMax = Number.POSITIVE_INFINITY): void {
		for (let left = callsMax; left > 0; left--) {
			const answer = this.#answers.shift();
			if (!answer) return;
			answer();
		}
	}

	beginSnapshot(subject: SnapshotSubject): SnapshotWriter {
		const { through } = subject;
		const encoder = new SnapshotEncoder(subject);
		const chunks: Uint8Array[] = [];
		this.writing.push(through);
		const end = () => {
			this.writing = this.writing.filter((other) => other !== through);
		};
		const later = (done: SnapshotDone, act: () => void) => {
			this.#answers.push(() => {
				const { error } = this;
				this.error = null;
				if (!error) act();
				done(error);
			});
		};
		return {
			append: (part, done) => {
				const bytes = encoder.payload(part);
				later(done, () => chunks.push(bytes));
			},
			finish: (done) => {
				const { bytes, note } = encoder.end();
				later(done, () => {
					end();
					this.file = Buffer.concat([...chunks, bytes]);
					this.snapshot = note;
				});
			},
			abandon: end,
		};
	}

	trim(through: Slot): void {
		this.trimmedThrough = through;
	}

	readSnapshot(
		through: Slot,
		{ offset, bytes }: FilePart,
		done: (error: Error | null, bytes: Uint8Array | null) => void,
	): void {
		this.#answers.push(() => {
			if (through === this.snapshot?.through) done(null, this.file.slice(offset, offset + bytes));
			else done(new Error('that snapshot is gone'), null);
		});
	}
}
