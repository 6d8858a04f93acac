/**
 * The segments of a log, as the manifest tells of them: which may be written to, and the next one made before it is
 * needed. A segment is used only once a manifest that tells of it is durable, so one that is lost is missed.
 *
 * A disk without room for another segment is no error: `makeNext` may be asked again.
 */
import { type Disk, NoRoomError } from './disk.ts';
import type { Address } from './frame.ts';
import { addressOf, MANIFEST_NAME, type Manifest, manifestOffset, segmentName, writeManifest } from './manifest.ts';

/** What the segments need of the log. */
export interface SegmentsOwner {
	/** Whether the log goes on after a call to the disk. */
	succeeded(error: Error | null): boolean;
	/** Every frame up to this one is durable. */
	reached(): number;
	/** There is one more segment to write to. */
	grown(): void;
	/** As `LogHandlers.room`. */
	room(lack: NoRoomError | null): void;
}

export class Segments {
	readonly #disk: Disk;
	readonly #owner: SegmentsOwner;
	/** The manifest as it is on disk. */
	#manifest: Manifest;
	/** Whether a version of the manifest is being written. */
	#noting = false;
	/** The number of segment files: at most one more than the manifest tells of. */
	#made: number;
	#making = false;
	#hasRoom = true;

	constructor(disk: Disk, manifest: Manifest, made: number, owner: SegmentsOwner) {
		this.#disk = disk;
		this.#manifest = manifest;
		this.#made = made;
		this.#owner = owner;
	}

	/** The size of each segment, bytes. */
	get bytes(): number {
		return this.#manifest.segmentBytes;
	}

	/** The number of segments that may be written to; they are numbered from 1. */
	get count(): number {
		return this.#manifest.segments;
	}

	get hasRoom(): boolean {
		return this.#hasRoom;
	}

	/** The address of a segment's first sector. */
	addressOf(segment: number): Address {
		return addressOf(this.#manifest, segment);
	}

	/** Makes one more segment, unless that is under way. */
	makeNext(): void {
		if (this.#making || this.#made > this.count) return;
		this.#making = true;
		this.#disk.create(segmentName(this.#made + 1), this.bytes, (error) => {
			this.#making = false;
			if (error instanceof NoRoomError) return this.#lacksRoom(error);
			if (!this.#owner.succeeded(error)) return;
			this.#made++;
			this.note();
		});
	}

	/** Writes the next version of the manifest where there is more to tell, unless that is under way. */
	note(): void {
		const reached = this.#owner.reached();
		if (this.#noting || (reached <= this.#manifest.reached && this.#made <= this.count)) return;
		const manifest: Manifest = {
			...this.#manifest,
			version: this.#manifest.version + 1,
			segments: this.#made,
			reached,
		};
		this.#write(manifest, () => {
			const hasGrown = manifest.segments > this.count;
			this.#manifest = manifest;
			if (this.#made > this.count) this.note();
			if (hasGrown) this.#hasGrown();
		});
	}

	/** Writes the manifest as it was read, because it may have been in the system's memory only. */
	renew(done: () => void): void {
		this.#write(this.#manifest, done);
	}

	#write(manifest: Manifest, done: () => void): void {
		this.#noting = true;
		this.#disk.write(MANIFEST_NAME, manifestOffset(manifest.version), writeManifest(manifest), (error) => {
			this.#noting = false;
			if (this.#owner.succeeded(error)) done();
		});
	}

	#lacksRoom(error: NoRoomError): void {
		const isNew = this.#hasRoom;
		this.#hasRoom = false;
		if (isNew) this.#owner.room(error);
	}

	#hasGrown(): void {
		const hadNone = !this.#hasRoom;
		this.#hasRoom = true;
		this.#owner.grown();
		if (hadNone) this.#owner.room(null);
	}
}
