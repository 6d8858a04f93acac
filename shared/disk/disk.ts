/**
 * What the log needs of a disk: a few named files, written in place and flushed. A real one is in
 * `server/storage`, a faulty one in `shared/simulation`; one suite of tests holds for both.
 *
 * Calls that change something answer by a callback, in the order they were made for one file, never before
 * they return. An error is final: after it nothing must be tried again as if nothing had happened, because
 * a failed flush may have dropped the pages it could not write. `NoRoomError` alone is not final.
 */
export interface Disk {
	/** The names of all files, sorted; never one that `create` left half made. Only called before the first write. */
	list(): readonly string[];
	/** All bytes of a file; they need not be durable. Only called before the first write. */
	read(name: string): Uint8Array;
	/**
	 * Makes a file of `bytes` zeros, durable with its name; after a crash it is there as a whole or not at all. It is
	 * ready to be written: the first write to it needs nothing more of the system.
	 *
	 * Answers `NoRoomError` where the system has no room for it now. Nothing of it is there then, and it may be asked
	 * for again.
	 */
	create(name: string, bytes: number, done: Done): void;
	/**
	 * Writes in place, within the file's size, and flushes (`fdatasync`): durable once `done` is called.
	 * `bytes` stays as it is until then, and is used again afterwards.
	 */
	write(name: string, offset: number, bytes: Uint8Array, done: Done): void;
}

export type Done = (error: Error | null) => void;

/** A file could not be made for want of something that may be had later: space, or a descriptor. */
export class NoRoomError extends Error {
	override readonly name = 'NoRoomError';
}
