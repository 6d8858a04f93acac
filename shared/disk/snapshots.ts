/**
 * The snapshots of a log: the one that the manifest notes, and the next one while it is written. A crash at any point
 * leaves the one or the other, never none and never both.
 */
import type { Slot } from '../paxos/message.ts';
import { type Disk, NoRoomError } from './disk.ts';
import type { LogState, ManifestNotes } from './notes.ts';
import { SnapshotEncoder, type SnapshotNote, type SnapshotSubject, snapshotName } from './snapshot-file.ts';

/** Not called where the log ends before. `NoRoomError`: the disk has no room, and the snapshot is abandoned. */
export type SnapshotDone = (lack: NoRoomError | null) => void;

/** Writes one snapshot, beside the log. After `finish`, `abandon` or a lack of room nothing more may be called. */
export interface SnapshotWriter {
	readonly through: Slot;
	/**
	 * Adds a payload, which must stay as it is until `done`.
	 *
	 * @throws RangeError the payload is empty, or larger than `PAYLOAD_BYTES_MAX`
	 */
	append(payload: Uint8Array, done: SnapshotDone): void;
	/** Makes it the snapshot of the log, durably, in the place of the one before, which is removed afterwards. */
	finish(done: SnapshotDone): void;
	/** Removes what was written. */
	abandon(): void;
}

/** A snapshot whose file stays readable, also when a newer one takes its place. */
export interface HeldSnapshot {
	readonly note: SnapshotNote;
	/** To be called when no call for the file is on its way. It does nothing when it is called again. */
	release(): void;
}

export class Snapshots {
	readonly #disk: Disk;
	readonly #notes: ManifestNotes;
	readonly #log: LogState;
	readonly #lacksRoom: () => void;
	/** The snapshot that is being written. A later one through the same slot is another object. */
	#next: { readonly through: Slot } | null = null;
	/** How many hold a snapshot, by its last slot. */
	readonly #holders = new Map<Slot, number>();

	/** @param lacksRoom is told that a snapshot was abandoned because the disk has no room */
	constructor(disk: Disk, notes: ManifestNotes, log: LogState, lacksRoom: () => void) {
		this.#disk = disk;
		this.#notes = notes;
		this.#log = log;
		this.#lacksRoom = lacksRoom;
	}

	/** The one that is durable. */
	get note(): SnapshotNote | null {
		return this.#notes.now.snapshot;
	}

	/** @throws RangeError another one is being written, or the log has one through this slot or a later one */
	begin(subject: SnapshotSubject): SnapshotWriter {
		const { through } = subject;
		if (this.#next !== null) {
			throw new RangeError(`the snapshot through slot ${this.#next.through} is being written already`);
		}
		if (through <= (this.note?.through ?? 0)) {
			throw new RangeError(`there is a snapshot through slot ${this.note?.through} already, and not ${through}`);
		}
		const begun = { through };
		this.#next = begun;
		const name = snapshotName(through);
		const encoder = new SnapshotEncoder(subject);
		const next =
			(done: SnapshotDone, act: () => void) =>
			(error: Error | null): void => {
				if (error instanceof NoRoomError) {
					if (this.#next !== begun) return;
					this.abandon();
					this.#lacksRoom();
					return done(error);
				}
				if (this.#log.succeeded(error) && this.#next === begun) act();
			};
		return {
			through,
			append: (payload, done) =>
				this.#disk.append(
					name,
					encoder.payload(payload),
					next(done, () => done(null)),
				),
			finish: (done) => {
				const { bytes, note } = encoder.end();
				const noted = next(done, () => this.#note(note, done));
				const written = next(done, () => this.#disk.publish(name, noted));
				this.#disk.append(name, bytes, written);
			},
			abandon: () => {
				if (this.#next === begun) this.abandon();
			},
		};
	}

	/** Keeps the file of the one that is durable until it is released; null where there is none. */
	hold(): HeldSnapshot | null {
		const { note } = this;
		if (note === null) return null;
		const { through } = note;
		this.#holders.set(through, (this.#holders.get(through) ?? 0) + 1);
		let isHeld = true;
		const release = (): void => {
			if (!isHeld) return;
			isHeld = false;
			const left = (this.#holders.get(through) as number) - 1;
			if (left > 0) this.#holders.set(through, left);
			else this.#holders.delete(through);
			if (through !== this.note?.through && this.#log.succeeded(null)) this.#remove(through);
		};
		return { note, release };
	}

	/** Abandons the snapshot that is being written, if there is one. */
	abandon(): void {
		if (this.#next === null) return;
		this.#disk.abandon(snapshotName(this.#next.through));
		this.#next = null;
	}

	/** The file is published. */
	#note(snapshot: SnapshotNote, done: SnapshotDone): void {
		const before = this.note;
		this.#notes.write({ snapshot }, () => {
			this.#next = null;
			if (before) this.#remove(before.through);
			done(null);
		});
	}

	/** Removes the file of an older one, unless somebody holds it. */
	#remove(through: Slot): void {
		if (this.#holders.has(through)) return;
		this.#disk.remove(snapshotName(through), (error) => this.#log.succeeded(error));
	}
}
