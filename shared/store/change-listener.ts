/** How a store tells what changes, in the order of revisions. The listener must not use the store meanwhile. */
import type { ViewedEntry } from './entry.ts';

/**
 * Why a key was written or deleted: by a command of that name, or because the session that held it was ended by a command
 * (`AtEnd`) or was not renewed in time (`AtTimeOut`).
 */
export type WriteCause = 'put' | 'acquire' | 'release' | 'letGoAtEnd' | 'letGoAtTimeOut';
export type DeleteCause = 'delete' | 'deletedAtEnd' | 'deletedAtTimeOut';
export type ChangeCause = WriteCause | DeleteCause | 'deletePrefix';

export interface ChangeListener {
	/**
	 * The key was written. A write that changes nothing is not told. The entry may be changed later, so a listener has to
	 * copy what it keeps.
	 */
	put(entry: ViewedEntry, cause: WriteCause): void;
	/** The key was deleted. */
	deleted(key: string, revision: number, cause: DeleteCause): void;
	/** Keys that begin with `prefix` were deleted, all of them. */
	cut(prefix: string, revision: number): void;
	/**
	 * All changes up to this revision, which are told next, belong together: those of one transaction, or of the end of one
	 * session, which all have one revision.
	 */
	together(through: number): void;
	/** A session was created, or has ended. @param node the node that it belongs to */
	sessionChanged(id: string, node: string): void;
}
