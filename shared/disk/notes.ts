/**
 * The manifest as it is on disk, and what is to be noted in it next: one version is written at a time, and what comes
 * meanwhile goes into the one after.
 */
import type { Disk } from './disk.ts';
import { MANIFEST_NAME, type Manifest, manifestOffset, writeManifest } from './manifest.ts';

/** What the rooms that change the disk need of the log. */
export interface LogState {
	/** Whether the log goes on after a call to the disk. */
	succeeded(error: Error | null): boolean;
	/** Every frame up to this one is durable. */
	reached(): number;
}

export type ManifestChange = Partial<Omit<Manifest, 'version' | 'owner' | 'segmentBytes' | 'reached'>>;

export class ManifestNotes {
	readonly #disk: Disk;
	readonly #log: LogState;
	#now: Manifest;
	#writing = false;
	#isClosed = false;
	#change: ManifestChange = {};
	/** Those who wait until `#change` is noted. */
	#waiting: (() => void)[] = [];

	constructor(disk: Disk, manifest: Manifest, log: LogState) {
		this.#disk = disk;
		this.#now = manifest;
		this.#log = log;
	}

	/** The manifest as it is surely on disk. */
	get now(): Manifest {
		return this.#now;
	}

	/** @param done called once the change is durable, unless the log ends before */
	write(change: ManifestChange, done: () => void): void {
		this.#change = { ...this.#change, ...change };
		this.#waiting.push(done);
		if (!this.#writing) this.#writeNext();
	}

	/** Notes how far the log has reached, unless a version is being written or tells it already. */
	noteReached(): void {
		if (!this.#writing && this.#log.reached() > this.#now.reached) this.#writeNext();
	}

	/** The log is closed: how far it has reached is noted, if need be behind the version that is being written. */
	close(): void {
		this.#isClosed = true;
		this.noteReached();
	}

	/** Writes the manifest as it was read, because it may have been in the system's memory only. */
	renew(done: () => void): void {
		this.#write(this.#now, done);
	}

	#writeNext(): void {
		const waiting = this.#waiting;
		const { version, reached } = this.#now;
		const manifest: Manifest = {
			...this.#now,
			...this.#change,
			version: version + 1,
			reached: Math.max(reached, this.#log.reached()),
		};
		this.#change = {};
		this.#waiting = [];
		this.#write(manifest, () => {
			this.#now = manifest;
			if (this.#waiting.length > 0) this.#writeNext();
			for (const done of waiting) done();
		});
	}

	#write(manifest: Manifest, done: () => void): void {
		this.#writing = true;
		this.#disk.write(MANIFEST_NAME, manifestOffset(manifest.version), writeManifest(manifest), (error) => {
			this.#writing = false;
			if (this.#log.succeeded(error)) done();
			else if (this.#isClosed && !error) this.#noteEnd(manifest);
		});
	}

	/** The log was closed while this version was written. */
	#noteEnd(written: Manifest): void {
		this.#now = written;
		this.noteReached();
	}
}
