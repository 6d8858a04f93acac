/** What watchers of a node are told of the changes of keys. Values are cut, and sessions are named by their beginnings. */

import type { ChangeCause } from './store/change-listener.ts';

export interface KeyChange {
	/** With `deletePrefix` the beginning of all keys that were deleted. */
	readonly key: string;
	readonly cause: ChangeCause;
	/** Of the command. All changes that the end of a session makes have the same one. */
	readonly revision: number;
	/** Whether it was made together with others, such as those of a transaction. */
	readonly isTogether: boolean;
	/** What the key holds since; null where it is deleted. */
	readonly written: WrittenView | null;
}

export interface WrittenView {
	/** The beginning of the value where it is UTF-8, else the text `12 bytes`. */
	readonly value: string;
	readonly bytes: number;
	/** Whether `value` is the whole of it. */
	readonly isWhole: boolean;
	/** An unsigned number of 64 bits, in decimal. */
	readonly flags: string;
	/** The beginning of the id of the session that holds the key; '' for none. */
	readonly session: string;
	/** How often the key was acquired by one that did not hold it. */
	readonly lockIndex: number;
}

export interface KeyChanges {
	/** Every change above this revision is in `list`, of those that the fact is about. */
	readonly after: number;
	/** In the order of their revisions. */
	readonly list: readonly KeyChange[];
}
