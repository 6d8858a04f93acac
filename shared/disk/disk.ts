/**
 * What the log needs of a disk: a few named files. Segments and the manifest are written in place and flushed. Snapshots
 * are written once, from the beginning to the end, and are there under their names only as a whole. A real disk is in
 * `server/storage`, a faulty one in `shared/simulation`; one suite of tests holds for all.
 *
 * Calls that change something answer by a callback, in the order they were made for one file, never before they
 * return. Calls for different files may be done side by side. What `append` has to write never delays a `write`. A file
 * is renamed or removed only while no other call for it is on its way.
 *
 * An error is final: after it nothing must be tried again as if nothing had happened, because a failed flush may have
 * dropped the pages it could not write. `NoRoomError` alone is not final, and an error of `readPart` is none of the
 * disk's.
 */
export interface Disk {
	/** The names of all files, sorted; never one that is half made. Only called before the first write. */
	list(): readonly string[];
	/**
	 * All bytes of a file, or a part of them, which is shorter where the file ends before; they need not be durable. Only
	 * called before the first write, except for a file that was published.
	 */
	read(name: string, part?: FilePart): Uint8Array;
	/**
	 * Reads a part of a published file without waiting for it: fewer bytes where the file ends before. An error says only
	 * that these bytes cannot be had, as when the file was removed.
	 */
	readPart(name: string, part: FilePart, done: (error: Error | null, bytes: Uint8Array | null) => void): void;
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
	/**
	 * Adds to the end of a file that is not there under its name yet. The first call begins the file. It is gone after a
	 * crash, so it may be flushed as late as by `publish`. `bytes` stays as it is until `done` is called.
	 *
	 * Answers `NoRoomError` where the system has no room. Then every call for this file answers so, until it is
	 * abandoned.
	 */
	append(name: string, bytes: Uint8Array, done: Done): void;
	/** Gives a file to which was appended its name, in the place of another of that name. Both are durable then. */
	publish(name: string, done: Done): void;
	/** Removes what was appended to a file that is not published. Calls made before it are answered first. */
	abandon(name: string): void;
	/**
	 * Gives a file that is written in place another name, which is durable then. After a crash before that it has either
	 * name. It is ready to be written, as after `create`, and `NoRoomError` means the same.
	 */
	rename(from: string, to: string, done: Done): void;
	/** Removes a file, durably. After a crash before that it may still be there. */
	remove(name: string, done: Done): void;
}

/** Bytes of a file, by the offset of the first and their number. */
export interface FilePart {
	readonly offset: number;
	readonly bytes: number;
}

export type Done = (error: Error | null) => void;

/** A file could not be made for want of something that may be had later: space, or a descriptor. */
export class NoRoomError extends Error {
	override readonly name = 'NoRoomError';
}
